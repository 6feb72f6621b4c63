// Package badline is a TCP relay with the faults of a bad line, for the bench, the
// campaign and tests: slow, late, cut at given bytes, refusing some, silent, not
// there at times. It counts what goes over it, which is what a fetcher's thrift
// is judged by.
package badline

import (
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

	Latency time.Duration // of every byte towards clients
	Jitter  time.Duration // by how much Latency differs, up or down
	Slice   int           // about as many bytes reach a client at a time; 0: as they come
	Limit   int64         // bytes after which each connection is reset; 0: none is
	Life    time.Duration // after which each connection is reset; 0: none is

	mu    sync.Mutex
	ln    net.Listener
	up    bool
	hush  bool       // Silence
	voice *sync.Cond // hush or up may have changed
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
		c.voice = sync.NewCond(&c.mu)
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
		c.voice.Broadcast()
	}
	for conn := range c.live {
		conn.SetLinger(0)
		conn.Close()
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// Silence has nothing come towards clients until it is called with false, as a
// pulled cable does: connections stay open, and what was sent comes afterwards.
// It is called after Open.
func (c *Line) Silence(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hush = on
	c.voice.Broadcast()
}

// listen waits while the line is silent.
func (c *Line) listen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.hush && c.up {
		c.voice.Wait()
	}
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
