package fetch

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

type dialer = func(ctx context.Context) (net.Conn, error)

// memnet is a network in memory that runs in virtual time: refusals, silence,
// resets and lost bytes are those of TCP as far as a client can see them.
type memnet struct {
	mu    sync.Mutex
	hosts map[netip.AddrPort]dialer
	dials []time.Time
	open  int // client ends not yet closed
}

func (n *memnet) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	n.dials = append(n.dials, time.Now())
	h := n.hosts[to]
	n.mu.Unlock()
	if h == nil {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	c, err := h(ctx)
	if err == nil {
		n.mu.Lock()
		n.open++
		n.mu.Unlock()
		c.(*memConn).onClose = func() { n.mu.Lock(); n.open--; n.mu.Unlock() }
	}
	return c, err
}

// half is one direction of a connection.
type half struct {
	mu     sync.Mutex
	buf    []byte
	err    error // what the reader gets when buf is empty
	dead   error // what the writer gets
	change chan struct{}
}

const memBuffer = 256 << 10

func (h *half) signal() {
	close(h.change)
	h.change = make(chan struct{})
}

type memConn struct {
	in, out *half
	mu      sync.Mutex
	rd, wd  time.Time
	closed  bool
	onClose func()
}

func memPipe() (client, server *memConn) {
	a, b := &half{change: make(chan struct{})}, &half{change: make(chan struct{})}
	return &memConn{in: a, out: b}, &memConn{in: b, out: a}
}

func wait(change chan struct{}, deadline time.Time) error {
	if deadline.IsZero() {
		<-change
		return nil
	}
	d := time.Until(deadline)
	if d <= 0 {
		return os.ErrDeadlineExceeded
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-change:
		return nil
	case <-t.C:
		return os.ErrDeadlineExceeded
	}
}

func (c *memConn) Read(p []byte) (int, error) {
	for {
		c.mu.Lock()
		rd, closed := c.rd, c.closed
		c.mu.Unlock()
		if closed {
			return 0, net.ErrClosed
		}
		h := c.in
		h.mu.Lock()
		if len(h.buf) > 0 {
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.signal()
			h.mu.Unlock()
			return n, nil
		}
		if h.err != nil {
			err := h.err
			h.mu.Unlock()
			return 0, err
		}
		change := h.change
		h.mu.Unlock()
		if err := wait(change, rd); err != nil {
			return 0, err
		}
	}
}

func (c *memConn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		c.mu.Lock()
		wd, closed := c.wd, c.closed
		c.mu.Unlock()
		if closed {
			return n, net.ErrClosed
		}
		h := c.out
		h.mu.Lock()
		if h.dead != nil {
			err := h.dead
			h.mu.Unlock()
			return n, err
		}
		if room := memBuffer - len(h.buf); room > 0 {
			m := min(room, len(p)-n)
			h.buf = append(h.buf, p[n:n+m]...)
			n += m
			h.signal()
			h.mu.Unlock()
			continue
		}
		change := h.change
		h.mu.Unlock()
		if err := wait(change, wd); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (h *half) end(err, dead error, drop bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	if h.dead == nil {
		h.dead = dead
	}
	if drop {
		h.buf = nil
	}
	h.signal()
}

func (c *memConn) Close() error {
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if was {
		return net.ErrClosed
	}
	c.out.end(io.EOF, syscall.EPIPE, false)
	c.in.end(io.EOF, syscall.EPIPE, true)
	if c.onClose != nil {
		c.onClose()
	}
	return nil
}

// reset ends a connection as a crash of the peer does; drop loses what the
// other end has not read yet.
func (c *memConn) reset(drop bool) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.out.end(syscall.ECONNRESET, syscall.ECONNRESET, drop)
	c.in.end(syscall.ECONNRESET, syscall.ECONNRESET, true)
}

type memAddr struct{}

func (memAddr) Network() string { return "mem" }
func (memAddr) String() string  { return "mem" }

func (c *memConn) LocalAddr() net.Addr  { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr { return memAddr{} }

func (c *memConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.rd = t
	c.mu.Unlock()
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.wd = t
	c.mu.Unlock()
	return nil
}
