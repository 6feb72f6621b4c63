package plan

import (
	"fmt"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

const (
	searchStep = 24 * time.Hour // one availability call; longer spans are undocumented
	searchDays = 14             // days after the earliest start that are searched
	farAway    = 10 * 365 * Day // times beyond are a slip of the pen
)

// Calendar tells when windows of a type may be scheduled, within span from from.
type Calendar func(windowType string, from time.Time, span time.Duration) ([]tasking.Interval, error)

// NoSlot: there is no time at which both windows fit.
type NoSlot struct{ Why string }

func (e *NoSlot) Error() string { return e.Why }

// slot is a start that the calendar allows. bare: without the buffers, which
// the API may or may not count.
type slot struct {
	start time.Time
	bare  bool
}

// place finds the start: the user's, if it is free, or the earliest. It looks
// for room for the buffers too; whether the API's availability means them is
// not documented, so where only the bare windows fit, they are taken with a
// warning, and the API may still say no.
func (s Spec) place(satellite string, earliest, now time.Time, free Calendar) (slot, error) {
	want := s.Start
	if !want.IsZero() {
		earliest = want.UTC()
	}
	if earliest.Sub(now) > farAway {
		return slot{}, &NoSlot{fmt.Sprintf("a start on %s is years away; give an earlier --start or a higher --uplink-rate", Stamp(earliest))}
	}
	pass := s.Pass(satellite, earliest)
	known := map[string][]tasking.Interval{}
	from := pass.Opens()
	extra := pass.Closes().Sub(from) // so that a pair at the end of a day is seen whole
	var bare time.Time
	for day := range searchDays {
		span := searchStep
		if day == 0 {
			span += extra
		}
		for _, w := range pass.Windows {
			got, err := free(w.Type, from, span)
			if err != nil {
				return slot{}, err
			}
			known[w.Type] = tasking.Join(append(known[w.Type], got...))
		}
		from = from.Add(span)
		start, ok := s.fit(satellite, earliest, known, true)
		if ok && (want.IsZero() || start.Equal(earliest)) {
			return slot{start: start}, nil
		}
		if t, fits := s.fit(satellite, earliest, known, false); fits && bare.IsZero() {
			bare = t
		}
		if !want.IsZero() {
			if bare.Equal(earliest) {
				break
			}
			why := fmt.Sprintf("%s is not free for both windows", Stamp(want))
			if ok {
				return slot{}, &NoSlot{why + "; the next time that is: --start " + start.Format(time.RFC3339)}
			}
			return slot{}, &NoSlot{why + ", and neither is the day after; leave --start out to search further"}
		}
	}
	if bare.IsZero() {
		return slot{}, &NoSlot{fmt.Sprintf("no time in the %d days after %s is free for both windows; try shorter windows, or a later --start", searchDays, Stamp(earliest))}
	}
	return slot{bare, true}, nil
}

// fit finds the earliest start of a pair, not before earliest, at which both
// windows lie in the intervals of their type; with buffered, with their
// buffers. Intervals are sorted and disjoint.
func (s Spec) fit(satellite string, earliest time.Time, free map[string][]tasking.Interval, buffered bool) (time.Time, bool) {
	t := earliest
	rounds := 2
	for _, f := range free {
		rounds += len(f)
	}
	// Each round moves t to the next place that suits one window; a place that
	// suits both moves it no further. Every move passes an interval's start.
	for range rounds {
		moved := false
		for _, w := range s.Pass(satellite, t).Windows {
			from, to := w.Start, w.End()
			if buffered {
				from, to = w.Opens(), w.Closes()
			}
			d, ok := shift(free[w.Type], from, to)
			if !ok {
				return time.Time{}, false
			}
			if d > 0 {
				t, moved = t.Add(d), true
				break
			}
		}
		if !moved {
			return t, true
		}
	}
	return time.Time{}, false
}

// shift is how much later [from, to] fits into one of the intervals; 0 if it
// fits where it is.
func shift(free []tasking.Interval, from, to time.Time) (time.Duration, bool) {
	for _, f := range free {
		d := max(0, f.Start.Sub(from))
		if !to.Add(d).After(f.End) {
			return d, true
		}
	}
	return 0, false
}

// fits reports whether w lies within one of the intervals.
func fits(w Window, free []tasking.Interval) bool {
	d, ok := shift(free, w.Start, w.End())
	return ok && d == 0
}
