package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

func cancel(ctx context.Context, args []string, io stdio) int {
	var a access
	var sel deploy.Selection
	var yes, dryRun bool
	fs := pflag.NewFlagSet("cancel", pflag.ContinueOnError)
	fs.StringSliceVar(&sel.Runs, "run", nil, "cancel the windows of this run only")
	fs.StringSliceVar(&sel.IDs, "window", nil, "cancel the window with this id only")
	fs.BoolVar(&dryRun, "dry-run", false, "say what would be cancelled, and stop")
	fs.BoolVar(&yes, "yes", false, "do not ask before cancelling; needed where no terminal is")
	a.flags(fs, io)
	if code, done := parse(fs, args, io, "cancel [flags] AUTH_TOKEN [SAT_ID...]"); done {
		return code
	}
	token, sats, err := a.token(fs.Args(), io)
	if err == nil && len(sats) == 0 && len(sel.Runs) == 0 && len(sel.IDs) == 0 {
		err = wrong("nothing is named; give a satellite, --run ID or --window ID")
	}
	if err != nil {
		return a.fail(io, "cancel", err)
	}
	g, err := a.open(token, &io)
	if err != nil {
		return a.fail(io, "cancel", err)
	}
	if sats, err = known(ctx, g, sats); err != nil {
		return a.fail(io, "cancel", err)
	}
	if !dryRun {
		unlock, err := lock(ctx, io, g, sats)
		if err != nil {
			return a.fail(io, "cancel", err)
		}
		defer unlock()
	}
	chosen, err := g.Choose(ctx, sats, sel)
	if err != nil {
		return a.fail(io, "cancel", err)
	}
	asked := terminal(io.in) && terminal(io.err)
	n := a.showChosen(io, chosen, dryRun || !yes)
	switch {
	case n == 0 || dryRun:
	case !yes && !asked:
		return a.fail(io, "cancel", wrong("no terminal is here to ask on; give --yes to cancel %d window(s), or --dry-run to look", n))
	case !yes && !confirm(ctx, io, fmt.Sprintf("Cancel %d window(s)?", n)):
		fmt.Fprintln(io.err, "nothing was cancelled")
		return deploy.Failed
	default:
		tell, end := progressPrinter(io, a.json)
		g.Tell = tell
		g.Cancel(ctx, chosen)
		end()
	}
	return a.reportCancelled(io, chosen, n)
}

// showChosen names the windows, once: where nobody is asked, it is said when
// they are cancelled.
func (a *access) showChosen(io stdio, chosen []deploy.Cancelled, show bool) (n int) {
	for _, c := range chosen {
		n += len(c.Windows)
		if a.json {
			continue
		}
		for _, w := range c.Windows {
			if show {
				fmt.Fprintln(io.out, folded(io.out, fmt.Sprintf("%s: window %s, %s at %s, %s", c.Satellite, w.ID, w.Type, plan.Stamp(w.Start), w.State)))
			}
		}
		for _, p := range c.Partners {
			fmt.Fprintf(io.err, "warning: %s: window %s belongs to the same run and stays scheduled alone\n", c.Satellite, p)
		}
	}
	return n
}

func (a *access) reportCancelled(io stdio, chosen []deploy.Cancelled, n int) int {
	code := deploy.Done
	type result struct {
		deploy.Cancelled
		Error string `json:"error,omitempty"`
	}
	out := []result{}
	for _, c := range chosen {
		r := result{Cancelled: c}
		if c.Err != nil {
			fmt.Fprintf(io.err, "ground cancel: %s: %v\n", c.Satellite, c.Err)
			code = deploy.Worse(code, deploy.ExitOf(c.Err))
			r.Error = c.Err.Error()
		}
		out = append(out, r)
	}
	switch {
	case a.json:
		printJSON(io, out)
	case n == 0 && code == deploy.Done:
		fmt.Fprintln(io.out, "nothing of ours is scheduled there; nothing to cancel")
	}
	return code
}

// known checks the satellites against the API's list; none named means all.
func known(ctx context.Context, g *deploy.Ground, sats []string) ([]string, error) {
	fleet, err := g.Look(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, s := range sats {
		if _, ok := fleet.Satellites[s]; !ok {
			return nil, &deploy.Unknown{Why: "satellite " + s + " is unknown to this token; ground satellites lists those that it may use"}
		}
	}
	if len(sats) == 0 {
		return fleet.Order, nil
	}
	return sats, nil
}
