// Package timeline places moments on an axis and chooses the marks along it,
// for the pictures of a plan, of a pass and of the satellite on the desk. It
// draws nothing.
package timeline

import (
	"slices"
	"strconv"
	"time"
)

// An Axis goes from one moment to a later one, in UTC. One that has no length
// has everything at its start.
type Axis struct{ From, To time.Time }

// Grow makes the axis reach to each of the times that are not zero.
func (a *Axis) Grow(times ...time.Time) {
	for _, t := range times {
		if t.IsZero() {
			continue
		}
		if a.From.IsZero() || t.Before(a.From) {
			a.From = t
		}
		if t.After(a.To) {
			a.To = t
		}
	}
}

// Length of the axis, 0 if it has none.
func (a Axis) Length() time.Duration { return max(0, a.To.Sub(a.From)) }

// At is where t is: 0 at the start and before it, 1 at the end and after it.
func (a Axis) At(t time.Time) float64 {
	if a.Length() == 0 {
		return 0
	}
	return max(0, min(1, float64(t.Sub(a.From))/float64(a.Length())))
}

// A Tick is a mark along an axis.
type Tick struct {
	At    time.Time
	Label string // the day, the time of day, or minutes and seconds, in UTC
}

// Spread takes away the label of each tick that would run into the one before
// it, where a character is so wide a share of the axis. Labels are centred on
// their ticks, except that they do not reach beyond the ends of the axis.
func (a Axis) Spread(ticks []Tick, char float64) []Tick {
	out := slices.Clone(ticks)
	free := 0.0
	for i := range out {
		half := char * float64(len(out[i].Label)) / 2
		at := max(half, min(1-half, a.At(out[i].At)))
		if at-half < free {
			out[i].Label = ""
			continue
		}
		free = at + half + char
	}
	return out
}

const day = 24 * time.Hour

// steps between two ticks that a person reads without counting.
var steps = []time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 5 * day, 10 * day, 20 * day, 50 * day, 100 * day, 200 * day, 500 * day, 1000 * day,
}

// Ticks are at most n marks at round times: from 3 on at least one, except that
// an axis shorter than some milliseconds or longer than 1000*n days has none.
func (a Axis) Ticks(n int) []Tick { return a.ticks(n, time.Time{}, stamp) }

// TicksSince is Ticks with round numbers of seconds after zero, as -30 or 0.5.
func (a Axis) TicksSince(zero time.Time, n int) []Tick { return a.ticks(n, zero, seconds(zero)) }

func (a Axis) ticks(n int, zero time.Time, label func(t time.Time, step time.Duration, first bool) string) []Tick {
	if n <= 0 || a.Length() == 0 {
		return nil
	}
	for _, step := range steps {
		first := zero.Add(a.From.UTC().Sub(zero).Truncate(step))
		if zero.IsZero() {
			first = a.From.UTC().Truncate(step)
		}
		if first.Before(a.From) {
			first = first.Add(step)
		}
		if first.Add(step*time.Duration(n)).Compare(a.To) <= 0 {
			continue // more than n fit
		}
		var ticks []Tick
		for t := first; !t.After(a.To); t = t.Add(step) {
			ticks = append(ticks, Tick{t, label(t, step, len(ticks) == 0)})
		}
		if len(ticks) > 0 {
			return ticks
		}
	}
	return nil
}

// stamp is the part of a time that the ticks beside it do not tell.
func stamp(t time.Time, step time.Duration, first bool) string {
	midnight := t.Equal(t.Truncate(day))
	clock := "15:04"
	switch {
	case step >= day, midnight && step >= time.Minute && !first:
		return t.Format("2 Jan")
	case step < 100*time.Millisecond:
		clock = "04:05.000"
	case step < time.Second:
		clock = "04:05.0"
	case step < time.Minute:
		clock = "15:04:05"
	}
	if first && step >= time.Hour {
		clock = "2 Jan " + clock
	}
	return t.Format(clock)
}

func seconds(zero time.Time) func(time.Time, time.Duration, bool) string {
	return func(t time.Time, _ time.Duration, _ bool) string {
		return strconv.FormatFloat(t.Sub(zero).Seconds(), 'f', -1, 64)
	}
}
