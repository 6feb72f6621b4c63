package deploy

import (
	"context"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Draft makes the plan of one satellite: what is aboard and scheduled already,
// and the first time at which what is missing fits. It only asks.
func (g *Ground) Draft(ctx context.Context, f *Fleet, spec plan.Spec, satellite string) (*plan.Plan, error) {
	if err := f.Check(spec, satellite); err != nil {
		return nil, err
	}
	facts, err := g.facts(ctx, f, satellite)
	if err != nil {
		return nil, err
	}
	if half, ok := spec.Half(facts); ok {
		// Another deployment may be at work between its two windows, or the listing
		// be behind: only what is alone after that time is.
		lag := g.API.ListingLag()
		g.tell(satellite, "window %s (%s at %s) seems to be alone; looking again in %s", half.ID, half.Type, plan.Stamp(half.Start), plan.Span(lag))
		if err := tasking.Pause(ctx, lag); err != nil {
			return nil, err
		}
		if facts, err = g.facts(ctx, f, satellite); err != nil {
			return nil, err
		}
	}
	return plan.New(spec, facts, func(windowType string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
		return g.API.Availability(ctx, satellite, windowType, from, span)
	})
}

func (g *Ground) facts(ctx context.Context, f *Fleet, satellite string) (plan.Facts, error) {
	windows, err := g.API.Windows(ctx, satellite)
	return plan.Facts{Satellite: satellite, Now: g.API.Now(), Asked: true, Uploads: f.uploads, Windows: windows}, err
}

// DraftAll makes the plans of all satellites.
func (g *Ground) DraftAll(ctx context.Context, f *Fleet, spec plan.Spec, satellites []string) []Result {
	out := make([]Result, len(satellites))
	g.each(satellites, func(i int, sat string) {
		p, err := g.Draft(ctx, f, spec, sat)
		out[i] = result(sat, p, err)
		if err != nil && ctx.Err() != nil {
			out[i].Err = ErrInterrupted
		}
	})
	return out
}

// DryRunAll makes them without asking anybody.
func DryRunAll(spec plan.Spec, satellites []string, now time.Time) []Result {
	out := make([]Result, len(satellites))
	for i, sat := range satellites {
		p, err := plan.New(spec, plan.Facts{Satellite: sat, Now: now}, nil)
		out[i] = result(sat, p, err)
	}
	return out
}
