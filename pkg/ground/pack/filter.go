package pack

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Filter returns, for a stripped program for linux/arm64, a program for
// linux/arm64 that writes it: started with itself as standard input, it writes
// the original to standard output. It is a little larger and packs much better,
// because
//
//   - calls (BL) are turned from distances into numbers of functions, and page
//     addresses (ADRP) into positions: what is meant is then the same bytes
//     wherever it is meant;
//   - the two branches around the call that grows the stack, at the end of most
//     functions, are told so that they are the same in all of them: the one to
//     it from the function's end, the one back as a branch to itself; likewise
//     the end of a frame, and what is beyond it (turn);
//   - instructions stand with their highest byte first, which says what they do;
//   - the table of functions is told column by column (columns.go), behind the
//     program, and of it only what does not follow from the rest or from the
//     code: no offset of a record, a table or a name, no index by address, of
//     entries the sizes, of stack frames what the code does not show
//     (predict.go).
//
// What it returns came back the same. A program whose table has not the form
// that Strip leaves is refused.
func Filter(program []byte) ([]byte, error) {
	t, f, err := open(program)
	if err != nil {
		return nil, err
	}
	if f.Machine != elf.EM_AARCH64 {
		return nil, errors.New("not a program for arm64")
	}
	p := params{
		length: uint32(len(program)), text: uint32(t.codeOff), words: uint32(len(t.code) / 4),
		functab: uint32(t.off + t.functab), funcs: uint32(len(t.funcs)), first: uint32(8*len(t.funcs)+4+7) &^ 7,
		pctab: uint32(t.off + t.pctab), names: uint32(t.off + t.names), address: t.address,
		buckets: uint32(t.off + t.buckets), end: uint32(t.off + len(t.data)),
	}
	made := t.made()
	p.made = p.names + made
	text := slices.Clone(t.code)
	for _, f := range t.funcs {
		code := t.instructions(f)
		turn(code)
		for i, w := range code {
			le.PutUint32(text[int(f.entry)+4*i:], w)
		}
	}
	cols, err := t.columnsOf(text, made, len(program))
	if err != nil {
		return nil, err
	}
	out := stub(unfilterCode, p.literals()...)
	out = append(append(out, program...), cols...)
	body := out[stubSize:]
	copy(body[t.codeOff:], text)
	numbers := map[uint32]uint32{}
	for i, f := range t.funcs {
		numbers[f.entry/4] = uint32(i)
	}
	p.calls(body, func(i, target uint32) uint32 {
		target += i
		if number, ok := numbers[target&0x3ffffff]; ok {
			return number
		}
		return target + p.funcs
	})
	p.code(body, true)
	clear(body[p.made : t.off+t.cus])
	clear(body[t.off+t.pctab : t.off+t.functab])
	clear(body[p.functab : int(p.functab)+8*len(t.funcs)])
	clear(body[p.functab+p.first : t.off+t.gofunc])
	clear(body[p.buckets:p.end])
	back, err := p.unfilter(slices.Clone(body))
	if err != nil || !bytes.Equal(back, program) {
		return nil, fmt.Errorf("%w: the filtered program does not come back the same", ErrForm)
	}
	return out, nil
}

// params is what the stub must know of the program, in the order of its
// literals. Offsets are in the file, in bytes.
type params struct {
	length         uint32 // of the program; the columns are behind it
	text, words    uint32 // the machine code, and how many instructions it has
	functab, funcs uint32 // the function table, and how many functions it has
	first          uint32 // offset of the first record, counted from functab
	pctab          uint32 // the pc-value tables
	names, made    uint32 // the names, and the first that is made of an address
	address        uint32 // where the code is loaded
	buckets, end   uint32 // the index of functions by address, and where it ends
}

func (p params) literals() []uint32 {
	return []uint32{p.length, p.text, p.words, p.functab, p.funcs, p.first, p.pctab, p.names, p.made, p.address, p.buckets, p.end}
}

