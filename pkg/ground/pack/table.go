package pack

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var le = binary.LittleEndian

// A table is the function table (pclntab) of a Go program: for every function
// its entry, name, frame, stack maps and lines. Its form is that of Go 1.26
// (runtime/symtab.go, cmd/link/internal/ld/pcln.go); offsets are in bytes.
type table struct {
	data    []byte // the section, within the program
	off     int    // its offset in the file
	ptr     int    // bytes in a pointer
	names   int    // the names, up to cus
	cus     int    // the compilation units' file lists and the files' names, up to pctab
	pctab   int    // the pc-value tables, up to functab
	functab int    // pairs of entry and record; records count from here, up to gofunc
	gofunc  int    // what funcdata counts from, up to buckets
	buckets int    // how functions are found; stays as it is

	code    []byte // the machine code
	codeOff int    // its offset in the file
	address uint32 // where it is loaded

	funcs []function // by entry
	end   uint32     // where the last one ends
}

// A function is one record, its tables told apart.
type function struct {
	entry, size       uint32 // in the code
	nameOff           uint32
	name              string
	args, deferreturn uint32
	last              uint32   // funcID, flag, 0, nfuncdata: one byte each
	tables            [][]byte // pc-value: pcsp, then pcdata; nil where there is none
	funcdata          []uint32 // offsets from gofunc
}

// Offsets in a function's record (runtime._func).
const (
	recordNameOff     = 4
	recordArgs        = 8
	recordDeferreturn = 12
	recordPcsp        = 16
	recordNpcdata     = 28
	recordLast        = 40
	recordSize        = 44 // then npcdata and nfuncdata words
)

// Words of runtime.moduledata.
const (
	modulePcHeader    = 0
	moduleNames       = 1
	modulePctab       = 10
	modulePclntable   = 13
	moduleFtab        = 16
	moduleFindfunctab = 19
	moduleText        = 22
	moduleGofunc      = 40
	moduleTextsects   = 43
)

const none = ^uint32(0) // in funcdata

// ErrForm says that a program is of a Go release whose function table, and what
// the runtime reads of it, is not known: it is left as it is.
var ErrForm = errors.New("the function table has not the form of go1.26")

// section returns the section of that name and its bytes, or a nil section.
func section(f *elf.File, program []byte, name string) (*elf.Section, []byte) {
	s := f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Offset+s.Size > uint64(len(program)) {
		return nil, nil
	}
	return s, program[s.Offset : s.Offset+s.Size]
}

// open takes the table apart and checks all of it, so that nothing behind it
// has to: the header against what the runtime itself goes by, every record and
// every table.
func open(program []byte) (*table, *elf.File, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, nil, err
	}
	if info.GoVersion != "go1.26" && !strings.HasPrefix(info.GoVersion, "go1.26.") {
		return nil, nil, fmt.Errorf("%w: built with %s", ErrForm, info.GoVersion)
	}
	pcln, data := section(f, program, ".gopclntab")
	text, code := section(f, program, ".text")
	_, module := section(f, program, ".go.module")
	if pcln == nil || text == nil || f.ByteOrder != le || len(data) < 8+8*8 || le.Uint32(data) != 0xfffffff1 {
		return nil, nil, ErrForm
	}
	t := &table{data: data, off: int(pcln.Offset), ptr: int(data[7]), code: code, codeOff: int(text.Offset)}
	if t.ptr != 4 && t.ptr != 8 || len(module) < 44*t.ptr {
		return nil, nil, ErrForm
	}
	word := func(b []byte, i int) uint64 {
		if t.ptr == 4 {
			return uint64(le.Uint32(b[4*i:]))
		}
		return le.Uint64(b[8*i:])
	}
	header := func(i int) int { return int(word(data[8:], i)) }
	within := func(i int) int { return int(word(module, i) - pcln.Addr) }
	count := header(0)
	t.names, t.cus, t.pctab, t.functab = header(3), header(4), header(6), header(7)
	t.gofunc, t.buckets, t.address = within(moduleGofunc), within(moduleFindfunctab), uint32(text.Addr)
	order := []int{1, t.names, t.cus, t.pctab, t.functab, t.gofunc, t.buckets, len(data) + 1}
	for i, v := range order[1:] {
		if v < order[i] {
			return nil, nil, ErrForm
		}
	}
	if count <= 0 || count >= len(data)/8 || t.functab+8*count+4 > t.gofunc || t.gofunc%8 != 0 && t.ptr == 8 ||
		within(modulePcHeader) != 0 || within(moduleNames) != t.names || within(modulePctab) != t.pctab ||
		within(modulePclntable) != t.functab || within(moduleFtab) != t.functab || word(module, moduleFtab+1) != uint64(count+1) ||
		word(module, moduleText) != text.Addr || word(module, moduleTextsects) != 1 {
		return nil, nil, ErrForm
	}
	return t, f, t.readFuncs(count)
}

