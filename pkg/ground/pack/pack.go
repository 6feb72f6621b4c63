// Package pack makes a flight program smaller than the linker leaves it,
// without changing what it does. Each byte is uplinked, at 125 KB a day
// (docs/platform.md, "Uplink").
//
// Strip takes out of the program what only serves to print line numbers.
// Filter rewrites it, reversibly, so that xz finds more in it: xz 5.4 has such
// a filter for arm64, the xz 5.2 of the payloads has not. What undoes it on
// the payload is a program of its own of 512 bytes, in front of the result.
package pack

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

var le = binary.LittleEndian

// A table is the pclntab of a Go program: for every function its entry, name,
// frame sizes, stack maps and lines. Its form is that of Go 1.20 to 1.26
// (runtime/symtab.go, cmd/link/internal/ld/pcln.go).
type table struct {
	data    []byte // the section, within the program
	off     int    // its offset in the file
	ptr     int    // bytes in a pointer
	funcs   int    // number of functions
	cus     int    // offset of the compilation units' file lists
	pctab   int    // offset of the pc-value tables
	functab int    // offset of the entry, record pairs; records count from here
}

// Offsets in a function's record (runtime._func).
const (
	recordEntry     = 0
	recordPcsp      = 16
	recordPcfile    = 20
	recordPcln      = 24
	recordNpcdata   = 28
	recordCuOffset  = 32
	recordStartLine = 36
	recordNfuncdata = 43
	recordSize      = 44 // then npcdata and nfuncdata words
)

var errForm = errors.New("the function table has not the form of go1.20 to go1.26")

// section returns the file offset and the bytes of a section.
func section(program []byte, name string) (int, []byte, *elf.File, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return 0, nil, nil, err
	}
	s := f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Offset+s.Size > uint64(len(program)) {
		return 0, nil, nil, fmt.Errorf("no section %s", name)
	}
	return int(s.Offset), program[s.Offset : s.Offset+s.Size], f, nil
}

// open finds the table and checks every record, so that nothing behind it has to.
func open(program []byte) (*table, error) {
	off, b, f, err := section(program, ".gopclntab")
	if err != nil {
		return nil, err
	}
	if f.ByteOrder != le || len(b) < 8+8*8 || le.Uint32(b) != 0xfffffff1 {
		return nil, errForm
	}
	t := &table{data: b, off: off, ptr: int(b[7])}
	word := func(i int) int {
		if t.ptr == 4 {
			return int(le.Uint32(b[8+4*i:]))
		}
		return int(le.Uint64(b[8+8*i:]))
	}
	t.funcs, t.cus, t.pctab, t.functab = word(0), word(4), word(6), word(7)
	if t.ptr != 4 && t.ptr != 8 || !(0 < t.cus && t.cus < t.pctab && t.pctab < t.functab) ||
		t.funcs <= 0 || t.functab+8*t.funcs > len(b) {
		return nil, errForm
	}
	for i := range t.funcs {
		entry, rec := t.pair(i)
		if t.functab+rec+recordSize > len(b) {
			return nil, errForm
		}
		r := t.record(rec)
		if le.Uint32(r) != entry || len(r) < recordSize+4*t.words(r) {
			return nil, errForm
		}
	}
	return t, nil
}

// pair returns the entry of function i and the offset of its record.
func (t *table) pair(i int) (entry uint32, record int) {
	p := t.data[t.functab+8*i:]
	return le.Uint32(p), int(le.Uint32(p[4:]))
}

func (t *table) record(off int) []byte { return t.data[t.functab+off:] }

// words returns the number of words behind the fixed part of a record.
func (t *table) words(r []byte) int {
	return int(le.Uint32(r[recordNpcdata:])) + int(r[recordNfuncdata])
}
