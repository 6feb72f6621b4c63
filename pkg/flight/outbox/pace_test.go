package outbox

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowDisk takes its time for each sync of a file, as flash does.
type slowDisk struct {
	*disk
	took  time.Duration
	syncs *atomic.Int64
}

type slowFile struct {
	File
	d slowDisk
}

func (d slowDisk) Open(name string, flag int) (File, error) {
	f, err := d.disk.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return slowFile{f, d}, nil
}

func (f slowFile) Datasync() error {
	time.Sleep(f.d.took)
	f.d.syncs.Add(1)
	return f.File.Datasync()
}

// Proven bytes are durable one pace and one sync later, there is no more than
// one sync of data and one of the cursor per pace, and the network side never
// waits for either.
func TestPace(t *testing.T) {
	for _, took := range []time.Duration{0, 30 * time.Millisecond, 1300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			var count atomic.Int64
			d := newDisk(1, true)
			c := d.config()
			c.FS, c.Pace, c.Now = slowDisk{d, took, &count}, 0, time.Now
			s, err := Open(c)
			check(t, err)
			p := mustNew(t, mustTarget(t, s, "log", "/src"))
			b := text(100)
			start := time.Now()
			const steps, step = 500, 10 * time.Millisecond
			lag := int64((DefaultPace + 2*(2*took) + 2*step) / step) // a tick may be missed by a sync
			if 2*took > DefaultPace {
				lag += int64(DefaultPace / step)
			}
			for i := range int64(steps) {
				check(t, p.Append(b))
				check(t, p.Prove())
				time.Sleep(step)
				if want := (i - lag) * 100; p.Durable() < want {
					t.Fatalf("sync of %v: after %v: got %d bytes durable, want %d", took, time.Since(start), p.Durable(), want)
				}
			}
			if got := time.Since(start); got != steps*step {
				t.Fatalf("sync of %v: the caller was kept waiting: %v for %v", took, got, steps*step)
			}
			syncs := int(count.Load())
			if most := 2 * int(steps*step/DefaultPace); syncs > most || syncs == 0 {
				t.Fatalf("sync of %v: got %d syncs, want 1 to %d", took, syncs, most)
			}
			t.Logf("sync of %v: %d syncs in %v, cost now %v", took, syncs, steps*step, p.Cost())
			if took > 0 && p.Cost() < 6*took {
				t.Fatalf("cost: got %v, but six syncs take %v", p.Cost(), 6*took)
			}
			check(t, p.Close())
			check(t, s.Close())
		})
	}
}

func TestCost(t *testing.T) {
	const ms = time.Millisecond
	type sync struct {
		bytes int64
		took  time.Duration
	}
	for _, c := range []struct {
		name string
		seen []sync
		of   int64
		want time.Duration
	}{
		{"nothing known: no guess ends a window", nil, 100 << 20, 0},
		{"seen once", []sync{{0, 3000 * ms}, {2 << 20, 3000 * ms}}, 100 << 20, 0},
		{"two stalls at the beginning are no latency", []sync{{0, 3000 * ms}, {0, 3000 * ms}, {2 << 20, 100 * ms}}, 0, 400 * ms},
		{"more bytes take no less", []sync{{0, 400 * ms}, {0, 400 * ms}, {2 << 20, 600 * ms}}, 0, 1600 * ms},
		{"no clock", []sync{{0, 0}, {0, 0}, {0, 0}, {0, 0}}, 0, 0},
		{"latency", []sync{{0, 20 * ms}, {100, 30 * ms}, {0, 25 * ms}, {0, 20 * ms}}, 0, 80 * ms},
		{"stalls are no latency", []sync{{0, 3000 * ms}, {0, 3000 * ms}, {0, 20 * ms}, {0, 20 * ms}}, 0, 80 * ms},
		{"of three neither", []sync{{0, 3000 * ms}, {0, 20 * ms}, {0, 3000 * ms}}, 0, 80 * ms},
		{"the best of syncs that differ is seldom met again", []sync{{0, 400 * ms}, {0, 200 * ms}, {0, 300 * ms}, {0, 20 * ms}}, 0, 800 * ms},
		{"rate", []sync{{4 << 20, 400 * ms}, {4 << 20, 400 * ms}, {4 << 20, 400 * ms}, {4 << 20, 400 * ms}}, 10 << 20, 1000 * ms},
		{"stalls are no rate", []sync{{4 << 20, 400 * ms}, {4 << 20, 3000 * ms}, {4 << 20, 3000 * ms}, {1 << 20, 3000 * ms}}, 10 << 20, 1000 * ms},
		{"slower for good", []sync{{4 << 20, 400 * ms}, {4 << 20, 800 * ms}, {4 << 20, 800 * ms}, {4 << 20, 800 * ms}, {4 << 20, 800 * ms}}, 10 << 20, 2000 * ms},
		{"absurd size", []sync{{4 << 20, 400 * ms}, {4 << 20, 400 * ms}, {4 << 20, 400 * ms}, {4 << 20, 400 * ms}}, 1 << 62, time.Hour},
	} {
		var p pace
		for _, s := range c.seen {
			p.saw(s.bytes, s.took)
		}
		if got := p.cost(c.of, 4); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// How far ahead of the disk writing may be: what it takes in a second, at once
// where it stalls, four times as far at most where it does not.
func TestAhead(t *testing.T) {
	var p pace
	for i, c := range []struct {
		bytes int64
		took  time.Duration
		want  int64
	}{
		{0, 0, firstAhead},
		{1 << 20, 130 * time.Millisecond, 1 << 20 * 1000 / 130},
		{4 << 20, 10 * time.Millisecond, 4 * (1 << 20 * 1000 / 130)},
		{8 << 20, time.Second, 8 << 20},
		{8 << 20, 4 * time.Second, 2 << 20},
		{1 << 20, 10 * time.Second, leastAhead},
		{1 << 20, time.Millisecond, 4 * leastAhead},
		{0, 3 * time.Second, 4 * leastAhead},
	} {
		p.saw(c.bytes, c.took)
		if got := p.most(); got != c.want {
			t.Errorf("%d: got %d, want %d", i, got, c.want)
		}
	}
}
