package http1

import "io"

// A Response is the head of a response.
type Response struct {
	Status int // 200 to 599; interim responses are read past
	Minor  int // of the HTTP version; the major is 1
	Header Header

	// Close says that the connection ends with this answer.
	Close bool
}

// maxInterim bounds 1xx responses before the final one (RFC 9110 section 15.2
// sets no bound, a peer without one would keep a client for ever).
const maxInterim = 8

// ReadResponse reads the head of the answer to a request with the given method
// and prepares its body. Errors are *Error for what is not HTTP/1.1, else what
// the connection said; io.EOF means that it ended before the first byte.
func (r *Reader) ReadResponse(method string) (*Response, *Body, error) {
	for range maxInterim + 1 {
		if err := r.Await(); err != nil {
			return nil, nil, err
		}
		line, err := r.line(false, errHeadTooLarge)
		if err != nil {
			return nil, nil, err
		}
		p, err := parseStatusLine(string(line))
		if err != nil {
			return nil, nil, err
		}
		if p.Header, err = r.fields(len(line)+2, true); err != nil {
			return nil, nil, err
		}
		switch {
		case p.Status == 101:
			return nil, nil, bad("101 without an upgrade")
		case p.Status < 200:
			continue
		}
		b, err := r.body(method, p)
		return p, b, err
	}
	return nil, nil, bad("interim responses without end")
}

// parseStatusLine is RFC 9112 section 4; the reason phrase and the space
// before it may be missing, as they are from real servers.
func parseStatusLine(line string) (*Response, error) {
	version, rest, _ := cut(line, ' ')
	major, minor, ok := parseVersion(version)
	if !ok || major != 1 {
		return nil, bad("not an HTTP/1.x response")
	}
	code, _, _ := cut(rest, ' ')
	n, ok := ParseInt(code)
	if !ok || len(code) != 3 || n < 100 || n > 599 {
		return nil, bad("malformed status code")
	}
	return &Response{Status: int(n), Minor: minor}, nil
}

// body finds where the body ends (RFC 9112 section 6.3). What would need a
// guess is an error.
func (r *Reader) body(method string, p *Response) (*Body, error) {
	b := &Body{r: r}
	persistent := p.Minor > 0 || p.Header.HasToken("Connection", "keep-alive")
	p.Close = !persistent || p.Header.HasToken("Connection", "close")

	coding, codings := p.Header.Get("Transfer-Encoding")
	_, lengths := p.Header.Get("Content-Length")
	switch {
	case codings > 0 && (lengths > 0 || codings > 1 || p.Minor == 0 || !EqualFold(coding, "chunked")):
		return nil, bad("faulty Transfer-Encoding")
	case lengths > 0:
		n, ok := sameLengths(p.Header)
		if !ok {
			return nil, bad("malformed Content-Length")
		}
		b.length, b.left = n, n
	}
	switch {
	case method == "HEAD", p.Status == 204, p.Status == 304:
		b.kind, b.left = fixed, 0
	case codings > 0:
		b.kind, b.length = chunked, -1
	case lengths > 0:
		b.kind = fixed
	default:
		b.kind, b.length = untilClose, -1
		p.Close = true
	}
	return b, nil
}

// sameLengths reads Content-Length, also when a list of equal values was made
// of it on the way (RFC 9110 section 8.6).
func sameLengths(h Header) (n int64, ok bool) {
	n = -1
	ok = true
	for _, f := range h {
		if !EqualFold(f.Name, "Content-Length") {
			continue
		}
		rest, more := f.Value, true
		for more {
			var v string
			v, rest, more = cut(rest, ',')
			m, good := ParseInt(trimOWS(v))
			ok = ok && good && (n < 0 || m == n)
			n = m
		}
	}
	return n, ok && n >= 0
}

type bodyKind uint8

const (
	fixed bodyKind = iota
	chunked
	untilClose
)

// A Body reads one message body. Read returns io.EOF only where the framing
// says that the body ends, io.ErrUnexpectedEOF where the connection ended
// before, *Error for broken framing.
type Body struct {
	r      *Reader
	kind   bodyKind
	length int64 // as told; -1 where nothing was told
	left   int64 // of the body, or of the chunk
	state  chunkState
	clean  bool // the trailer came to its end
}

// Length returns the body's length as the head told it, -1 when it did not.
// For an answer to HEAD it is what a GET would have brought.
func (b *Body) Length() int64 { return b.length }

// ProvenEnd reports whether the end of the body is told by its framing, and
// not just by the end of the connection, which a cut looks the same as.
func (b *Body) ProvenEnd() bool { return b.kind != untilClose }

// Done reports whether the body was read to its end, so that the connection
// can carry another message.
func (b *Body) Done() bool {
	return b.kind == fixed && b.left == 0 || b.clean
}

// Read reads bytes of the body, chunks put together; for errors see Body.
func (b *Body) Read(p []byte) (int, error) {
	if b.kind == untilClose {
		return b.r.Read(p)
	}
	if b.kind == chunked && b.left == 0 && b.state != chunkEnd {
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == io.EOF {
		// With the last byte of the body in hand a reset behind it is nothing.
		if err = nil; b.left > 0 || b.kind == chunked {
			err = io.ErrUnexpectedEOF
		}
	} else if b.left == 0 && b.kind == fixed {
		err = nil
	}
	return n, err
}
