package pack

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// Words of runtime.moduledata, and kinds and sizes of types, for 64 bits
// (internal/abi/type.go).
const (
	moduleTypes     = 37 // then where they end
	moduleTypelinks = 45 // with length and capacity
	moduleItablinks = 48

	typeSize      = 48
	typeTFlag     = 20
	typeKind      = 23
	typeStr       = 40
	typePtrToThis = 44
	uncommonSize  = 16
	methodSize    = 16
	fieldSize     = 24

	kindMask         = 1<<5 - 1
	tflagUncommon    = 1
	unreachable      = ^uint32(0) // what the linker gives a method that nothing calls
	maxName, maxList = 1 << 12, 1 << 12
)

const (
	kindArray = iota + 17
	kindChan
	kindFunc
	kindInterface
	kindMap
	kindPointer
	kindSlice
	kindString
	kindStruct
)

// types is a walk over what describes the types of a program. Addresses are
// those of the program as it is loaded.
type types struct {
	program     []byte
	loads       []*elf.Prog
	begin, end  uint64 // of the descriptions
	all, queue  []uint64
	seen        map[uint64]bool
	fields      []uint64          // those not called "_"
	names       map[uint64][]byte // of fields, and of methods that nothing calls, as they stand
	methods     []uint64
	idle        []uint64 // those of them that nothing calls
	outOfBounds bool
}

// stripTypes takes out of the descriptions of types what package reflect alone
// reads: the names of fields, and of methods that no interface in the program
// has; methods as functions of their receivers, the type of a pointer to each,
// and the list of types. What the runtime reads of a field's name is whether it
// is "_" (typehash): those are kept. It returns what it would change, to be done
// when nothing speaks against it.
//
// A program that reflects, or was stripped, is left as it is; and one for 32
// bits.
func (t *table) stripTypes(program []byte, f *elf.File) (apply func(), err error) {
	fresh := false
	for _, fn := range t.funcs {
		fresh = fresh || fn.name == "runtime.main"
		if strings.HasPrefix(fn.name, "reflect.Value.") || strings.HasPrefix(fn.name, "reflect.(*rtype).") {
			return func() {}, nil
		}
	}
	if !fresh || t.ptr != 8 {
		return func() {}, nil
	}
	_, module := section(f, program, ".go.module")
	word := func(i int) uint64 { return le.Uint64(module[8*i:]) }
	w := types{program: program, begin: word(moduleTypes), end: word(moduleTypes + 1), seen: map[uint64]bool{}, names: map[uint64][]byte{}}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			w.loads = append(w.loads, p)
		}
	}
	links, itabs := word(moduleTypelinks), word(moduleItablinks)
	if s := f.Section(".typelink"); s == nil || s.Addr != links || s.Size != 4*word(moduleTypelinks+1) {
		return nil, ErrForm
	}
	if s := f.Section(".itablink"); s == nil || s.Addr != itabs || s.Size != 8*word(moduleItablinks+1) {
		return nil, ErrForm
	}
	for i := range word(moduleTypelinks + 1) {
		w.add(w.begin + uint64(w.u32(links+4*i)))
	}
	for i := range word(moduleItablinks + 1) {
		itab := w.u64(itabs + 8*i)
		w.add(w.u64(itab))
		w.add(w.u64(itab + 8))
	}
	for len(w.queue) > 0 && !w.outOfBounds {
		a := w.queue[0]
		w.queue = w.queue[1:]
		w.visit(a)
	}
	descriptions := w.at(w.begin, (w.end-w.begin)&^7)
	list := w.at(links, 4*word(moduleTypelinks+1))
	if w.outOfBounds || len(w.all) == 0 {
		return nil, ErrForm
	}
	return func() {
		w.dropNames(descriptions)
		for _, a := range w.all {
			le.PutUint32(w.at(a+typePtrToThis, 4), 0)
		}
		for _, a := range w.methods {
			le.PutUint32(w.at(a+12, 4), unreachable)
		}
		clear(list)
		clear(module[8*(moduleTypelinks+1):][:16])
	}, nil
}

// at returns n bytes at an address. What is not in the file ends the walk.
func (w *types) at(a, n uint64) []byte {
	for _, p := range w.loads {
		if a >= p.Vaddr && a-p.Vaddr < p.Filesz && n <= p.Filesz-(a-p.Vaddr) {
			return w.program[p.Off+a-p.Vaddr:][:n:n]
		}
	}
	w.outOfBounds = true
	return make([]byte, n&0xffff)
}

