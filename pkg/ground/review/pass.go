package review

import (
	"fmt"
	"slices"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/timeline"
)

// A pass is a run over time, as far as the bucket tells: it does not know the
// windows. Of the server's, the run's name has the start; the end of each is
// when its outbox was taken, which is in the keys; the fetcher's began no later
// than its first word.
type pass struct {
	Axis    timeline.Axis
	Ticks   []timeline.Place
	Lanes   []lane
	Overlap *timeline.Place // of the two windows
	Rate    *rate
	Notes   []string // what cannot be drawn, and why
	Zoom    *pass    // the fetcher's program alone, if it is short
}

// A lane is one payload's.
type lane struct {
	Program string
	Window  *timeline.Place
	Life    *timeline.Place // of the program, from its first word to its last
	Marks   []timeline.Place
}

// Text of a window or life: from when to when, and how long.
func stretched(p timeline.Place) string {
	return fmt.Sprintf("%s to %s UTC, %.1f s", p.At.UTC().Format("15:04:05.0"), p.Until.UTC().Format("15:04:05.0"), p.Until.Sub(p.At).Seconds())
}

const (
	serverLog  = "sdr-serve"
	fetcherLog = "sabertooth-fetch"

	// latest is how long after a program's last word its outbox may be taken,
	// and earliest how long before its first one its window may begin; times that
	// are further apart are of a clock that was not set.
	latest, earliest = 30 * time.Minute, 30 * time.Minute

	zoomed = 8 // a program that is shorter than this share of the axis is drawn again

	laneMarks = 160 // places for marks; what is closer together is one mark
)

// times of one payload in a run. Zero ones are not known.
type times struct {
	program     string
	log         *Log
	open, shut  time.Time // its window
	first, last time.Time // its program's words
}

func (r *Run) times() (serve, fetch times) {
	serve.program, fetch.program = serverLog, fetcherLog
	for _, l := range r.Logs {
		t := &fetch
		if l.Program == serverLog {
			t = &serve
		}
		t.log, t.first, t.last, t.shut = l, l.First, l.Last, l.stamp
	}
	for _, it := range r.Items {
		if it.Receipt == nil {
			continue // nothing is told of it
		}
		if it.stamp.After(fetch.shut) {
			fetch.shut = it.stamp
		}
		if fetch.log == nil && it.Receipt.Clock == "trusted" && !it.late {
			var words timeline.Axis
			words.Grow(fetch.first, fetch.last, it.Receipt.Started, it.Receipt.Finished)
			fetch.first, fetch.last = words.From, words.To
		}
	}
	serve.open, _ = plan.RunStart(r.ID)
	return serve, fetch
}

// settle drops what cannot be: words of a clock that was not set, and a window
// that is not around them. It says so.
func (t *times) settle() (note string) {
	if !t.first.IsZero() && !t.shut.IsZero() && (t.last.After(t.shut.Add(time.Second)) || t.shut.Sub(t.last) > latest) ||
		!t.first.IsZero() && !t.open.IsZero() && (t.first.Before(t.open.Add(-time.Second)) || t.first.Sub(t.open) > earliest) {
		note = fmt.Sprintf("%s's words are from %s to %s by its clock, which does not fit when it ran: they cannot be placed.",
			t.program, t.first.UTC().Format("2 Jan 2006 15:04:05"), t.last.UTC().Format("2 Jan 2006 15:04:05 UTC"))
		t.first, t.last = time.Time{}, time.Time{}
	}
	if t.open.IsZero() {
		t.open = t.first
	}
	if t.shut.Sub(t.open) > earliest+latest || !t.shut.After(t.open) {
		t.open, t.shut = time.Time{}, time.Time{}
	}
	return note
}

