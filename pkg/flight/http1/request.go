package http1

import "io"

// A Request is the head of a request.
type Request struct {
	Method string // any token; case matters
	Target Target
	Raw    string // the request target as received, not empty
	Minor  int    // of the HTTP version; the major is 1
	Header Header

	// Close says that the connection ends with the answer (RFC 9112
	// section 9.3).
	Close bool
}

// ReadRequest reads one request head. The error is io.EOF when the connection
// ended before its first byte, *Error with the status to answer when the
// request must be refused (the connection cannot be used after it), else what
// the connection said. With *Error comes the Request as far as it was read, nil
// if not even its method was: the answer to HEAD has no body, whatever else was
// wrong. A request that has a body is refused with 413: this server has no use
// for one, and no parser that could be fooled about its end.
func (r *Reader) ReadRequest() (*Request, error) {
	used, err := r.skipEmptyLines()
	if err != nil {
		return nil, err
	}
	line, err := r.line(false, errLongRequestLine)
	if err == errLongRequestLine {
		method, _, ok := cut(string(r.buf[r.start:min(r.end, r.start+MaxLine)]), ' ')
		if !ok {
			return nil, &Error{501, "method too long"}
		}
		return &Request{Method: method, Minor: 1}, err
	}
	if err != nil {
		return nil, err
	}
	used += len(line) + 2
	q, err := parseRequestLine(string(line))
	if err != nil {
		return q, err
	}
	if q.Header, err = r.fields(used, false); err != nil {
		return q, err
	}
	if err := q.checkHost(); err != nil {
		return q, err
	}
	if err := q.checkBody(); err != nil {
		return q, err
	}
	q.Close = q.Header.HasToken("Connection", "close") ||
		q.Minor == 0 && !q.Header.HasToken("Connection", "keep-alive")
	return q, nil
}

var errLongRequestLine error = &Error{414, "request line too long"}

// skipEmptyLines drops up to four empty lines before a request line (RFC 9112
// section 2.2 asks for one), and looks at the first byte, so that something
// that cannot be HTTP, a TLS hello above all, is refused without waiting for
// a line end that may never come.
func (r *Reader) skipEmptyLines() (used int, err error) {
	for {
		if err := r.Await(); err != nil {
			if err == io.EOF && used > 0 {
				err = io.ErrUnexpectedEOF
			}
			return used, err
		}
		switch c := r.buf[r.start]; {
		case (c == '\r' || c == '\n') && used < 8:
			line, err := r.line(false, errLongRequestLine)
			if err != nil {
				return used, err
			}
			if len(line) > 0 {
				return used, bad("bare CR")
			}
			used += 2
		case !isTchar(c):
			return used, bad("not an HTTP request")
		default:
			return used, nil
		}
	}
}

// parseRequestLine is RFC 9112 section 3, with single spaces: the lenient
// reading that section allows is how two parsers come to disagree.
func parseRequestLine(line string) (*Request, error) {
	method, rest, ok := cut(line, ' ')
	if !ok || !isToken(method) {
		return nil, bad("malformed request line")
	}
	q := &Request{Method: method, Minor: 1}
	target, version, ok := cut(rest, ' ')
	if !ok || target == "" {
		return q, bad("malformed request line")
	}
	major, minor, ok := parseVersion(version)
	if !ok {
		return q, bad("malformed HTTP version")
	}
	if major != 1 {
		return q, &Error{505, "HTTP version is not 1.x"}
	}
	q.Minor, q.Raw = minor, target
	var err error
	q.Target, err = ParseTarget(method, target)
	return q, err
}

// parseVersion is HTTP-version of RFC 9112 section 2.3: one digit each.
func parseVersion(s string) (major, minor int, ok bool) {
	if len(s) != 8 || s[:5] != "HTTP/" || !isDigit(s[5]) || s[6] != '.' || !isDigit(s[7]) {
		return 0, 0, false
	}
	return int(s[5] - '0'), int(s[7] - '0'), true
}

// checkHost is RFC 9112 section 3.2: one Host at most, exactly one for
// HTTP/1.1, and a value that is a host.
func (q *Request) checkHost() error {
	host, n := q.Header.Get("Host")
	switch {
	case n > 1:
		return bad("more than one Host")
	case n == 0 && q.Minor > 0:
		return bad("no Host")
	case host != "" && !validAuthority(host):
		return bad("malformed Host")
	}
	return nil
}

// checkBody is RFC 9112 section 6.3, seen from a server that takes no body.
func (q *Request) checkBody() error {
	length, lengths := q.Header.Get("Content-Length")
	coding, codings := q.Header.Get("Transfer-Encoding")
	switch {
	case codings > 0 && lengths > 0:
		return bad("Transfer-Encoding and Content-Length together")
	case codings > 1 || codings == 1 && (q.Minor == 0 || coding == ""):
		return bad("faulty Transfer-Encoding")
	case codings == 1 && !EqualFold(coding, "chunked"):
		return &Error{501, "unknown transfer coding"}
	case codings == 1:
		return &Error{413, "this server takes no request body"}
	case lengths > 1:
		return bad("more than one Content-Length")
	case lengths == 1:
		n, ok := ParseInt(length)
		switch {
		case !ok:
			return bad("malformed Content-Length")
		case n > 0:
			return &Error{413, "this server takes no request body"}
		}
	}
	return nil
}

func cut(s string, sep byte) (before, after string, found bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// ParseInt reads 1*DIGIT as a size; false for anything else, and for what
// does not fit an int64.
func ParseInt(s string) (int64, bool) {
	n, fits := saturate(s)
	return n, fits && s != ""
}

// saturate reads digits, stopping at the largest int64; ok is false when
// there is something else than digits or the number does not fit. On a number
// that does not fit it returns the largest int64.
func saturate(s string) (n int64, ok bool) {
	const largest = 1<<63 - 1
	ok = true
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		d := int64(s[i] - '0')
		if n > (largest-d)/10 {
			n, ok = largest, false
			continue
		}
		if ok {
			n = n*10 + d
		}
	}
	return n, ok
}
