package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A client is the same for every server: it writes a request, reads the head,
// and takes the body off the socket without looking at it.
type client struct {
	addr string
	conn net.Conn
	buf  []byte
	have []byte    // read beyond what was asked for
	stop time.Time // all is given up then; zero: a minute after each request
}

// An answer is a head and how much came behind it.
type answer struct {
	status int
	head   string
	bytes  int64
	first  time.Duration // from the request to the first byte
}

func (a answer) field(name string) string {
	for line := range strings.SplitSeq(a.head, "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func newClient(addr string) *client { return &client{addr: addr, buf: make([]byte, 256<<10)} }

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn, c.have = nil, nil
	}
}

// get makes one request, on the connection of the last one if it was kept.
func (c *client) get(path string, fields ...string) (a answer, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.dial(); err != nil {
		return a, err
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: bench\r\n"
	for _, f := range fields {
		request += f + "\r\n"
	}
	begin := time.Now()
	if _, err := io.WriteString(c.conn, request+"\r\n"); err != nil {
		return a, err
	}
	if err := c.readHead(&a, begin); err != nil {
		return a, err
	}
	if err := c.readBody(&a); err != nil {
		return a, err
	}
	if strings.HasPrefix(a.head, "HTTP/1.0") || strings.EqualFold(a.field("Connection"), "close") {
		c.close()
	}
	return a, nil
}

// dial connects where there is no connection, and bounds what is done with it.
func (c *client) dial() (err error) {
	if c.conn == nil {
		d := net.Dialer{Timeout: 5 * time.Second, Deadline: c.stop}
		if c.conn, err = d.Dial("tcp", c.addr); err != nil {
			return err
		}
	}
	stop := c.stop
	if stop.IsZero() {
		stop = time.Now().Add(time.Minute)
	}
	return c.conn.SetDeadline(stop)
}

// readHead reads the head of an answer that was asked for at begin.
func (c *client) readHead(a *answer, begin time.Time) error {
	head := c.have
	for {
		if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
			a.head, c.have = string(head[:i]), head[i+4:]
			break
		}
		if len(head) > 64<<10 {
			return errors.New("no end of the head")
		}
		n, err := c.conn.Read(c.buf)
		if n == 0 {
			return err
		}
		if a.first == 0 {
			a.first = time.Since(begin)
		}
		head = append(head[:len(head):len(head)], c.buf[:n]...)
	}
	word := strings.SplitN(a.head, " ", 3)
	if len(word) < 2 {
		return fmt.Errorf("no status line: %.40q", a.head)
	}
	a.status, _ = strconv.Atoi(word[1])
	return nil
}

// readBody reads a body of the length told, and counts it.
func (c *client) readBody(a *answer) error {
	length, err := strconv.ParseInt(a.field("Content-Length"), 10, 64)
	if err != nil {
		return errors.New("no length told")
	}
	for a.bytes = int64(len(c.have)); a.bytes < length; {
		n, err := c.conn.Read(c.buf)
		a.bytes += int64(n)
		if err != nil {
			return fmt.Errorf("%d of %d bytes: %w", a.bytes, length, err)
		}
	}
	c.have = nil
	return nil
}

// A load is what one run of requests came to.
type load struct {
	took     time.Duration
	bytes    int64
	requests int
	failed   int
}

// whole fetches path once.
func whole(addr, path string) (l load, err error) {
	c := newClient(addr)
	defer c.close()
	begin := time.Now()
	a, err := c.get(path)
	if err == nil && a.status != 200 {
		err = fmt.Errorf("got %d, want 200", a.status)
	}
	return load{took: time.Since(begin), bytes: a.bytes, requests: 1}, err
}

// parallelRanges fetches size bytes of path as n ranges at once.
func parallelRanges(addr, path string, size int64, n int) (load, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var l load
	var first error
	begin := time.Now()
	for i := range int64(n) {
		wg.Go(func() {
			c := newClient(addr)
			defer c.close()
			from, to := size*i/int64(n), size*(i+1)/int64(n)-1
			// A server that knows no ranges would send all of it n times.
			a, err := c.ranged(path, from, to)
			mu.Lock()
			defer mu.Unlock()
			l.bytes += a.bytes
			l.requests++
			if err != nil && first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	l.took = time.Since(begin)
	return l, first
}

var errNoRanges = errors.New("knows no ranges")

func (c *client) ranged(path string, from, to int64, fields ...string) (answer, error) {
	a, err := c.get(path, append(fields, fmt.Sprintf("Range: bytes=%d-%d", from, to))...)
	if err == nil && (a.status != 206 || a.bytes != to-from+1) {
		err = fmt.Errorf("got %d with %d bytes, want 206 with %d", a.status, a.bytes, to-from+1)
	}
	return a, err
}

// knowsRanges asks for one byte of a small file.
func knowsRanges(addr, path string) bool {
	c := newClient(addr)
	defer c.close()
	a, err := c.get(path, "Range: bytes=0-0")
	return err == nil && a.status == 206
}

// pieces fetches path in pieces, one after the other on each of conns
// connections, and wants a digest of each if digests is set.
func pieces(addr, path string, size, piece int64, conns int, digests bool) (load, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var l load
	var first error
	next := int64(0)
	begin := time.Now()
	for range conns {
		wg.Go(func() {
			c := newClient(addr)
			defer c.close()
			for {
				mu.Lock()
				from := next
				next += piece
				bad := first != nil
				mu.Unlock()
				if from >= size || bad {
					return
				}
				var fields []string
				if digests {
					fields = []string{"Want-Content-Digest: sha-256=1"}
				}
				a, err := c.ranged(path, from, min(from+piece, size)-1, fields...)
				if err == nil && digests && a.field("Content-Digest") == "" {
					err = errors.New("no digest came")
				}
				mu.Lock()
				l.bytes += a.bytes
				l.requests++
				if err != nil && first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l.took = time.Since(begin)
	return l, first
}

// many fetches path over and over on conns connections for d.
func many(addr, path string, size int64, conns int, d time.Duration) load {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var l load
	begin := time.Now()
	for range conns {
		wg.Go(func() {
			c := newClient(addr)
			defer c.close()
			c.buf, c.stop = c.buf[:16<<10], begin.Add(d+100*time.Millisecond)
			good, bad := 0, 0
			for time.Since(begin) < d {
				a, err := c.get(path)
				if time.Since(begin) >= d && err != nil {
					break // it was at work when time was up
				}
				if err != nil || a.status != 200 || a.bytes != size {
					bad++
					c.close()
					time.Sleep(time.Millisecond)
					continue
				}
				good++
			}
			mu.Lock()
			defer mu.Unlock()
			l.requests += good
			l.failed += bad
		})
	}
	wg.Wait()
	l.took = time.Since(begin)
	return l
}
