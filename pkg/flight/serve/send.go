package serve

import (
	"errors"
	"io"
	"syscall"
	"time"
	"unsafe"

	"payload-ipc/pkg/flight/http1"
)

const (
	// maxSend bounds one sendfile call, and so how long one can hold a thread
	// on slow storage when the window ends.
	maxSend = 1 << 20

	// tick is how often a stalled connection is looked at.
	tick = time.Second

	siocoutq = 0x5411 // SIOCOUTQ of linux/sockios.h, on every architecture we fly on
)

var (
	errStalled = errors.New("peer does not take the answer")
	errShrunk  = errors.New("file became shorter while it was sent")
	errChanged = errors.New("file was written to between its digest and its sending")
	errEnded   = errors.New("window over")
)

// push calls move, which writes, until it has written something. A peer that
// is slow is waited for as long as it acknowledges anything at all; there is
// no limit on the whole. The kernel tells about acknowledgements: it calls a
// socket writable only when a third of its buffer is free, which on a slow
// line takes longer than any patience.
func (c *conn) push(move func() (int, error)) (int, error) {
	since := c.r.Window.Mono()
	queued := int64(-1)
	for {
		c.nc.SetWriteDeadline(c.r.Window.Mono().Add(min(tick, c.r.StallTimeout)))
		n, err := move()
		if n > 0 && (err == nil || isTimeout(err)) {
			return n, nil
		}
		if err == nil || !isTimeout(err) {
			return n, err
		}
		now := c.r.Window.Mono()
		if q := c.unacknowledged(); q != queued {
			queued, since = q, now
		}
		if now.Sub(since) >= c.r.StallTimeout {
			return 0, errStalled
		}
	}
}

// write sends p to its end.
func (c *conn) write(p []byte) error {
	c.begun = c.begun || len(p) > 0
	for len(p) > 0 {
		n, err := c.push(func() (int, error) { return c.nc.Write(p) })
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// flush sends what is in the output buffer.
func (c *conn) flush() error {
	err := c.write(c.out)
	c.out = c.out[:0]
	return err
}

// unacknowledged returns how many bytes the kernel holds that the peer has not
// acknowledged, -1 where that cannot be told.
func (c *conn) unacknowledged() int64 {
	n := int32(-1)
	if c.raw != nil {
		c.raw.Control(func(fd uintptr) {
			if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, siocoutq, uintptr(unsafe.Pointer(&n))); e != 0 {
				n = -1
			}
		})
	}
	return int64(n)
}

// moved counts n bytes of body.
func (c *conn) moved(n int) {
	c.sent.Add(int64(n))
	c.at.Add(int64(n))
}

// body sends p as part of a body.
func (c *conn) body(p []byte) error {
	if len(p) <= cap(c.out)-len(c.out) {
		c.out = append(c.out, p...)
		c.moved(len(p))
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	for len(p) > 0 {
		n, err := c.push(func() (int, error) { return c.nc.Write(p) })
		if err != nil {
			return err
		}
		c.moved(n)
		p = p[n:]
	}
	return nil
}

// file sends the bytes of f in r: small ones together with what is already in
// the buffer, others by sendfile where the connection has a descriptor.
func (c *conn) file(f *file, r http1.Range) error {
	c.at.Store(r.Start)
	if room := cap(c.out) - len(c.out); r.Len() <= int64(room) {
		p := c.out[len(c.out) : len(c.out)+int(r.Len())]
		if err := f.readFull(p, r.Start); err != nil {
			return err
		}
		c.out = c.out[:len(c.out)+len(p)]
		c.moved(len(p))
		return nil
	}
	// A disk that cannot be read should say so before the head is sent.
	var first [1]byte
	if err := f.readFull(first[:], r.Start); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	if c.raw == nil {
		return c.copyFile(f, r)
	}
	off := r.Start
	move := func() (n int, err error) {
		werr := c.raw.Write(func(sock uintptr) bool {
			for {
				n, err = syscall.Sendfile(int(sock), f.fd, &off, int(min(r.End-off, maxSend)))
				if err != syscall.EINTR {
					return err != syscall.EAGAIN
				}
			}
		})
		if werr != nil {
			return 0, werr
		}
		if err == nil && n == 0 {
			// sendfile(2) says 0 at the end of the file, which came too early.
			err = errShrunk
		}
		return max(n, 0), err
	}
	for off < r.End {
		n, err := c.push(move)
		if err != nil {
			if (err == syscall.EINVAL || err == syscall.ENOSYS) && off == r.Start {
				return c.copyFile(f, r) // a file system without it
			}
			return err
		}
		c.moved(n)
	}
	return nil
}

// copyFile is file without sendfile.
func (c *conn) copyFile(f *file, r http1.Range) error {
	buf := c.hold(bufferSize)
	for off := r.Start; off < r.End; {
		p := buf[:min(r.End-off, int64(len(buf)))]
		if err := f.readFull(p, off); err != nil {
			return err
		}
		if err := c.body(p); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return nil
}

// bodyWriter is body as an io.Writer.
type bodyWriter struct{ *conn }

func (w bodyWriter) Write(p []byte) (int, error) { return len(p), w.conn.body(p) }

var _ io.Writer = bodyWriter{}
