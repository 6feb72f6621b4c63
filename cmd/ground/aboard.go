package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// aboard lists our programs on the payloads.
func aboard(ctx context.Context, args []string, io stdio) int {
	var a access
	var table string
	fs := pflag.NewFlagSet("aboard", pflag.ContinueOnError)
	fs.StringVar(&table, "releases", "docs/releases.tsv", "table of releases, to tell versions by their hash")
	a.flags(fs, io)
	if code, done := parse(fs, args, io, "aboard [flags] AUTH_TOKEN [SAT_ID...]"); done {
		return code
	}
	token, sats, err := a.token(fs.Args(), io)
	if err != nil {
		return a.fail(io, "aboard", err)
	}
	releases, err := deploy.Releases(table)
	if err != nil {
		return a.fail(io, "aboard", err)
	}
	g, err := a.open(token, &io)
	if err != nil {
		return a.fail(io, "aboard", err)
	}
	if sats, err = known(ctx, g, sats); err != nil {
		return a.fail(io, "aboard", err)
	}
	list, err := g.Aboard(ctx, sats, releases)
	if err != nil {
		return a.fail(io, "aboard", err)
	}
	if a.json {
		printJSON(io, list)
		return deploy.Done
	}
	if len(list) == 0 {
		fmt.Fprintln(io.out, "none of our programs is aboard, or on its way")
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
		fmt.Fprintln(io.out, folded(io.out, strings.Join([]string{x.Satellite + " " + x.Payload, x.Destination, x.Status, what, use}, ", ")))
	}
	return deploy.Done
}
