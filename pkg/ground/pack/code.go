package pack

import (
	"encoding/binary"
)

// told returns the pc-value table j that get tells.
func told(code []uint32, j, how int, get func() uint32) []byte {
	delta := func() int32 {
		v := get()
		return int32(v>>1) ^ -int32(v&1)
	}
	switch {
	case j == 1+pcdataUnsafePoint && how != tableWhole:
		return pointTable(code, how == tableAllPoints, get)
	case how == tableStack:
		return stackTable(code)
	case how == tableCalls:
		var list []change
		for {
			d := delta()
			if d == 0 {
				return callTable(code, list)
			}
			list = append(list, change{d, get()})
		}
	}
	var out []byte
	for rest := uint32(len(code)); ; {
		r := span{delta(), get()}
		if r.n == 0 {
			return append(appendSpan(out, span{r.delta, rest}), 0)
		}
		out = appendSpan(out, r)
		rest -= r.n
	}
}

// calls tells anew where each BL of instruction i goes (Arm Architecture
// Reference Manual, C6.2): a distance, the number of a function that begins
// there, or where none does a position behind all these numbers. Distances and
// positions are in instructions, positions from the start of the code.
func (p params) calls(b []byte, to func(i, target uint32) uint32) {
	text := b[p.text:]
	for i := range p.words {
		if w := le.Uint32(text[4*i:]); w>>26 == 0x25 {
			le.PutUint32(text[4*i:], w&^0x3ffffff|to(i, w&0x3ffffff)&0x3ffffff)
		}
	}
}

// code adds the page of the instruction, from the start of the code, to the
// distance in each ADRP, puts its two lowest bits, which stand apart, behind the
// others, and turns the bytes of all instructions around; or the other way.
func (p params) code(b []byte, tell bool) {
	text := b[p.text:]
	for i := range p.words {
		to, from := binary.ByteOrder(binary.BigEndian), binary.ByteOrder(le)
		if !tell {
			to, from = from, to
		}
		w := from.Uint32(text[4*i:])
		if w>>24&0x9f == 0x90 { // 21 bits, in pages of 4 KiB
			high, low := w>>29&3, w>>5&0x7ffff
			if tell {
				page := (low<<2 | high) + i>>10
				high, low = page>>19&3, page&0x7ffff
			} else {
				page := (high<<19 | low) - i>>10
				high, low = page&3, page>>2&0x7ffff
			}
			w = w&0x9f00001f | high<<29 | low<<5
		}
		to.PutUint32(text[4*i:], w)
	}
}

// turn tells a function's instructions anew, or makes them what they were:
//
//   - the first B.LS of its first instructions, where it looks whether the
//     stack is large enough, by how far its target is from the function's end;
//   - B to the function's beginning, where it tries again, as one to itself, and
//     the other way round;
//   - what gives its frame back, by how much less that is than the frame;
//   - places on the stack beyond the frame, where its arguments are, from the
//     highest that can be told, down.
func turn(code []uint32) {
	looked, frame := false, uint32(0)
	for i, w := range code {
		switch back := -uint32(i) & 0x3ffffff; {
		case !looked && i < prologue && w&0xff00001f == 0x54000009: // B.LS: 19 bits
			looked = true
			code[i] = w&^(0x7ffff<<5) | (uint32(len(code)-i)-w>>5)&0x7ffff<<5
		case w == 0x14000000: // B: 26 bits
			code[i] = w | back
		case w == 0x14000000|back:
			code[i] = 0x14000000
		case w&0xffe00fff == 0xf8000ffe: // STR X30, [SP, #imm]!: 9 bits with a sign
			frame = -uint32(int32(w<<11) >> 23)
		case w&0xffe00fff == 0xf84007fe: // LDR X30, [SP], #imm: 9 bits
			code[i] = w&^(0x1ff<<12) | (frame-w>>12)&0x1ff<<12
		case w&0xffc003ff == 0xd10003f4: // SUB X20, SP, #imm: 12 bits
			frame = w >> 10 & 0xfff
		case w&0xffc003ff == 0x910003ff: // ADD SP, SP, #imm
			code[i] = w&^(0xfff<<10) | (frame-w>>10)&0xfff<<10
		case w&0x3f0003e0 == 0x390003e0: // LDR and STR, [SP, #imm], in units of their size
			if f, place := frame>>(w>>30), w>>10&0xfff; place >= f {
				code[i] = w&^(0xfff<<10) | (0xfff+f-place)<<10
			}
		}
	}
}

// sizeOf returns the size, in 16 bytes, of a function at the beginning of code
// as turn tells it, if it ends with the branch to its beginning; 0 if there
// is none.
func sizeOf(code []byte) uint32 {
	for i := 0; i+4 <= len(code); i += 4 {
		if le.Uint32(code[i:]) == 0x14000000 {
			return uint32(i/16 + 1)
		}
	}
	return 0
}
