package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// aboardFlags is what the flags of aboard say.
type aboardFlags struct {
	access
	releases  string
	rate      string
	artifacts string
}

func aboardCommand(io *stdio) *cobra.Command {
	w := &aboardFlags{}
	c := &cobra.Command{
		Use:     "aboard [flags] [AUTH_TOKEN] [SAT_ID...]",
		GroupID: "satellite",
		Short:   "our programs there: what needs them, what an update costs",
		Example: `  ground aboard -                 # on all satellites of the token
  ground aboard - FM1
  ground aboard --token-file ~/.spire-token FM1`,
		RunE: func(c *cobra.Command, args []string) error { return w.refused(w.run(c.Context(), args, io)) },
	}
	section(c, "What is known here", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.artifacts, "artifacts", defaultArtifacts, "`DIR` of the packed programs and of the updates that make update has built, for what one would cost")
		fs.StringVar(&w.rate, "uplink-rate", "125KB", "`SIZE` that goes up in a day")
		fs.StringVar(&w.releases, "releases", defaultReleases, "`FILE` with the table of releases, to tell versions by their hash")
	})
	w.access.flags(c, io)
	w.satelliteSetting(c)
	io.checked(c, w.check)
	return c
}

// check refuses what nobody can be asked with; a table of releases that is not
// in its usual place has no rows.
func (w *aboardFlags) check() error {
	if _, err := plan.ParseSize(w.rate); err != nil {
		return wrong("--uplink-rate: %v", err)
	}
	if err := programs(w.artifacts); err != nil {
		return err
	}
	if _, err := os.Stat(w.releases); err != nil && w.releases != defaultReleases {
		return wrong("--releases: cannot read the table of releases: %v", err)
	}
	return w.access.check()
}

const defaultReleases = "docs/releases.tsv"

// run lists our programs on the payloads.
func (w *aboardFlags) run(ctx context.Context, args []string, io *stdio) error {
	token, sats, err := w.token(args, io)
	if err != nil {
		return err
	}
	if err := w.check(); err != nil {
		return err
	}
	rate, err := plan.ParseSize(w.rate)
	if err != nil {
		return err
	}
	releases, err := deploy.Releases(w.releases)
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
	list, err := g.Aboard(ctx, sats, releases, deploy.Ways(findArtifacts(w.artifacts), plan.Spec{}), rate)
	if err != nil {
		return err
	}
	if w.json {
		printJSON(io, list)
		return nil
	}
	if len(list) == 0 {
		line(io.out, "none of our programs is aboard, or on its way")
	}
	for _, x := range list {
		what := "no release that is known here"
		if x.Version != "" {
			what = "release " + x.Version + ", commit " + x.Commit
		}
		use := "needed by no window"
		if len(x.Windows) > 0 {
			use = "needed by window " + plan.List(x.Windows)
		}
		line(io.out, "%s", strings.Join(append([]string{x.Satellite + " " + x.Payload, x.Destination, x.Status, what, use}, standing(x)...), ", "))
	}
	return nil
}

// standing is how a program aboard stands to what is built here, if that is known.
func standing(x deploy.Aboard) []string {
	switch u := x.Update; {
	case x.Built:
		return []string{"the program that is built here"}
	case u != nil:
		return []string{fmt.Sprintf("an update to what is built here: %s bytes, %s of uplink (--update-from %s)", plan.Grouped(u.Bytes), plan.Span(time.Duration(u.Days*float64(plan.Day))), u.Version)}
	case x.Version != "":
		return []string{"what an update would cost is told once make update FROM=" + x.Version + " has built it"}
	}
	return nil
}
