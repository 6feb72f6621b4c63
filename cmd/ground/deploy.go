package main

import (
	"context"
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
	w := &deployFlags{}
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	w.flags(fs, io)
	if code, done := parse(fs, args, io, name+" [flags] AUTH_TOKEN SAT_ID..."); done {
		return code
	}
	w.noToken = w.dryRun
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
		return w.fail(io, name, err)
	}
	g, err := w.open(token, &io)
	if err != nil {
		return w.fail(io, name, err)
	}
	arts, warnings, err := deploy.Artifacts(w.artifacts, w.spec)
	if err != nil {
		return w.fail(io, name, err)
	}
	w.spec.Artifacts = arts
	for _, s := range warnings {
		fmt.Fprintln(io.err, "warning:", s)
	}
	if name == "deploy" && !w.dryRun {
		unlock, err := lock(ctx, io, g, sats)
		if err != nil {
			return w.fail(io, name, err)
		}
		defer unlock()
	}

	g.Tell = func(e deploy.Event) { fmt.Fprintf(io.err, "%s: %s\n", e.Satellite, e.Text) }
	results, err := w.draft(ctx, g, sats)
	if err != nil {
		return w.fail(io, name, err)
	}
	if !w.json {
		showPlans(io, name, results)
	}
	if err := w.draw(results); err != nil {
		return w.fail(io, name, err)
	}
	if name == "plan" || w.dryRun {
		w.report(io, name, results)
		return deploy.Exit(results)
	}
	return w.apply(ctx, io, name, g, results)
}

// lock keeps a second deployment on this computer waiting, and says so.
func lock(ctx context.Context, io stdio, g *deploy.Ground, sats []string) (unlock func(), err error) {
	unlock, err = g.Lock(ctx, sats, func(sat string) {
		fmt.Fprintf(io.err, "another ground command on this computer is at work on %s; waiting for its end\n", sat)
	})
	if err != nil && !errors.Is(err, deploy.ErrInterrupted) {
		fmt.Fprintf(io.err, "warning: %v; start no second one beside this\n", err)
		return func() {}, nil
	}
	return unlock, err
}

func (w *deployFlags) apply(ctx context.Context, io stdio, name string, g *deploy.Ground, results []deploy.Result) int {
	n := 0
	for _, r := range results {
		if r.Err == nil && len(r.Plan.Actions()) > 0 {
			n++
		}
	}
	if n > 0 && !w.yes && !confirm(ctx, io, fmt.Sprintf("Go ahead on %d satellite(s)?", n)) {
		fmt.Fprintln(io.err, "nothing was done")
		return deploy.Failed
	}
	tell, end := progressPrinter(io, w.json)
	g.Tell = tell
	g.ApplyAll(ctx, results)
	end()
	w.report(io, name, results)
	return deploy.Exit(results)
}

func (w *deployFlags) draft(ctx context.Context, g *deploy.Ground, sats []string) ([]deploy.Result, error) {
	if w.dryRun {
		return deploy.DryRunAll(w.spec, sats, time.Now()), nil
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
func (w *deployFlags) draw(results []deploy.Result) error {
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
			r.Plan.Draw(io.out, columns(io.out))
			fmt.Fprintln(io.out)
		default:
			fmt.Fprintf(io.out, "%-10s %s  overlap %d s  %d to be sent\n", r.Satellite,
				plan.Stamp(r.Plan.First().Windows[0].Start), r.Plan.First().Overlap, len(r.Plan.Missing()))
			for _, s := range r.Plan.Warnings {
				fmt.Fprintf(io.out, "%-10s warning: %s\n", "", s)
			}
		}
	}
}

type jsonResult struct {
	Satellite string      `json:"satellite"`
	Exit      int         `json:"exit"`
	Result    deploy.Did  `json:"result"`
	Error     string      `json:"error,omitempty"`
	LeftOver  []string    `json:"left_behind"`
	Passes    []plan.Pass `json:"passes"`
	Warnings  []string    `json:"warnings"`
	Plan      *plan.Plan  `json:"plan,omitempty"`
}

// report ends the run: a table for a fleet, a sentence for one.
func (w *deployFlags) report(io stdio, name string, results []deploy.Result) {
	switch {
	case w.json:
		w.reportJSON(io, results)
		return
	case w.dryRun:
		fmt.Fprintln(io.out, "Dry run: nothing was sent.")
		return
	case name == "plan":
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
		w.reportOne(io, r, len(results) > 1)
	}
	for _, r := range results {
		for _, late := range r.Warnings {
			fmt.Fprintf(io.err, "warning: %s: %s\n", r.Satellite, late)
		}
	}
}

func (w *deployFlags) reportOne(io stdio, r deploy.Result, row bool) {
	verb := "are scheduled"
	if r.Did == deploy.AlreadyScheduled {
		verb = "were scheduled already, nothing to do"
		if len(r.Sent) > 0 {
			verb = "were scheduled already; what they lacked was sent"
		}
	}
	for _, p := range r.Passes {
		if row {
			fmt.Fprintf(io.out, "%-10s %-17s %-29s %s %s\n", r.Satellite, r.Did, plan.Stamp(p.Windows[0].Start), p.Windows[0].ID, p.Windows[1].ID)
			continue
		}
		fmt.Fprintln(io.out, folded(io.out, fmt.Sprintf("Both windows on %s %s: %s and %s, run %s.", r.Satellite, verb, p.Windows[0].ID, p.Windows[1].ID, p.Run)))
	}
	if !row {
		fmt.Fprintf(io.out, "Follow them with: %s\n", w.again(io, "status --watch", r.Satellite))
	}
}

func (w *deployFlags) reportJSON(io stdio, results []deploy.Result) {
	out := struct {
		Exit       int          `json:"exit"`
		Satellites []jsonResult `json:"satellites"`
	}{deploy.Exit(results), []jsonResult{}}
	for _, r := range results {
		j := jsonResult{Satellite: r.Satellite, Exit: deploy.ExitOf(r.Err), Result: r.Did, Plan: r.Plan,
			LeftOver: some(r.LeftBehind()), Passes: some(r.Passes), Warnings: some(r.Warnings)}
		if r.Err != nil {
			j.Error = r.Err.Error()
		}
		out.Satellites = append(out.Satellites, j)
	}
	printJSON(io, out)
}

// some is l, or an empty list where there is none: JSON has no null for it.
func some[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
