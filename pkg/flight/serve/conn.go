package serve

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/http1"
)

const (
	// bufferSize is the output buffer of a connection. Heads, small files and
	// pieces of listings are collected in it, so that they leave in one packet.
	bufferSize = 32 << 10

	// A closing connection is read from for a moment, or the peer would get a
	// reset and could lose the answer (RFC 9112 section 9.6). The bound lets a
	// flood of header fields, the largest request worth an answer, drain.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// A conn is one connection and the exchange that is under way on it.
type conn struct {
	r       *run
	nc      net.Conn
	raw     syscall.RawConn // nil where nc has no descriptor
	peer    netip.AddrPort
	refused int // the status it is turned away with
	in      *http1.Reader
	out     []byte // not yet sent
	begun   bool   // some of the answer has left
	handed  int64  // bytes the kernel has taken, of all answers
	lent    int64  // handed behind the last byte that the kernel takes from a file when it sends it
	scratch []byte // see hold

	began time.Time // the exchange
	sent  atomic.Int64
	at    atomic.Int64

	// With run.mu held:
	idle    time.Time // since when it waits for a request, zero while it does not
	fresh   bool      // it has had none yet
	evicted bool      // its place is somebody else's

	mu     sync.Mutex
	busy   bool // an answer is owed, and not yet reported
	now    Event
	undone int64 // bytes not acknowledged when the connection was reset
}

func newConn(r *run, nc net.Conn) *conn {
	c := &conn{r: r, nc: nc, in: http1.NewReader(nc)}
	if s, ok := nc.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	c.peer = addrPort(nc.RemoteAddr())
	return c
}

// addrPort is the zero AddrPort for what has none.
func addrPort(a net.Addr) netip.AddrPort {
	if a, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

func (c *conn) run() {
	defer c.r.forget(c)
	defer c.nc.Close()
	defer func() {
		// A bug in one answer must not cost the window.
		if p := recover(); p != nil {
			c.abort()
			c.done(Cut, "panic")
			c.r.event(Event{Kind: Broken, Peer: c.peer, Err: "panic: " + describe(p)})
		}
	}()
	if c.refused != 0 {
		c.refuse()
		return
	}
	for first := true; ; first = false {
		if !c.await(first) {
			return
		}
		open, err := c.exchange()
		if err != nil {
			c.abort()
			c.done(Cut, c.reason(err))
			return
		}
		c.done(Answered, "")
		if !open {
			c.linger()
			return
		}
	}
}

func describe(p any) string {
	switch p := p.(type) {
	case error:
		return p.Error()
	case string:
		return p
	}
	return "?"
}

// refuse turns the connection away without reading its request, but for its
// signature.
func (c *conn) refuse() {
	x := &exchange{conn: c, q: &http1.Request{Minor: 1}, close: true}
	if c.refused == 503 && c.r.Key != nil {
		x.identify()
	}
	h := x.head(c.refused)
	if c.refused == 503 {
		h = h.Int("Retry-After", 1)
	}
	c.out = x.end(h.Int("Content-Length", 0))
	if c.flush() == nil {
		c.linger()
	}
}

// await waits for the first byte of a request.
func (c *conn) await(first bool) bool {
	limit := c.r.IdleTimeout
	if first {
		limit = c.r.HeadTimeout
	}
	if c.in.Buffered() > 0 {
		return true
	}
	now := c.r.Window.Mono()
	c.r.rest(c, now, first)
	c.nc.SetReadDeadline(now.Add(limit))
	err := c.in.Await()
	return c.r.rise(c) && err == nil
}

// exchange reads one request and answers it. It returns whether the
// connection stays open; an error means that it must be reset.
func (c *conn) exchange() (open bool, err error) {
	c.nc.SetReadDeadline(c.r.Window.Mono().Add(c.r.HeadTimeout))
	q, err := c.in.ReadRequest()
	c.began = c.r.Window.Mono()
	fault, wrong := errors.AsType[*http1.Error](err)
	switch {
	case err == nil, wrong:
	case isTimeout(err):
		fault = &http1.Error{Status: 408, Reason: "the request head took too long"}
	default:
		// The peer went away in the middle of a head: nobody is left to answer.
		return false, nil
	}
	if q == nil {
		q = &http1.Request{Minor: 1}
	}
	x := &exchange{conn: c, q: q, close: q.Close || fault != nil}
	c.begin(q)
	switch {
	case !x.authorized() && (fault == nil || fault.Status != 408):
		err = x.unauthorized()
	case fault != nil:
		err = x.fault(fault)
	default:
		err = x.answer()
	}
	if err != nil && err != errEnded && err != errGone && !c.begun {
		// The content failed while there is still a status to say so.
		c.clear()
		err = x.failed(err)
	}
	if err == nil {
		err = c.flush()
	}
	return !x.close, err
}

// begin makes the connection busy with q.
func (c *conn) begin(q *http1.Request) {
	c.clear()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = true
	c.now = Event{Peer: c.peer, Method: q.Method, Path: q.Target.Path}
}

// clear forgets what was to be sent.
func (c *conn) clear() {
	c.begun = false
	c.out = c.out[:0]
	c.sent.Store(0)
	c.at.Store(0)
}

// note completes what will be reported of the exchange.
func (c *conn) note(status int, rng string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Status, c.now.Range = status, rng
}

// done reports the exchange, once.
func (c *conn) done(kind Kind, why string) {
	c.mu.Lock()
	if !c.busy {
		c.mu.Unlock()
		return
	}
	c.busy = false
	e := c.now
	e.Kind, e.Err = kind, why
	e.Bytes, e.At = c.sent.Load(), c.at.Load()
	if kind == Cut {
		lost := min(c.undone, e.Bytes)
		e.Bytes -= lost
		e.At -= lost
	}
	c.mu.Unlock()
	e.Took = c.r.Window.Mono().Sub(c.began)
	c.r.event(e)
}

// isBusy reports whether an answer is owed.
func (c *conn) isBusy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy
}

// abort resets the connection, so that the peer cannot take what it has for
// the whole.
func (c *conn) abort() {
	n := c.unacknowledged()
	if n > 0 {
		c.mu.Lock()
		c.undone = n
		c.mu.Unlock()
	}
	if l, ok := c.nc.(interface{ SetLinger(int) error }); ok {
		l.SetLinger(0)
	}
	c.nc.Close()
}

// linger closes so that the peer can still read the answer.
func (c *conn) linger() {
	if w, ok := c.nc.(interface{ CloseWrite() error }); !ok || w.CloseWrite() != nil {
		return
	}
	left := lingerBytes - c.in.Discard()
	c.nc.SetReadDeadline(c.r.Window.Mono().Add(lingerTime))
	for buf := c.hold(bufferSize); left > 0; {
		n, err := c.nc.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}

// hold returns n bytes of memory that stay with the connection and are valid
// until the next call.
func (c *conn) hold(n int) []byte {
	if len(c.scratch) < n {
		c.scratch = make([]byte, n)
	}
	return c.scratch[:n]
}
