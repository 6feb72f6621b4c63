package bench

import (
	"math"
	"slices"
)

// A sample is the same measurement of several rounds.
type sample []float64

func (s sample) at(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	i := q * float64(len(sorted)-1)
	lo := int(i)
	if lo+1 >= len(sorted) {
		return sorted[lo]
	}
	return sorted[lo] + (sorted[lo+1]-sorted[lo])*(i-float64(lo))
}

func (s sample) median() float64 { return s.at(0.5) }
func (s sample) low() float64    { return s.at(0) }
func (s sample) high() float64   { return s.at(1) }

// A key names a measurement: of whom, and of what.
type key struct{ who, what string }

// Results are all samples of a run.
type Results struct {
	samples map[key]sample
	notes   map[key]string
}

func newResults() *Results {
	return &Results{samples: map[key]sample{}, notes: map[key]string{}}
}

func (r *Results) add(who, what string, v float64) {
	r.samples[key{who, what}] = append(r.samples[key{who, what}], v)
}

func (r *Results) note(who, what, why string) { r.notes[key{who, what}] = why }

// Broken is why a round of our own server ended early, "" if none did.
func (r *Results) Broken() string { return r.notes[key{ours, ""}] }

func (r *Results) of(who, what string) sample { return r.samples[key{who, what}] }
