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
			if took > 0 && p.Cost() < 4*took {
				t.Fatalf("cost: got %v, but four syncs take %v", p.Cost(), 4*took)
			}
			check(t, p.Close())
			check(t, s.Close())
		})
	}
}

func TestCost(t *testing.T) {
	var p pace
	if got := p.cost(0); got != 4*guessedSync {
		t.Errorf("nothing known: got %v", got)
	}
	if got := p.cost(1 << 62); got != time.Hour {
		t.Errorf("absurd size: got %v", got)
	}
	p.saw(100, 20*time.Millisecond, 1)
	p.saw(100, 10*time.Millisecond, 1)
	p.saw(20e6, time.Second, 2)
	p.saw(1000, 0, 1) // no clock
	if got, want := p.cost(10e6), 580*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	p.saw(5e6, time.Second, 2) // slower: believed at once
	if got, want := p.cost(10e6), 2080*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
