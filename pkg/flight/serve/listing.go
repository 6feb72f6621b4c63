package serve

import (
	"slices"
	"strings"
	"syscall"

	"payload-ipc/pkg/flight/http1"
)

// maxSorted is how many names are held to be sorted. A larger directory comes
// in the order of the file system, in as little memory.
const maxSorted = 4096

// wantsLines reports whether the client asked for a listing for programs.
func (x *exchange) wantsLines() bool {
	wants := false
	x.q.Header.List("Accept", func(e string) bool {
		kind, params, _ := strings.Cut(e, ";")
		if http1.EqualFold(strings.TrimRight(kind, " \t"), "application/x-ndjson") {
			wants = !refused(params)
		}
		return !wants
	})
	return wants
}

// refused reports whether the parameters of a media range have a weight of 0.
func refused(params string) bool {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		p = strings.Trim(p, " \t")
		if len(p) > 2 && http1.EqualFold(p[:2], "q=") {
			return strings.Trim(p[2:], "0.") == ""
		}
	}
	return false
}

// list answers with the entries of the directory d, as lines of JSON or for a
// person.
func (x *exchange) list(d *file, lines bool) error {
	ctype := "text/html; charset=utf-8"
	write := appendRow
	if lines {
		ctype = "application/x-ndjson"
		write = appendLine
	}
	switch precondition(x.q.Header, &content{}, x.r.Window.Now()) {
	case 304:
		x.out = x.head(304).Field("Vary", "Accept").End()
		return nil
	case 412:
		return x.refuse(412, "not in the state that was asked for")
	}
	b := &unsized{x: x, ctype: ctype, vary: true, limit: bufferSize}
	if !lines {
		b.add(appendHeading(nil, x.q.Target.Path))
	}
	dir := x.r.root + x.q.Target.Path
	if x.q.Target.Path != "/" {
		dir += "/"
	}
	var row []byte
	put := func(e entry) bool {
		item, ok := look(dir, e)
		if ok {
			row = write(row[:0], item)
			b.add(row)
		}
		return b.err == nil
	}
	held := make([]entry, 0, 64)
	putAll := func() bool {
		for _, e := range held {
			if !put(e) {
				return false
			}
		}
		held = held[:0]
		return true
	}
	err := d.entries(func(e entry) bool {
		held = append(held, e)
		return len(held) < maxSorted || putAll()
	})
	if err != nil {
		b.fail(err)
	}
	slices.SortFunc(held, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	putAll()
	if !lines {
		b.add(appendFooting(nil))
	}
	return b.end()
}

// An item is an entry with what lstat tells about it.
type item struct {
	name   string
	kind   string
	st     syscall.Stat_t
	known  bool // st counts
	target string
}

// look fills in what can be known of e without opening it; false when it has
// vanished.
func look(dir string, e entry) (item, bool) {
	i := item{name: e.name}
	err := syscall.Lstat(dir+e.name, &i.st)
	if err == syscall.ENOENT {
		return i, false
	}
	mode := uint32(e.kind) << 12 // DT_* are the S_IF* shifted
	if err == nil {
		i.known = true
		mode = i.st.Mode
	}
	i.kind = kindName(mode)
	if mode&syscall.S_IFMT == syscall.S_IFLNK {
		i.target, _ = readlink(dir + e.name)
	}
	return i, true
}

func kindName(mode uint32) string {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return "file"
	case syscall.S_IFDIR:
		return "directory"
	case syscall.S_IFLNK:
		return "symlink"
	case syscall.S_IFIFO:
		return "fifo"
	case syscall.S_IFSOCK:
		return "socket"
	case syscall.S_IFCHR:
		return "char"
	case syscall.S_IFBLK:
		return "block"
	}
	return "unknown"
}
