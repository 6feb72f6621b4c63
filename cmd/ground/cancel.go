package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// cancelFlags is what the flags of cancel say.
type cancelFlags struct {
	access
	sel         deploy.Selection
	yes, dryRun bool
}

func cancelCommand(io *stdio) *cobra.Command {
	w := &cancelFlags{}
	c := &cobra.Command{
		Use:     "cancel [flags] [AUTH_TOKEN] [SAT_ID...]",
		GroupID: "pass",
		Short:   "cancel windows; --run ID or --window ID picks some",
		Example: `  ground cancel --dry-run - FM1                  # what would be cancelled
  ground cancel - FM1                            # all of ours; asks first
  ground cancel --yes --run 20261204T034932Z-FM1 -
  ground cancel --window 3020553 - FM1           # any window, also another's`,
		RunE: func(c *cobra.Command, args []string) error { return w.refused(w.run(c.Context(), args, io)) },
	}
	section(c, "Which windows", func(fs *pflag.FlagSet) {
		fs.StringSliceVar(&w.sel.Runs, "run", nil, "cancel the windows of this run only, by its `ID`; may be repeated")
		fs.StringSliceVar(&w.sel.IDs, "window", nil, "cancel the window with this `ID` only; may be repeated")
	})
	w.access.flags(c, io)
	io.checked(c, w.check)
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&w.dryRun, "dry-run", false, "say what would be cancelled, and stop")
		fs.BoolVar(&w.yes, "yes", false, "do not ask before cancelling; needed where no terminal is")
	})
	return c
}

func (w *cancelFlags) run(ctx context.Context, args []string, io *stdio) error {
	token, sats, err := w.token(args, io)
	if err == nil && len(sats) == 0 && len(w.sel.Runs) == 0 && len(w.sel.IDs) == 0 {
		err = wrong("nothing is named; give a satellite, --run ID or --window ID")
	}
	if err == nil {
		err = w.check()
	}
	for _, run := range w.sel.Runs {
		if err == nil {
			err = checkRunOf(run, sats)
		}
	}
	if err != nil {
		return err
	}
	g, err := w.open(token, io)
	if err != nil {
		return err
	}
	if sats, err = known(ctx, g, sats); err != nil {
		return err
	}
	if !w.dryRun {
		unlock, err := lock(ctx, io, g, sats)
		if err != nil {
			return err
		}
		defer unlock()
	}
	chosen, err := g.Choose(ctx, sats, w.sel)
	if err != nil {
		return err
	}
	asked := terminal(io.in) && terminal(io.err)
	n := w.showChosen(io, chosen, w.dryRun || !w.yes)
	switch {
	case n == 0 || w.dryRun:
	case !w.yes && !asked:
		return wrong("no terminal is here to ask on; give --yes to cancel %d window(s), or --dry-run to look", n)
	case !w.yes && !confirm(ctx, io, fmt.Sprintf("Cancel %d window(s)?", n)):
		return errors.New("nothing was cancelled")
	default:
		tell, end := progressPrinter(io, w.json)
		g.Tell = tell
		g.Cancel(ctx, chosen)
		end()
	}
	return exit(w.reportCancelled(io, chosen, n))
}

// check refuses what no run and no window is called.
func (w *cancelFlags) check() error {
	for _, run := range w.sel.Runs {
		if err := checkRun(run); err != nil {
			return err
		}
	}
	for _, id := range w.sel.IDs {
		if err := checkWindow(id); err != nil {
			return err
		}
	}
	return w.access.check()
}

// showChosen names the windows, once: where nobody is asked, it is said when
// they are cancelled.
func (a *access) showChosen(io *stdio, chosen []deploy.Cancelled, show bool) (n int) {
	for _, c := range chosen {
		n += len(c.Windows)
		if a.json {
			continue
		}
		for _, w := range c.Windows {
			if show {
				line(io.out, "%s: window %s, %s at %s, %s", c.Satellite, w.ID, w.Type, plan.Stamp(w.Start), w.State)
			}
		}
		for _, p := range c.Partners {
			line(io.err, "warning: %s: window %s belongs to the same run and stays scheduled alone; cancel it too: %s", c.Satellite, p,
				a.again(io, "cancel", "--window "+quote(p)+" "+c.Satellite))
		}
	}
	return n
}

func (a *access) reportCancelled(io *stdio, chosen []deploy.Cancelled, n int) int {
	code := deploy.Done
	type result struct {
		deploy.Cancelled
		Error string `json:"error,omitempty"`
	}
	out := []result{}
	for _, c := range chosen {
		r := result{Cancelled: c}
		if c.Err != nil {
			say(io, "cancel", fmt.Errorf("%s: %w", c.Satellite, c.Err))
			code = deploy.Worse(code, deploy.ExitOf(c.Err))
			r.Error = c.Err.Error()
		}
		out = append(out, r)
	}
	switch {
	case a.json:
		printJSON(io, out)
	case n == 0 && code == deploy.Done:
		line(io.out, "nothing of ours is scheduled there; nothing to cancel")
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
