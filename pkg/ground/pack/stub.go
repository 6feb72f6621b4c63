package pack

import (
	"debug/elf"
	_ "embed"
)

// stubSize is what stands in front of a filtered program or a patch.
const stubSize = 4096

const (
	stubBase = 0x10000 // where the stub is loaded
	stubCode = 64 + 56 // behind the ELF header and one program header
)

// The machine code, of the sources beside it: stub/assemble makes it anew.
var (
	//go:embed stub/unfilter.bin
	unfilterCode []byte
	//go:embed stub/patch.bin
	patchCode []byte
)

// stub returns the program made of code and literals, padded to stubSize.
func stub(code []byte, literals ...uint32) []byte {
	size := uint64(stubCode + len(code) + 4*len(literals))
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
	b = append(b, code...)
	for _, v := range literals {
		b = le.AppendUint32(b, v)
	}
	return b[:stubSize]
}
