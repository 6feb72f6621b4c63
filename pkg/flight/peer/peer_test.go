package peer_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/peer"
)

// TestRace: which candidate's answer is taken, and when.
func TestRace(t *testing.T) {
	for _, c := range []struct {
		name   string
		a, b   host
		status int
		host   netip.AddrPort
		within time.Duration
		dials  int // at most
	}{
		{"the first refuses", refuses, says(50*time.Millisecond, ok("b")), 200, second, 100 * time.Millisecond, 3},
		{"the first is dark", dark, says(0, ok("b")), 200, second, 10 * time.Millisecond, 2},
		{"the first says nothing", says(time.Hour, ok("a")), says(0, ok("b")), 200, second, 10 * time.Millisecond, 2},
		{"the first is another server", says(0, "220 ftp\r\n"), says(100*time.Millisecond, ok("b")), 200, second, 150 * time.Millisecond, 4},
		{"a refusal, and a file a moment later", says(0, missing), says(200*time.Millisecond, ok("b")), 200, second, 210 * time.Millisecond, 2},
		{"a refusal, and nothing else for long", says(0, missing), dark, 404, first, 260 * time.Millisecond, 3},
		{"two refusals", says(0, missing), says(10*time.Millisecond, missing), 404, second, 20 * time.Millisecond, 2},
		{"nothing for a while: asked again and again", func(ctx context.Context, n int) (net.Conn, error) {
			if n < 20 {
				return nil, syscall.ECONNREFUSED
			}
			return says(0, ok("a"))(ctx, n)
		}, refuses, 200, first, 5 * time.Second, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			onDesk(t, c.a, c.b, func(t *testing.T, d *desk) {
				a := d.mustAsk(c.status)
				if a.Host() != c.host.String() || time.Since(d.began) > c.within || len(d.dials) > c.dials {
					t.Errorf("got %s after %v and %d dials, want %s within %v and %d", a.Host(), time.Since(d.began), len(d.dials), c.host, c.within, c.dials)
				}
				a.Drop()
			})
		})
	}
}

// TestWinnerFirst: who was good has a head start, and his connection is used
// again; one that he closed meanwhile is no failure.
func TestWinnerFirst(t *testing.T) {
	closes := serves(func(c net.Conn, requests *bufio.Reader) {
		http.ReadRequest(requests)
		io.WriteString(c, ok("a"))
	})
	for _, c := range []struct {
		name  string
		a     host
		dials int
	}{{"kept", says(0, ok("a"), ok("a")), 2}, {"closed by the peer", closes, 3}} {
		t.Run(c.name, func(t *testing.T) {
			onDesk(t, c.a, dark, func(t *testing.T, d *desk) {
				for range 2 {
					st := d.Read(t.Context(), &d.tally, d.mustAsk(200))
					if body, err := all(st); body != "a" || err != nil {
						t.Errorf("got %q, %v", body, err)
					}
					st.Done(0)
					time.Sleep(time.Second)
				}
				if len(d.dials) != c.dials || len(d.tally.Errors) > 0 {
					t.Errorf("%d dials, want %d; errors %v", len(d.dials), c.dials, d.tally.Errors)
				}
			})
		})
	}
}

// TestAskEnds: as long as nothing answers it goes on, and ends with ctx.
func TestAskEnds(t *testing.T) {
	onDesk(t, dark, refuses, func(t *testing.T, d *desk) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if a, err := d.ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v, %v", a, err)
		}
		if d.tally.Errors["refused"] < 100 || d.tally.Errors["timeout"] < 10 {
			t.Errorf("errors: %v", d.tally.Errors)
		}
	})
}

// TestSilence: in the middle of an answer.
func TestSilence(t *testing.T) {
	half := serves(func(c net.Conn, requests *bufio.Reader) {
		http.ReadRequest(requests)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
		time.Sleep(time.Hour)
	})
	for _, c := range []struct {
		name   string
		probes bool
		later  host // what the network is like then
		text   string
		took   time.Duration
		dials  []int // ms of probes, since the silence began
	}{
		{"nobody asks the network", false, half, "silent for 5 s", 5 * time.Second, nil},
		{"the network is there: the peer takes its time", true, half, "silent for 5 s", 5 * time.Second, []int{500}},
		{"the network is not there", true, refuses, "silent for 5 s", 5 * time.Second, []int{500, 750, 1000, 1250}},
		{"it was not, and is again", true, func(ctx context.Context, n int) (net.Conn, error) {
			if n < 4 {
				return nil, syscall.EHOSTUNREACH
			}
			return says(0, ok("again"))(ctx, n)
		}, "a new connection can be had", 1250 * time.Millisecond, []int{500, 750, 1000, 1250}},
	} {
		t.Run(c.name, func(t *testing.T) {
			onDesk(t, half, refuses, func(t *testing.T, d *desk) {
				a := d.mustAsk(200)
				d.mu.Lock()
				d.hosts[first] = c.later
				n := len(d.dials)
				d.mu.Unlock()
				st := d.Read(t.Context(), &d.tally, a)
				st.Probes = c.probes
				silent := time.Since(d.began)
				body, err := all(st)
				if took := time.Since(d.began) - silent; body != "half " || err == nil || !strings.Contains(err.Error(), c.text) || took != c.took {
					t.Errorf("got %q, %v after %v", body, err, took)
				}
				st.Done(0)
				for i, at := range c.dials {
					if n+i >= len(d.dials) || d.dials[n+i]-silent != time.Duration(at)*time.Millisecond {
						t.Errorf("probes at %v, want them at %v ms behind %v", d.dials[n:], c.dials, silent)
						break
					}
				}
				if c.dials == nil && len(d.dials) > n {
					t.Errorf("probes at %v", d.dials[n:])
				}
				if c.took < 5*time.Second { // it is there for the next request
					n = len(d.dials)
					d.mustAsk(200).Drop()
					if len(d.dials) > n {
						t.Errorf("%d more dials", len(d.dials)-n)
					}
				}
			})
		})
	}
}

