// Package campaign plays many short passes of a satellite, each with faults
// drawn from a seed, and judges what every one delivered: complete, an honest
// part, honestly nothing, or a lie, an overrun, a loss. Payloads are those of
// package mockfm: own roots, own network, own clocks, real programs.
package campaign

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// The faults that a Schedule is made of.
const (
	Late     = "late"     // the server starts late
	Restart  = "restart"  // the server is killed and started again
	Link     = "link"     // the cable is pulled and plugged
	Resets   = "resets"   // connections are reset
	Rotate   = "rotate"   // the log is renamed, a new one begun
	Truncate = "truncate" // the log is cut to nothing in place
	Clock    = "clock"    // a clock is unset or steps
	Disk     = "disk"     // /outbox is small
	Kill     = "kill"     // the fetcher is killed
	Power    = "power"    // the fetcher's payload loses power, and what it had not synced
	Short    = "short"    // the window is too short for the file
	Slow     = "slow disk"
	Stalls   = "stalls"      // one sync in ten of the fetcher's disk takes its time
	Errors   = "disk errors" // a call to the fetcher's disk fails
)

var faults = []string{Late, Restart, Link, Resets, Rotate, Truncate, Clock, Disk, Kill, Power, Short, Slow, Stalls, Errors}

// A Span is a stretch of time. Spans of a schedule count from the moment the
// first window of their Overlap opens.
type Span struct{ At, For time.Duration }

func (s Span) end() time.Duration { return s.At + s.For }

// A Tick moves a payload's clock: unset, or by By at At.
type Tick struct {
	Payload string
	Unset   bool
	At, By  time.Duration
}

// An Overlap is one SDR window and one SABERTOOTH window that meet.
type Overlap struct {
	SDR, Fetch Span // whole seconds
	Late       time.Duration
	Down       []Span // from the start of the server's program
	Cut        []Span
	CutAt      string // whose cable
	Resets     []int64
	Rotate     []time.Duration
	Truncate   []time.Duration
	Clocks     []Tick
	Outbox     int64         // room in bytes, 0: enough
	Kill       time.Duration // of the fetcher, from its window's opening; 0: not
	Power      time.Duration // likewise, of its payload
	Disk       Flash         // that the fetcher stands on
}

// A Flash is how the fetcher's disk differs from an eMMC that is well.
type Flash struct {
	Rate  int64         // bytes a second that a sync brings to it, 0: as an eMMC
	Sync  time.Duration // the longest sync, with Rate
	Stall time.Duration // the longest stall, 0: as an eMMC
	Error *flash.Error
}

// A Schedule is one pass: everything about it that is not chance of this
// machine.
type Schedule struct {
	Seed     uint64
	Pass     int
	Faults   []string
	Size     int64 // of the log when the pass begins
	Burst    int64 // of a new log at once
	Growth   int64 // bytes a second
	Rate     int64 // of the line, bytes a second
	Overlaps []Overlap
}

// Draw makes the schedule of a pass.
func Draw(seed uint64, pass int) Schedule {
	r := rand.New(rand.NewPCG(seed, uint64(pass)))
	s := Schedule{Seed: seed, Pass: pass}
	for range []int{0, 1, 1, 1, 2, 2, 2, 3, 3}[r.IntN(9)] {
		if f := faults[r.IntN(len(faults))]; !slices.Contains(s.Faults, f) {
			s.Faults = append(s.Faults, f)
		}
	}
	slices.Sort(s.Faults)
	s.Rate = int64(between(r, 1e6, 6e6))
	s.Size = int64(math.Exp(between(r, math.Log(2500), math.Log(6e6))))
	s.Burst = int64(between(r, 0, float64(s.Size)/2))
	s.Growth = int64(between(r, 0, 20_000))
	n := 1
	if s.has(Errors) || s.has(Kill) || s.has(Power) || s.has(Short) || r.IntN(5) == 0 {
		n = 2
	}
	for i := range n {
		s.Overlaps = append(s.Overlaps, s.overlap(r, i == 0))
	}
	return s
}

func (s *Schedule) has(fault string) bool { return slices.Contains(s.Faults, fault) }

