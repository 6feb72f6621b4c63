package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/flight/fetch"
	"payload-ipc/pkg/ground/deploy"
)

func planCommand(io *stdio) *cobra.Command {
	return deployLike(io, &cobra.Command{
		Use:   "plan [flags] [AUTH_TOKEN] SAT_ID...",
		Short: "what deploy would do; asks the API, changes nothing",
		Example: `  ground plan - FM1
  ground plan --svg plan.svg - FM1
  ground plan --repeat 7 --path /var/log/kern.log --path /etc/ - FM1
  ground plan --dry-run FM1            # on paper: no token, nobody is asked`,
	})
}

func deployCommand(io *stdio) *cobra.Command {
	return deployLike(io, &cobra.Command{
		Use:   "deploy [flags] [AUTH_TOKEN] SAT_ID...",
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
	io.checked(c, func() error { return w.check(c, io) })
	c.RunE = func(c *cobra.Command, args []string) error { return w.refused(w.run(c, args, io)) }
	w.flags(c, io)
	w.satelliteSetting(c)
	hiddenSetting(c, func(fs *pflag.FlagSet) {
		fs.BoolVar(&w.needs, "needs", false, "print what has to be built, and stop (./deploy asks)")
	})
	return c
}

func (w *deployFlags) run(c *cobra.Command, args []string, io *stdio) error {
	if w.needs {
		return w.tellNeeds(c, args, io)
	}
	ctx, name := c.Context(), c.Name()
	token, sats, err := w.arguments(c, args, io)
	if err != nil {
		return err
	}
	g, err := w.open(token, io)
	if err != nil {
		return err
	}
	w.spec.Token = token
	if !w.spec.Survey {
		arts, warnings, err := deploy.Artifacts(w.artifacts, w.spec)
		if err != nil {
			return err
		}
		w.spec.Artifacts = arts
		if !w.spec.SkipUpload {
			w.spec.Ways = deploy.Ways(w.built(), w.spec)
		}
		for _, s := range warnings {
			line(io.err, "warning: %s", s)
		}
	}
	acts := name != "plan" && !w.dryRun
	if acts {
		unlock, err := lock(ctx, io, g, sats)
		if err != nil {
			return err
		}
		defer unlock()
	}

	g.Tell = func(e deploy.Event) { line(io.err, "%s: %s", e.Satellite, e.Text) }
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
	if acts {
		if err := w.apply(ctx, io, g, results); err != nil {
			return err
		}
	}
	w.report(io, name, results)
	return exit(deploy.Exit(results))
}

// arguments reads the command line, all before anything is sent.
func (w *deployFlags) arguments(c *cobra.Command, args []string, io *stdio) (token string, sats []string, err error) {
	w.noToken = w.dryRun
	token, sats, err = w.token(args, io)
	if err == nil && len(sats) == 0 {
		err = wrong("the satellite is missing; the order is AUTH_TOKEN SAT_ID...")
	}
	if w.spec.Key && len(args) > 0 && args[0] != "-" && !w.isSatellite(args[0]) { // what follows it is an argument
		if w.advice != "" {
			w.advice += "; " + keyAlone
		}
		if err != nil {
			err = wrong("%v; %s", err, keyAlone)
		}
	}
	if err == nil && w.svg != "" && len(sats) > 1 {
		err = wrong("--svg draws one satellite; give one")
	}
	if err == nil {
		w.artifacts = findArtifacts(w.artifacts)
		err = w.check(c, io)
	}
	return token, sats, err
}

// check refuses what no deployment can be made of.
func (w *deployFlags) check(c *cobra.Command, io *stdio) error {
	if typed(io, c, "every") && w.spec.Repeat == 1 {
		return wrong("--every is the time between passes, of which there is one; give --repeat N too")
	}
	if c.Flags().Lookup("depth") != nil && w.spec.Depth == 0 { // in a Spec the default
		return wrong("--depth: 0 is not 1 to %d", fetch.MaxDepth)
	}
	if err := writable("svg", w.svg); err != nil {
		return err
	}
	if err := w.access.check(); err != nil {
		return err
	}
	if err := programs(w.artifacts); err != nil {
		return err
	}
	return w.read(time.Now())
}

// tellNeeds prints what ./deploy has to build for this command line: nothing
// where the programs are somebody else's.
func (w *deployFlags) tellNeeds(c *cobra.Command, args []string, io *stdio) error {
	quiet := *io // what there is to warn of is said when it is done
	quiet.err = nowhere
	if _, _, err := w.arguments(c, args, &quiet); err != nil || c.Flags().Changed("artifacts") {
		return err
	}
	line(io.out, "uplink")
	if from, to := w.spec.Payloads(); from.Arch == "arm" || to.Arch == "arm" {
		line(io.out, "arm")
	}
	if w.update != "" {
		line(io.out, "from=%s", w.update)
	}
	return nil
}

// typed reports whether a flag is on the command line.
func typed(io *stdio, c *cobra.Command, flag string) bool {
	_, fromFile := io.from[flag]
	return c.Flags().Changed(flag) && !fromFile
}

const defaultArtifacts = "bin/uplink"

// findArtifacts is dir; where nobody has given one and it is not in the current
// directory, the one beside this program, as make builds both.
func findArtifacts(dir string) string {
	if _, err := os.Stat(dir); dir != defaultArtifacts || err == nil {
		return dir
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), filepath.Base(defaultArtifacts))
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return dir
}

// lock keeps a second deployment on this computer waiting, and says so.
func lock(ctx context.Context, io *stdio, g *deploy.Ground, sats []string) (unlock func(), err error) {
	unlock, err = g.Lock(ctx, sats, func(sat string) {
		line(io.err, "another ground command on this computer is at work on %s; waiting for its end", sat)
	})
	if err != nil && !errors.Is(err, deploy.ErrInterrupted) {
		line(io.err, "warning: %v; start no second one beside this", err)
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
