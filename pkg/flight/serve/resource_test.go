package serve

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// settled waits until p serves nobody, and returns what the process holds.
func (p *peer) settled(t testing.TB) held {
	t.Helper()
	p.get(t, "GET", "/f11") // it has started
	time.Sleep(100 * time.Millisecond)
	return resources(t)
}

// One more than allowed gets 503, without having to ask; then there is room
// again.
func TestMaxConns(t *testing.T) {
	p := start(t, Server{Root: fixture(t), MaxConns: 4})
	before := p.settled(t)
	var open []net.Conn
	for range 4 {
		nc := p.dial(t)
		io.WriteString(nc, "GET /f11"+h+"\r\nGET /f11 HT") // the second is under way: it is not idle
		if a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET"); err != nil || a.StatusCode != 200 {
			t.Fatal(err, a.raw)
		}
		open = append(open, nc)
	}
	for _, send := range []string{"", "GET /f11" + h + "\r\n", "HEAD /f11" + h + "\r\n", "junk", "GET /" + strings.Repeat("a", 100000)} {
		nc := p.dial(t)
		io.WriteString(nc, send)
		r := bufio.NewReaderSize(nc, 64<<10)
		a, err := readAnswer(r, "HEAD")
		if err != nil || a.StatusCode != 503 || !a.Close || a.Header.Get("Retry-After") == "" {
			t.Fatalf("%.20q: %v, got %q, want 503", send, err, a.raw)
		}
		if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
			t.Errorf("%.20q: then %q, %v", send, b, err)
		}
		nc.Close()
	}
	for _, nc := range open {
		nc.Close()
	}
	waitFor(t, "room again", func() bool { return p.get(t, "GET", "/f11").StatusCode == 200 })
	before.same(t)
	if sum := p.stop(t); sum.Refused < 5 || sum.Clients != 1 {
		t.Errorf("got %+v", sum)
	}
}

// At the limit, the connection that waits longest for a request makes room, one
// that has not said anything yet only after a moment.
func TestIdleMakeRoom(t *testing.T) {
	for name, c := range map[string]struct {
		send   string
		answer int // how many answers each of those that hold the places has had
		fresh  bool
	}{
		"keep-alive": {"GET /f11" + h + "\r\n", 1, false},
		"twice":      {"GET /f11" + h + "\r\nHEAD /nope" + h + "\r\n", 2, false},
		"silent":     {"", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, Server{Root: fixture(t), MaxConns: 4})
			p.settled(t)
			var open []net.Conn
			for range 4 {
				nc := p.dial(t)
				open = append(open, nc)
				io.WriteString(nc, c.send)
				r := bufio.NewReaderSize(nc, 64<<10)
				for i := range c.answer {
					if a, err := readAnswer(r, []string{"GET", "HEAD"}[i]); err != nil {
						t.Fatal(err, a.raw)
					}
				}
				time.Sleep(30 * time.Millisecond) // which of them is the longest idle
			}
			if c.fresh {
				if a := p.get(t, "GET", "/f11"); a.StatusCode != 503 {
					t.Errorf("the first moment: got %d, want 503", a.StatusCode)
				}
				time.Sleep(freshTime)
			}
			for i := range 4 {
				nc := p.dial(t) // stays
				io.WriteString(nc, "GET /f11"+h+"\r\n")
				if a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET"); err != nil || a.body != f11 {
					t.Fatalf("number %d beyond the limit: %v, %q", i+1, err, a.raw)
				}
				// The longest idle of the four has gone for it, cleanly.
				open[i].SetReadDeadline(time.Now().Add(10 * time.Second))
				if b, err := io.ReadAll(open[i]); err != nil || len(b) > 0 {
					t.Errorf("number %d: %q, %v, want the end", i+1, b, err)
				}
				time.Sleep(30 * time.Millisecond)
			}
			for _, nc := range open {
				nc.Close()
			}
			if sum := p.stop(t); sum.Refused > 1 || sum.Cut > 0 {
				t.Errorf("got %+v", sum)
			}
		})
	}
}

