package badline

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

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
	if c.Life > 0 {
		end := time.AfterFunc(c.Life, func() {
			client.SetLinger(0)
			client.Close()
			server.Close()
		})
		defer end.Stop()
	}
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
	var from io.Reader = server
	if c.Latency > 0 {
		done := make(chan struct{})
		defer close(done)
		from = c.delay(server, done)
	}
	buf := make([]byte, size)
	for left := c.Limit; ; {
		n, err := from.Read(buf)
		if n > 0 {
			c.listen()
			last := c.Limit > 0 && int64(n) >= left
			if last {
				n = int(left)
			}
			pass, cut := c.take(n, last)
			left -= int64(pass)
			if err := c.write(client, buf[:pass]); err != nil {
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

// write gives b to a client, in slices where there are.
func (c *Line) write(client io.Writer, b []byte) error {
	for c.Slice > 0 && len(b) > 0 {
		n := min(len(b), 1+rand.IntN(2*c.Slice))
		if _, err := client.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		time.Sleep(50 * time.Microsecond)
	}
	_, err := client.Write(b)
	return err
}

// take accounts for n bytes, the last of their connection or not, waits until the
// line has carried them, and says how many get through before it is cut.
func (c *Line) take(n int, last bool) (pass int, cut bool) {
	c.mu.Lock()
	pass, cut = n, last
	if len(c.cut) > 0 && c.count.Down+int64(n) > c.cut[0] {
		pass, cut = int(max(c.cut[0]-c.count.Down, 0)), true
		c.cut = c.cut[1:]
	}
	if cut {
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
