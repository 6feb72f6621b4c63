package plan

import (
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// Slots are the starts of the server's window, between from and from+span, at
// which both windows of s and their buffers lie in what is free: intervals of
// which both ends are starts, in whole seconds.
func (s Spec) Slots(from time.Time, span time.Duration, free Calendar) ([]tasking.Interval, error) {
	from = ceil(from.UTC())
	to := from.Add(span)
	starts := []tasking.Interval{{Start: from, End: to}}
	idle := []string{""} // what they run does not matter
	for _, w := range []Window{window(s.from(), from, s.SDRDuration, idle), window(s.to(), from.Add(s.FetchDelay), s.FetchDuration, idle)} {
		early, late := from.Sub(w.Opens()), w.Closes().Sub(from) // of the start, around it
		var open []tasking.Interval
		for at := from.Add(-early); at.Before(to.Add(late)); at = at.Add(searchStep) {
			got, err := free(w.Type, at, min(searchStep, to.Add(late).Sub(at)))
			if err != nil {
				return nil, err
			}
			open = tasking.Join(append(open, got...))
		}
		var fit []tasking.Interval
		for _, o := range open {
			fit = append(fit, tasking.Interval{Start: o.Start.Add(early), End: o.End.Add(-late)})
		}
		starts = intersect(starts, fit)
	}
	return starts, nil
}

// intersect is what a and b have in common, single moments too.
func intersect(a, b []tasking.Interval) (out []tasking.Interval) {
	for _, x := range a {
		for _, y := range b {
			if from, to := later(x.Start, y.Start), earlier(x.End, y.End); !to.Before(from) {
				out = append(out, tasking.Interval{Start: from, End: to})
			}
		}
	}
	return out
}
