package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// aboardFlags is what the flags of aboard say.
type aboardFlags struct {
	access
	releases string
}

func aboardCommand(io *stdio) *cobra.Command {
	w := &aboardFlags{}
	c := &cobra.Command{
		Use:     "aboard [flags] AUTH_TOKEN [SAT_ID...]",
		GroupID: "satellite",
		Short:   "which of our programs are there, and what needs them",
		Example: `  ground aboard -                 # on all satellites of the token
  ground aboard - FM1
  ground aboard --token-file ~/.spire-token FM1`,
		RunE: func(c *cobra.Command, args []string) error { return w.refused(w.run(c.Context(), args, io)) },
	}
	section(c, "What is known here", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.releases, "releases", "docs/releases.tsv", "`FILE` with the table of releases, to tell versions by their hash")
	})
	w.access.flags(c, io)
	w.satelliteSetting(c)
	return c
}

// run lists our programs on the payloads.
func (w *aboardFlags) run(ctx context.Context, args []string, io *stdio) error {
	token, sats, err := w.token(args, io)
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
	list, err := g.Aboard(ctx, sats, releases)
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
		line(io.out, "%s", strings.Join([]string{x.Satellite + " " + x.Payload, x.Destination, x.Status, what, use}, ", "))
	}
	return nil
}
