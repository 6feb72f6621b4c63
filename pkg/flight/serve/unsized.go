package serve

import (
	"io"

	"payload-ipc/pkg/flight/http1"
)

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
	if u.x.signature != "" {
		if u.err = u.x.undigested(); u.err == nil {
			u.err = errEnough{}
		}
		return
	}
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
	u.x.out = u.x.end(u.x.digested(u.head().Int("Content-Length", int64(len(u.buf))), u.buf))
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
			u.fail(f.told(err))
		}
		if n <= 0 {
			break
		}
		u.add(buf[:n])
	}
	return u.end()
}