// halfClosed fails to write from the n-th time on; what was received before
// can be read.
type halfClosed struct {
	net.Conn
	n int
}

func (h *halfClosed) Write(b []byte) (int, error) {
	if h.n--; h.n < 0 {
		return 0, syscall.EPIPE
	}
	return h.Conn.Write(b)
}

// TestPipelined: several requests on one connection, of which the last cannot
// be sent; the answers to the others are there already.
func TestPipelined(t *testing.T) {
	onDesk(t, func(ctx context.Context, n int) (net.Conn, error) {
		c, err := says(0, ok("one"), ok("two"), ok("three"))(ctx, n)
		return &halfClosed{c, 3}, err
	}, refuses, func(t *testing.T, d *desk) {
		st := d.Read(t.Context(), &d.tally, d.mustAsk(200))
		for i, fails := range []bool{false, false, true} {
			if err := st.Send(peer.Request{Target: "/f", Last: -1}); (err != nil) != fails {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		for i, want := range []string{"one", "two", "three"} {
			if i > 0 {
				if bl := st.Next(); bl.Head == nil || bl.Head.Status != 200 {
					t.Fatalf("answer %d: got %+v", i, bl)
				}
			}
			if body, err := all(st); body != want || err != nil {
				t.Errorf("answer %d: got %q, %v", i, body, err)
			}
		}
		st.Done(0)
	})
}

// TestBuffers: a body of any length passes through few buffers, whether its
// bytes are hashed or only looked at, and whoever stops in the middle leaves
// all of them to the next.
func TestBuffers(t *testing.T) {
	large := strings.Repeat("0123456789abcde\n", 256<<10) // 4 MiB
	onDesk(t, says(0, ok(large)), says(0, ok(large)), func(t *testing.T, d *desk) {
		for _, how := range []string{"looked at", "hashed", "half of each hashed", "left in the middle", "left in the middle", "left in the middle", "looked at", "hashed"} {
			st := d.Read(t.Context(), &d.tally, d.mustAsk(200))
			sum, n := sha256.New(), int64(0)
			for bl := st.Next(); !bl.End; bl = st.Next() {
				if bl.Err != nil {
					t.Fatal(bl.Err)
				}
				if !strings.HasPrefix(large[n:], string(bl.Bytes)) {
					t.Fatalf("%s: other bytes at %d", how, n)
				}
				k := int64(len(bl.Bytes))
				switch n += k; {
				case how == "hashed":
					st.Add(sum, 0, k)
				case how == "half of each hashed":
					st.Add(sum, k/2, k)
				}
				if how == "left in the middle" && n > 1<<20 {
					time.Sleep(time.Second) // all that can be read ahead was
					break
				}
			}
			if how == "hashed" {
				st.Settle()
				if [32]byte(sum.Sum(nil)) != sha256.Sum256([]byte(large)) {
					t.Errorf("another sum")
				}
			}
			st.Done(0)
			d.Drop()
		}
	})
}

// TestRedirects: only the same host and port are followed.
func TestRedirects(t *testing.T) {
	for _, c := range []struct{ location, want, err string }{
		{"/g", "/g", ""},
		{"g", "/dir/g", ""},
		{"?b", "/dir/f?b", ""},
		{"../g", "/dir/../g", ""},
		{"/g#part", "/g", ""},
		{"http://10.2.1.8:10101/g", "/g", ""},
		{"HTTP://10.2.1.8:10101", "/", ""},
		{"//10.2.1.8:10101?q", "/?q", ""},
		{"/go?to=http://elsewhere/", "/go?to=http://elsewhere/", ""},
		{"http://10.2.1.8/g", "", "to another host"},
		{"http://10.2.1.9:10101/g", "", "to another host"},
		{"//elsewhere/g", "", "to another host"},
		{"https://10.2.1.8:10101/g", "", "to another scheme"},
		{"/a b", "", "to a malformed place"},
		{"/\xff", "", "to a malformed place"},
		{"", "", "without a place"},
	} {
		onDesk(t, says(0, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "+c.location+"\r\n\r\n"), refuses, func(t *testing.T, d *desk) {
			a := d.mustAsk(302)
			got, err := a.Moved("/dir/f?a")
			if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: got %q, %v, want %q, %q", c.location, got, err, c.want, c.err)
			}
			a.Drop()
		})
	}
}