func (t *table) readFuncs(count int) error {
	pairs := t.data[t.functab:t.gofunc]
	t.end = le.Uint32(pairs[8*count:])
	for i := range count {
		entry, off, next := le.Uint32(pairs[8*i:]), int(le.Uint32(pairs[8*i+4:])), le.Uint32(pairs[8*i+8:])
		if off < 0 || off > len(pairs)-recordSize || next < entry || int(next) > len(t.code) {
			return ErrForm
		}
		r := pairs[off:]
		npcdata, nfuncdata := le.Uint32(r[recordNpcdata:]), uint32(r[recordLast+3])
		f := function{
			entry: entry, size: next - entry, nameOff: le.Uint32(r[recordNameOff:]), args: le.Uint32(r[recordArgs:]),
			deferreturn: le.Uint32(r[recordDeferreturn:]), last: le.Uint32(r[recordLast:]),
		}
		if le.Uint32(r) != entry || npcdata > 255 || len(r) < recordSize+4*int(npcdata+nfuncdata) || int(f.nameOff) >= t.cus-t.names {
			return ErrForm
		}
		name, _, ok := bytes.Cut(t.data[t.names+int(f.nameOff):t.cus], []byte{0})
		f.name = string(name)
		offsets := []uint32{le.Uint32(r[recordPcsp:])}
		for j := range int(npcdata) {
			offsets = append(offsets, le.Uint32(r[recordSize+4*j:]))
		}
		for _, o := range offsets {
			b, good := pcTable(t.data[t.pctab:t.functab], int(o))
			f.tables = append(f.tables, b)
			ok = ok && good
		}
		for j := range int(nfuncdata) {
			o := le.Uint32(r[recordSize+4*(int(npcdata)+j):])
			f.funcdata = append(f.funcdata, o)
			ok = ok && (o == none || int(o) < t.buckets-t.gofunc)
		}
		if !ok {
			return ErrForm
		}
		t.funcs = append(t.funcs, f)
	}
	return nil
}

// records returns the pairs and records of the functions, whose tables follow
// each other in pctab: the form in which nothing has to be told but what they
// hold. It is also what the stub writes.
func (t *table) records() []byte {
	out := make([]byte, 8*len(t.funcs)+4)
	le.PutUint32(out[8*len(t.funcs):], t.end)
	next := uint32(1) // offset 0 is the sign for no table
	for i, f := range t.funcs {
		for len(out)%t.ptr != 0 {
			out = append(out, 0)
		}
		le.PutUint32(out[8*i:], f.entry)
		le.PutUint32(out[8*i+4:], uint32(len(out)))
		r := len(out)
		out = append(out, make([]byte, recordSize)...)
		le.PutUint32(out[r:], f.entry)
		le.PutUint32(out[r+recordNameOff:], f.nameOff)
		le.PutUint32(out[r+recordArgs:], f.args)
		le.PutUint32(out[r+recordDeferreturn:], f.deferreturn)
		le.PutUint32(out[r+recordNpcdata:], uint32(len(f.tables)-1))
		le.PutUint32(out[r+recordLast:], f.last)
		for j, b := range f.tables {
			o := uint32(0)
			if b != nil {
				o = next
				next += uint32(len(b))
			}
			if j == 0 {
				le.PutUint32(out[r+recordPcsp:], o)
			} else {
				out = le.AppendUint32(out, o)
			}
		}
		for _, o := range f.funcdata {
			out = le.AppendUint32(out, o)
		}
	}
	return out
}

// pctables returns what belongs into pctab for records.
func (t *table) pctables() []byte {
	out := []byte{0}
	for _, f := range t.funcs {
		out = append(out, slices.Concat(f.tables...)...)
	}
	return out
}

// A span is a stretch of a pc-value table: by how much the value differs from
// the one before, which is -1 at first, and how many instructions have it.
type span struct {
	delta int32
	n     uint32
}

// pcTable returns the table at off: pairs of varints, ended by a zero value
// difference behind the first pair (runtime.step); nil at 0.
func pcTable(pctab []byte, off int) ([]byte, bool) {
	if off == 0 {
		return nil, true
	}
	for i := off; i < len(pctab); {
		if pctab[i] == 0 && i > off {
			return pctab[off : i+1 : i+1], true
		}
		for range 2 {
			_, n := binary.Uvarint(pctab[i:])
			if n <= 0 || n > 5 {
				return nil, false
			}
			i += n
		}
	}
	return nil, false
}

// spans takes a table apart that pcTable found.
func spans(b []byte) (list []span) {
	for len(b) > 1 {
		v, n := binary.Uvarint(b)
		count, m := binary.Uvarint(b[n:])
		b = b[n+m:]
		list = append(list, span{int32(v>>1) ^ -int32(v&1), uint32(count)})
	}
	return list
}

func appendSpan(b []byte, r span) []byte {
	b = binary.AppendUvarint(b, zigzag(r.delta))
	return binary.AppendUvarint(b, uint64(r.n))
}

func zigzag(d int32) uint64 { return uint64(uint32(d<<1) ^ uint32(d>>31)) }
