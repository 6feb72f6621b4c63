package fetch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"payload-ipc/pkg/flight/window"
)

// weather is a random schedule of what goes wrong, in virtual time.
type weather struct {
	mu    sync.Mutex
	alive bool
	r     *rand.Rand
	start time.Time
	up    []bool // per 250 ms slot
	worst float64
	gens  []string // every content /f ever had, for the checker

	flipped int // bytes that were changed on their way
}

func (w *weather) isUp() bool {
	i := int(time.Since(w.start) / (250 * time.Millisecond))
	return i >= len(w.up) || w.up[i]
}

func newWeather(r *rand.Rand) *weather {
	w := &weather{r: r, start: time.Now(), worst: r.Float64() * 0.6}
	up := r.IntN(2) == 0
	for range r.IntN(100) {
		if r.IntN(8) == 0 {
			up = !up
		}
		w.up = append(w.up, up)
	}
	return w
}

const flip = 0x55

var hows = []string{"reset", "drop", "fin", "hang"}

// harm changes an answer at random.
func (w *weather) harm(p *host, a *reply) {
	r := w.r
	if !w.isUp() {
		a.nothing, a.how = true, hows[r.IntN(3)]
		return
	}
	if r.Float64() > w.worst {
		return
	}
	switch r.IntN(12) {
	case 0, 1, 2, 3, 4:
		a.cut, a.how = r.IntN(len(a.body)+1), hows[r.IntN(4)]
	case 5:
		*a = *p.frame(&reply{status: []int{404, 410, 408, 425, 429, 500, 503}[r.IntN(7)], cut: -1, pauseAt: -1})
	case 6:
		a.nothing, a.how = true, hows[r.IntN(4)]
	case 7:
		a.raw, a.how = []byte(strings.Repeat("\xff garbage ", r.IntN(3000))), "fin"
	case 8:
		a.delay = time.Duration(r.IntN(6000)) * time.Millisecond
	case 9:
		a.rate = 1000 + r.IntN(100_000)
	case 10:
		if len(a.body) > 0 && p.digests && len(a.body) <= 8<<20 {
			a.body[r.IntN(len(a.body))] ^= flip // the digest tells, unless the answer is cut in front of its end
			w.flipped++
		}
	case 11:
		a.close = true
	}
}

// live changes the file at random.
func (w *weather) live(p *host) {
	if w.r.IntN(12) > 0 {
		return
	}
	p.mu.Lock()
	f := p.files["/f"]
	p.mu.Unlock()
	tag := fmt.Sprintf("gen%d", len(w.gens))
	switch w.r.IntN(5) {
	case 0, 1: // grows
		next := string(f.data) + text(w.r.IntN(20_000), tag+"+")
		w.gens = append(w.gens, next)
		p.rewrite("/f", []byte(next))
	case 2: // rotated
		next := text(w.r.IntN(300_000), tag)
		w.gens = append(w.gens, next)
		p.rename("/f", "/f.1")
		p.put("/f", []byte(next))
	case 3: // copytruncate
		next := text(w.r.IntN(30_000), tag)
		w.gens = append(w.gens, next)
		p.put("/f.1", f.data)
		p.rewrite("/f", []byte(next))
	case 4: // truncated
		next := text(w.r.IntN(30_000), tag)
		w.gens = append(w.gens, next)
		p.rewrite("/f", []byte(next))
	}
}

// pure reports whether data is a prefix of one content that the file had, but
// for so many bytes that were changed on their way.
func (w *weather) pure(data string, flips int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.gens {
		left := flips
		for i := 0; len(g) >= len(data) && left >= 0; i, left = i+1, left-1 {
			for i < len(data) && g[i] == data[i] {
				i++
			}
			if i == len(data) {
				return true
			}
			if g[i] != data[i]^flip {
				break
			}
		}
	}
	return false
}

// longest is how far data agrees with one of the contents.
func (w *weather) longest(data string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.gens {
		i := 0
		for i < min(len(g), len(data)) && g[i] == data[i] {
			i++
		}
		n = max(n, i)
	}
	return n
}

// TestOutages runs random schedules: for each, as many windows as it takes.
// Whatever happens the invariants hold, and when the weather clears the next
// window converges. The schedules are the same in each run, so that a check fails
// for what was changed; FETCH_OUTAGES runs so many others, as scripts/fuzz does,
// and FETCH_SEED the one that a failure names.
func TestOutages(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 50
	}
	seed := uint64(1)
	if s := os.Getenv("FETCH_OUTAGES"); s != "" {
		n, _ = strconv.Atoi(s)
		seed = uint64(time.Now().UnixNano())
	}
	if s := os.Getenv("FETCH_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
		n = 1
	}
	for i := range uint64(n) {
		if outage(t, seed+i); t.Failed() {
			return
		}
	}
}

