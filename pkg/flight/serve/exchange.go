package serve

import (
	"payload-ipc/pkg/flight/http1"
)

// An exchange is one request and its answer.
type exchange struct {
	*conn
	q     *http1.Request
	close bool // the connection ends with this answer

	snapshot bool // one is asked for
	vary     bool // the answer depends on Accept

	signature string // of the request, by which its answer is signed; empty where there is no key
	status    int    // of the answer
}

// head begins the head of the answer to x in the output buffer.
func (x *exchange) head(status int) http1.Head {
	x.close = x.close || x.r.draining.Load()
	x.note(status, "")
	x.status = status
	if x.out == nil {
		x.out = make([]byte, 0, bufferSize)
	}
	h := http1.Head(x.out).Status(status)
	// RFC 9110 section 6.6.1: no Date without a clock.
	if x.r.Window.Set() {
		h = append(h, "Date: "...)
		h = append(http1.AppendDate(h, x.r.Window.Now()), "\r\n"...)
	}
	if x.r.Name != "" {
		h = h.Field("Server", x.r.Name)
	}
	switch {
	case x.close:
		h = h.Field("Connection", "close")
	case x.q.Minor == 0:
		h = h.Field("Connection", "keep-alive")
	}
	return h
}

const allow = "GET, HEAD, OPTIONS"

// answer answers a request that is well-formed.
func (x *exchange) answer() error {
	if e, n := x.q.Header.Get("Expect"); n > 0 && !http1.EqualFold(e, "100-continue") {
		return x.refuse(417, "only 100-continue can be expected")
	}
	switch x.q.Method {
	case "GET", "HEAD":
		return x.get()
	case "OPTIONS":
		x.out = x.end(x.head(204).Field("Allow", allow).Field("Accept-Ranges", "bytes"))
		return nil
	}
	return x.method()
}

// method answers a method that is not served: 405 where it is a known one,
// else 501 (RFC 9110 section 9.1).
func (x *exchange) method() error {
	switch x.q.Method {
	case "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT":
		return x.refuse(405, "this server only reads")
	}
	return x.refuse(501, "unknown method")
}

// fault answers a request that is not well-formed, or has a body.
func (x *exchange) fault(e *http1.Error) error {
	if e.Status == 413 && x.q.Method != "GET" && x.q.Method != "HEAD" && x.q.Method != "OPTIONS" {
		return x.method()
	}
	return x.refuse(e.Status, e.Reason)
}

// refuse answers with status and one line of text.
func (x *exchange) refuse(status int, why string) error {
	h := x.head(status)
	switch status {
	case 401:
		h = h.Field("WWW-Authenticate", "Signature")
	case 405:
		h = h.Field("Allow", allow)
	case 503:
		h = h.Int("Retry-After", 1)
	}
	h = h.Field("Content-Type", "text/plain; charset=utf-8").Field("Cache-Control", "no-store")
	text := http1.StatusText(status) + ": " + why + "\n"
	x.out = x.end(x.digested(h.Int("Content-Length", int64(len(text))), []byte(text)))
	if x.q.Method == "HEAD" {
		return nil
	}
	return x.body([]byte(text))
}

// failed answers a path whose file cannot be had.
func (x *exchange) failed(err error) error {
	if x.snapshot && (err == errShrunk || err == errChanged) {
		return x.refuse(410, "gone, shortened or rewritten")
	}
	code := status(err)
	why := "cannot be read"
	switch {
	case code == 404:
		why = "no such file"
	case err == errSpecial:
		why = "not permitted, or neither a regular file nor a directory"
	}
	return x.refuse(code, why)
}

