package pack

import "debug/elf"

// stubSize is what stands in front of a filtered program.
const stubSize = 512

const (
	stubBase = 0x10000 // where the stub is loaded
	stubCode = 64 + 56 // behind the ELF header and one program header
)

// unfilterText undoes Filter: standard input, a file that begins with the stub
// itself, is mapped copy-on-write, unfiltered in place and written to standard
// output. Exit 0 when all was written, else 1. It is the arm64 assembly on the
// right, with params behind it, and needs four system calls that Linux always
// had.
var unfilterText = []uint32{
	0xd2800000, //       mov x0, #0
	0xd2800001, //       mov x1, #0
	0xd2800042, //       mov x2, #2
	0xd28007c8, //       mov x8, #62  ; lseek(0, 0, SEEK_END)
	0xd4000001, //       svc #0
	0xaa0003f3, //       mov x19, x0
	0xaa0003e1, //       mov x1, x0
	0xd2800000, //       mov x0, #0
	0xd2800062, //       mov x2, #3  ; PROT_READ|PROT_WRITE
	0xd2800043, //       mov x3, #2  ; MAP_PRIVATE
	0xd2800004, //       mov x4, #0
	0xd2800005, //       mov x5, #0
	0xd2801bc8, //       mov x8, #222  ; mmap(0, size, ..., stdin, 0)
	0xd4000001, //       svc #0
	0xb13ffc1f, //       cmn x0, #4095
	0x540007a2, //       b.hs fail
	0x91080014, //       add x20, x0, #512  ; the payload
	0x8b130015, //       add x21, x0, x19  ; its end
	0x180007e9, //       ldr w9, text
	0x180007ea, //       ldr w10, words
	0x8b090289, //       add x9, x20, x9  ; text
	0x5280000b, //       mov w11, #0  ; word index
	0x6b0a017f, // 1:    cmp w11, w10
	0x540002c2, //       b.hs 3f
	0xb86b792c, //       ldr w12, [x9, x11, lsl #2]
	0x531a7d8d, //       lsr w13, w12, #26
	0x710095bf, //       cmp w13, #0x25  ; BL
	0x54000081, //       b.ne 2f
	0x4b0b018d, //       sub w13, w12, w11
	0x330065ac, //       bfi w12, w13, #0, #26
	0x1400000c, //       b 4f
	0x36f8018c, // 2:    tbz w12, #31, 5f
	0x5318718d, //       ubfx w13, w12, #24, #5
	0x710041bf, //       cmp w13, #16  ; ADRP
	0x54000121, //       b.ne 5f
	0x531d798d, //       ubfx w13, w12, #29, #2
	0x53055d8e, //       ubfx w14, w12, #5, #19
	0x2a0e09ad, //       orr w13, w13, w14, lsl #2
	0x4b4b29ad, //       sub w13, w13, w11, lsr #10
	0x330305ac, //       bfi w12, w13, #29, #2
	0x53027dad, //       lsr w13, w13, #2
	0x331b49ac, //       bfi w12, w13, #5, #19
	0xb82b792c, // 4:    str w12, [x9, x11, lsl #2]
	0x1100056b, // 5:    add w11, w11, #1
	0x17ffffea, //       b 1b
	0x180004c9, // 3:    ldr w9, functab
	0x8b090289, //       add x9, x20, x9  ; entry, record pairs; records count from here
	0xaa0903ea, //       mov x10, x9
	0x1800048b, //       ldr w11, funcs
	0x5280000c, //       mov w12, #0  ; entry
	0x1800046d, //       ldr w13, first  ; offset of the record
	0x340001eb, // 7:    cbz w11, 8f
	0xb940014e, //       ldr w14, [x10]
	0x0b0e018c, //       add w12, w12, w14
	0x2881354c, //       stp w12, w13, [x10], #8
	0x8b2d412f, //       add x15, x9, w13, uxtw
	0xb90001ec, //       str w12, [x15]
	0xb9401dee, //       ldr w14, [x15, #28]  ; npcdata
	0x3940adf0, //       ldrb w16, [x15, #43]  ; nfuncdata
	0x0b1001ce, //       add w14, w14, w16
	0x11002dce, //       add w14, w14, #11  ; the record without them: 44 bytes
	0x0b0e09ad, //       add w13, w13, w14, lsl #2
	0x11001dad, //       add w13, w13, #7
	0x121d71ad, //       and w13, w13, #-8
	0x5100056b, //       sub w11, w11, #1
	0x17fffff2, //       b 7b
	0xd2800020, // 8:    mov x0, #1
	0xaa1403e1, //       mov x1, x20
	0xeb1402a2, //       subs x2, x21, x20
	0x54000120, //       b.eq done
	0xd2800808, //       mov x8, #64  ; write
	0xd4000001, //       svc #0
	0xf100001f, //       cmp x0, #0
	0x5400006d, //       b.le fail
	0x8b000294, //       add x20, x20, x0
	0x17fffff7, //       b 8b
	0xd2800020, // fail: mov x0, #1
	0x14000002, //       b 6f
	0xd2800000, // done: mov x0, #0
	0xd2800ba8, // 6:    mov x8, #93  ; exit
	0xd4000001, //       svc #0
}

