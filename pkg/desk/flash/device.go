package flash

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A device is the flash as a queue: one thing at a time, each for its time.
type device struct {
	spec Spec
	off  chan struct{} // closed when the power goes

	mu    sync.Mutex
	rnd   *rand.Rand
	free  time.Time         // when all that was asked for will be done
	syncs map[int]time.Time // in flight, by number
	n     int
	waits []Wait // that are over
}

// worthTelling is the shortest sync that a Wait is kept of.
const worthTelling = 50 * time.Millisecond

func newDevice(s Spec) *device {
	return &device{spec: s, off: make(chan struct{}), rnd: rand.New(rand.NewPCG(s.Seed, 1)), syncs: map[int]time.Time{}}
}

// take occupies the device for d, after those who came before; false if the
// power went first.
func (d *device) take(need time.Duration) bool {
	d.mu.Lock()
	now := time.Now()
	if d.free.Before(now) {
		d.free = now
	}
	d.free = d.free.Add(need)
	until := d.free
	d.mu.Unlock()
	return d.sleep(time.Until(until))
}

func (d *device) sleep(need time.Duration) bool {
	if need <= 0 {
		select {
		case <-d.off:
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(need)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-d.off:
		return false
	}
}

// read takes the time of n bytes.
func (d *device) read(n int) bool {
	if d.spec.Read == 0 {
		return d.sleep(0)
	}
	return d.take(bytesAt(int64(n), d.spec.Read))
}

// sync takes the time of a sync with so many dirty bytes.
func (d *device) sync(dirty int64) bool {
	d.mu.Lock()
	need := d.spec.SyncMin + d.between(0, d.spec.SyncMax-d.spec.SyncMin) + bytesAt(dirty, d.spec.Write)
	if d.spec.StallEach > 0 && d.rnd.IntN(d.spec.StallEach) == 0 {
		need += d.between(d.spec.StallMin, d.spec.StallMax)
	}
	d.n++
	n, at := d.n, time.Now()
	d.syncs[n] = at
	d.mu.Unlock()
	done := d.take(need)
	d.mu.Lock()
	defer d.mu.Unlock()
	took := time.Since(at)
	if delete(d.syncs, n); took >= worthTelling || !done {
		d.waits = append(d.waits, Wait{at, took, !done})
	}
	return done
}

func (d *device) between(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(d.rnd.Int64N(int64(to-from)))
}

// told lists the syncs that took long, those in flight as held.
func (d *device) told() []Wait {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := slices.Clone(d.waits)
	for _, at := range d.syncs {
		all = append(all, Wait{at, time.Since(at), true})
	}
	slices.SortFunc(all, func(a, b Wait) int { return a.At.Compare(b.At) })
	return all
}

func bytesAt(n, rate int64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}
