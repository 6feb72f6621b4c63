package campaign

import (
	"fmt"
	"slices"
	"time"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/flight/window"
)

// late is how long after the instant by which it must be gone a program may be
// seen alive: nothing by docs/contract.md, "Both programs", and this for a
// machine that plays a dozen passes at once. Then power goes.
const late = 400 * time.Millisecond

// judgeEnd says whether a program was gone when it had to be. A kernel lets no
// process go, not even one that is killed, that waits for a sync: one that the
// program had begun in time, and that went on as long as the program lived, is
// not its fault.
func (f *overlapResult) judgeEnd(who string, gone time.Time, after time.Duration, syncs []flash.Wait, v *Verdict) {
	if after <= late {
		return
	}
	outcome, why := Overrun, fmt.Sprintf("%s: %s was alive %s after it should have been gone", f.run, who, short(after))
	if s, in := under(syncs, gone, gone.Add(after-late)); in {
		outcome, why = Held, why+fmt.Sprintf(", in a sync of %s", short(s.For))
	}
	if slices.Index(outcomes, outcome) > slices.Index(outcomes, v.Outcome) {
		v.Outcome = outcome
	}
	v.Why = append(v.Why, why)
}

// under finds the sync that began before from, if it and those that were begun
// before it returned, or at once then, went on until to: threads of a program
// that ends wait for each other's.
func under(syncs []flash.Wait, from, to time.Time) (first flash.Wait, in bool) {
	const atOnce = 20 * time.Millisecond
	var until time.Time
	for _, s := range syncs { // by their beginnings
		end := s.At.Add(s.For)
		switch {
		case s.At.Before(from) && from.Before(end) && end.After(until):
			first, until = s, end
		case !until.IsZero() && s.At.Before(until.Add(atOnce)):
			until = later(until, end)
		}
	}
	return first, to.Before(until)
}

// stuck says whether the fetcher's disk kept it from its last words: it was in
// syncs for 200 of the 500 ms before the fetcher had to be gone. Then a receipt
// may be missing, for nothing is published that is not synced. One that is there
// must say what the fetcher ended with.
func (f *overlapResult) stuck() bool {
	gone := f.deadline.Add(-window.Margin)
	from := gone.Add(-500 * time.Millisecond)
	var busy time.Duration
	for _, s := range f.ended.Syncs {
		end := earlier(s.At.Add(s.For), gone)
		if begin := later(s.At, from); begin.Before(end) {
			busy += end.Sub(begin)
			from = end
		}
	}
	return busy >= 200*time.Millisecond
}

// signed says whether the window's receipt is there.
func (f *overlapResult) signed() bool {
	_, ok := f.files[logName+".receipt.json"]
	return ok
}
