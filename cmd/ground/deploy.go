package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

func planCommand(io *stdio) *cobra.Command {
	return deployLike(io, &cobra.Command{
		Use:   "plan [flags] AUTH_TOKEN SAT_ID...",
		Short: "what deploy would do; asks the API, changes nothing",
		Example: `  ground plan - FM1
  ground plan --svg plan.svg - FM1
  ground plan --repeat 7 --path /var/log/kern.log --path /etc/ - FM1
  ground plan --dry-run FM1            # on paper: no token, nobody is asked`,
	})
}

func deployCommand(io *stdio) *cobra.Command {
	return deployLike(io, &cobra.Command{
		Use:   "deploy [flags] AUTH_TOKEN SAT_ID...",
		Short: "send both programs, schedule both windows or none",
		Example: `  ground deploy - FM1                  # the token from SPIRE_AUTH_TOKEN
  ground deploy --repeat 7 --path /var/log/kern.log --path /etc/ - FM1
  ground deploy --hand-over --start 2026-12-20T10:00:00Z - FM1 FM2
  ground deploy --dry-run FM1          # on paper: no token, nothing is sent`,
	})
}

// deployLike makes c a verb that plans.
func deployLike(io *stdio, c *cobra.Command) *cobra.Command {
	w := &deployFlags{}
	c.GroupID = "pass"
	c.RunE = func(c *cobra.Command, args []string) error { return w.refused(w.run(c.Context(), c.Name(), args, io)) }
	w.flags(c, io)
	w.satelliteSetting(c)
	return c
}

func (w *deployFlags) run(ctx context.Context, name string, args []string, io *stdio) error {
	w.noToken = w.dryRun
	token, sats, err := w.token(args, io)
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
		return err
	}
	g, err := w.open(token, io)
	if err != nil {
		return err
	}
	arts, warnings, err := deploy.Artifacts(w.artifacts, w.spec)
	if err != nil {
		return err
	}
	w.spec.Artifacts = arts
	for _, s := range warnings {
		fmt.Fprintln(io.err, "warning:", s)
	}
	if name == "deploy" && !w.dryRun {
		unlock, err := lock(ctx, io, g, sats)
		if err != nil {
			return err
		}
		defer unlock()
	}

	g.Tell = func(e deploy.Event) { fmt.Fprintf(io.err, "%s: %s\n", e.Satellite, e.Text) }
	results, err := w.draft(ctx, g, sats)
	if err != nil {
		return err
	}
	if !w.json {
		showPlans(io, name, results)
	}
	if err := w.draw(results); err != nil {
		return err
	}
	if name == "deploy" && !w.dryRun {
		if err := w.apply(ctx, io, g, results); err != nil {
			return err
		}
	}
	w.report(io, name, results)
	return exit(deploy.Exit(results))
}

// lock keeps a second deployment on this computer waiting, and says so.
func lock(ctx context.Context, io *stdio, g *deploy.Ground, sats []string) (unlock func(), err error) {
	unlock, err = g.Lock(ctx, sats, func(sat string) {
		fmt.Fprintf(io.err, "another ground command on this computer is at work on %s; waiting for its end\n", sat)
	})
	if err != nil && !errors.Is(err, deploy.ErrInterrupted) {
		fmt.Fprintf(io.err, "warning: %v; start no second one beside this\n", err)
		return func() {}, nil
	}
	return unlock, err
}

// apply carries the plans out, once the user agrees.
func (w *deployFlags) apply(ctx context.Context, io *stdio, g *deploy.Ground, results []deploy.Result) error {
	n := 0
	for _, r := range results {
		if r.Err == nil && len(r.Plan.Actions()) > 0 {
			n++
		}
	}
	if n > 0 && !w.yes && !confirm(ctx, io, fmt.Sprintf("Go ahead on %d satellite(s)?", n)) {
		return errors.New("nothing was done")
	}
	tell, end := progressPrinter(io, w.json)
	g.Tell = tell
	g.ApplyAll(ctx, results)
	end()
	return nil
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
func showPlans(io *stdio, name string, results []deploy.Result) {
	for _, r := range results {
		switch {
		case r.Err != nil:
			say(io, name, fmt.Errorf("%s: %w", r.Satellite, r.Err))
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
func (w *deployFlags) report(io *stdio, name string, results []deploy.Result) {
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
				say(io, name, fmt.Errorf("%s: %w", r.Satellite, r.Err))
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

func (w *deployFlags) reportOne(io *stdio, r deploy.Result, row bool) {
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

func (w *deployFlags) reportJSON(io *stdio, results []deploy.Result) {
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
