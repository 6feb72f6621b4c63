package deploy

import (
	"context"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// Result is what came of one satellite.
type Result struct {
	Satellite string
	Plan      *plan.Plan // nil if there is none
	Err       error
	Did       string // "scheduled", "already scheduled", "planned"
}

// DraftAll makes the plans of all satellites.
func (g *Ground) DraftAll(ctx context.Context, f *Fleet, spec plan.Spec, satellites []string) []Result {
	out := make([]Result, len(satellites))
	g.each(satellites, func(i int, sat string) {
		p, err := g.Draft(ctx, f, spec, sat)
		out[i] = Result{Satellite: sat, Plan: p, Err: err}
		if err == nil {
			out[i].Did = "planned"
		} else if ctx.Err() != nil {
			out[i].Err = ErrInterrupted
		}
	})
	return out
}

// PaperAll makes them without asking anybody.
func (g *Ground) PaperAll(spec plan.Spec, satellites []string, now time.Time) []Result {
	out := make([]Result, len(satellites))
	for i, sat := range satellites {
		p, err := OnPaper(spec, sat, now)
		out[i] = Result{Satellite: sat, Plan: p, Err: err, Did: "planned"}
	}
	return out
}

// CarryAll carries out those that have a plan.
func (g *Ground) CarryAll(ctx context.Context, all []Result) {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.Satellite
	}
	g.each(names, func(i int, sat string) {
		r := &all[i]
		if r.Err != nil {
			return
		}
		if ctx.Err() != nil {
			r.Err = ErrInterrupted
			return
		}
		was := r.Plan.Scheduled()
		r.Err = g.Carry(ctx, r.Plan)
		switch {
		case r.Err != nil:
			r.Did = ""
		case was:
			r.Did = "already scheduled"
		default:
			r.Did = "scheduled"
		}
	})
}

// Exit is the exit code of the worst.
func Exit(all []Result) int {
	code := Done
	for _, r := range all {
		code = Worse(code, ExitOf(r.Err))
	}
	return code
}
