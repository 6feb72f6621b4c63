package fetch

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
)

// A misdeed is what a server does to a request with a Range.
type misdeed struct {
	name string
	do   func(p *host, a *reply, first, last int)
}

func replies(status int, heads ...string) func(*host, *reply, int, int) {
	return func(p *host, a *reply, _, _ int) {
		*a = *p.frame(&reply{status: status, cut: -1, pauseAt: -1, head: heads})
	}
}

func ends(how string) func(*host, *reply, int, int) {
	return func(p *host, a *reply, _, _ int) { a.nothing, a.how = true, how }
}

var misdeeds = []misdeed{
	{"400", replies(400)}, {"403", replies(403)}, {"404", replies(404)}, {"410", replies(410)}, {"416", replies(416)}, {"429", replies(429)},
	{"500", replies(500)}, {"503", replies(503)}, {"204", replies(204)}, {"302", replies(302)}, {"304", replies(304)}, {"200 of nothing", replies(200)},
	{"416 of nothing", replies(416, "Content-Range: bytes */0")}, {"416 of less than is held", replies(416, "Content-Range: bytes */60000")},
	{"416 of all", replies(416, "Content-Range: bytes */400000")}, {"206 of nothing", replies(206, "Content-Range: bytes */0")},
	{"closed", ends("fin")}, {"reset", ends("reset")}, {"silence", ends("hang")},
	{"cut behind the head", func(p *host, a *reply, _, _ int) { a.cut, a.how = 0, "fin" }},
	{"no HTTP", func(p *host, a *reply, _, _ int) { a.raw, a.how = []byte("\xff garbage\r\n\r\n"), "fin" }},
	{"coded", func(p *host, a *reply, _, _ int) { a.head = append(a.head, "Content-Encoding: gzip") }},
	{"from the beginning", func(p *host, a *reply, _, _ int) {
		setHead(a, "Content-Range", fmt.Sprintf("bytes 0-%d/400000", len(a.body)-1))
	}},
	{"a malformed chunk", func(p *host, a *reply, _, _ int) {
		a.raw, a.how = []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nk lin\r\nfive\r\n"), "fin"
	}},
}

// TestBehind: a server that does something to ranges, from the first one on or
// from somewhere on, and answers without Range as it should. All of the file
// is asked for once, and comes; no byte twice but for that.
func TestBehind(t *testing.T) {
	data := text(400_000, "k")
	for _, c := range []struct {
		name  string
		setup func(p *host)
	}{
		{"nginx", func(p *host) {}}, {"no validator", func(p *host) { p.etag = nil }},
		{"chunked", func(p *host) { p.framing = "chunked" }},
		{"sdr", func(p *host) { p.digests, p.snapshots = true, true }}, {"snapshots", func(p *host) { p.snapshots = true }},
	} {
		for _, m := range misdeeds {
			for _, from := range []string{"0", "1", "3", "behind 64 KiB"} {
				t.Run(c.name+", "+m.name+", from "+from, func(t *testing.T) {
					virtual(t, func(t *testing.T, b *bench) {
						p := newPeer(map[string]string{"/f": data})
						c.setup(p)
						p.script = func(n int, q *http.Request, a *reply) {
							var first, last int
							r := q.Header.Get("Range")
							fmt.Sscanf(r, "bytes=%d-%d", &first, &last)
							on := last >= 64<<10
							if len(from) == 1 {
								on = n >= int(from[0]-'0')
							}
							if on && r != "" {
								m.do(p, a, first, last)
							}
						}
						b.net.hosts[addrA] = p.connect
						o := b.run(Fetcher{}, window.Spec{For: time.Minute})
						r := o.receipts["f"]
						if o.Exit != Complete || o.files["f"] != data || len(o.files) != 1 || o.Received > 3*int64(len(data))+200_000 {
							t.Errorf("exit %d, %s, %d bytes came in %v: %s\n%q", o.Exit, keys(o.files), o.Received, o.took, r.Reason, p.asked())
						}
						spacing(t, p)
					})
				})
			}
		}
	}
}

// TestBehindOutage: the try without Range is not spent where nobody is there,
// nor where it is refused for a moment, and what is held stays, also for the
// next run.
func TestBehindOutage(t *testing.T) {
	data := text(400_000, "k")
	for _, m := range misdeeds {
		t.Run(m.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p := newPeer(map[string]string{"/f": data})
				busy := true
				p.script = func(n int, q *http.Request, a *reply) {
					var first, last int
					r := q.Header.Get("Range")
					fmt.Sscanf(r, "bytes=%d-%d", &first, &last)
					switch {
					case r == "" && busy:
						replies(503)(p, a, 0, 0)
					case last >= 64<<10:
						m.do(p, a, first, last)
					}
				}
				b.net.hosts[addrA] = p.connect
				o := b.run(Fetcher{}, window.Spec{For: 30 * time.Second})
				if o.Exit != Partial || len(o.files) != 1 || o.files["f.part"] != data[:64<<10] {
					t.Errorf("exit %d, %s: %s", o.Exit, keys(o.files), o.receipts["f"].Reason)
				}
				clear(t, b.outbox)
				busy = false
				o = b.run(Fetcher{}, window.Spec{For: 30 * time.Second})
				if o.Exit != Complete || o.files["f"] != data {
					t.Errorf("exit %d, %s: %s\n%q", o.Exit, keys(o.files), o.receipts["f"].Reason, p.asked())
				}
			})
		})
	}
}
