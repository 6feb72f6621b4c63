package plan

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Day is the unit of the uplink.
const Day = 24 * time.Hour

// Upload is one artifact on its way up.
type Upload struct {
	Artifact
	Destination string    `json:"destination"`
	Status      string    `json:"status"` // of the API; "" if it has to be sent
	Days        float64   `json:"days"`   // at the uplink rate; 0 if it is aboard
	Expected    time.Time `json:"expected,omitzero"`
}

// Aboard reports whether the payload has it, or gets it before its next window.
func (u Upload) Aboard() bool { return u.Status == "UPLOADED" }

// Plan is what will be done for one satellite.
type Plan struct {
	Satellite string    `json:"satellite"`
	Run       string    `json:"run"`
	Now       time.Time `json:"now"`
	Rate      int64     `json:"uplink_rate"` // bytes a day
	Uploads   []Upload  `json:"uploads"`
	Windows   [2]Window `json:"windows"`
	Overlap   int64     `json:"overlap"` // seconds
	Earliest  time.Time `json:"earliest"`
	Held      string    `json:"held_by"` // what makes Earliest no earlier
	Asked     bool      `json:"availability_asked"`
	Warnings  []string  `json:"warnings,omitempty"`
	Notes     []string  `json:"notes,omitempty"`
	Late      []string  `json:"late_warnings,omitempty"` // found while it was carried out

	// Remove are our own windows that are alone and cannot be completed.
	Remove []string `json:"remove,omitempty"`

	Spec Spec `json:"-"`
}

// New is s for satellite, seen at now. status tells, by destination, what the
// API says of the uploads that it knows; nil means that nobody was asked. The
// plan has no start yet: see Set.
func New(s Spec, satellite string, now time.Time, status map[string]string) *Plan {
	now = now.UTC()
	p := &Plan{Satellite: satellite, Now: now, Rate: s.UplinkRate, Spec: s, Overlap: int64(s.Overlap() / time.Second)}
	wait := 0.0
	for _, a := range s.Artifacts {
		u := Upload{Artifact: a, Destination: a.Destination()}
		if s.SkipUpload {
			u.Status = "UPLOADED"
		} else {
			u.Status = status[u.Payload+" "+u.Destination]
		}
		if !u.Aboard() {
			u.Days = float64(a.Size) / float64(s.UplinkRate)
			wait += u.Days
			u.Expected = now.Add(days(wait) + s.contact())
		}
		p.Uploads = append(p.Uploads, u)
	}
	p.hold()
	p.judge()
	return p
}

// contact is how long after its last byte could have gone up a file waits for
// the contact that takes it: 6 h at most (docs/platform.md). In a rehearsal, which
// an uplink faster than any satellite's gives away, contacts may be more
// frequent, and a shorter lead says so.
func (s Spec) contact() time.Duration {
	if s.UplinkRate < RehearsalRate {
		return ContactEvery
	}
	return min(ContactEvery, s.Lead)
}

// days is n days, bounded so that an absurd rate cannot overflow.
func days(n float64) time.Duration {
	return time.Duration(min(n, 36500) * float64(Day)).Round(time.Second)
}

// hold finds the earliest start that lead, uplink and buffers allow.
func (p *Plan) hold() {
	atLeast := func(t time.Time, why string) {
		if t.After(p.Earliest) {
			p.Earliest, p.Held = t, why
		}
	}
	for _, w := range p.Spec.Pair(p.Satellite, p.Now) {
		// A window at now+x needs its buffer between now and then.
		atLeast(p.Now.Add(p.Now.Sub(w.Opens())), "the buffer before "+w.Type)
	}
	if p.Spec.Start.IsZero() {
		atLeast(p.Now.Add(p.Spec.Lead), "the lead of "+Span(p.Spec.Lead))
	}
	for _, u := range p.Uploads {
		if !u.Aboard() {
			atLeast(u.Expected, "the uplink")
		}
	}
	p.Earliest = ceil(p.Earliest)
}

func ceil(t time.Time) time.Time {
	if t.Nanosecond() > 0 {
		return t.Truncate(time.Second).Add(time.Second)
	}
	return t
}

