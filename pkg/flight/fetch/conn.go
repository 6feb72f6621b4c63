package fetch

import (
	"context"
	"net"
	"time"

	"payload-ipc/pkg/flight/http1"
)

// A conn is one connection to a candidate.
type conn struct {
	net.Conn
	s    *session
	from *candidate
	in   *http1.Reader
	by   time.Time // when the head must be there; zero: the silence clock counts
	used bool      // it has brought an answer before
}

// Read reads under this end's own clocks: a peer whose power went says nothing,
// ever, and TCP would wait for hours.
func (c *conn) Read(p []byte) (int, error) {
	by := c.by
	if by.IsZero() {
		by = c.s.f.Window.Mono().Add(silenceClock)
	}
	c.SetReadDeadline(by)
	return c.Conn.Read(p)
}

func (c *conn) send(q query) error {
	c.SetWriteDeadline(c.s.f.Window.Mono().Add(silenceClock))
	_, err := c.Write(q.head(c.from.host))
	return err
}

// receive reads the head of the next answer.
func (c *conn) receive(method string) (*answer, error) {
	c.by = c.s.f.Window.Mono().Add(firstClock)
	err := c.in.Await()
	if err == nil {
		c.by = c.s.f.Window.Mono().Add(firstClock)
		resp, body, err := c.in.ReadResponse(method)
		c.by = time.Time{}
		if err != nil {
			f := *network(err, false)
			if f.began = true; f.class == "short" {
				f.text, f.closed = "the connection was closed within the head of an answer", true
			}
			return nil, &f
		}
		return &answer{c: c, status: resp.Status, header: resp.Header, body: body, close: resp.Close}, nil
	}
	return nil, network(err, true)
}

// dial opens a connection within limit.
func (s *session) dial(ctx context.Context, to *candidate, limit time.Duration) (*conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := time.AfterFunc(limit, func() { cancel(errConnect) })
	defer t.Stop()
	raw, err := s.f.Dial(ctx, to.addr)
	if err != nil {
		if context.Cause(ctx) == error(errConnect) {
			err = errConnect
		}
		return nil, err
	}
	c := &conn{Conn: raw, s: s, from: to}
	c.in = http1.NewReader(c)
	return c, nil
}

// knock dials until there is a connection, which it sends if there was none
// before, or until ctx ends; then it closes fresh.
func (s *session) knock(ctx context.Context, to *candidate, fresh chan<- *conn) {
	defer close(fresh)
	for out := false; ctx.Err() == nil; out = true {
		t := time.NewTimer(knockEvery)
		c, err := s.dial(ctx, to, knockEvery)
		if err == nil {
			t.Stop()
			if out {
				fresh <- c
			} else {
				c.Close()
			}
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

// finish ends what is left of an answer: the connection is kept if it can
// carry another one without reading on.
func (a *answer) finish() {
	n := a.body.Length()
	if n >= 0 && n <= int64(a.c.in.Buffered()) && !a.body.Done() {
		for b := make([]byte, 512); n > 0; {
			m, err := a.body.Read(b)
			if n -= int64(m); err != nil {
				break
			}
		}
	}
	if a.close || !a.body.Done() || a.c.in.Buffered() > 0 {
		a.c.Close()
		return
	}
	a.c.s.park(a.c)
}