func outage(t *testing.T, seed uint64) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		defer func() {
			// All that goes on in the bubble has to end in it, or the test
			// says nothing but that it does not.
			if time.Sleep(time.Minute); t.Failed() {
				t.Logf("FETCH_SEED=%d", seed)
			}
		}()
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWeather(r)
		first := text(r.IntN(700_000), "gen0")
		w.gens = []string{first}
		p := newPeer(map[string]string{"/f": first})
		p.ranges = r.IntN(4) > 0
		p.digests = r.IntN(2) == 0
		p.snapshots = p.ranges && r.IntN(2) == 0
		p.http10 = r.IntN(5) == 0
		if !p.http10 && r.IntN(5) == 0 {
			p.framing = "chunked"
		}
		w.alive = r.IntN(2) == 0
		p.script = func(n int, q *http.Request, a *reply) {
			w.mu.Lock() // one answer at a time decides the weather
			defer w.mu.Unlock()
			w.harm(p, a)
			if w.alive {
				w.live(p)
			}
		}
		p.onConn = func(ctx context.Context, n int) error {
			w.mu.Lock()
			up, k := w.isUp(), r.IntN(4)
			w.mu.Unlock()
			switch {
			case up:
				return nil
			case k == 0:
				<-ctx.Done()
				return ctx.Err()
			case k == 1:
				return syscall.EHOSTUNREACH
			}
			return syscall.ECONNREFUSED
		}
		b.net.hosts[addrA] = p.connect
		f := Fetcher{From: []netip.AddrPort{addrA}}
		if r.IntN(3) == 0 {
			f.From = append(f.From, addrB)
			if r.IntN(2) == 0 {
				b.net.hosts[addrB] = p.connect
			}
		}
		f.Piece = []int64{0, 20_000, 100_000}[r.IntN(3)]
		w.mu.Lock()
		n, spans := 1+r.IntN(3), [3]int{2 + r.IntN(40), 2 + r.IntN(40), 2 + r.IntN(40)}
		w.mu.Unlock()
		for i := range n {
			conns, _ := p.count()
			dials := len(b.net.dials)
			spec := window.Spec{For: time.Duration(spans[i]) * time.Second}
			o := b.run(f, spec)
			w.check(t, b, o)
			more, _ := p.count()
			// At most 10 + 1 connections a second to a candidate, and what
			// redials after progress add.
			if limit := 12*int(spec.For/time.Second)*len(f.From) + 60; more-conns > limit || len(b.net.dials)-dials > limit {
				t.Errorf("%d connections in %v", more-conns, spec.For)
			}
			if t.Failed() {
				return
			}
			clear(t, b.outbox) // as the platform does between windows
			time.Sleep(time.Duration(spans[(i+1)%3]) * time.Second)
		}
		// The weather clears.
		w.mu.Lock()
		w.up, w.worst, w.alive = nil, 0, false
		w.mu.Unlock()
		p.mu.Lock()
		want := string(p.files["/f"].data)
		p.mu.Unlock()
		o := b.run(f, window.Spec{For: time.Minute})
		w.check(t, b, o)
		if o.Exit != 0 || o.files["f"] != want {
			t.Errorf("did not converge: exit %d, got %d bytes, want %d\n%+v", o.Exit, len(o.files["f"]), len(want), o.receipts["f"])
		}
		if t.Failed() {
			t.Logf("ranges %v digests %v snapshots %v framing %q 1.0 %v", p.ranges, p.digests, p.snapshots, p.framing, p.http10)
			for _, e := range b.events {
				t.Logf("%+v", e)
			}
		}
	})
	b.t = t
	b.close()
	os.RemoveAll(b.stage)
	os.RemoveAll(b.outbox)
}

func (w *weather) check(t *testing.T, b *bench, o outcome) {
	t.Helper()
	for name, data := range o.files {
		// The digest of an answer that was cut was not compared: what came of it
		// may hold a byte that the line changed, and its receipt claims no digest.
		r, flips := o.receipts["f"], 0
		if r.Verified != "digest" {
			flips = w.flipped
		}
		if !w.pure(data, flips) {
			t.Errorf("%s: %d bytes that are no prefix of any one generation; %d are of one", name, len(data), w.longest(data))
			t.Logf("receipt %+v", r)
			for _, e := range b.events {
				t.Logf("%+v", e)
			}
		}
	}
}

func clear(t testing.TB, dir string) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if err := os.Remove(dir + "/" + e.Name()); err != nil {
			t.Fatal(err)
		}
	}
}
