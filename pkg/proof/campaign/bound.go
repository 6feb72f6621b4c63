package campaign

import (
	"slices"
	"time"
)

// What the bound grants besides the bytes' own time on the line.
const (
	startCost   = 400 * time.Millisecond // from power on to a connection, in every window
	publishCost = 300 * time.Millisecond // syncs, the file's name, the receipt
	resetCost   = 400 * time.Millisecond // one reset: a wait of the contract's backoff, a new connection
	waitMost    = 2 * time.Second        // the longest wait of the contract (docs/contract.md, "sabertooth-fetch")
	cableMost   = 700 * time.Millisecond // after an outage of the line alone, if it is shorter than
	silence     = 5 * time.Second        // the time after which a silent peer is given up
	piece       = 1 << 20                // what a kill or a power cut may cost again (docs/contract.md, "sabertooth-fetch")
	unsynced    = 500 * time.Millisecond // and what was not synced yet
	syncsMost   = 12                     // in a window one after the other: a new stage with the directories above it, then data, name, receipt, its name, log
)

// A verdict on a schedule, whoever played it.
type possible struct {
	could bool
	must  bool
	spare time.Duration // time that was left over, by the stricter reckoning
}

// bound says whether a client that makes no mistake could have brought the log
// as it was at some moment.
//
// Usable time is that in which the fetcher's process lives and is not yet due to
// publish (power off less reserve), the server accepts (start to drain), both
// payloads are on and both cables plugged. A generation g of the log, of L(t)
// bytes at t, could be had if from the first usable moment t on which it was
// there, until it was truncated, usable time adds up to L(t) / rate; no other
// cost is counted, and knowledge of the future is free. A rotation does not end
// a generation, a new window does not start it again.
//
// Must is the same with what no client can avoid or the contract allows:
// startCost in every window, publishCost once, resetCost for every reset, a
// twentieth on the line for heads; after every interruption as long again as it
// lasted, because the timers of TCP and of the contract's backoff double, at
// most waitMost, or cableMost where the server lived on; the piece in flight at
// the end of every window but the last, and what was not synced before a kill; a
// clock that steps ahead by less than the window, which ends it early, for
// nobody can tell it from a true one; and the disk: its stalls as they came, the
// log's bytes at its rate, syncsMost of its longest syncs in every window, but
// never more than the time in which a sync was under way. No log must be had
// from a disk that fails. And the generation must be the log's own, not yet rotated, when the time begins, and
// the outbox must have room for whatever generation there was.
func (p *pass) bound() (b possible) {
	plain, strict := p.usable(false), p.usable(true)
	var resets int
	var again time.Duration
	for i, f := range p.results {
		resets += len(f.Resets)
		if f.Kill > 0 || f.Power > 0 {
			again += unsynced
		}
		if i > 0 {
			again += p.onLine(piece)
		}
	}
	room := !slices.ContainsFunc(p.results, func(f *overlapResult) bool { return f.Disk.Error != nil }) // for every generation: which one a client meets first is chance
	for _, g := range p.journal.gens {
		room = room && p.fits(len(g.body))
	}
	b.spare = -time.Hour
	for _, g := range p.journal.gens {
		if t, sum := within(plain, g); !t.IsZero() && sum >= p.onLine(begun(g, t)) && p.fits(begun(g, t)) {
			b.could = true
		}
		t, sum := within(strict, g)
		if t.IsZero() || !g.past.IsZero() && g.past.Before(t) || !room {
			continue
		}
		need := p.onLine(begun(g, t))*21/20 + publishCost + time.Duration(resets)*resetCost + again + p.onDisk(begun(g, t))
		b.spare = max(b.spare, sum-need)
	}
	b.must = b.could && b.spare >= 0
	return b
}

// begun is g's length at t, of a new log when its first lines are in it: an
// empty one is no proof of skill.
func begun(g *generation, t time.Time) int {
	return g.at(later(t, g.born.Add(100*time.Millisecond)))
}

