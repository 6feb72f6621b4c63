package serve

import (
	"io"
	"slices"
	"strings"
	"syscall"

	"payload-ipc/pkg/http1"
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
	err := d.entries(func(e entry) bool {
		if held == nil {
			return put(e)
		}
		if held = append(held, e); len(held) < maxSorted {
			return true
		}
		for _, e := range held {
			if !put(e) {
				return false
			}
		}
		held = nil
		return true
	})
	if err != nil {
		b.fail(err)
	}
	slices.SortFunc(held, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for _, e := range held {
		if !put(e) {
			break
		}
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

// An unsized is a body whose length shows when it is written. What ends within
// limit bytes gets a Content-Length; what does not is sent in chunks, or to
// HTTP/1.0 up to the end of the connection.
type unsized struct {
	x       *exchange
	ctype   string
	vary    bool // the answer depends on Accept
	noStore bool
	limit   int

	buf   []byte
	begun bool // the head is sent
	w     io.WriteCloser
	err   error
}

// errEnough stops the writing of what nobody will get: the rest of an answer
// to HEAD.
type errEnough struct{}

func (errEnough) Error() string { return "enough" }

func (u *unsized) add(p []byte) {
	if u.err != nil {
		return
	}
	u.buf = append(u.buf, p...)
	if len(u.buf) < u.limit {
		return
	}
	if !u.begun {
		u.begun = true
		u.begin()
	}
	if u.err == nil {
		_, u.err = u.w.Write(u.buf)
		u.buf = u.buf[:0]
	}
}

// begin sends the head of a body that has outgrown the limit.
func (u *unsized) begin() {
	out := bodyWriter{u.x.conn}
	if u.x.q.Minor == 0 {
		u.x.close = true
		u.x.out = u.head().End()
		u.w = plainWriter{out}
	} else {
		u.x.out = u.head().Field("Transfer-Encoding", "chunked").End()
		u.w = &http1.ChunkWriter{W: out}
	}
	if u.x.q.Method == "HEAD" {
		u.err = errEnough{}
	}
}

func (u *unsized) head() http1.Head {
	h := u.x.head(200).Field("Content-Type", u.ctype)
	if u.vary {
		h = h.Field("Vary", "Accept")
	}
	if u.noStore {
		h = h.Field("Cache-Control", "no-store")
	}
	return h.Field("X-Content-Type-Options", "nosniff")
}

// fail says that the content could not be read on. Before the head is sent
// there is still a status for that.
func (u *unsized) fail(err error) {
	if u.err != nil {
		return
	}
	u.err = err
	if !u.begun {
		u.begun = true
		if u.err = u.x.failed(err); u.err == nil {
			u.err = errEnough{}
		}
	}
}

// end sends what is left.
func (u *unsized) end() error {
	switch {
	case u.err == errEnough{}:
		return nil
	case u.err != nil:
		return u.err
	case u.begun:
		if len(u.buf) > 0 {
			if _, err := u.w.Write(u.buf); err != nil {
				return err
			}
		}
		return u.w.Close()
	}
	u.x.out = u.head().Int("Content-Length", int64(len(u.buf))).End()
	if u.x.q.Method == "HEAD" {
		return nil
	}
	return u.x.body(u.buf)
}

// plainWriter ends a body by nothing but the end of the connection.
type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// stream answers with a pseudo-file of more than maxPseudo bytes, of which
// front has been read.
func (x *exchange) stream(f *file, front []byte) error {
	u := &unsized{x: x, ctype: contentType(x.q.Target.Path, looksLikeText(front)), noStore: true}
	u.add(front)
	buf := x.hold(64 << 10)
	for u.err == nil {
		n, err := f.next(buf)
		if err != nil {
			u.fail(err)
		}
		if n <= 0 {
			break
		}
		u.add(buf[:n])
	}
	return u.end()
}
