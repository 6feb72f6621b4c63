package http1

import "io"

// A Reader reads heads and bodies from one connection. Its buffer is MaxHead
// bytes, kept for the life of the connection; bodies longer than what is
// already buffered are read past it, straight into the caller's memory.
type Reader struct {
	src        io.Reader
	buf        []byte
	start, end int // the unread part of buf
}

// NewReader returns a Reader on src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Buffered returns how many bytes have been received and not yet read.
func (r *Reader) Buffered() int { return r.end - r.start }

// Await returns as soon as at least one byte of the next message is there. It
// is how a server waits for the next request under another limit than the one
// for reading it.
func (r *Reader) Await() error {
	if r.Buffered() > 0 {
		return nil
	}
	return r.fill()
}

// Discard drops what is buffered and returns how much that was.
func (r *Reader) Discard() int {
	n := r.Buffered()
	r.start, r.end = 0, 0
	return n
}

func (r *Reader) fill() error {
	if r.buf == nil {
		r.buf = make([]byte, MaxHead)
	}
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.end == len(r.buf) {
		copy(r.buf, r.buf[r.start:r.end])
		r.start, r.end = 0, r.end-r.start
	}
	// A reader may return 0 bytes and no error, but not for ever.
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// Read reads body bytes: first what is buffered, then from the connection.
func (r *Reader) Read(p []byte) (int, error) {
	if r.Buffered() == 0 {
		return r.src.Read(p)
	}
	n := copy(p, r.buf[r.start:r.end])
	r.start += n
	return n, nil
}

// line returns the next line without its end: CRLF, or a bare LF, which RFC
// 9112 section 2.2 lets a recipient accept, unless strict. The line is valid
// until the next call. tooLong is returned for a line over MaxLine bytes.
func (r *Reader) line(strict bool, tooLong error) ([]byte, error) {
	for seen := 0; ; {
		b := r.buf[r.start:r.end]
		for i := seen; i < len(b) && i < MaxLine; i++ {
			if b[i] != '\n' {
				continue
			}
			r.start += i + 1
			switch {
			case i > 0 && b[i-1] == '\r':
				i--
			case strict:
				return nil, bad("line ends in a bare LF")
			}
			b = b[:i]
			for _, c := range b {
				if c == '\r' {
					return nil, bad("bare CR")
				}
			}
			return b, nil
		}
		if len(b) >= MaxLine {
			return nil, tooLong
		}
		seen = len(b)
		if err := r.fill(); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

var errHeadTooLarge error = &Error{431, "head too large"}

// fields reads field lines up to the empty line. used is what the head has
// taken so far. unfold is for responses: RFC 9112 section 5.2 has a user agent
// replace a line fold by a space, and a server refuse it.
func (r *Reader) fields(used int, unfold bool) (Header, error) {
	var h Header
	for {
		b, err := r.line(false, errHeadTooLarge)
		if err != nil {
			return nil, err
		}
		if len(b) == 0 {
			return h, nil
		}
		used += len(b) + 2
		if used > MaxHead || len(h) == MaxFields {
			return nil, errHeadTooLarge
		}
		line := string(b)
		if line[0] == ' ' || line[0] == '\t' {
			if !unfold || len(h) == 0 || !validValue(line) {
				return nil, bad("line fold, or white space before the first field")
			}
			last := &h[len(h)-1]
			last.Value = trimOWS(last.Value + " " + trimOWS(line))
			continue
		}
		f, err := parseField(line)
		if err != nil {
			return nil, err
		}
		h = append(h, f)
	}
}
