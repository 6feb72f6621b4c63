package peer

import (
	"context"
	"net"
	"time"

	"payload-ipc/pkg/flight/http1"
)

// A conn is one connection to a candidate.
type conn struct {
	net.Conn
	s    *Client
	from *candidate
	in   *http1.Reader
	by   time.Time // when the head must be there; zero: the silence clock counts
	used bool      // it has brought an answer before

	pending chan pending // requests without an answer yet; under a key alone
}

// Read reads under this end's own clocks: a peer whose power went says nothing,
// ever, and TCP would wait for hours.
func (c *conn) Read(p []byte) (int, error) {
	by := c.by
	if by.IsZero() {
		by = c.s.Window.Mono().Add(silenceClock)
	}
	c.SetReadDeadline(by)
	return c.Conn.Read(p)
}

func (c *conn) send(q Request) error {
	c.SetWriteDeadline(c.s.Window.Mono().Add(silenceClock))
	_, err := c.Write(c.signed(q.head(c.from.host), q))
	return err
}

// receive reads the head of the next answer.
func (c *conn) receive(method string) (*Answer, error) {
	c.by = c.s.Window.Mono().Add(FirstClock)
	err := c.in.Await()
	if err == nil {
		c.by = c.s.Window.Mono().Add(FirstClock)
		resp, body, err := c.in.ReadResponse(method)
		c.by = time.Time{}
		if err != nil {
			f := *AsFault(err)
			if f.began = true; f.Class == "short" {
				f.Text, f.Closed = "the connection was closed within the head of an answer", true
			}
			return nil, &f
		}
		a := &Answer{c: c, Status: resp.Status, Header: resp.Header, Body: body, Close: resp.Close}
		if err := c.believe(a, method); err != nil {
			return nil, err
		}
		return a, nil
	}
	return nil, network(err, true)
}

// dial opens a connection within limit.
func (s *Client) dial(ctx context.Context, to *candidate, limit time.Duration) (*conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := time.AfterFunc(limit, func() { cancel(errConnect) })
	defer t.Stop()
	raw, err := s.Dial(ctx, to.addr)
	if err != nil {
		if context.Cause(ctx) == error(errConnect) {
			err = errConnect
		}
		return nil, err
	}
	c := &conn{Conn: raw, s: s, from: to, pending: make(chan pending, maxPending)}
	c.in = http1.NewReader(c)
	return c, nil
}

// probe dials until there is a connection, which it sends if there was none
// before, or until ctx ends; then it closes fresh.
func (s *Client) probe(ctx context.Context, to *candidate, fresh chan<- *conn) {
	defer close(fresh)
	for out := false; ctx.Err() == nil; out = true {
		t := time.NewTimer(probeEvery)
		c, err := s.dial(ctx, to, probeEvery)
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

// Finish ends what is left of an answer: the connection is kept if it can
// carry another one without reading on.
func (a *Answer) Finish() {
	n := a.Body.Length()
	if n >= 0 && n <= int64(a.c.in.Buffered()) && !a.Body.Done() {
		for b := make([]byte, 512); n > 0; {
			m, err := a.Body.Read(b)
			if n -= int64(m); err != nil {
				break
			}
		}
	}
	if a.Close || !a.Body.Done() || a.c.in.Buffered() > 0 {
		a.c.Close()
		return
	}
	a.c.s.park(a.c)
}

// Drop closes the connection of an answer that is not read.
func (a *Answer) Drop() { a.c.Close() }

// Host is the candidate that answered, as it stands in Host.
func (a *Answer) Host() string { return a.c.from.host }
