package plan

import (
	"time"
)

// Interval is a time in which the API takes a window of one type.
type Interval struct {
	Start, End time.Time
}

// Fit finds the earliest start of a pair, not before earliest, at which both
// windows lie in the intervals of their type; with buffered, with their
// buffers. Intervals are sorted and disjoint.
func (s Spec) Fit(satellite string, earliest time.Time, free map[string][]Interval, buffered bool) (time.Time, bool) {
	t := earliest
	// Each round moves t to the next place that suits one window; a place that
	// suits both moves it no further. Every move passes an interval's start.
	for range len(free[SDRWindow]) + len(free[SabertoothWindow]) + 2 {
		moved := false
		for _, w := range s.Pair(satellite, t) {
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
func shift(free []Interval, from, to time.Time) (time.Duration, bool) {
	for _, f := range free {
		d := max(0, f.Start.Sub(from))
		if !to.Add(d).After(f.End) {
			return d, true
		}
	}
	return 0, false
}