// get answers GET and HEAD.
func (x *exchange) get() error {
	t := x.q.Target
	if token, ok := http1.QueryValue(t.Query, "snapshot"); ok && !t.Dir {
		if s, ok := parseSnapshot(token); ok {
			return x.getSnapshot(s)
		}
		return x.refuse(410, "no such snapshot")
	}
	f, err := x.r.open(x.r.root + t.Path)
	if err != nil {
		return x.failed(err)
	}
	defer f.close()
	switch {
	case !f.isDir() && t.Dir:
		return x.refuse(404, "not a directory")
	case !f.isDir():
		return x.getFile(f, t.Path)
	case !t.Dir:
		return x.redirect(t)
	}
	lines := x.wantsLines()
	if !lines {
		index, err := x.r.openAt(f.fd, "index.html", 0)
		if err == nil {
			defer index.close()
			if !index.isDir() {
				x.vary = true
				return x.getFile(index, join(t.Path, "index.html"))
			}
		}
	}
	if err := x.r.reopen(f, cwd, x.r.root+t.Path); err != nil {
		return x.failed(err)
	}
	return x.list(f, lines)
}

func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

// redirect sends the client to the directory's URL with the slash. It is an
// absolute path with one slash in front: two would name another host, and
// busybox wget does not follow a relative one.
func (x *exchange) redirect(t http1.Target) error {
	to := append(http1.AppendEscaped(nil, t.Path), '/')
	if t.Query != "" {
		to = appendQuery(append(to, '?'), t.Query)
	}
	x.out = x.end(x.head(301).Field("Location", string(to)).Int("Content-Length", 0))
	return nil
}

// appendQuery appends the query as it came, what may not stand in a URL
// escaped.
func appendQuery(dst []byte, q string) []byte {
	for i := 0; i < len(q); i++ {
		switch c := q[i]; {
		case c >= 0x80, c == '"', c == '<', c == '>', c == '\\', c == '^', c == '`', c == '{', c == '|', c == '}':
			dst = http1.AppendEscaped(dst, q[i:i+1])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// getFile answers with f, a regular file that path leads to.
func (x *exchange) getFile(f *file, path string) error {
	if f.size() == 0 || f.pseudo {
		p, more, err := f.readPseudo()
		if err == nil {
			err = f.look()
		}
		switch {
		case err != nil:
			return x.failed(f.told(err))
		case !f.pseudo && (len(p) == 0 || f.size() > 0):
			// It is truly empty, or was until a moment ago.
		case more:
			return x.stream(f, p)
		default:
			return x.send(&content{mem: p, size: int64(len(p)), ctype: contentType(path, looksLikeText(p)), noStore: true})
		}
	}
	err := f.sniff(x.hold(bufferSize), f.size())
	for n := 0; err == errShrunk && n < 3; n++ {
		// It was cut in this moment (copytruncate): serve it as it is now.
		if err = f.look(); err == nil {
			err = f.sniff(x.hold(bufferSize), f.size())
		}
	}
	if err != nil {
		return x.failed(err)
	}
	return x.send(&content{
		file:     f,
		mem:      f.small,
		size:     f.size(),
		etag:     f.etag(),
		modified: x.lastModified(f),
		location: string(http1.AppendEscaped(nil, path)) + "?snapshot=" + f.promise.token(),
		ctype:    contentType(path, f.text),
	})
}

// getSnapshot answers with the first bytes of a file that may have grown, or
// have got another name in its directory.
func (x *exchange) getSnapshot(s snapshot) error {
	x.snapshot = true
	f, err := x.r.find(x.r.root+x.q.Target.Path, s)
	if err != nil {
		return x.refuse(410, "gone, shortened or rewritten")
	}
	defer f.close()
	err = f.sniff(x.hold(bufferSize), s.size)
	if err == nil && f.promise != s {
		err = errChanged
	}
	if err != nil {
		return x.failed(err)
	}
	// There is no Last-Modified: the file's may be that of bytes behind these.
	return x.send(&content{
		file:     f,
		mem:      f.small,
		size:     s.size,
		etag:     `"` + s.token() + `"`,
		location: string(http1.AppendEscaped(nil, x.q.Target.Path)) + "?snapshot=" + s.token(),
		ctype:    contentType(x.q.Target.Path, f.text),
		snapshot: true,
	})
}
