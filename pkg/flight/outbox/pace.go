package outbox

import (
	"math"
	"sync"
	"time"
)

// pace is what this disk has shown of its speed, and how far it is behind.
type pace struct {
	mu      sync.Mutex
	late    [4]time.Duration // the last syncs of next to nothing, 0 not yet
	perMiB  [4]time.Duration // what a MiB took in the last larger ones, 0 not yet
	last    time.Duration    // the last larger one, latency and all
	lates   int
	larger  int
	ahead   int64         // bytes that may be written and not synced
	dirty   int64         // bytes that are
	synced  chan struct{} // closed when a sync has returned
	files   int           // in the next batch, 0 not yet
	batched time.Duration // what the last one took
}

const (
	little = 256 << 10 // a sync of fewer bytes tells its latency, of more the rate

	// Bytes written ahead of the disk, before it has shown anything and at
	// least: a second of slow flash.
	firstAhead = 2 << 20
	leastAhead = 2 * little
	mostAhead  = 1 << 30
)

// saw is told of bytes that took so long to sync. A stall is not a rate: where
// time is judged (cost) one of the better of the last four counts (best). How
// far ahead of the disk writing may be follows each of them at once, for it
// costs little: to what would have taken a second, and to four times what it
// was at most.
func (p *pace) saw(bytes int64, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes < little {
		if took > 0 {
			p.late[p.lates%len(p.late)] = took
			p.lates++
		}
		return
	}
	p.last = took
	// The latency counts for itself, but never for more than most of it.
	first, _ := best(p.late)
	took = max(took-first, took/4, 1)
	per := time.Duration(float64(took) / float64(bytes) * (1 << 20))
	p.perMiB[p.larger%len(p.perMiB)] = max(per, 1)
	p.larger++
	second := min(float64(bytes)*float64(time.Second)/float64(took), mostAhead)
	p.ahead = min(max(int64(second), leastAhead), 4*p.most(), mostAhead)
}

// most is how many bytes may be written ahead of the disk.
func (p *pace) most() int64 {
	if p.ahead == 0 {
		return firstAhead
	}
	return p.ahead
}

// best is 0 as long as fewer than two are known. The usual one is the second
// best of four: of syncs that differ the best is seldom met again, and half of
// them may still have been in a stall.
func best(v [4]time.Duration) (first, usual time.Duration) {
	first, usual = min(v[0], v[1]), max(v[0], v[1])
	for _, d := range v[2:] {
		if d > 0 {
			usual = min(usual, max(first, d))
			first = min(first, d)
		}
	}
	if v[3] == 0 {
		usual = first
	}
	return first, usual
}

// wrote adds to what is not synced. It reports whether that has just become
// so much that a sync should begin: half, so that writing goes on meanwhile.
func (p *pace) wrote(bytes int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.dirty
	p.dirty += bytes
	return before*2 < p.most() && p.dirty*2 >= p.most()
}

// cleaned takes bytes off what is not synced; also if a sync failed: then
// nothing waits for it any more.
func (p *pace) cleaned(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dirty -= bytes
	if p.synced != nil {
		close(p.synced)
		p.synced = nil
	}
}

// cost is what bytes to be synced or copied take, and so many syncs. What was
// not seen costs nothing: no guess ends a window.
func (p *pace) cost(bytes int64, syncs float64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, late := best(p.late)
	per, _ := best(p.perMiB)
	if p.last > 0 {
		late = min(late, p.last) // the first ones may all be in one stall
	}
	ns := syncs*float64(late) + float64(bytes)/(1<<20)*float64(per)
	return time.Duration(math.Min(ns, float64(time.Hour)))
}

// Cost estimates how long a receipt takes.
func (s *Stage) Cost() time.Duration { return s.pace.cost(0, 2) }

// Synced is closed when the next sync returns. Take it before asking whether
// there is anything to wait for.
func (s *Stage) Synced() <-chan struct{} {
	p := &s.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.synced == nil {
		p.synced = make(chan struct{})
	}
	return p.synced
}

// Behind reports that more is written and not synced, proven or not, than this
// disk has shown to take in about a second, so that the network had better
// wait. Dirty is whether anything is.
func (s *Stage) Behind() (behind, dirty bool) {
	p := &s.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dirty > p.most(), p.dirty > 0
}

// urgent reports that a sync should not wait for its turn.
func (s *Stage) urgent() bool {
	p := &s.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dirty*2 >= p.most()
}

// BatchCost is what the last batch took to publish; 0 before there was one.
func (s *Stage) BatchCost() time.Duration {
	p := &s.pace
	p.mu.Lock()
	took := p.batched
	p.mu.Unlock()
	return took
}

// batch is how many files the next batch has at most.
func (p *pace) batch() int {
	p.mu.Lock()
	n := max(p.files, leastBatch)
	p.mu.Unlock()
	return n
}

// committed is told what a batch took: the more files share the syncs that are
// not their own the better, but what a cut costs is bounded by time.
func (p *pace) committed(files int, took time.Duration) {
	p.mu.Lock()
	p.batched = took
	switch {
	case took < swiftCommit && files >= p.files:
		p.files = min(2*max(p.files, leastBatch), mostBatch)
	case took > slowCommit:
		p.files /= 2
	}
	p.mu.Unlock()
}
