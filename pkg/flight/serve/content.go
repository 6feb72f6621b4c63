package serve

import (
	"crypto/sha256"
	"time"

	"payload-ipc/pkg/flight/http1"
)

const (
	// maxDigest is the longest content that Content-Digest is computed for; a
	// client that wants it proves a file in pieces.
	maxDigest = 8 << 20

	// maxHeld is the longest content that is kept in memory between its digest
	// and its sending. What is longer is read twice, and compared.
	maxHeld = 1 << 20
)

// A content is a representation whose length is known.
type content struct {
	file     *file // where the bytes are, if not in mem
	mem      []byte
	size     int64
	etag     string    // empty for none
	modified time.Time // not later than now; zero for none
	location string    // Content-Location; empty for none
	ctype    string
	noStore  bool // it will be another one next time
	snapshot bool // it will be the same for ever
	promised bool // its bytes, or their digest, are in the answer; see seal
}

// lastModified is f's time as it may be told: never later than Date (RFC 9110
// section 8.8.2.1), and not at all without a clock.
func (x *exchange) lastModified(f *file) time.Time {
	if !x.r.Window.Set() {
		return time.Time{}
	}
	now := x.r.Window.Now()
	t := f.modified()
	if t.After(now) {
		t = now
	}
	if !sayable(t) {
		return time.Time{}
	}
	return t
}

// sayable reports whether t has a year of four digits, which is all that
// HTTP-date and RFC 3339 have room for.
func sayable(t time.Time) bool {
	y := t.UTC().Year()
	return 0 <= y && y <= 9999
}

// send answers with c.
func (x *exchange) send(c *content) error {
	if c.mem != nil {
		c.file = nil
	}
	err := x.sendContent(c)
	if err == nil && c.promised && c.file != nil {
		err = x.seal(c.file)
	}
	return err
}

func (x *exchange) sendContent(c *content) error {
	h := x.q.Header
	code, ranges := decide(x.q, c, x.r.Window.Now())
	value, _ := h.Get("Range")
	switch code {
	case 304:
		x.out = x.end(x.validators(x.head(304), c))
		return nil
	case 412:
		return x.refuse(412, "not in the state that was asked for")
	case 416:
		err := x.unsatisfiable(c)
		x.note(code, value)
		return err
	}
	if x.signature != "" && x.q.Method != "HEAD" && (len(ranges) > 1 || ranges[0].Len() > maxDigest) {
		return x.undigested()
	}
	head := x.head(code)
	if code == 206 {
		x.note(code, value)
	}
	head = x.validators(head, c)
	if code == 200 || !h.Has("If-Range") {
		// RFC 9110 section 15.3.7: after If-Range the client has these already.
		if !c.modified.IsZero() {
			head = append(http1.AppendDate(append(head, "Last-Modified: "...), c.modified), "\r\n"...)
		}
		head = append(head, "Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n"...)
		if len(ranges) == 1 {
			head = head.Field("Content-Type", c.ctype)
		}
	}
	if x.q.Method == "HEAD" {
		return x.sendHead(head, c)
	}
	c.promised = true
	if len(ranges) > 1 {
		return x.sendParts(head, c, ranges)
	}
	if code == 206 {
		head = append(http1.AppendContentRange(append(head, "Content-Range: "...), ranges[0], c.size), "\r\n"...)
	}
	head = head.Int("Content-Length", ranges[0].Len())
	if x.signature != "" || ranges[0].Len() <= maxDigest && http1.WantsSHA256(h, "Want-Content-Digest") && !x.gone() {
		if err := x.sendDigested(head, c, ranges[0]); err != errGone || x.signature != "" {
			return err
		}
		// It was a wish (RFC 9530 section 4), and may have been half a close.
	}
	x.out = x.end(head)
	return x.sendRange(c, ranges[0])
}

// validators adds what a 304 has in common with the 200 it stands for (RFC
// 9110 section 15.4.5).
func (x *exchange) validators(h http1.Head, c *content) http1.Head {
	if x.vary {
		h = h.Field("Vary", "Accept")
	}
	if c.etag != "" {
		h = h.Field("ETag", c.etag)
	}
	if c.location != "" {
		h = h.Field("Content-Location", c.location)
	}
	switch {
	case c.noStore:
		h = h.Field("Cache-Control", "no-store")
	case !c.snapshot:
		// A browser would take an old log to be fresh for a tenth of its age.
		h = h.Field("Cache-Control", "no-cache")
	}
	return h
}