// unfilter is what the stub does, in Go: b becomes the program.
func (p params) unfilter(b []byte) (program []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("columns that point beyond their data")
		}
	}()
	p.code(b, false)
	program, cols := b[:p.length:p.length], b[p.length:]
	var at [columns]uint32
	for i := range at {
		at[i] = le.Uint32(cols[4*i:])
	}
	get := func(column int) uint32 {
		v, n := binary.Uvarint(b[at[column]:])
		at[column] += uint32(n)
		return uint32(v)
	}
	var newest [funcdataKinds]uint32
	entry, record, name := uint32(0), p.first, p.made
	pctab := program[p.pctab : p.pctab+1]
	buckets := program[p.buckets:p.buckets:p.end]
	first, at256 := uint32(0), uint32(0) // of a bucket, and the next stretch of 256 bytes
	for i := range p.funcs {
		pair, r := program[p.functab+8*i:], program[p.functab+record:]
		le.PutUint32(pair, entry)
		le.PutUint32(pair[4:], record)
		le.PutUint32(r, entry)
		size := get(columnSizes)
		if size == 0 {
			size = sizeOf(program[p.text+entry:]) + 1
		}
		code := make([]uint32, 4*(size-1))
		for j := range code {
			code[j] = le.Uint32(program[p.text+entry+4*uint32(j):])
		}
		turn(code)
		for j, w := range code {
			le.PutUint32(program[p.text+entry+4*uint32(j):], w)
		}
		end := entry + 4*uint32(len(code))
		if i == p.funcs-1 {
			end = ^uint32(0)
		}
		for ; at256 < end && len(buckets) < cap(buckets); at256 += 256 {
			if at256%4096 == 0 {
				first = i
				buckets = le.AppendUint32(buckets, first)
			}
			buckets = append(buckets, byte(i-first))
		}
		n := get(columnNames)
		if n&1 == 0 {
			beginning, _, _ := bytes.Cut(program[p.names+n>>1:], []byte{0})
			le.PutUint32(r[recordNameOff:], name-p.names)
			name += uint32(copy(program[name:], fmt.Sprintf("%s%0*x\x00", beginning, digits, p.address+entry)))
		} else {
			le.PutUint32(r[recordNameOff:], n>>1)
		}
		le.PutUint32(r[recordArgs:], get(columnArgs))
		le.PutUint32(r[recordDeferreturn:], get(columnDefers))
		s := cols[4*(columns+funcdataKinds)+8*int(get(columnShapes)):]
		tables, npcdata := le.Uint32(s)>>3, int(le.Uint32(s)&7)
		copy(r[recordLast:], s[4:8])
		le.PutUint32(r[recordNpcdata:], uint32(npcdata))
		field := r[recordPcsp:]
		for j := range npcdata + 1 {
			if how := tables >> (2 * j) & 3; how != tableNone {
				le.PutUint32(field, uint32(len(pctab)))
				pctab = append(pctab, told(code, j, int(how), func() uint32 { return get(columnTables + j) })...)
			}
			field = field[4:]
			if j == 0 {
				field = r[recordSize:]
			}
		}
		for j := range int(r[recordLast+3]) {
			v := get(columnFuncdata + j)
			switch {
			case v == 0:
				v = none
			case v&1 == 0:
				newest[j] += v>>1 - 1
				v = newest[j]
			default:
				v >>= 1
			}
			le.PutUint32(field[4*j:], v)
		}
		record += recordSize + 4*uint32(npcdata+int(r[recordLast+3]))
		record = (record + 7) &^ 7
		entry += 4 * uint32(len(code))
	}
	p.calls(program, func(i, target uint32) uint32 {
		if target < p.funcs {
			return le.Uint32(program[p.functab+8*target:])/4 - i
		}
		return target - p.funcs - i
	})
	return program, nil
}
