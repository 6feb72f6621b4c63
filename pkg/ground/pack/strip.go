package pack

import "slices"

// What a function's tables are for (internal/abi/symtab.go): the traceback
// alone uses those of arguments, to print their values.
const (
	pcdataUnsafePoint = 0
	pcdataStackMap    = 1
	pcdataArgLive     = 3

	funcdataStackObjects = 2
	funcdataInlTree      = 3
	funcdataDefers       = 4
	funcdataArgInfo      = 5
	funcdataArgLive      = 6
	funcdataKinds        = 8
)

// Strip takes out of a Go program for linux, in place, what only serves to
// print, the names of functions and files, lines, and the values of arguments,
// and what only package reflect reads (types.go).
// A stack trace of it tells addresses, "?.00a4c20(" with "?:0 +0x134" below;
// scripts/trace makes names and lines of them with a build of the same commit.
//
// The runtime reads no name but for its beginning (names.go), and the other
// tables for nothing but printing: offset 0 is its own sign for "no table". The
// tables that stay are laid out so that Filter need not tell where they are.
//
// A program that it does not know, it leaves as it is: the error says why.
func Strip(program []byte) error {
	t, file, err := open(program)
	if err != nil {
		return err
	}
	types, err := t.stripTypes(program, file)
	if err != nil {
		return err
	}
	objects := t.objects()
	for i := range t.funcs {
		f := &t.funcs[i]
		if len(f.tables) > 1+pcdataArgLive {
			f.tables[1+pcdataArgLive] = nil
		}
		for _, kind := range []int{funcdataArgInfo, funcdataArgLive} {
			if kind < len(f.funcdata) {
				f.funcdata[kind] = none
			}
		}
		// What is beyond the end is "no table" as well.
		for len(f.tables) > 1 && f.tables[len(f.tables)-1] == nil {
			f.tables = f.tables[:len(f.tables)-1]
		}
		for len(f.funcdata) > 0 && f.funcdata[len(f.funcdata)-1] == none {
			f.funcdata = f.funcdata[:len(f.funcdata)-1]
		}
		f.last = f.last&0xffffff | uint32(len(f.funcdata))<<24
	}
	names, err := t.rename(objects)
	if err != nil {
		return err
	}
	funcdata, err := t.layFuncdata(objects)
	if err != nil {
		return err
	}
	parts := []struct {
		from, to int
		b        []byte
	}{
		{t.names, t.cus, names},
		{t.cus, t.pctab, nil},
		{t.pctab, t.functab, t.pctables()},
		{t.functab, t.gofunc, t.records()},
		{t.gofunc, t.buckets, funcdata},
	}
	for _, p := range parts {
		if len(p.b) > p.to-p.from {
			return ErrForm
		}
	}
	for _, p := range parts {
		clear(t.data[p.from:p.to])
		copy(t.data[p.from:], p.b)
	}
	types()
	return nil
}

// objects returns the objects of funcdata by their offsets. One reaches to the
// next; there is nothing between them but what aligns them.
func (t *table) objects() map[uint32][]byte {
	var offsets []uint32
	for _, f := range t.funcs {
		for _, o := range f.funcdata {
			if o != none {
				offsets = append(offsets, o)
			}
		}
	}
	slices.Sort(offsets)
	offsets = append(slices.Compact(offsets), uint32(t.buckets-t.gofunc))
	objects := map[uint32][]byte{}
	for i, o := range offsets[:len(offsets)-1] {
		objects[o] = slices.Clone(t.data[t.gofunc+int(o) : t.gofunc+int(offsets[i+1])])
	}
	return objects
}

// layFuncdata orders the objects by kind, and by their first function: of most
// it is then enough to say that they are new, and how large they are. It gives
// the functions the new offsets.
func (t *table) layFuncdata(objects map[uint32][]byte) ([]byte, error) {
	var out []byte
	at := map[uint32]uint32{}
	for kind := range funcdataKinds {
		for _, f := range t.funcs {
			if kind >= len(f.funcdata) || f.funcdata[kind] == none {
				continue
			}
			o := f.funcdata[kind]
			if _, ok := at[o]; ok {
				continue
			}
			align := 4
			switch kind {
			case funcdataStackObjects:
				align = t.ptr
			case funcdataDefers:
				align = 1
			}
			for len(out)%align != 0 {
				out = append(out, 0)
			}
			at[o] = uint32(len(out))
			out = append(out, objects[o]...)
		}
	}
	for i := range t.funcs {
		f := &t.funcs[i]
		if len(f.funcdata) > funcdataKinds {
			return nil, ErrForm
		}
		for j, o := range f.funcdata {
			if o != none {
				f.funcdata[j] = at[o]
			}
		}
	}
	return out, nil
}

// inlined calls each for each entry of a function's tree of inlined calls:
// funcID, 3 bytes, nameOff, parentPc, startLine (runtime.inlinedCall).
func (t *table) inlined(objects map[uint32][]byte, each func(entry []byte)) {
	seen := map[uint32]bool{}
	for _, f := range t.funcs {
		if len(f.funcdata) <= funcdataInlTree || f.funcdata[funcdataInlTree] == none || seen[f.funcdata[funcdataInlTree]] {
			continue
		}
		o := f.funcdata[funcdataInlTree]
		seen[o] = true
		for b := objects[o]; len(b) >= 16; b = b[16:] {
			each(b[:16])
		}
	}
}