// pass draws the run; nil if nothing of it has a time.
func (r *Run) pass() *pass {
	serve, fetch := r.times()
	p := &pass{}
	for _, t := range []*times{&serve, &fetch} {
		if note := t.settle(); note != "" {
			p.Notes = append(p.Notes, note)
		}
		if !t.open.IsZero() {
			p.Axis.Grow(t.open, t.shut)
		}
		p.Axis.Grow(t.first, t.last)
	}
	if p.Axis.Length() == 0 {
		if len(p.Notes) == 0 {
			return nil
		}
		return p
	}
	p.draw(r, serve, fetch)
	if took := fetch.last.Sub(fetch.first); took > 0 && took < p.Axis.Length()/zoomed {
		p.Zoom = &pass{Axis: timeline.Axis{From: fetch.first, To: fetch.last}}
		alone := serve
		alone.open, alone.shut, alone.first, alone.last = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		fetch.open, fetch.shut = time.Time{}, time.Time{}
		p.Zoom.draw(r, alone, fetch)
		if !serve.first.IsZero() {
			p.Zoom.Rate = lineRate(p.Zoom.Axis, serve.log)
		}
	}
	return p
}

// draw fills p along its axis.
func (p *pass) draw(r *Run, serve, fetch times) {
	margin := p.Axis.Length() / 30
	p.Axis.Grow(p.Axis.From.Add(-margin), p.Axis.To.Add(margin))
	p.Ticks = p.Axis.Marks()
	for _, t := range []times{serve, fetch} {
		if l := t.lane(p.Axis); l.Window != nil || l.Life != nil {
			p.Lanes = append(p.Lanes, l)
		}
	}
	from, to := serve.open, serve.shut
	if fetch.open.After(from) {
		from = fetch.open
	}
	if fetch.shut.Before(to) {
		to = fetch.shut
	}
	if !serve.open.IsZero() && !fetch.open.IsZero() && to.After(from) {
		o := p.Axis.Place(from, to)
		p.Overlap = &o
	}
	if !serve.first.IsZero() {
		p.Rate = lineRate(p.Axis, serve.log)
	}
	if p.Rate == nil {
		p.Rate = meanRate(p.Axis, r, fetch)
	}
}

func (t times) lane(a timeline.Axis) lane {
	l := lane{Program: t.program}
	if !t.open.IsZero() {
		w := a.Place(t.open, t.shut)
		w.Text = "window: " + stretched(w)
		if t.program == fetcherLog {
			w.Class = "vague" // its start is not known
			w.Text = "window, from no later than the program's first word: " + stretched(w)
		}
		l.Window = &w
	}
	if t.first.IsZero() {
		return l
	}
	life := a.Place(t.first, t.last)
	life.Text = "program: " + stretched(life)
	l.Life = &life
	if t.log != nil {
		l.Marks = marks(a, t.log, t.program == serverLog)
	}
	return l
}

// marks are the lines of a log, of the server's only what went wrong: its
// requests are in the rate. Lines that would lie on each other are one mark.
func marks(a timeline.Axis, log *Log, onlyFaults bool) (out []timeline.Place) {
	type spot struct {
		lines []Line
		bad   int
	}
	spots := map[int]*spot{}
	for _, l := range log.Lines {
		if l.Time.IsZero() || onlyFaults && !l.bad() {
			continue
		}
		at := int(a.At(l.Time) * laneMarks)
		if spots[at] == nil {
			spots[at] = &spot{}
		}
		s := spots[at]
		if l.bad() {
			if s.bad == 0 {
				s.lines = slices.Insert(s.lines, 0, l) // the one that is told
			}
			s.bad++
			continue
		}
		s.lines = append(s.lines, l)
	}
	for _, s := range spots {
		n := len(s.lines)
		if s.bad > 0 {
			n += s.bad - 1
		}
		p := a.Place(s.lines[0].Time, s.lines[0].Time)
		p.Text = s.lines[0].Text()
		if s.bad > 0 {
			p.Class = "bad"
		}
		if n > 1 {
			p.Text += fmt.Sprintf(" (and %d lines more)", n-1)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b timeline.Place) int { return a.At.Compare(b.At) })
	return out
}

// bad reports whether a line tells of a fault.
func (l Line) bad() bool { return l.Level == "warn" || l.Level == "error" || l.Level == "fatal" }