func (x *exchange) unsatisfiable(c *content) error {
	h := x.head(416)
	h = append(http1.AppendContentRange(append(h, "Content-Range: "...), http1.Range{}, c.size), "\r\n"...)
	x.out = x.end(h.Int("Content-Length", 0))
	return nil
}

// sendRange sends the bytes of c in r.
func (x *exchange) sendRange(c *content, r http1.Range) error {
	if c.file != nil {
		return x.file(c.file, r)
	}
	x.at.Store(r.Start)
	return x.body(c.mem[r.Start:r.End])
}

// sendHead answers HEAD, with the digest of a snapshot if that is wanted. It
// is the one answer that costs more than it sends, so only one is worked on
// at a time.
func (x *exchange) sendHead(h http1.Head, c *content) error {
	h = h.Int("Content-Length", c.size)
	if c.snapshot && http1.WantsSHA256(x.q.Header, "Want-Repr-Digest") {
		if err := x.turn(); err != nil {
			return err
		}
		sum, err := x.sum(c, http1.Range{Start: 0, End: c.size})
		<-x.r.digesting
		if err != nil {
			return err
		}
		c.promised = true
		h = append(http1.AppendDigest(append(h, "Repr-Digest: "...), sum), "\r\n"...)
	}
	x.out = x.end(h)
	return nil
}

// turn waits until no other Repr-Digest is worked on.
func (x *exchange) turn() error {
	t := time.NewTicker(25 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case x.r.digesting <- struct{}{}:
			return nil
		case <-x.r.over:
			return errEnded
		case <-t.C:
			if x.gone() {
				return errGone
			}
		}
	}
}

// sum is the SHA-256 of the bytes of c in r. It stops when the client has gone.
func (x *exchange) sum(c *content, r http1.Range) (sum [32]byte, err error) {
	if c.file == nil {
		return sha256.Sum256(c.mem[r.Start:r.End]), nil
	}
	d := sha256.New()
	buf := x.hold(64 << 10)
	for off := r.Start; off < r.End; {
		p := buf[:min(r.End-off, int64(len(buf)))]
		if err := c.file.readFull(p, off); err != nil {
			return sum, err
		}
		select {
		case <-x.r.over:
			return sum, errEnded
		default:
		}
		if x.gone() {
			return sum, errGone
		}
		d.Write(p)
		off += int64(len(p))
	}
	d.Sum(sum[:0])
	return sum, nil
}

// sendDigested sends r with a Content-Digest of exactly the bytes that are
// sent, also while the file is written to. With errGone nothing has been sent.
func (x *exchange) sendDigested(h http1.Head, c *content, r http1.Range) error {
	if c.file != nil && r.Len() <= maxHeld {
		n := int(r.Len())
		buf := x.hold(n + 2*sniffed)
		p := buf[:n]
		if err := c.file.readFull(p, r.Start); err != nil {
			return err
		}
		// All that will be sent has been read: there is a status to say that
		// it is something else.
		c.promised = false
		if err := c.file.kept(buf[n:]); err != nil {
			return err
		}
		x.at.Store(r.Start)
		x.out = x.end(digestField(h, sha256.Sum256(p)))
		return x.body(p)
	}
	promised, err := x.sum(c, r)
	if err == nil && c.file != nil {
		err = c.file.kept(x.hold(2 * sniffed))
	}
	if err != nil {
		return err
	}
	x.out = x.end(digestField(h, promised))
	if c.file == nil {
		return x.sendRange(c, r)
	}
	x.at.Store(r.Start)
	d := sha256.New()
	return x.copyFile(c.file, r, func(p []byte, last bool) error {
		d.Write(p)
		if last && [32]byte(d.Sum(nil)) != promised {
			return errChanged
		}
		return nil
	})
}

func digestField(h http1.Head, sum [32]byte) http1.Head {
	return append(http1.AppendDigest(append(h, "Content-Digest: "...), sum), "\r\n"...)
}
