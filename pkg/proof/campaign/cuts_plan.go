package campaign

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// How a window ends before its time.
const (
	killed  = "kill"  // SIGKILL; the payload stays on, and the next run finds everything
	ended   = "end"   // SIGKILL at the end of the window: the outbox is taken as it is, the stage is as after a power cut
	powered = "power" // the payload's power goes
)

// A cut is one window and how it ends: at a call to the disk, and a moment later.
type cut struct {
	Kind string
	Term int           // calls to the disk until SIGTERM, 0: none
	Call int           // calls until the cut, from then on
	Wait time.Duration // and so long behind the last of them
	Take bool          // what came down is gone from the outbox afterwards
}

// A directory is what a play has on the server.
type directory struct {
	Archive bool
	Apart   bool // the outbox is a disk of its own
	Disk    string
	Rate    int64 // of the line, bytes a second, 0: none
	Seed    uint64
	Number  int
	Cuts    []cut
}

// cutDisks are what payloads stand on. The sizes of directories are such that
// syncs of 20 ms, one after the other, take about a second.
var cutDisks = map[string]flash.Spec{
	"memory": {},
	"slow":   {SyncMin: 20 * time.Millisecond, SyncMax: 20 * time.Millisecond, Write: 20e6},
	"stalls": {SyncMin: time.Millisecond, SyncMax: 8 * time.Millisecond, Write: 40e6,
		StallEach: 12, StallMin: 100 * time.Millisecond, StallMax: 400 * time.Millisecond},
}

// drawCuts makes the plan of one play, and nothing but the seed and the number
// decides it. All forms and disks come in turn.
func drawCuts(seed uint64, number int) directory {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	d := directory{
		Seed: seed, Number: number, Archive: number%2 == 1, Apart: number/2%3 == 2,
		Disk: []string{"memory", "slow", "stalls"}[number/2%9/3],
	}
	if r.IntN(2) == 0 {
		d.Rate = 4e6
	}
	// So many calls a window makes, about, that nothing ends.
	calls := 300
	switch {
	case d.Archive:
		calls = 170
	case d.Apart:
		calls = 140
	}
	for range 2 + r.IntN(4) {
		c := cut{Kind: []string{killed, killed, killed, ended, ended, powered, powered, powered}[r.IntN(8)]}
		c.Call = 1 + r.IntN(calls)
		if r.IntN(3) == 0 { // at the very end of a window
			c.Term, c.Call = c.Call, 1+r.IntN(1+calls/4)
		}
		if r.IntN(2) == 0 {
			c.Wait = time.Duration(r.Int64N(int64(25 * time.Millisecond)))
		}
		c.Take = c.Kind == ended || c.Kind == powered && r.IntN(2) == 0
		d.Cuts = append(d.Cuts, c)
	}
	return d
}

// form is what is asked for, on what.
func (d directory) form() string {
	s := "files"
	if d.Archive {
		s = "archive"
	}
	if s += ", disk " + d.Disk; d.Apart {
		s += ", outbox apart"
	}
	return s
}

func (d directory) String() string {
	line := "no limit"
	if d.Rate > 0 {
		line = fmt.Sprintf("%.0f MB/s", float64(d.Rate)/1e6)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "play %d of seed %d: %s, line: %s\n", d.Number, d.Seed, d.form(), line)
	for i, c := range d.Cuts {
		fmt.Fprintf(&b, "  window %d: ", i+1)
		if c.Term > 0 {
			fmt.Fprintf(&b, "SIGTERM at call %d to the disk, then ", c.Term)
		}
		fmt.Fprintf(&b, "%s %v behind call %d, outbox taken: %v\n", c.Kind, c.Wait, c.Call, c.Take)
	}
	return b.String()
}
