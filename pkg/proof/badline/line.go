// Package badline is a TCP relay with the faults of a bad line, for the bench and
// the campaign: slow, cut at given bytes, refusing some, not there at times. It
// counts what goes over it, which is what a fetcher's thrift is judged by.
package badline

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// A Line relays to one server. Fields are set before Open.
type Line struct {
	To   string // host:port of the server
	Rate int64  // bytes a second towards clients, all together; 0: as fast as it goes

	// Resets are numbers of bytes, counted over all connections towards
	// clients: the connection that carries that byte is reset in front of it.
	Resets []int64

	// Refuse is the share of connections, 0 to 1, that are reset as soon as
	// they are accepted: the nearest that a relay comes to refusing one. Rand
	// draws them.
	Refuse float64
	Rand   *rand.Rand

	mu    sync.Mutex
	ln    net.Listener
	up    bool
	live  map[*net.TCPConn]bool
	free  time.Time // when the line can take the next byte
	wg    sync.WaitGroup
	cut   []int64 // Resets to come
	count Count
}

// Count is what went over a Line so far.
type Count struct {
	Down    int64 // bytes towards clients, heads and all
	Conns   int   // connections accepted
	Refused int   // of which reset at once
	Reset   int   // of which reset on the way
}

// Open listens on addr and relays until Shut. It may be opened again, on the
// address that Addr tells.
func (c *Line) Open(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ln, c.up = ln, true
	if c.live == nil {
		c.live = map[*net.TCPConn]bool{}
		c.cut = slices.Sorted(slices.Values(c.Resets))
	}
	c.wg.Go(func() { c.accept(ln) })
	return nil
}

// Addr is where clients connect.
func (c *Line) Addr() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ln.Addr().String()
}

// Shut refuses new connections and resets those there are, as the death of the
// server's machine would, and waits until all are gone.
func (c *Line) Shut() {
	c.mu.Lock()
	c.up = false
	if c.ln != nil {
		c.ln.Close()
	}
	for conn := range c.live {
		conn.SetLinger(0)
		conn.Close()
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// Count tells what went over so far.
func (c *Line) Count() Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *Line) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		client := conn.(*net.TCPConn)
		c.mu.Lock()
		c.count.Conns++
		refuse := c.Refuse > 0 && c.Rand.Float64() < c.Refuse
		if refuse {
			c.count.Refused++
		}
		c.mu.Unlock()
		if refuse {
			client.SetLinger(0)
			client.Close()
			continue
		}
		c.wg.Go(func() { c.relay(client) })
	}
}

func (c *Line) relay(client *net.TCPConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.To)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return
	}
	server := conn.(*net.TCPConn)
	if !c.keep(client, server) { // shut meanwhile
		client.SetLinger(0)
		client.Close()
		server.Close()
		return
	}
	defer c.drop(client, server)
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, err := io.Copy(server, client)
		if err != nil {
			server.SetLinger(0) // a client that was reset is not one that has finished
			server.Close()
			return
		}
		server.CloseWrite()
	}()
	err = c.down(client, server)
	if err != nil {
		client.SetLinger(0)
		client.Close()
	} else {
		client.CloseWrite()
	}
	<-up
}

func (c *Line) keep(conns ...*net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if c.up {
			c.live[conn] = true
		}
	}
	return c.up
}

func (c *Line) drop(conns ...*net.TCPConn) {
	for _, conn := range conns {
		conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		delete(c.live, conn)
	}
}

var errCut = errors.New("the line was cut")

// down relays what the server says. nil: the server has finished.
func (c *Line) down(client, server *net.TCPConn) error {
	size := 128 << 10
	if c.Rate > 0 {
		// Small steps. Small socket buffers would be wrong: below the size of a
		// segment they make sender and receiver wait for each other's timers.
		size = int(max(min(c.Rate/100, int64(size)), 512))
	}
	buf := make([]byte, size)
	for {
		n, err := server.Read(buf)
		if n > 0 {
			pass, cut := c.take(n)
			if _, err := client.Write(buf[:pass]); err != nil {
				return err
			}
			if cut {
				// What the client's kernel holds unread dies with the reset. That
				// is its scheduler's luck, and not what a fetcher is judged by.
				time.Sleep(20 * time.Millisecond)
				return errCut
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// take accounts for n bytes, waits until the line has carried them, and says
// how many get through before it is cut.
func (c *Line) take(n int) (pass int, cut bool) {
	c.mu.Lock()
	pass = n
	if len(c.cut) > 0 && c.count.Down+int64(n) > c.cut[0] {
		pass, cut = int(max(c.cut[0]-c.count.Down, 0)), true
		c.cut = c.cut[1:]
		c.count.Reset++
	}
	c.count.Down += int64(pass)
	var wait time.Duration
	if c.Rate > 0 {
		// A line that was idle has no credit, but one whose relay was woken late
		// has: or a busy machine would make it slower than it claims.
		now := time.Now()
		c.free = later(c.free, now.Add(-credit))
		c.free = c.free.Add(time.Duration(int64(pass) * int64(time.Second) / c.Rate))
		wait = c.free.Sub(now)
	}
	c.mu.Unlock()
	time.Sleep(wait)
	return pass, cut
}

const credit = 50 * time.Millisecond

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
