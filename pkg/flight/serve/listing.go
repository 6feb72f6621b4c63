package serve

import (
	"sort"
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
		x.out = x.end(x.head(304).Field("Vary", "Accept"))
		return nil
	case 412:
		return x.refuse(412, "not in the state that was asked for")
	}
	b := &unsized{x: x, ctype: ctype, vary: true, limit: bufferSize}
	if x.signature != "" {
		b.limit = maxHeld
	}
	if !lines {
		b.add(appendHeading(nil, x.q.Target.Path))
	}
	var row []byte
	put := func(e entry) bool {
		item, err := d.item(e)
		switch {
		case err == nil:
			row = write(row[:0], item)
			b.add(row)
		case err != syscall.ENOENT: // it has vanished
			b.fail(err)
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
	sort.Sort(byName(held))
	putAll()
	if d.look() == nil && d.st.Nlink == 0 {
		b.fail(syscall.ENOENT) // it was removed while it was listed
	}
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
	leads  string // the kind of what the target leads to in the end; empty for nowhere
}

// item is what can be known of the entry e of the directory d without opening
// it. It is looked at from d on: the path of d may be another directory's by
// now. Errors are that it has vanished, ENOENT, or that there is no room for
// one more descriptor.
func (d *file) item(e entry) (i item, err error) {
	i.name = e.name
	mode := uint32(e.kind) << 12 // DT_* are the S_IF* shifted
	fd, err := openRetry(d.fd, e.name, oPath|syscall.O_NOFOLLOW)
	switch {
	case err == nil:
		defer syscall.Close(fd)
		if i.known = syscall.Fstat(fd, &i.st) == nil; i.known {
			mode = i.st.Mode
		}
	case err == syscall.ENOENT || status(err) == 503:
		return i, err
	}
	i.kind = kindName(mode)
	if err == nil && i.kind == "symlink" {
		i.target, _ = readlinkAt(fd, "")
		if to, err := openRetry(d.fd, e.name, oPath); err == nil {
			var st syscall.Stat_t
			if syscall.Fstat(to, &st) == nil {
				i.leads = kindName(st.Mode)
			}
			syscall.Close(to)
		}
	}
	return i, nil
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

// byName is for sort.Sort, which the modules bring along: slices.SortFunc of
// entries is 6 KB of its own.
type byName []entry

func (s byName) Len() int           { return len(s) }
func (s byName) Less(i, j int) bool { return s[i].name < s[j].name }
func (s byName) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