// patchText applies a Patch: standard input is a file that begins with the
// stub itself, descriptor 3 the old program; the new one is written to
// standard output. It trusts both files: what comes out has to be checked. A
// fault ends it like any program that goes astray.
var patchText = []uint32{
	0xd2800000, //       mov x0, #0  ; the patch: this file, behind the stub
	0x9400002f, //       bl map
	0x91080013, //       add x19, x0, #512
	0xd2800060, //       mov x0, #3  ; the old program
	0x9400002c, //       bl map
	0xaa0003f4, //       mov x20, x0
	0xb8404675, //       ldr w21, [x19], #4  ; bytes of the new program
	0xd2800000, //       mov x0, #0
	0xaa1503e1, //       mov x1, x21
	0xd2800062, //       mov x2, #3  ; PROT_READ|PROT_WRITE
	0xd2800443, //       mov x3, #0x22  ; MAP_PRIVATE|MAP_ANONYMOUS
	0x92800004, //       mov x4, #-1
	0x9400002e, //       bl mmap
	0xaa0003f6, //       mov x22, x0  ; the new program
	0xaa0003f7, //       mov x23, x0  ; how far it is made
	0xb8404678, //       ldr w24, [x19], #4  ; steps
	0xb8404679, //       ldr w25, [x19], #4  ; bytes of differences
	0x52800189, //       mov w9, #12
	0x9b094f1a, //       madd x26, x24, x9, x19  ; differences, behind the steps
	0x8b19035b, //       add x27, x26, x25  ; new bytes, behind the differences
	0xb4000258, // 1:    cbz x24, 4f
	0xd1000718, //       sub x24, x24, #1
	0x28c12e6a, //       ldp w10, w11, [x19], #8  ; bytes to add to, new bytes
	0xb880466c, //       ldrsw x12, [x19], #4  ; then skip in the old program
	0x340000ea, // 2:    cbz w10, 3f
	0x5100054a, //       sub w10, w10, #1
	0x3840168d, //       ldrb w13, [x20], #1
	0x3840174e, //       ldrb w14, [x26], #1
	0x0b0e01ad, //       add w13, w13, w14
	0x380016ed, //       strb w13, [x23], #1
	0x17fffffa, //       b 2b
	0x340000ab, // 3:    cbz w11, 5f
	0x5100056b, //       sub w11, w11, #1
	0x3840176d, //       ldrb w13, [x27], #1
	0x380016ed, //       strb w13, [x23], #1
	0x17fffffc, //       b 3b
	0x8b0c0294, // 5:    add x20, x20, x12
	0x17ffffef, //       b 1b
	0xd2800020, // 4:    mov x0, #1
	0xaa1603e1, //       mov x1, x22
	0xeb1602e2, //       subs x2, x23, x22
	0x54000320, //       b.eq done
	0xd2800808, //       mov x8, #64  ; write
	0xd4000001, //       svc #0
	0xf100001f, //       cmp x0, #0
	0x5400026d, //       b.le fail
	0x8b0002d6, //       add x22, x22, x0
	0x17fffff7, //       b 4b
	0xaa0003e9, // map:  mov x9, x0  ; map file x0, whole
	0xd2800001, //       mov x1, #0
	0xd2800042, //       mov x2, #2
	0xd28007c8, //       mov x8, #62  ; lseek(x0, 0, SEEK_END)
	0xd4000001, //       svc #0
	0xaa0003e1, //       mov x1, x0
	0xd2800000, //       mov x0, #0
	0xd2800022, //       mov x2, #1  ; PROT_READ
	0xd2800043, //       mov x3, #2  ; MAP_PRIVATE
	0xaa0903e4, //       mov x4, x9
	0xd2800005, // mmap: mov x5, #0
	0xd2801bc8, //       mov x8, #222  ; mmap(x0, x1, x2, x3, x4, 0)
	0xd4000001, //       svc #0
	0xb13ffc1f, //       cmn x0, #4095
	0x54000042, //       b.hs fail
	0xd65f03c0, //       ret
	0xd2800020, // fail: mov x0, #1
	0x14000002, //       b 6f
	0xd2800000, // done: mov x0, #0
	0xd2800ba8, // 6:    mov x8, #93  ; exit
	0xd4000001, //       svc #0
}

// stub returns the program made of text and literals, padded to stubSize.
func stub(text []uint32, literals ...uint32) []byte {
	size := uint64(stubCode + 4*(len(text)+len(literals)))
	b := append(make([]byte, 0, stubSize), elf.ELFMAG+"\x02\x01\x01"...) // 64 bits, little endian, version 1
	b = append(b, make([]byte, 16-len(b))...)
	half := func(v ...uint16) {
		for _, x := range v {
			b = le.AppendUint16(b, x)
		}
	}
	long := func(v ...uint64) {
		for _, x := range v {
			b = le.AppendUint64(b, x)
		}
	}
	half(uint16(elf.ET_EXEC), uint16(elf.EM_AARCH64), 1, 0)
	long(stubBase+stubCode, 64, 0) // entry, program headers, no sections
	half(0, 0, 64, 56, 1, 64, 0, 0)
	half(uint16(elf.PT_LOAD), 0, uint16(elf.PF_R|elf.PF_X), 0)
	long(0, stubBase, stubBase, size, size, 0x10000)
	for _, v := range append(text[:len(text):len(text)], literals...) {
		b = le.AppendUint32(b, v)
	}
	return b[:stubSize]
}