func (p *pass) onLine(size int) time.Duration {
	return time.Duration(int64(size) * int64(time.Second) / p.Rate)
}

// onDisk is what the fetcher's disk cost, or may have.
func (p *pass) onDisk(size int) (d time.Duration) {
	for _, f := range p.results {
		disk := f.flash()
		stall := disk.StallMin
		if f.Disk.Stall > 0 {
			stall = f.Disk.Stall / 5
		}
		may := syncsMost*disk.SyncMax + time.Duration(int64(size)*int64(time.Second)/disk.Write)
		busy, until := syncsMost*shortSync, time.Time{}
		for _, s := range f.ended.Syncs {
			if s.For >= stall {
				may += s.For
			}
			end := s.At.Add(s.For)
			if from := later(s.At, until); from.Before(end) {
				busy += end.Sub(from)
				until = end
			}
		}
		d += min(may, busy)
	}
	return d
}

// shortSync is the longest sync that the disk does not tell of.
const shortSync = 50 * time.Millisecond

// fits says whether size bytes have room in the last window's outbox, receipt
// and log beside them, with what a tmpfs takes for itself.
func (p *pass) fits(size int) bool {
	room := p.results[len(p.results)-1].Outbox
	return room == 0 || int64(size)+32<<10 <= room
}

// within is the first usable moment at which g was there, and how much usable time
// there was from then on until it was gone.
func within(usable [][2]time.Time, g *generation) (first time.Time, sum time.Duration) {
	for _, a := range usable {
		from, to := a[0], a[1]
		if from.Before(g.born) {
			from = g.born
		}
		if !g.gone.IsZero() && to.After(g.gone) {
			to = g.gone
		}
		if !from.Before(to) {
			continue
		}
		if first.IsZero() {
			first = from
		}
		sum += to.Sub(from)
	}
	return first, sum
}

// usable lists the stretches of usable time; strict takes the cost of starts and
// interruptions off them.
func (p *pass) usable(strict bool) (all [][2]time.Time) {
	for _, f := range p.results {
		end := f.deadline.Add(-reserve)
		for _, at := range []time.Duration{f.Kill, f.Power} {
			if at > 0 {
				meet := max(f.SDR.At, f.Fetch.At)
				end = earlier(end, f.opened.Add(meet-f.Fetch.At+at))
			}
		}
		begin := f.opened
		stop := f.opened.Add(f.SDR.end() - f.Fetch.At - drain)
		if strict {
			begin = begin.Add(startCost)
			end = end.Add(-f.ahead("SABERTOOTH", f.Fetch.For))
			stop = stop.Add(-f.ahead("SDR", f.SDR.For))
		}
		end = earlier(end, stop)
		var before time.Time // the end of the stretch before
		for _, s := range meetings(f.up, f.linked) {
			from, to := later(s[0], begin), earlier(s[1], end)
			if strict {
				wait := startCost // while nothing has answered, attempts come every 250 ms
				if !before.IsZero() {
					gap := [][2]time.Time{{before, s[0]}}
					took, most := s[0].Sub(before), waitMost
					if took < silence && slices.Equal(meetings(f.up, gap), gap) {
						most = cableMost
					}
					wait = max(min(took, most), startCost)
				}
				from = later(from, s[0].Add(wait))
				before = s[1]
			}
			if from.Before(to) {
				all = append(all, [2]time.Time{from, to})
			}
		}
	}
	return all
}

// ahead is by how much a step of a payload's clock ends its window early.
func (f *overlapResult) ahead(name string, window time.Duration) (d time.Duration) {
	for _, c := range f.Clocks {
		if c.Payload == name && c.By > 0 && c.By < window {
			d = c.By
		}
	}
	return d
}

// meetings is the time that is in both lists, which are in order.
func meetings(a, b [][2]time.Time) (both [][2]time.Time) {
	for _, x := range a {
		for _, y := range b {
			if from, to := later(x[0], y[0]), earlier(x[1], y[1]); from.Before(to) {
				both = append(both, [2]time.Time{from, to})
			}
		}
	}
	return both
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
