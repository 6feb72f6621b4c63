package mockfm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/desk/sandbox"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/timeline"
)

// A passView is some windows of one satellite that belong together: they
// overlap, or little time is between them.
type passView struct {
	ID       string // of its first window
	Axis     timeline.Axis
	Ticks    []timeline.Place
	Overlaps []timeline.Place
	Lanes    []laneView
	Marks    []Event
	Windows  []windowView
}

type laneView struct {
	Payload string
	Bars    []timeline.Place // windows
	Lives   []timeline.Place // of programs
	Marks   []timeline.Place
}

type windowView struct {
	Payload, ID, State, Phase, Outcome string
	Mood                               string // of the outcome
	Start, End                         time.Time
	Argv                               []string
}

// shown are the words of a command for a person: of a script its size, of a key
// nothing.
func shown(argv []string) []string {
	out := plan.ShownArgs(argv)
	for i, a := range out {
		if strings.Contains(a, "\n") {
			out[i] = fmt.Sprintf("script of %s bytes", plan.Grouped(int64(len(a))))
		}
	}
	return out
}

// pause is the longest pause between two windows of one pass.
const pause = 5 * time.Minute

// passes are a satellite's windows, oldest first, without those long over.
func (m *Mock) passes(s *satellite) (shown [][]*window, more int) {
	var own []*window
	for _, w := range m.windows {
		if w.satellite == s.ID {
			own = append(own, w)
		}
	}
	slices.SortStableFunc(own, func(a, b *window) int { return a.start.Compare(b.start) })
	var end time.Time
	for _, w := range own {
		if len(shown) == 0 || w.start.Sub(end) > pause {
			shown = append(shown, nil)
		}
		shown[len(shown)-1] = append(shown[len(shown)-1], w)
		if w.end.After(end) {
			end = w.end
		}
	}
	past := 0
	for _, p := range shown {
		if stage(p) == ended {
			past++
		}
	}
	more = max(0, past-shownPasses)
	return shown[more:], more
}

// Stages of a pass, as a person looks for them.
const (
	underWay = iota
	toCome
	ended
)

// stage is ended where no window is open or waits any more, and toCome where all
// wait.
func stage(pass []*window) int {
	open, waits := 0, 0
	for _, w := range pass {
		switch w.phase {
		case running:
			open++
		case waiting:
			waits++
		}
	}
	switch {
	case open+waits == 0:
		return ended
	case waits == len(pass):
		return toCome
	}
	return underWay
}

// inOrder has of passes, which are oldest first, those under way first, then
// those to come, the next one first, then those that are over, the last first.
func inOrder(passes [][]*window) [][]*window {
	passes = slices.Clone(passes)
	slices.SortStableFunc(passes, func(a, b []*window) int {
		if c := cmp.Compare(stage(a), stage(b)); c != 0 || stage(a) != ended {
			return c
		}
		return b[0].start.Compare(a[0].start)
	})
	return passes
}

func (m *Mock) lookAtPass(windows []*window) passView {
	v := passView{ID: windows[0].id}
	for _, w := range windows {
		v.Axis.Grow(w.start, w.end)
	}
	margin := v.Axis.Length() / 12
	v.Axis.Grow(v.Axis.From.Add(-margin), v.Axis.To.Add(margin))
	v.Ticks = v.Axis.Marks()
	v.Overlaps = overlaps(v.Axis, windows)
	for _, w := range windows {
		card := windowView{Payload: w.payload.name, ID: w.id, State: w.state, Phase: w.phase, Outcome: w.outcome, Start: w.start, End: w.end,
			Argv: shown(append([]string{w.command.Executable}, w.command.Arguments...))}
		i := slices.IndexFunc(v.Lanes, func(l laneView) bool { return l.Payload == w.payload.name })
		if i < 0 {
			i = len(v.Lanes)
			v.Lanes = append(v.Lanes, laneView{Payload: w.payload.name})
		}
		v.Lanes[i].add(v.Axis, w, m.feed.of(w.id))
		for _, e := range m.feed.of(w.id) {
			if isMark(e.What) {
				v.Marks = append(v.Marks, e)
			}
			if e.What == Closed {
				card.Mood = mood(e)
			}
		}
		v.Windows = append(v.Windows, card)
	}
	slices.SortStableFunc(v.Marks, func(a, b Event) int { return a.At.Compare(b.At) })
	return v
}

// overlaps are the times in which windows of different payloads are open.
func overlaps(a timeline.Axis, windows []*window) (out []timeline.Place) {
	for i, w := range windows {
		for _, o := range windows[i+1:] {
			from, to := o.start, o.end // sorted by start
			if w.end.Before(to) {
				to = w.end
			}
			if w.payload != o.payload && from.Before(to) {
				p := a.Place(from, to)
				p.Text = fmt.Sprintf("%s and %s overlap for %d s", w.payload.name, o.payload.name, int64(to.Sub(from)/time.Second))
				out = append(out, p)
			}
		}
	}
	return out
}

func isMark(h Happening) bool {
	return h == Unplugged || h == Plugged || h == PowerLost || h == Faulted
}

// add draws one window into the lane of its payload, from its events.
func (l *laneView) add(a timeline.Axis, w *window, events []Event) {
	bar := a.Place(w.start, w.end)
	bar.Class, bar.Text = w.phase, w.id
	l.Bars = append(l.Bars, bar)
	var opened, cut, unplugged time.Time
	dark := func(until time.Time) {
		if unplugged.IsZero() {
			return
		}
		p := a.Place(unplugged, until)
		p.Class, p.Text = "dark", "cable pulled"
		l.Marks = append(l.Marks, p)
		unplugged = time.Time{}
	}
	for _, e := range events {
		switch e.What {
		case Opened:
			opened = e.At
		case Unplugged:
			unplugged = e.At
		case Plugged:
			dark(e.At)
		case PowerLost:
			cut = e.At
		case Closed:
			until := e.At
			if o := e.Outcome; o.End == sandbox.Lost && !cut.IsZero() {
				until = cut
			} else if o.End == sandbox.Exited || o.End == sandbox.Signaled {
				until = opened.Add(o.After)
			}
			if e.Outcome.End != sandbox.Refused {
				life := a.Place(opened, until)
				life.Class, life.Text = mood(e), w.outcome
				l.Lives = append(l.Lives, life)
			}
		}
		if isMark(e.What) {
			p := a.Place(e.At, e.At)
			p.Class, p.Text = mood(e), e.Text
			l.Marks = append(l.Marks, p)
		}
	}
	dark(w.end)
	if w.phase == running && !opened.IsZero() {
		life := a.Place(opened, w.end)
		life.Class = "now" // as wide as time has come
		l.Lives = append(l.Lives, life)
	}
}

// mood of an event: good, bad, or neither.
func mood(e Event) string {
	switch e.What {
	case Opened, Plugged:
		return "good"
	case Unplugged, PowerLost, Faulted:
		return "bad"
	case Closed:
		if e.Outcome.End == sandbox.Exited && e.Outcome.Exit == 0 {
			return "good"
		}
		return "bad"
	}
	return ""
}
