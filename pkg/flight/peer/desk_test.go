package peer_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"payload-ipc/pkg/flight/peer"
	"payload-ipc/pkg/flight/window"
)

var (
	first  = netip.MustParseAddrPort("10.2.1.8:10101")
	second = netip.MustParseAddrPort("10.2.1.12:10101")
)

// A host answers the n-th connection to it, from 0; a nil one refuses.
type host func(ctx context.Context, n int) (net.Conn, error)

func refuses(context.Context, int) (net.Conn, error) { return nil, syscall.ECONNREFUSED }

func dark(ctx context.Context, _ int) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }

// serves has every connection answered by serve, until it returns.
func serves(serve func(c net.Conn, requests *bufio.Reader)) host {
	return func(context.Context, int) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			serve(server, bufio.NewReader(server))
		}()
		return client, nil
	}
}

// says answers each request with the next of answers, after a while, and then
// leaves the connection open.
func says(after time.Duration, answers ...string) host {
	return serves(func(c net.Conn, requests *bufio.Reader) {
		for _, a := range answers {
			if _, err := http.ReadRequest(requests); err != nil {
				return
			}
			time.Sleep(after)
			io.WriteString(c, a)
		}
		io.Copy(io.Discard, requests)
	})
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

const missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

// desk is a Client on a network in memory, in virtual time.
type desk struct {
	*peer.Client
	t     *testing.T
	began time.Time
	tally peer.Tally

	mu    sync.Mutex
	hosts map[netip.AddrPort]host
	dials []time.Duration // since it began
	open  int
}

type counted struct {
	net.Conn
	once sync.Once
	d    *desk
}

// Write fails as a socket does.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == io.ErrClosedPipe {
		err = syscall.EPIPE
	}
	return n, err
}

func (c *counted) Close() error {
	c.once.Do(func() { c.d.mu.Lock(); c.d.open--; c.d.mu.Unlock() })
	return c.Conn.Close()
}

// onDesk runs f with a Client of two candidates, and looks that it leaves no
// connection and no goroutine behind.
func onDesk(t *testing.T, a, b host, f func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := window.Spec{For: time.Hour}.Open()
		defer w.Close()
		d := &desk{t: t, began: time.Now(), hosts: map[netip.AddrPort]host{first: a, second: b}, tally: peer.Tally{Path: "/f"}}
		ns := map[netip.AddrPort]int{}
		d.Client = peer.New(peer.Config{
			From: []netip.AddrPort{first, second}, Window: w, Left: w.Remaining, Observe: func(peer.Event) {},
			Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
				d.mu.Lock()
				h, n := d.hosts[to], ns[to]
				ns[to]++
				d.dials = append(d.dials, time.Since(d.began))
				d.mu.Unlock()
				c, err := h(ctx, n)
				if err != nil {
					return nil, err
				}
				d.mu.Lock()
				d.open++
				d.mu.Unlock()
				return &counted{Conn: c, d: d}, nil
			},
		})
		f(t, d)
		d.Drop()
		time.Sleep(2 * time.Hour) // the peers' ends
		if d.open != 0 {
			t.Errorf("%d connections were left open", d.open)
		}
	})
}

func (d *desk) ask(ctx context.Context) (*peer.Answer, error) {
	return d.Ask(ctx, &d.tally, peer.Request{Target: "/f", Last: -1})
}

// mustAsk asks for /f and wants an answer of that status.
func (d *desk) mustAsk(status int) *peer.Answer {
	d.t.Helper()
	a, err := d.ask(d.t.Context())
	if err != nil || a.Status != status {
		d.t.Fatalf("got %+v, %v, want %d", a, err, status)
	}
	return a
}

// all reads what is left of an answer.
func all(st *peer.Stream) (body string, err error) {
	var b strings.Builder
	for {
		switch bl := st.Next(); {
		case bl.Err != nil:
			return b.String(), bl.Err
		case bl.End:
			return b.String(), nil
		default:
			b.Write(bl.Bytes)
		}
	}
}
