package plan

import (
	"fmt"
	"io"
	"strings"
	"time"

	"payload-ipc/pkg/ground/tasking"
	"payload-ipc/pkg/ground/timeline"
)

// Slots are the times between From and To at which both windows of a pair fit.
type Slots struct {
	From, To time.Time

	// Starts are those of the server's window at which both windows and their
	// buffers lie in what is free: intervals of which both ends are starts, in
	// whole seconds.
	Starts []tasking.Interval

	// Free is when windows of the server's and of the fetcher's type may be, with
	// their buffers, and Pair the two at From.
	Free [2][]tasking.Interval
	Pair [2]Window
}

// Slots asks free for the times from from on for span.
func (s Spec) Slots(from time.Time, span time.Duration, free Calendar) (Slots, error) {
	from = ceil(from.UTC())
	to := from.Add(span)
	idle := []string{""} // what they run does not matter
	out := Slots{From: from, To: to, Starts: []tasking.Interval{{Start: from, End: to}},
		Pair: [2]Window{window(s.from(), from, s.SDRDuration, idle), window(s.to(), from.Add(s.FetchDelay), s.FetchDuration, idle)}}
	for i, w := range out.Pair {
		early, late := from.Sub(w.Opens()), w.Closes().Sub(from) // of the start, around it
		var open []tasking.Interval
		for at := from.Add(-early); at.Before(to.Add(late)); at = at.Add(searchStep) {
			got, err := free(w.Type, at, min(searchStep, to.Add(late).Sub(at)))
			if err != nil {
				return Slots{}, err
			}
			open = tasking.Join(append(open, got...))
		}
		var fit []tasking.Interval
		for _, o := range open {
			fit = append(fit, tasking.Interval{Start: o.Start.Add(early), End: o.End.Add(-late)})
		}
		out.Free[i] = intersect(open, []tasking.Interval{{Start: from, End: to}})
		out.Starts = intersect(out.Starts, fit)
	}
	return out, nil
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

// needs says what a window takes, with its buffers.
func (w Window) needs() string {
	return fmt.Sprintf("%s: %d s, and %d s before and %d s after", strings.TrimPrefix(w.Type, windowPrefix), w.Seconds, w.Before, w.After)
}

// Draw writes the slots as a time line, as Plan.Draw does.
func (x Slots) Draw(w io.Writer, width int) {
	s := newSheet(w, width)
	s.line(2, "Free from %s on, for %s", Stamp(x.From), Span(x.To.Sub(x.From)))
	c := s.chart(x.From, x.To)
	for i, pair := range x.Pair {
		s.row(strings.TrimPrefix(pair.Type, windowPrefix), c.spans(x.Free[i], '='))
	}
	s.row("both fit", c.spans(x.Starts, '#'))
	s.ends(c, x.From, x.To)
	for _, pair := range x.Pair {
		s.line(5, "%s", pair.needs())
	}
	for _, l := range Fold("= a window may be   # the first of both can start", c.columns, 0) {
		s.under(l)
	}
}

// SVG is the slots as a picture, in the way of Plan.SVG.
func (x Slots) SVG(satellite string) []byte {
	d := &drawing{y: 28}
	d.text(0, "start", "title", "Free times of "+satellite)
	d.y += 20
	d.text(0, "start", "soft", fmt.Sprintf("from %s on, for %s", Stamp(x.From), Span(x.To.Sub(x.From))))
	a := timeline.Axis{From: x.From, To: x.To}
	spans := func(class string, all []tasking.Interval) {
		for _, f := range all {
			d.bar(class, a.At(f.Start), a.At(f.End), Stamp(f.Start)+" to "+Stamp(f.End))
		}
	}
	for i, pair := range x.Pair {
		d.lane(pair.needs())
		spans("up", x.Free[i])
	}
	d.lane("both fit: when the first can start")
	spans("window", x.Starts)
	d.ticks(a, a.Ticks(5))
	return d.svg()
}
