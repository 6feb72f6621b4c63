package pack

import (
	"fmt"
	"strings"
)

// digits of an address in a name.
const digits = 7

// kept are the functions that the runtime knows by their whole names: the
// frame that a trace always shows, and two whose arguments lie elsewhere.
var kept = map[string]bool{
	"runtime.gopanic":         true, // traceback.go: showfuncinfo, printFuncName
	"reflect.makeFuncStub":    true, // stkframe.go: argMapInternal
	"reflect.methodValueCall": true,
}

// The beginnings of names that the runtime of go1.26 asks for are kept; it
// looks at nothing else of a name but to print it. TestNameReaders has the
// list of the places.
//
//   - "runtime.": faults that are its own are fatal (panicCheck1); its
//     goroutines are no deadlock (isSystemGoroutine); its frames are not shown
//     (showfuncinfo), but for what is exported (isExportedRuntime)
//   - with "internal/runtime/" and "reflect.": not to be interrupted anywhere
//     (isAsyncSafePoint)
//   - a dot: without one a frame is not shown (showfuncinfo)
//   - wrappers: "package.(*Type).Method" to be taken apart (panicwrap)
//
// Nothing zerolog, backoff or pflag does aboard reads a name.
func beginning(name string, id byte) string {
	const wrapper = 23 // abi.FuncIDWrapper
	b := "?."
	switch {
	case !strings.Contains(name, "."):
		return ""
	case strings.HasPrefix(name, "runtime."):
		b = "runtime."
	case strings.HasPrefix(name, "internal/runtime/"):
		b = "internal/runtime/?."
	case strings.HasPrefix(name, "reflect."):
		b = "reflect."
	}
	switch {
	case id == wrapper:
		b += "(*?)."
	case b == "runtime." && exported(name):
		b += "X"
	}
	return b
}

// exported is isExportedRuntime (runtime/traceback.go).
func exported(name string) bool {
	name = strings.TrimPrefix(name, "runtime.")
	receiver := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		receiver, name = name[:i], name[i+1:]
		if strings.HasPrefix(receiver, "(*") && strings.HasSuffix(receiver, ")") {
			receiver = receiver[2 : len(receiver)-1]
		}
	}
	upper := func(s string) bool { return s[0] >= 'A' && s[0] <= 'Z' }
	return name != "" && upper(name) && (receiver == "" || upper(receiver))
}

// made returns the offset of the first name that is an address with what is
// kept of the name.
func (t *table) made() uint32 {
	for _, f := range t.funcs {
		if !kept[f.name] {
			return f.nameOff
		}
	}
	return uint32(t.cus - t.names)
}

// rename gives every function the name that is its address, and returns the
// table of names: an empty one, the beginnings and the kept, then those with
// addresses in the order of the functions, which the stub makes.
func (t *table) rename(objects map[uint32][]byte) ([]byte, error) {
	if uint64(t.address)+uint64(len(t.code)) > 1<<(4*digits) {
		return nil, fmt.Errorf("%w: its code is beyond what %d digits can tell", ErrForm, digits)
	}
	head := []byte{0}
	at := map[string]uint32{"": 0}
	add := func(s string) uint32 {
		if _, ok := at[s]; !ok {
			at[s] = uint32(len(head))
			head = append(append(head, s...), 0)
		}
		return at[s]
	}
	// The entries of inlined calls have no address of their own.
	t.inlined(objects, func(entry []byte) {
		s := ""
		if off := le.Uint32(entry[4:]); int(off) < t.cus-t.names {
			s, _, _ = strings.Cut(string(t.data[t.names+int(off):t.cus]), "\x00")
		}
		if !kept[s] {
			s = beginning(s, entry[0])
		}
		le.PutUint32(entry[4:], add(s))
		le.PutUint32(entry[12:], 0) // startLine
	})
	for _, f := range t.funcs {
		if kept[f.name] {
			add(f.name)
		} else {
			add(beginning(f.name, byte(f.last)))
		}
	}
	names := head
	for i := range t.funcs {
		f := &t.funcs[i]
		if kept[f.name] {
			f.nameOff = at[f.name]
			continue
		}
		f.name = fmt.Sprintf("%s%0*x", beginning(f.name, byte(f.last)), digits, t.address+f.entry)
		f.nameOff = uint32(len(names))
		names = append(append(names, f.name...), 0)
	}
	return names, nil
}
