package plan

import (
	"encoding/json"
	"fmt"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// Day is the unit of the uplink.
const Day = 24 * time.Hour

// Facts are what is known of one satellite when a plan is made.
type Facts struct {
	Satellite string
	Now       time.Time // by the API's clock
	Asked     bool      // false: a dry run, and the lists below are unknown
	Uploads   []tasking.Upload
	Windows   []tasking.Window
}

// Upload is one artifact on its way up.
type Upload struct {
	Artifact
	Destination string    `json:"destination"`
	Status      string    `json:"status"` // of the API; "" if it has to be sent
	Days        float64   `json:"days"`   // at the uplink rate; 0 if it is aboard
	Expected    time.Time `json:"expected,omitzero"`

	soonest time.Time // it cannot be there before
}

// Aboard reports whether the payload has it, or gets it before its next window.
func (u Upload) Aboard() bool { return u.Status == uploaded }

// Cost is what sending it takes, for people.
func (u Upload) Cost(rate int64) string {
	return fmt.Sprintf("%s bytes, %.1f days of uplink", Grouped(u.Size), float64(u.Size)/float64(max(1, rate)))
}

// Limit is what makes a plan's earliest start no earlier.
type Limit struct {
	By LimitKind
	Of string // the lead, or the window type
}

// LimitKind is one of the things that a start has to wait for.
type LimitKind int

const (
	ByBuffer LimitKind = iota // the time that a satellite needs before a window
	ByLead                    // Spec.Lead
	ByUplink                  // the programs must be there
)

func (l Limit) String() string {
	switch l.By {
	case ByLead:
		return "the lead of " + l.Of
	case ByUplink:
		return "the uplink"
	}
	return "the buffer before " + l.Of
}

// MarshalText writes the words.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Plan is what will be done for one satellite. It does not change any more.
type Plan struct {
	Satellite string    `json:"satellite"`
	Now       time.Time `json:"now"`
	Rate      int64     `json:"uplink_rate"` // bytes a day
	Uploads   []Upload  `json:"uploads"`
	Passes    []Pass    `json:"passes"`
	Earliest  time.Time `json:"earliest"`
	Limit     Limit     `json:"limited_by"`
	Asked     bool      `json:"availability_asked"`
	Remove    []string  `json:"remove"` // halves of ours that cannot be completed
	Warnings  []string  `json:"warnings"`
	Notes     []string  `json:"notes"`

	Spec Spec `json:"-"`
}

// MarshalJSON adds the first pass by itself.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	out := struct {
		*plain
		*Pass
	}{plain: (*plain)(p)}
	if len(p.Passes) > 0 {
		out.Pass = &p.Passes[0]
	}
	return json.Marshal(out)
}

// First is the first pass.
func (p *Plan) First() Pass { return p.Passes[0] }

// Scheduled reports whether all windows exist already.
func (p *Plan) Scheduled() bool {
	for _, x := range p.Passes {
		if !x.Scheduled() {
			return false
		}
	}
	return true
}

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

// Action is one thing to be done. They are done in their order; what is undone
// after a failure is undone in the reverse order.
type Action interface{ isAction() }

// Send takes an upload up. It cannot be undone.
type Send struct{ Upload Upload }

// Remove deletes a window that is alone.
type Remove struct{ ID string }

// Schedule makes one window of a pass.
type Schedule struct {
	Pass   int // of Plan.Passes
	Half   int // 0: the server's
	Window Window
}

func (Send) isAction()     {}
func (Remove) isAction()   {}
func (Schedule) isAction() {}

// Actions are what p lacks.
func (p *Plan) Actions() []Action {
	var out []Action
	for _, u := range p.Missing() {
		out = append(out, Send{u})
	}
	for _, id := range p.Remove {
		out = append(out, Remove{id})
	}
	for i, pass := range p.Passes {
		for half, w := range pass.Windows {
			if w.ID == "" {
				out = append(out, Schedule{i, half, w})
			}
		}
	}
	return out
}

// WithUploads is p where more is aboard, or on its way, than was when it was
// made.
func (p *Plan) WithUploads(u []Upload) *Plan {
	q := *p
	q.Uploads = u
	return &q
}

// Late says which of passes, scheduled by now, open before their program is
// expected, given what is listed at now.
func (p *Plan) Late(have []tasking.Upload, now time.Time, passes []Pass) []string {
	d := &draft{facts: Facts{Satellite: p.Satellite, Now: now, Uploads: have}, Plan: Plan{
		Satellite: p.Satellite, Now: now, Rate: p.Rate, Spec: p.Spec, Passes: passes}}
	if d.uploads() != nil {
		return nil
	}
	d.Warnings = nil // what they cost is told elsewhere
	d.late()
	return d.Warnings
}
