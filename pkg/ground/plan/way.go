package plan

import (
	"strings"
	"time"
)

// Way is one in which the programs can go up.
type Way struct {
	HandOver  bool   // --hand-over
	Version   string // --update-from; "" for whole programs
	Artifacts []Artifact
}

// Flags are those of ground deploy that choose w; "" are none.
func (w Way) Flags() string {
	var out []string
	if w.HandOver {
		out = append(out, "--hand-over")
	}
	if w.Version != "" {
		out = append(out, "--update-from "+w.Version)
	}
	return strings.Join(out, " ")
}

// UplinkTime is how long n bytes are on their way at rate bytes a day, without
// the wait for a contact.
func UplinkTime(n, rate int64) time.Duration {
	return duration(float64(n) / float64(max(1, rate)))
}

// compare names the cheapest way in which what is missing could go up, if one is
// cheaper than what is planned.
func (d *draft) compare() {
	own := d.missing()
	best, how := own, Way{}
	for _, w := range d.Spec.Ways {
		if w.Version != "" && !d.facts.Asked {
			continue // nobody knows what is aboard
		}
		s := d.Spec
		s.HandOver, s.Artifacts, s.Ways = w.HandOver, w.Artifacts, nil
		e := &draft{facts: d.facts, Plan: Plan{Satellite: d.Satellite, Now: d.Now, Rate: d.Rate, Spec: s}}
		if e.uploads() != nil {
			continue
		}
		if n := e.missing(); n < best {
			best, how = n, w
		}
	}
	if best == own {
		return
	}
	flags := how.Flags()
	if flags == "" {
		flags = "neither --hand-over nor --update-from"
	}
	d.note("with %s it is cheaper: %s of uplink (%s bytes) in place of %s", flags, Span(UplinkTime(best, d.Rate)), Grouped(best), Span(UplinkTime(own, d.Rate)))
}

// missing is how many bytes have to be sent.
func (d *draft) missing() (n int64) {
	for _, u := range d.Missing() {
		n += u.Size
	}
	return n
}