// judge says what the user should know before saying yes.
func (p *Plan) judge() {
	s := p.Spec
	warn := func(format string, a ...any) { p.Warnings = append(p.Warnings, fmt.Sprintf(format, a...)) }
	note := func(format string, a ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, a...)) }
	if o := s.Overlap(); o < WorthwhileOverlap {
		warn("both programs run together for %v only; less than %v leaves no second for a late start", o, WorthwhileOverlap)
	}
	if s.FetchDelay+s.FetchDuration < s.SDRDuration {
		note("the fetcher's window ends first; the SDR goes on serving for %v", s.SDRDuration-s.FetchDelay-s.FetchDuration)
	}
	for _, a := range s.SDR {
		if !payloadNet.Contains(a) {
			warn("%v is not in the payloads' network %v", a, payloadNet)
		}
	}
	if s.HandOver {
		note("hand-over: one program goes up, and the SABERTOOTH takes it from the SDR; the first time costs some seconds of overlap")
	}
	sending := false
	for _, u := range p.Uploads {
		sending = sending || !u.Aboard()
	}
	if sending && s.contact() < ContactEvery {
		warn("with a lead of %s the uplink is expected to find a contact in that time; the documented wait is up to %s", Span(s.Lead), Span(ContactEvery))
	}
	if sending {
		note("expected: at %s a day, one upload after the other, and up to %s until a contact", Bytes(p.Rate), Span(s.contact()))
	}
}

// ErrPast is a start that is over.
var ErrPast = errors.New("is in the past")

// CheckStart judges the user's own start, if there is one: before the uplink is
// through the windows would find no program, and be wasted.
func (p *Plan) CheckStart() error {
	s := p.Spec.Start
	if s.IsZero() {
		return nil
	}
	if !s.After(p.Now) {
		return &SpecError{"start", fmt.Sprintf("%s is in the past (it is %s); give a later one", Stamp(s), Stamp(p.Now))}
	}
	if s.Before(p.Earliest) && p.Held == "the uplink" {
		// Without the wait for a contact it cannot be; with it, it may.
		if s.Before(p.Earliest.Add(-p.Spec.contact())) {
			return &NoSlot{fmt.Sprintf("%s comes before the programs do: the uplink needs until %s at %s a day; give a later --start, or the true --uplink-rate",
				Stamp(s), Stamp(p.Earliest), Bytes(p.Rate))}
		}
		p.Warnings = append(p.Warnings, fmt.Sprintf("the programs may come too late: the uplink is sure to be through by %s only", Stamp(p.Earliest)))
	}
	if s.Sub(p.Now) < p.Spec.Lead {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the start is sooner than the lead of %s: the windows may not reach the satellite in time", Span(p.Spec.Lead)))
	}
	return nil
}

// NoSlot: there is no time at which both windows fit.
type NoSlot struct{ Why string }

func (e *NoSlot) Error() string { return e.Why }

// Set gives the plan its start and with it windows and run.
func (p *Plan) Set(start time.Time) {
	p.Windows = p.Spec.Pair(p.Satellite, start)
	p.Run = RunID(p.Satellite, start)
}

// Scheduled reports whether both windows exist already.
func (p *Plan) Scheduled() bool { return p.Windows[0].ID != "" && p.Windows[1].ID != "" }

// Missing are the uploads that have to be sent.
func (p *Plan) Missing() []Upload {
	var out []Upload
	for _, u := range p.Uploads {
		if u.Status == "" {
			out = append(out, u)
		}
	}
	return out
}

// Bytes is n for people: 1,234,567 bytes become "1.2 MB".
func Bytes(n int64) string {
	switch {
	case n >= 1_000_000:
		return trim(fmt.Sprintf("%.1f", float64(n)/1e6)) + " MB"
	case n >= 1000:
		return trim(fmt.Sprintf("%.1f", float64(n)/1e3)) + " KB"
	}
	return fmt.Sprintf("%d bytes", n)
}

func trim(s string) string { return strings.TrimSuffix(s, ".0") }

// Grouped is n with commas.
func Grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Span is d for people: "24 h", "11.9 days", "90 s".
func Span(d time.Duration) string {
	switch {
	case d > 2*Day:
		return trim(fmt.Sprintf("%.1f", d.Hours()/24)) + " days"
	case d >= 2*time.Hour:
		return trim(fmt.Sprintf("%.1f", d.Hours())) + " h"
	case d >= 3*time.Minute:
		return trim(fmt.Sprintf("%.1f", d.Minutes())) + " min"
	}
	return fmt.Sprintf("%d s", int64(d.Round(time.Second)/time.Second))
}

// Stamp is t for people, always in UTC and said so.
func Stamp(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04:05") + " UTC" }
