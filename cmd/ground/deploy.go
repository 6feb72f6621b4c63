package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

func runDeploy(ctx context.Context, name string, args []string, io stdio) int {
	w := &wish{}
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	w.flags(fs, io)
	if code, done := parse(fs, args, io, name+" [flags] AUTH_TOKEN SAT_ID..."); done {
		return code
	}
	token, sats, err := w.token(fs.Args(), io)
	if err == nil && len(sats) == 0 {
		err = wrong("the satellite is missing; the order is AUTH_TOKEN SAT_ID...")
	}
	if err == nil && w.svg != "" && len(sats) > 1 {
		err = wrong("--svg draws one satellite; give one")
	}
	if err == nil {
		err = w.read(time.Now())
	}
	if err != nil {
		return fail(io, name, err)
	}
	g, err := w.open(token, &io)
	if err != nil {
		return fail(io, name, err)
	}
	arts, warnings, err := deploy.Artifacts(w.artifacts, w.spec.HandOver)
	if err != nil {
		return fail(io, name, err)
	}
	w.spec.Artifacts = arts
	for _, s := range warnings {
		fmt.Fprintln(io.err, "warning:", s)
	}

	results, err := w.draft(ctx, g, sats)
	if err != nil {
		return fail(io, name, err)
	}
	if !w.json {
		showPlans(io, name, results)
	}
	if err := w.draw(results); err != nil {
		return fail(io, name, err)
	}
	if name == "plan" || w.dryRun {
		w.report(io, name, results)
		return deploy.Exit(results)
	}
	n := 0
	for _, r := range results {
		if r.Err == nil && (!r.Plan.Scheduled() || len(r.Plan.Missing()) > 0) {
			n++
		}
	}
	if n > 0 && !w.yes && !confirm(ctx, io, fmt.Sprintf("Go ahead on %d satellite(s)?", n)) {
		fmt.Fprintln(io.err, "nothing was done")
		return deploy.Failed
	}
	if n > 0 {
		tell, end := teller(io, w.json)
		g.Tell = tell
		g.CarryAll(ctx, results)
		end()
	} else {
		for i := range results {
			if results[i].Err == nil {
				results[i].Did = "already scheduled"
			}
		}
	}
	w.report(io, name, results)
	return deploy.Exit(results)
}

func (w *wish) draft(ctx context.Context, g *deploy.Ground, sats []string) ([]deploy.Result, error) {
	if w.dryRun {
		return g.PaperAll(w.spec, sats, time.Now()), nil
	}
	fleet, err := g.Look(ctx, !w.spec.SkipUpload)
	if err != nil {
		if ctx.Err() != nil {
			err = deploy.ErrInterrupted
		}
		return nil, err
	}
	// "+2h" counts from the API's time, which is known only now.
	if strings.HasPrefix(w.start, "+") {
		w.spec.Start, _ = instant(w.start, g.API.Now())
	}
	return g.DraftAll(ctx, fleet, w.spec, sats), nil
}

// draw writes the picture.
func (w *wish) draw(results []deploy.Result) error {
	if w.svg == "" || results[0].Plan == nil {
		return nil
	}
	if err := os.WriteFile(w.svg, results[0].Plan.SVG(), 0o644); err != nil {
		return fmt.Errorf("cannot write the picture: %w; give --svg another file", err)
	}
	return nil
}

// showPlans draws the plans of a few satellites, or a line for each of many.
func showPlans(io stdio, name string, results []deploy.Result) {
	for _, r := range results {
		switch {
		case r.Err != nil:
			fmt.Fprintf(io.err, "ground %s: %s: %v\n", name, r.Satellite, r.Err)
		case len(results) <= 3:
			r.Plan.Draw(io.out)
			fmt.Fprintln(io.out)
		default:
			fmt.Fprintf(io.out, "%-10s %s  overlap %d s  %d to be sent\n", r.Satellite,
				plan.Stamp(r.Plan.Windows[0].Start), r.Plan.Overlap, len(r.Plan.Missing()))
			for _, s := range r.Plan.Warnings {
				fmt.Fprintf(io.out, "%-10s warning: %s\n", "", s)
			}
		}
	}
}

type jsonResult struct {
	Satellite string     `json:"satellite"`
	Exit      int        `json:"exit"`
	Result    string     `json:"result"`
	Error     string     `json:"error,omitempty"`
	LeftOver  []string   `json:"left_behind,omitempty"`
	Plan      *plan.Plan `json:"plan,omitempty"`
}

// report ends the run: a table for a fleet, a sentence for one.
func (w *wish) report(io stdio, name string, results []deploy.Result) {
	if w.json {
		out := struct {
			Exit       int          `json:"exit"`
			Satellites []jsonResult `json:"satellites"`
		}{Exit: deploy.Exit(results)}
		for _, r := range results {
			j := jsonResult{Satellite: r.Satellite, Exit: deploy.ExitOf(r.Err), Result: r.Did, Plan: r.Plan}
			if r.Err != nil {
				j.Result, j.Error = "failed", r.Err.Error()
				var o *deploy.Orphaned
				if errors.As(r.Err, &o) {
					j.LeftOver = o.Left
				}
			}
			out.Satellites = append(out.Satellites, j)
		}
		printJSON(io, out)
		return
	}
	if name == "plan" || w.dryRun {
		if w.dryRun {
			fmt.Fprintln(io.out, "Dry run: nothing was sent.")
		}
		return
	}
	if len(results) > 1 {
		fmt.Fprintf(io.out, "%-10s %-17s %-29s %s\n", "SATELLITE", "RESULT", "START", "WINDOWS")
	}
	for _, r := range results {
		if r.Err != nil {
			if r.Plan != nil { // a failed draft was told already
				fmt.Fprintf(io.err, "ground %s: %s: %v\n", name, r.Satellite, r.Err)
			}
			if len(results) > 1 {
				fmt.Fprintf(io.out, "%-10s %-17s\n", r.Satellite, fmt.Sprintf("failed, exit %d", deploy.ExitOf(r.Err)))
			}
			continue
		}
		p := r.Plan
		if len(results) > 1 {
			fmt.Fprintf(io.out, "%-10s %-17s %-29s %s %s\n", r.Satellite, r.Did, plan.Stamp(p.Windows[0].Start), p.Windows[0].ID, p.Windows[1].ID)
			continue
		}
		verb := "are scheduled"
		if r.Did == "already scheduled" {
			verb = "were scheduled already, nothing to do"
		}
		fmt.Fprintf(io.out, "Both windows on %s %s: %s and %s, run %s.\nFollow them with: %s\n",
			r.Satellite, verb, p.Windows[0].ID, p.Windows[1].ID, p.Run, w.again(io, "status --watch", r.Satellite))
	}
	for _, r := range results {
		if r.Plan == nil {
			continue
		}
		for _, late := range r.Plan.Late {
			fmt.Fprintf(io.err, "warning: %s: %s\n", r.Satellite, late)
		}
	}
}

func printJSON(io stdio, v any) {
	e := json.NewEncoder(io.out)
	e.SetIndent("", "  ")
	e.Encode(v)
}
