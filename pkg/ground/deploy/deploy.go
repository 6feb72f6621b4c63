package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Did is what became of one satellite.
type Did string

const (
	Planned          Did = "planned"           // and nothing was sent
	Scheduled        Did = "scheduled"         // both windows of each pass, now
	AlreadyScheduled Did = "already scheduled" // by an earlier deployment
	DidFail          Did = "failed"            // Result.Err says why
)

// Result is what came of one satellite.
type Result struct {
	Satellite string
	Plan      *plan.Plan // nil if there is none
	Did       Did
	Outcome
}

func result(satellite string, p *plan.Plan, err error) Result {
	r := Result{Satellite: satellite, Plan: p, Did: Planned, Outcome: Outcome{Err: err}}
	if err != nil {
		r.Plan, r.Did = nil, DidFail
		return r
	}
	r.Passes = p.Passes
	return r
}

// LeftBehind are the windows that may be left alone.
func (r Result) LeftBehind() []string {
	var o *Orphaned
	if errors.As(r.Err, &o) {
		return o.Left
	}
	return nil
}

// ApplyAll carries out those that have a plan, and looks afterwards whether
// something went up twice.
func (g *Ground) ApplyAll(ctx context.Context, all []Result) {
	names := make([]string, len(all))
	old := g.API.Now().Add(-g.API.ListingLag())
	stale, uploads := false, false
	for i, r := range all {
		names[i] = r.Satellite
		if r.Err == nil && !r.Plan.Scheduled() && r.Plan.Now.Before(old) {
			stale, uploads = true, !r.Plan.Spec.SkipUpload
		}
	}
	// The user may have thought about the question for an hour.
	var have []tasking.Upload
	if uploads {
		var err error
		if have, err = g.API.Uploads(ctx); err != nil {
			stale = false // the plans stand, and their calls will say what is wrong
		}
	}
	g.each(names, func(i int, sat string) {
		r := &all[i]
		if r.Err != nil {
			return
		}
		if ctx.Err() != nil {
			r.Err, r.Did = ErrInterrupted, DidFail
			return
		}
		if stale && g.done(ctx, r, have) {
			return
		}
		r.Outcome = g.Apply(ctx, r.Plan)
		r.Did = Scheduled
		switch {
		case r.Err != nil:
			r.Did = DidFail
		case r.Plan.Scheduled():
			r.Did = AlreadyScheduled
		}
	})
	g.lookAgain(ctx, all)
}

// done reports whether another deployment has done it all meanwhile. What it
// has sent is not sent again.
func (g *Ground) done(ctx context.Context, r *Result, have []tasking.Upload) bool {
	p := r.Plan
	windows, err := g.API.Windows(ctx, p.Satellite)
	if err != nil {
		return false
	}
	now, err := plan.New(p.Spec, plan.Facts{Satellite: p.Satellite, Now: g.API.Now(), Asked: true, Uploads: have, Windows: windows}, nil)
	if err != nil {
		return false
	}
	if len(now.Missing()) < len(p.Missing()) {
		g.tell(p.Satellite, "another deployment has sent programs meanwhile; they are not sent again")
		r.Plan = p.WithUploads(now.Uploads)
	}
	if now.Scheduled() && len(now.Missing()) == 0 {
		r.Plan, r.Did, r.Outcome = now, AlreadyScheduled, Outcome{Passes: now.Passes}
		g.tell(p.Satellite, "another deployment has scheduled it meanwhile")
		return true
	}
	return false
}

// lookAgain asks once more for the uploads, for all satellites at once: two
// computers may have sent the same program, and no call prevents that or takes
// it back. It also finds windows whose program will come too late.
func (g *Ground) lookAgain(ctx context.Context, all []Result) {
	wanted := map[string]bool{}
	for _, r := range all {
		for _, s := range r.Sent {
			if !s.Maybe {
				wanted[s.ID] = true
			}
		}
	}
	if len(wanted) == 0 || ctx.Err() != nil {
		return
	}
	until := time.Now().Add(g.API.ListingLag())
	var have []tasking.Upload
	for {
		var err error
		if have, err = g.API.Uploads(ctx); err != nil {
			return // everything is done; this was to be sure
		}
		n := 0
		for _, u := range have {
			if wanted[u.ID] {
				n++
			}
		}
		if n == len(wanted) || !time.Now().Before(until) || tasking.Pause(ctx, g.API.ListingLag()/15) != nil {
			break
		}
	}
	for i := range all {
		r := &all[i]
		if r.Plan == nil || len(r.Sent) == 0 {
			continue
		}
		r.Warnings = append(r.Warnings, twice(r, have)...)
		r.Warnings = append(r.Warnings, r.Plan.Late(have, g.API.Now(), r.Passes)...)
	}
}

// twice says which of the programs that r sent are listed more than once, and
// what that costs.
func twice(r *Result, have []tasking.Upload) (out []string) {
	for _, s := range r.Sent {
		var ids []string
		for _, u := range have {
			if u.Same(uploadRequest(r.Plan, s.Upload)) {
				ids = append(ids, u.ID)
			}
		}
		slices.Sort(ids)
		if n := len(slices.Compact(ids)); n > 1 {
			out = append(out, fmt.Sprintf("%s was sent %d times (uploads %s), by another deployment too: each further one costs %s, for nothing; no call takes it back, the operator may",
				s.Program, n, strings.Join(ids, ", "), s.Cost(r.Plan.Rate)))
		}
	}
	return out
}

// Exit is the exit code of the worst.
func Exit(all []Result) int {
	code := Done
	for _, r := range all {
		code = Worse(code, ExitOf(r.Err))
	}
	return code
}
