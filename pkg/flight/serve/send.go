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

	// stretch is how much of the end of a body is copied: more than the send
	// buffer of one end and the receive buffer of the other hold (4 and 6 MB,
	// tcp_wmem and tcp_rmem of tcp(7)). See file.
	stretch = 16 << 20

	// piece is how much of a file is copied at a time.
	piece = 128 << 10

	// keptBack is how much of a body stays in the buffer for seal to let go.
	keptBack = 4 << 10

	// tick is how often a stalled connection is looked at.
	tick = time.Second

	// Of linux/sockios.h and asm/ioctls.h, on every architecture we fly on.
	siocoutq = 0x5411
	fionread = 0x541b

	// Of linux/tcp_states.h.
	established = 1
	closed      = 7
)

var (
	errStalled = errors.New("peer does not take the answer")
	errShrunk  = errors.New("file became shorter while it was sent")
	errChanged = errors.New("file was written to between its digest and its sending")
	errEnded   = errors.New("window over")
	errGone    = errors.New("client has gone")
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
		c.handed += int64(n)
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
func (c *conn) unacknowledged() int64 { return c.count(siocoutq) }

// count asks the socket for a number, -1 where it has none.
func (c *conn) count(request uintptr) int64 {
	n := int32(-1)
	c.control(func(fd uintptr) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&n))); e != 0 {
			n = -1
		}
	})
	return int64(n)
}

// control calls f with the socket, if there is one and it is open.
func (c *conn) control(f func(fd uintptr)) {
	if c.raw != nil {
		c.raw.Control(f)
	}
}

// gone reports whether the client has sent its FIN, or a reset: then no digest
// is worked on for it. It may be half a close, so what is sent goes on until the
// client refuses it.
func (c *conn) gone() bool { return c.state() != established }

// state is that of TCP.
func (c *conn) state() int {
	state := established
	c.control(func(fd uintptr) {
		// The first byte of struct tcp_info.
		if info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO); err == nil {
			state = info & 0xff
		}
	})
	return state
}

// moved counts n bytes of body.
func (c *conn) moved(n int) {
	c.sent.Add(int64(n))
	c.at.Add(int64(n))
}

// body sends p as part of a body. Its end stays in the buffer.
func (c *conn) body(p []byte) error {
	if front := len(p) - keptBack; front > 0 && len(p) > cap(c.out)-len(c.out) {
		if err := c.pour(p[:front]); err != nil {
			return err
		}
		p = p[front:]
	}
	c.out = append(c.out, p...)
	c.moved(len(p))
	return nil
}

// pour sends what is in the buffer, and p.
func (c *conn) pour(p []byte) error {
	if err := c.flush(); err != nil {
		return err
	}
	for len(p) > 0 {
		n, err := c.push(func() (int, error) { return c.nc.Write(p) })
		if err != nil {
			return err
		}
		c.handed += int64(n)
		c.moved(n)
		p = p[n:]
	}
	return nil
}

// file sends the bytes of f in r, but for the end that stays in the buffer.
//
// sendfile queues pages of the file itself. Where the file is truncated or
// written to before the peer has taken them, the peer gets zeros or the new
// bytes; on the way to a peer on this computer even after it has acknowledged
// them. So the last stretch is copied, and when seal looks at the file, before
// it lets the end go, no pages are left on the way. What is shorter is copied
// whole: sendfile would save little.
func (c *conn) file(f *file, r http1.Range) error {
	c.at.Store(r.Start)
	off := r.Start
	if c.raw == nil || r.Len() <= stretch {
		return c.copyFile(f, r, nil)
	}
	// A disk that cannot be read should say so before the head is sent.
	var first [1]byte
	if err := f.readFull(first[:], off); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	move := func() (n int, err error) {
		werr := c.raw.Write(func(sock uintptr) bool {
			for {
				n, err = syscall.Sendfile(int(sock), f.fd, &off, int(min(r.End-stretch-off, maxSend)))
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
	for off < r.End-stretch {
		n, err := c.push(move)
		if (err == syscall.EINVAL || err == syscall.ENOSYS) && off == r.Start {
			break // a file system without it
		}
		if err != nil {
			return err
		}
		c.handed += int64(n)
		c.lent = c.handed
		c.moved(n)
	}
	return c.copyFile(f, http1.Range{Start: off, End: r.End}, nil)
}

// copyFile sends the bytes of f in r from memory, but for the end that stays in
// the buffer. It shows them to see first, if there is one.
func (c *conn) copyFile(f *file, r http1.Range, see func(p []byte, last bool) error) error {
	for off := r.Start; off < r.End; {
		var p []byte
		if room := cap(c.out) - len(c.out); r.End-off <= int64(room) {
			p = c.out[len(c.out) : len(c.out)+int(r.End-off)]
		} else {
			p = c.hold(piece)
			p = p[:min(r.End-off, int64(len(p)))]
		}
		if err := f.readFull(p, off); err != nil {
			return err
		}
		off += int64(len(p))
		if see != nil {
			if err := see(p, off == r.End); err != nil {
				return err
			}
		}
		if off == r.End {
			return c.body(p)
		}
		if err := c.pour(p); err != nil {
			return err
		}
	}
	return nil
}

// bodyWriter is body as an io.Writer.
type bodyWriter struct{ *conn }

func (w bodyWriter) Write(p []byte) (int, error) { return len(p), w.conn.body(p) }

var _ io.Writer = bodyWriter{}
