package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"payload-ipc/pkg/ground/plan"
)

func satellitesCommand(io *stdio) *cobra.Command {
	a := &access{}
	c := &cobra.Command{
		Use:     "satellites [flags] [AUTH_TOKEN]",
		GroupID: "satellite",
		Short:   "what the token may use",
		Example: `  ground satellites -              # the token from SPIRE_AUTH_TOKEN
  ground satellites --json --token-file ~/.spire-token`,
		RunE: func(c *cobra.Command, args []string) error { return a.refused(a.listSatellites(c.Context(), args, io)) },
	}
	a.flags(c, io)
	io.checked(c, a.check)
	c.ValidArgsFunction = cobra.NoFileCompletions
	return c
}

func (a *access) listSatellites(ctx context.Context, args []string, io *stdio) error {
	token, rest, err := a.token(args, io)
	if err == nil && len(rest) > 0 {
		err = wrong("satellites takes the token alone; leave the rest out")
	}
	if err != nil {
		return err
	}
	g, err := a.open(token, io)
	if err != nil {
		return err
	}
	fleet, err := g.Look(ctx, false)
	if err != nil {
		return err
	}
	if a.json {
		out := []any{}
		for _, id := range fleet.Order {
			out = append(out, fleet.Satellites[id])
		}
		printJSON(io, out)
		return nil
	}
	if len(fleet.Order) == 0 {
		fmt.Fprintln(io.out, "this token may use no satellite; ask the operator")
		return nil
	}
	t := table{heading: []string{"SATELLITE", "NORAD", "PAIR", "WINDOWS"}}
	for _, id := range fleet.Order {
		s := fleet.Satellites[id]
		pair := "yes"
		for _, w := range (plan.Spec{}).WindowTypes() {
			if !slices.Contains(s.Windows, w) {
				pair = "no"
			}
		}
		t.add(s.ID, s.NORAD, pair, strings.Join(s.Windows, " "))
	}
	t.write(io.out)
	return nil
}