// A digest that nobody waits for any more is not worked on: not the one under
// way, none in the queue.
func TestDigestsOfThoseWhoHaveGone(t *testing.T) {
	for name, leave := range map[string]func(nc net.Conn) error{
		"closed":     func(nc net.Conn) error { return nc.Close() },
		"half":       func(nc net.Conn) error { return nc.(*net.TCPConn).CloseWrite() },
		"with reset": func(nc net.Conn) error { nc.(*net.TCPConn).SetLinger(0); return nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, Server{Root: fixture(t), MaxConns: 16})
			before := p.settled(t)
			location := p.get(t, "HEAD", "/sparse5g").Header.Get("Content-Location")
			var all []net.Conn
			for range 8 {
				nc := p.dial(t)
				all = append(all, nc)
				io.WriteString(nc, "HEAD "+location+h+"Want-Repr-Digest: sha-256=1\r\n\r\n")
			}
			time.Sleep(300 * time.Millisecond) // one is worked on, the others wait
			if n := len(p.happened()); n > 2 {
				t.Fatalf("%d answers to 5 GiB each in no time", n-2)
			}
			for _, nc := range all {
				must(t, leave(nc))
			}
			began := time.Now()
			waitFor(t, "all are dropped", func() bool { return len(p.cuts()) == 8 })
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("they were dropped after %v", took)
			}
			for _, e := range p.cuts() {
				if e.Err != errGone.Error() {
					t.Errorf("got %+v", e)
				}
			}
			for _, nc := range all {
				nc.Close()
			}
			before.same(t)
		})
	}
}

// A FIN may be half a close: what is sent goes on, but no digest is worked on.
func TestHalfClosedClientsAreServed(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/f", bytes.Repeat([]byte("0123456789abcdef"), 2<<20), 0o644))
	p := start(t, Server{Root: dir})
	for _, fields := range []string{
		"",
		"Range: bytes=7-8388607\r\nWant-Content-Digest: sha-256=1\r\n",
		"Range: bytes=7-8388\r\nWant-Content-Digest: sha-256=1\r\n",
		"Range: bytes=0-99,1000-2000000\r\n",
	} {
		nc := p.dial(t).(*net.TCPConn)
		raw, err := nc.SyscallConn()
		must(t, err)
		// The FIN comes with the last byte of the request.
		must(t, raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) }))
		must(t, err)
		io.WriteString(nc, "GET /f"+h+fields+"\r\n")
		must(t, nc.CloseWrite())
		a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
		if err != nil || int64(len(a.body)) != a.ContentLength {
			t.Errorf("%q: %v, %d bytes", fields, err, len(a.body))
		}
		if d := a.Header.Get("Content-Digest"); d != "" {
			t.Errorf("%q: got the digest %s", fields, d)
		}
	}
}

// A flood of connections is reset beyond a few polite answers, and passes.
func TestConnectionFlood(t *testing.T) {
	p := start(t, Server{Root: fixture(t), MaxConns: 4})
	before := p.settled(t)
	var flood []net.Conn
	for range 500 {
		nc, err := net.Dial("tcp", p.addr)
		if err != nil {
			break
		}
		flood = append(flood, nc)
	}
	time.Sleep(200 * time.Millisecond)
	if n := resources(t).goroutines - before.goroutines; n > 4+maxRefusing {
		t.Errorf("%d goroutines for the flood", n)
	}
	for _, nc := range flood {
		nc.Close()
	}
	waitFor(t, "served again", func() bool {
		nc, err := net.Dial("tcp", p.addr)
		if err != nil {
			return false
		}
		defer nc.Close()
		io.WriteString(nc, "GET /f11"+h+"Connection: close\r\n\r\n")
		b, _ := io.ReadAll(nc)
		return strings.HasSuffix(string(b), f11)
	})
	before.same(t)
}

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		allow string
		want  int
	}{
		{"", 200}, {"127.0.0.0/8", 200}, {"127.0.0.1/32", 200}, {"10.2.1.0/24", 403}, {"10.2.1.0/24 127.0.0.0/8", 200}, {"::/0", 403}, {"0.0.0.0/0", 200},
	} {
		var allow []netip.Prefix
		for _, s := range strings.Fields(c.allow) {
			allow = append(allow, netip.MustParsePrefix(s))
		}
		for _, listen := range []string{"127.0.0.1:0", "[::]:0"} {
			ln, err := net.Listen("tcp", listen)
			must(t, err)
			p := startOn(t, Server{Root: fixture(t), Allow: allow}, ln)
			_, port, _ := net.SplitHostPort(p.addr)
			p.addr = "127.0.0.1:" + port
			a := p.get(t, "GET", "/f11")
			if a.StatusCode != c.want {
				t.Errorf("%q on %s: got %d, want %d", c.allow, listen, a.StatusCode, c.want)
			}
			sum := p.stop(t)
			if want := int64(c.want / 403); sum.Refused != want || sum.Requests != 1-want {
				t.Errorf("%q: got %+v", c.allow, sum)
			}
		}
	}
}