func (w *types) u16(a uint64) uint16 { return le.Uint16(w.at(a, 2)) }
func (w *types) u32(a uint64) uint32 { return le.Uint32(w.at(a, 4)) }
func (w *types) u64(a uint64) uint64 { return le.Uint64(w.at(a, 8)) }

// add takes a type that something refers to; none at 0.
func (w *types) add(a uint64) {
	switch {
	case a == 0 || w.seen[a]:
	case a < w.begin || a+typeSize > w.end || a%8 != 0:
		w.outOfBounds = true
	default:
		w.seen[a] = true
		w.all = append(w.all, a)
		w.queue = append(w.queue, a)
	}
}

// addOffset takes a type by its offset, as the linker wrote it: 0 or less for
// none.
func (w *types) addOffset(off uint32) {
	if int32(off) > 0 {
		w.add(w.begin + uint64(off))
	}
}

// list returns address and length of a slice of at most maxList.
func (w *types) list(a uint64) (uint64, uint64) {
	n := w.u64(a + 8)
	if n > maxList {
		w.outOfBounds = true
		return 0, 0
	}
	return w.u64(a), n
}

// visit takes what a type refers to.
func (w *types) visit(a uint64) {
	w.addOffset(w.u32(a + typePtrToThis))
	uncommon := w.at(a+typeTFlag, 1)[0]&tflagUncommon != 0
	u := a + typeSize // where uncommon is
	switch w.at(a+typeKind, 1)[0] & kindMask {
	case kindArray:
		w.add(w.u64(a + typeSize))
		w.add(w.u64(a + typeSize + 8))
		u += 3 * 8
	case kindChan:
		w.add(w.u64(a + typeSize))
		u += 2 * 8
	case kindPointer, kindSlice:
		w.add(w.u64(a + typeSize))
		u += 8
	case kindFunc:
		n := uint64(w.u16(a+typeSize)) + uint64(w.u16(a+typeSize+2)&0x7fff) // the highest bit: variadic
		u += 8
		from := u
		if uncommon {
			from += uncommonSize
		}
		for i := range n {
			w.add(w.u64(from + 8*i))
		}
	case kindInterface:
		from, n := w.list(a + typeSize + 8)
		for i := range n {
			w.addOffset(w.u32(from + 8*i + 4))
		}
		u += 4 * 8
	case kindMap:
		w.add(w.u64(a + typeSize))
		w.add(w.u64(a + typeSize + 8))
		w.add(w.u64(a + typeSize + 16))
		u += 8 * 8
	case kindStruct:
		from, n := w.list(a + typeSize + 8)
		for i := range n {
			w.field(from + fieldSize*i)
		}
		u += 4 * 8
	}
	if !uncommon {
		return
	}
	n, off := uint64(w.u16(u+4)), uint64(w.u32(u+8))
	for i := range n {
		m := u + off + methodSize*i
		w.methods = append(w.methods, m)
		w.addOffset(w.u32(m + 4))
		if w.u32(m+8) == unreachable {
			w.idle = append(w.idle, m)
			w.name(w.begin + uint64(w.u32(m)))
		}
	}
}

// field takes a field's type and, but for "_", its name.
func (w *types) field(a uint64) {
	w.add(w.u64(a + 8))
	if name := w.u64(a); w.name(name) {
		w.fields = append(w.fields, a)
	}
}

// name takes a name that may be taken out, if it is not "_".
func (w *types) name(a uint64) bool {
	head := w.at(a, 3)
	n, k := binary.Uvarint(head[1:])
	if k <= 0 || n > maxName {
		w.outOfBounds = true
		return false
	}
	if n == 1 && head[2] == '_' {
		return false
	}
	w.names[a] = w.at(a, 1+uint64(k)+n)
	return true
}

// dropNames gives all fields one empty name, and methods that nothing calls
// none, and takes out the names that nothing else can refer to.
func (w *types) dropNames(descriptions []byte) {
	for _, m := range w.idle {
		le.PutUint32(w.at(m, 4), 0)
	}
	for _, f := range w.fields {
		le.PutUint64(w.at(f, 8), 0)
	}
	// A name is also another method's, by its offset from the first type, or a
	// pointer's target.
	for b := descriptions; len(b) >= 4; b = b[4:] {
		delete(w.names, w.begin+uint64(le.Uint32(b)))
	}
	for _, p := range w.loads {
		for b := w.program[p.Off : p.Off+p.Filesz]; len(b) >= 8; b = b[8:] {
			delete(w.names, le.Uint64(b))
		}
	}
	var empty uint64
	for a, b := range w.names {
		clear(b)
		if empty == 0 || a < empty {
			empty = a
		}
	}
	for _, f := range w.fields {
		le.PutUint64(w.at(f, 8), empty)
	}
}