// overlap draws one. Of two, faults befall the first; the second has its own
// luck with the milder ones.
func (s *Schedule) overlap(r *rand.Rand, first bool) Overlap {
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	o := Overlap{Fetch: Span{sec(r.IntN(2)), sec(6 + r.IntN(4))}}
	if o.Fetch.At == 0 {
		o.SDR.At = sec(r.IntN(3))
	}
	o.SDR.For = o.Fetch.end() - o.SDR.At + sec(r.IntN(3)-1)
	if s.has(Short) && first {
		// A line too slow for the file, or a window too short for it.
		o.Fetch.For = sec(3)
		o.SDR.For = max(o.Fetch.end()-o.SDR.At, sec(3))
		s.Size = max(s.Size, 4*s.Rate)
	}
	meet := max(o.SDR.At, o.Fetch.At)
	both := min(o.SDR.end(), o.Fetch.end()) - meet
	within := func(from, to float64) time.Duration {
		return time.Duration(between(r, from, to) * float64(both))
	}
	befalls := func(f string) bool {
		return s.has(f) && (first || r.IntN(3) == 0)
	}
	if befalls(Late) {
		o.Late = within(0.1, 0.5)
	}
	if befalls(Restart) {
		for at := o.Late + within(0.1, 0.4); at < both*7/10; at += within(0.2, 0.5) {
			d := Span{at, within(0.03, 0.2)}
			o.Down = append(o.Down, d)
			at = d.end()
		}
	}
	if befalls(Link) {
		o.CutAt = []string{"SDR", "SABERTOOTH"}[r.IntN(2)]
		o.Cut = append(o.Cut, Span{within(0, 0.6), within(0.05, 0.3)})
	}
	if befalls(Resets) {
		for range 1 + r.IntN(8) {
			o.Resets = append(o.Resets, int64(between(r, 0, float64(s.Size)*1.2)))
		}
		slices.Sort(o.Resets)
	}
	if befalls(Rotate) {
		o.Rotate = append(o.Rotate, meet+within(0, 0.7))
	}
	if befalls(Truncate) {
		o.Truncate = append(o.Truncate, meet+within(0, 0.7))
	}
	if befalls(Clock) {
		for _, p := range []string{"SDR", "SABERTOOTH"} {
			switch r.IntN(4) {
			case 0:
				o.Clocks = append(o.Clocks, Tick{Payload: p, Unset: true})
			case 1:
				o.Clocks = append(o.Clocks, Tick{Payload: p, At: within(0.1, 0.8), By: sec(int(between(r, -7200, 7200)))})
			case 2: // by so little that it may pass for right
				by := sec(int(between(r, -120, 30)))
				if p == "SDR" && len(o.Down) > 0 {
					// A program that starts with such a clock outlives its window
					// by contract: --until counts (docs/contract.md, "Both programs").
					by = max(by, -by)
				}
				o.Clocks = append(o.Clocks, Tick{Payload: p, At: within(0.1, 0.8), By: by})
			}
		}
	}
	if s.has(Disk) && first {
		o.Outbox = int64(r.IntN(40)+1) * 16384
	}
	if s.has(Kill) && first {
		o.Kill = within(0.2, 0.8)
	}
	if s.has(Power) && first {
		o.Power = within(0.2, 0.8)
	}
	if befalls(Slow) {
		o.Disk.Rate = int64(math.Exp(between(r, math.Log(2e6), math.Log(40e6))))
		o.Disk.Sync = time.Duration(between(r, 20, 400)) * time.Millisecond
	}
	if befalls(Stalls) {
		o.Disk.Stall = time.Duration(between(r, 500, 3000)) * time.Millisecond
	}
	if s.has(Errors) && first {
		e := flash.Error{Op: flash.Op(r.IntN(3)), Errno: []syscall.Errno{syscall.EIO, syscall.EIO, syscall.ENOSPC, syscall.EROFS}[r.IntN(4)]}
		e.Nth = 1 + r.IntN(map[flash.Op]int{flash.Any: 80, flash.Write: 60, flash.Sync: 25}[e.Op])
		o.Disk.Error = &e
	}
	return o
}

func between(r *rand.Rand, from, to float64) float64 { return from + r.Float64()*(to-from) }

// String is the schedule for a person.
func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d pass %d: log of %d bytes, +%d a second, line of %.1f MB/s; %s\n", s.Seed, s.Pass, s.Size, s.Growth, float64(s.Rate)/1e6, s.Trouble())
	for i, o := range s.Overlaps {
		fmt.Fprintf(&b, "  windows %d: SDR %s, SABERTOOTH %s", i+1, o.SDR, o.Fetch)
		add := func(is bool, format string, args ...any) {
			if is {
				fmt.Fprintf(&b, "; "+format, args...)
			}
		}
		add(o.Late > 0, "server late by %s", short(o.Late))
		add(len(o.Down) > 0, "server down %s", o.Down)
		add(len(o.Cut) > 0, "cable of %s pulled %s", o.CutAt, o.Cut)
		add(len(o.Resets) > 0, "resets at bytes %d", o.Resets)
		add(len(o.Rotate) > 0, "rotated at %s", o.Rotate)
		add(len(o.Truncate) > 0, "truncated at %s", o.Truncate)
		for _, c := range o.Clocks {
			add(c.Unset, "%s's clock unset", c.Payload)
			add(!c.Unset, "%s's clock steps by %s at %s", c.Payload, c.By, short(c.At))
		}
		add(o.Outbox > 0, "outbox of %d bytes", o.Outbox)
		add(o.Kill > 0, "fetcher killed at %s", short(o.Kill))
		add(o.Power > 0, "power cut at %s", short(o.Power))
		d := o.Disk
		add(d.Rate > 0, "disk of %.1f MB/s with syncs of up to %s", float64(d.Rate)/1e6, short(d.Sync))
		add(d.Stall > 0, "stalls of up to %s", short(d.Stall))
		if d.Error != nil {
			add(true, "%s number %d: %v", [...]string{"call", "write", "sync"}[d.Error.Op], d.Error.Nth, d.Error.Errno)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Trouble names the faults.
func (s Schedule) Trouble() string {
	if len(s.Faults) == 0 {
		return "no fault"
	}
	return strings.Join(s.Faults, ", ")
}

func (s Span) String() string { return short(s.At) + "+" + short(s.For) }

func short(d time.Duration) string { return d.Round(time.Millisecond).String() }
