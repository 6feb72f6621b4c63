package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

func satellites(ctx context.Context, args []string, io stdio) int {
	var a access
	fs := pflag.NewFlagSet("satellites", pflag.ContinueOnError)
	a.flags(fs, io)
	if code, done := parse(fs, args, io, "satellites [flags] AUTH_TOKEN"); done {
		return code
	}
	token, rest, err := a.token(fs.Args(), io)
	if err == nil && len(rest) > 0 {
		err = wrong("satellites takes the token alone; leave the rest out")
	}
	if err != nil {
		return a.fail(io, "satellites", err)
	}
	g, err := a.open(token, &io)
	if err != nil {
		return a.fail(io, "satellites", err)
	}
	fleet, err := g.Look(ctx, false)
	if err != nil {
		return a.fail(io, "satellites", err)
	}
	if a.json {
		out := []any{}
		for _, id := range fleet.Order {
			out = append(out, fleet.Satellites[id])
		}
		printJSON(io, out)
		return deploy.Done
	}
	if len(fleet.Order) == 0 {
		fmt.Fprintln(io.out, "this token may use no satellite; ask the operator")
		return deploy.Done
	}
	fmt.Fprintf(io.out, "%-12s %-8s %-6s %s\n", "SATELLITE", "NORAD", "PAIR", "WINDOWS")
	for _, id := range fleet.Order {
		s := fleet.Satellites[id]
		pair := "yes"
		for _, w := range (plan.Spec{}).WindowTypes() {
			if !slices.Contains(s.Windows, w) {
				pair = "no"
			}
		}
		fmt.Fprintf(io.out, "%-12s %-8s %-6s %s\n", s.ID, s.NORAD, pair, strings.Join(s.Windows, " "))
	}
	return deploy.Done
}
