package pack

import (
	"bytes"
	"debug/elf"
	"errors"
)

// Filter returns, for a program for linux/arm64, a program for linux/arm64
// that writes it: started with itself as standard input, it writes the
// original to standard output. It is a little larger and packs much better,
// because
//
//   - calls (BL) and page addresses (ADRP) are turned from distances into
//     positions: the same function is then the same bytes wherever it is
//     called from;
//   - what follows from something else in the table of functions is left
//     out: entries are told as differences, and once instead of twice, and
//     the records' offsets not at all.
func Filter(program []byte) ([]byte, error) {
	off, text, f, err := section(program, ".text")
	if err != nil {
		return nil, err
	}
	if f.Machine != elf.EM_AARCH64 {
		return nil, errors.New("not a program for arm64")
	}
	t, err := open(program)
	if err != nil {
		return nil, err
	}
	_, first := t.pair(0)
	p := params{uint32(off), uint32(len(text) / 4), uint32(t.off + t.functab), uint32(t.funcs), uint32(first)}
	out := append(stub(unfilterText, p.text, p.words, p.functab, p.funcs, p.first), program...)
	p.filter(out[stubSize:])
	back := bytes.Clone(out[stubSize:])
	p.unfilter(back)
	if !bytes.Equal(back, program) {
		return nil, errors.New("the filtered program does not come back the same")
	}
	return out, nil
}

// params is what the stub must know of the program, in the order of its
// literals. Offsets are in the file, in bytes.
type params struct {
	text, words    uint32 // the machine code, and how many instructions it has
	functab, funcs uint32 // the function table, and how many functions it has
	first          uint32 // offset of the first record, counted from functab
}

func (p params) filter(b []byte) {
	p.code(b, 1)
	prev := uint32(0)
	for i := range p.funcs {
		pair := b[p.functab+8*i:]
		entry, rec := le.Uint32(pair), le.Uint32(pair[4:])
		le.PutUint32(pair, entry-prev)
		le.PutUint32(pair[4:], 0)
		le.PutUint32(b[p.functab+rec+recordEntry:], 0)
		prev = entry
	}
}

// unfilter is what the stub does, in Go.
func (p params) unfilter(b []byte) {
	p.code(b, ^uint32(0))
	entry, rec := uint32(0), p.first
	for i := range p.funcs {
		pair := b[p.functab+8*i:]
		entry += le.Uint32(pair)
		le.PutUint32(pair, entry)
		le.PutUint32(pair[4:], rec)
		if int(p.functab+rec+recordSize) > len(b) {
			return // Filter will see that it is not the same
		}
		r := b[p.functab+rec:]
		le.PutUint32(r[recordEntry:], entry)
		rec += recordSize + 4*(le.Uint32(r[recordNpcdata:])+uint32(r[recordNfuncdata]))
		rec = (rec + 7) &^ 7
	}
}

// code adds sign times the instruction's position to the distance in each BL
// and ADRP (Arm Architecture Reference Manual, C6.2). Positions count from
// the start of the code: in instructions, and in pages.
func (p params) code(b []byte, sign uint32) {
	text := b[p.text:]
	for i := range p.words {
		w := le.Uint32(text[4*i:])
		switch {
		case w>>26 == 0x25: // BL: 26 bits, in instructions
			w = w&^0x3ffffff | (w+sign*i)&0x3ffffff
		case w>>24&0x9f == 0x90: // ADRP: 21 bits, in pages of 4 KiB, the low two apart
			page := w>>29&3 | w>>5&0x7ffff<<2
			page += sign * (i >> 10)
			w = w&0x9f00001f | page&3<<29 | page>>2&0x7ffff<<5
		}
		le.PutUint32(text[4*i:], w)
	}
}
