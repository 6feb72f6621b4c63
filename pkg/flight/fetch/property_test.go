package fetch

import (
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"payload-ipc/pkg/flight/window"

	"pgregory.net/rapid"
)

// answers makes arbitrary answers: every field that frames or places a body
// may be missing, wrong, or contradict another. What it never does is to send
// bytes of one place as those of another without contradicting itself.
var answers = rapid.Custom(func(t *rapid.T) func(p *host, q *http.Request, a *reply) {
	kind := rapid.SampledFrom([]string{"right", "right", "right", "cut", "status", "nothing", "raw", "short", "range", "length",
		"coding", "both lengths", "digest", "slow", "whole", "close", "empty", "elsewhere", "change"}).Draw(t, "kind")
	n := rapid.IntRange(0, 300_000).Draw(t, "n")
	how := rapid.SampledFrom(hows).Draw(t, "how")
	status := rapid.SampledFrom([]int{201, 204, 206, 301, 304, 400, 404, 410, 416, 429, 500, 503}).Draw(t, "status")
	junk := rapid.SampledFrom([]string{"bytes 0-0/1", "bytes 5-2/9", "bytes */*", "bytes */7", "bytes 0-99999999999999999999/3",
		"lines 1-2/3", "", "bytes 0-9/5", "bytes -1-2/3"}).Draw(t, "junk")
	return func(p *host, q *http.Request, a *reply) {
		if len(a.body) == 0 {
			return
		}
		switch kind {
		case "cut":
			cutAt(n%(len(a.body)+1), how)(q, a)
		case "status":
			*a = *p.frame(&reply{status: status, cut: -1, pauseAt: -1})
		case "nothing":
			a.nothing, a.how = true, how
		case "raw":
			a.raw, a.how = []byte(strings.Repeat("HTTP/1.1 200 OK\r\nX: y\r\n", n%900)), how
		case "short":
			setHead(a, "Content-Length", fmt.Sprint(len(a.body)+n+1))
			cutAt(len(a.body), "fin")(q, a)
		case "range":
			setHead(a, "Content-Range", junk)
		case "length":
			setHead(a, "Content-Length", fmt.Sprint(n))
			if n > len(a.body) {
				cutAt(len(a.body), how)(q, a)
			} else if a.status == 200 {
				a.status = 206 // a 200 of fewer bytes would be believed
			}
		case "coding":
			a.head = append(a.head, "Content-Encoding: br")
		case "both lengths":
			a.head = append(a.head, "Transfer-Encoding: chunked", "Content-Length: 3")
		case "digest":
			a.head = append(a.head, "Content-Digest: sha-256=:AAAA:")
		case "slow":
			a.rate = 500 + n
		case "whole":
			p.mu.Lock()
			f := p.files[q.URL.Path]
			p.mu.Unlock()
			if f != nil && q.URL.RawQuery == "" {
				*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1, body: f.data})
			}
		case "close":
			a.close = true
		case "empty":
			setHead(a, "Content-Length", "0")
			a.body = nil
			if a.status == 200 {
				a.status = 206
			}
		case "elsewhere": // a 206 of other bytes than asked for, and it says so
			p.mu.Lock()
			f := p.files[q.URL.Path]
			p.mu.Unlock()
			if f != nil && a.status == 206 && q.URL.RawQuery == "" && len(f.data) > 0 {
				from := n % len(f.data)
				*a = *p.frame(&reply{status: 206, cut: -1, pauseAt: -1, body: f.data[from:],
					head: []string{fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, len(f.data)-1, len(f.data))}})
			}
		}
	}
})

func TestMain(m *testing.M) {
	flag.Set("rapid.nofailfile", "true") // the seed is enough
	os.Exit(m.Run())
}

// recorder is a testing.TB of which a failure can be shrunk.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Logf(f string, args ...any)   {}
func (r *recorder) Errorf(f string, args ...any) { r.said = append(r.said, fmt.Sprintf(f, args...)) }
func (r *recorder) Fatalf(f string, args ...any) { r.Errorf(f, args...) }

// TestAnswers: whatever is answered, generations are never mixed, what a
// receipt says is so, the run ends in time, the load is bounded, and proven
// bytes are never lost: what one window has published, the next still has.
func TestAnswers(t *testing.T) {
	dir := tempDir(t)
	i := 0
	rapid.Check(t, func(rt *rapid.T) {
		i++
		rec := &recorder{TB: t}
		b := &bench{t: rec, stage: fmt.Sprintf("%s/s%d", dir, i), outbox: fmt.Sprintf("%s/o%d", dir, i), net: &memnet{}}
		os.Mkdir(b.outbox, 0o755)
		gens := []string{text(rapid.IntRange(0, 400_000).Draw(rt, "size"), "g0")}
		p := newPeer(map[string]string{"/f": gens[0]})
		p.ranges = rapid.Bool().Draw(rt, "ranges")
		p.digests = rapid.Bool().Draw(rt, "digests")
		p.snapshots = p.ranges && rapid.Bool().Draw(rt, "snapshots")
		script := rapid.SliceOfN(answers, 1, 12).Draw(rt, "script")
		changes := rapid.SliceOfN(rapid.IntRange(0, 25), 0, 3).Draw(rt, "changes")
		p.script = func(n int, q *http.Request, a *reply) {
			for _, c := range changes {
				if c == n {
					next := text(1000*(c+1), fmt.Sprintf("g%d", len(gens)))
					gens = append(gens, next)
					p.rename("/f", "/f.1")
					p.put("/f", []byte(next))
				}
			}
			script[n%len(script)](p, q, a)
		}
		b.net.hosts = map[netip.AddrPort]dialer{addrA: p.connect}
		synctest.Test(t, func(t *testing.T) {
			rec.TB = t
			windows(b, p, func() []string { return gens })
			time.Sleep(time.Minute)
		})
		os.RemoveAll(b.stage)
		os.RemoveAll(b.outbox)
		if len(rec.said) > 0 {
			for _, e := range b.events {
				rt.Logf("%+v", e)
			}
			rt.Fatalf("ranges %v digests %v snapshots %v: %s\nrequests %q", p.ranges, p.digests, p.snapshots, strings.Join(rec.said, "\n"), p.asked())
		}
	})
}

func windows(b *bench, p *host, gens func() []string) {
	pure := func(o outcome) {
		for name, data := range o.files {
			ok := false
			for _, g := range gens() {
				ok = ok || strings.HasPrefix(g, data)
			}
			if !ok {
				b.t.Errorf("%s: %d bytes of no one generation", name, len(data))
			}
		}
	}
	f := Fetcher{Piece: 50_000}
	o := b.run(f, window.Spec{For: 8 * time.Second})
	pure(o)
	if conns, requests := p.count(); conns > 150 || requests > 400 {
		b.t.Errorf("%d connections, %d requests in 8 s", conns, requests)
	}
	part, sure := o.files["f.part"], o.receipts["f"].Verified != "none"
	clear(b.t, b.outbox)
	p.script = nil
	o = b.run(f, window.Spec{For: time.Minute})
	pure(o)
	if last := gens()[len(gens())-1]; o.Exit != 0 || o.files["f"] != last && len(gens()) == 1 {
		b.t.Errorf("did not converge: exit %d, %s", o.Exit, keys(o.files))
	}
	kept := part == "" || !sure
	for _, data := range o.files {
		kept = kept || strings.HasPrefix(data, part)
	}
	if !kept && len(gens()) == 1 {
		b.t.Errorf("%d published bytes of the first window are gone", len(part))
	}
}