// A reader that stops is dropped, one that is slow is not, and neither holds
// up the others. The kernels buffer megabytes: progress is what they say.
func TestSlowReaders(t *testing.T) {
	root := fixture(t)
	p := start(t, Server{Root: root, StallTimeout: 3 * time.Second})
	before := p.settled(t)
	stuck := p.dial(t)
	stuck.(*net.TCPConn).SetReadBuffer(4 << 10)
	io.WriteString(stuck, "GET /sparse5g"+h+"\r\n")
	slow := p.dial(t)
	slow.(*net.TCPConn).SetReadBuffer(4 << 10)
	io.WriteString(slow, "GET /sparse5g"+h+"\r\n")
	began := time.Now()
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		buf := make([]byte, 2<<10)
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond): // 40 KB/s
				if _, err := io.ReadFull(slow, buf); err != nil {
					t.Errorf("the slow reader was dropped after %v: %v", time.Since(began), err)
					return
				}
			}
		}
	})
	waitFor(t, "the stuck reader is dropped", func() bool { return len(p.cuts()) > 0 })
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("dropped after %v, want 3 s at least", took)
	}
	if e := p.cuts()[0]; e.Err != errStalled.Error() {
		t.Errorf("got %+v", e)
	}
	if a := p.get(t, "GET", "/f11"); a.body != f11 {
		t.Error(a.raw)
	}
	time.Sleep(4 * time.Second)
	if n := len(p.cuts()); n != 1 {
		t.Errorf("%d answers cut, want 1", n)
	}
	close(done)
	wg.Wait()
	slow.Close()
	stuck.Close()
	before.same(t)
}

func (p *peer) cuts() (all []Event) {
	for _, e := range p.happened() {
		if e.Kind == Cut {
			all = append(all, e)
		}
	}
	return all
}

// Slow senders hold their connection for as long as a head may take, and no
// longer.
func TestSlowSenders(t *testing.T) {
	p := start(t, Server{Root: fixture(t), MaxConns: 50, HeadTimeout: 500 * time.Millisecond})
	before := p.settled(t)
	began := time.Now()
	var senders []net.Conn
	for range 49 {
		nc := p.dial(t)
		io.WriteString(nc, "GET /f11 HTTP/1.1\r\nHo")
		senders = append(senders, nc)
	}
	if a := p.get(t, "GET", "/f11"); a.body != f11 {
		t.Error(a.raw)
	}
	waitFor(t, "all answered 408", func() bool {
		n := 0
		for _, e := range p.happened() {
			if e.Status == 408 {
				n++
			}
		}
		return n == 49
	})
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	for _, nc := range senders {
		nc.Close()
	}
	before.same(t)
}

// Clients that go away in the middle of anything leave nothing behind.
func TestClientsThatVanish(t *testing.T) {
	p := start(t, Server{Root: fixture(t), MaxConns: 1000})
	before := p.settled(t)
	for i := range 200 {
		nc := p.dial(t)
		io.WriteString(nc, []string{
			"GET /sparse5g" + h + "\r\n", "GET /sparse5g" + h, "GET /names/" + h + "\r\n", "", "GET /f11" + h + "\r\nGET /f11" + h + "\r\n",
			"GET /sparse5g" + h + "Want-Content-Digest: sha-256=1\r\nRange: bytes=0-8388607\r\n\r\n",
		}[i%6])
		if i%2 == 0 {
			nc.(*net.TCPConn).SetLinger(0)
		}
		nc.Close()
	}
	if a := p.get(t, "GET", "/f11"); a.body != f11 {
		t.Error(a.raw)
	}
	before.same(t)
}
