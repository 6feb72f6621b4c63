package review

import (
	"context"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/survey"
)

// Survey is what came down of one payload's survey window.
type Survey struct {
	Satellite string           `json:"satellite"`
	Payload   string           `json:"payload"`
	Run       string           `json:"run"` // "" if it is of none that is known
	Key       string           `json:"key"`
	Verdict   Verdict          `json:"verdict"` // delivered: all was asked; partial: it breaks off
	Start     time.Time        `json:"start,omitzero"`
	Differs   int              `json:"differs"` // of the findings
	Findings  []survey.Finding `json:"findings"`
	Why       string           `json:"why,omitempty"` // there are none, or not all

	stamp time.Time
}

// maxSurvey is how much of a survey's file is read, bytes; a window of a day
// writes 2 MB.
const maxSurvey = 4 << 20

// surveyOf is the payload whose survey has this name, or "".
func surveyOf(name string) string {
	for _, p := range plan.Payloads {
		if name == survey.Name(p.Name) {
			return p.Name
		}
	}
	return ""
}

// readSurveys judges each of them, oldest first.
func (v *viewer) readSurveys(ctx context.Context) {
	for _, f := range v.surveys {
		s := Survey{Satellite: f.satellite, Payload: surveyOf(f.name), Key: f.Key, Findings: []survey.Finding{}, stamp: f.stamp}
		data, err := v.b.bytes(ctx, f, maxSurvey)
		facts, ok := survey.Parse(string(data))
		switch {
		case err != nil:
			v.failed(f.Key, err)
			s.Verdict, s.Why = Partial, err.Error()
		case !ok:
			s.Verdict, s.Why = Partial, "the file is no survey, or breaks off in its first line: the payload's disk was full, or its power went"
		default:
			payload, _ := plan.PayloadNamed(s.Payload)
			s.Run, s.Start, s.Findings = facts.Run, facts.Start, facts.Findings(payload.Expected())
			if !facts.Whole {
				s.Verdict, s.Why = Partial, "it breaks off before its end: what is not seen is not judged; give the windows more time"
			}
			for _, finding := range s.Findings {
				if finding.State == survey.Differs {
					s.Differs++
				}
			}
		}
		v.surveyed = append(v.surveyed, s)
	}
}

// chosen are the surveys that a choice leaves: a run's, or the last of each
// payload.
func (v *viewer) chosen(c Choice) []Survey {
	out := []Survey{}
	for i, s := range v.surveyed {
		last := true
		for _, later := range v.surveyed[i+1:] {
			last = last && (later.Satellite != s.Satellite || later.Payload != s.Payload)
		}
		if (c.Run == "" || c.Run == s.Run) && (last || !c.Latest) {
			out = append(out, s)
		}
	}
	return out
}

// Sorted are the findings, those first that want something done.
func (s Survey) Sorted() []survey.Finding {
	order := []survey.State{survey.Differs, survey.Unknown, survey.Holds}
	return slices.SortedStableFunc(slices.Values(s.Findings), func(a, b survey.Finding) int {
		return slices.Index(order, a.State) - slices.Index(order, b.State)
	})
}

// Of is what a survey is called.
func (s Survey) Of() string {
	return strings.TrimSpace(s.Satellite + " " + s.Payload)
}
