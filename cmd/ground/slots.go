package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// slot is a time in which the server's window of a pair can start.
type slot struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// slotsFlags is what the flags of slots say.
type slotsFlags struct {
	deployFlags
	span time.Duration
}

func slotsCommand(io *stdio) *cobra.Command {
	w := &slotsFlags{}
	c := &cobra.Command{
		Use:     "slots [flags] [AUTH_TOKEN] SAT_ID",
		GroupID: "satellite",
		Short:   "when both windows fit in the next days",
		Example: `  ground slots - FM1               # the next 3 days
  ground slots --span 240h --sdr-duration 5m --fetch-duration 5m - FM1
  ground slots --from-payload IPI --svg free.svg - FM1`,
		RunE: func(c *cobra.Command, args []string) error { return w.refused(w.run(c, args, io)) },
	}
	section(c, "When", func(fs *pflag.FlagSet) {
		fs.DurationVar(&w.span, "span", 72*time.Hour, "how far to look, from now")
		w.windowFlags(fs)
	})
	section(c, "Which payloads", w.payloadFlags)
	w.access.flags(c, io)
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.svg, "svg", "", "also draw what is free into this `FILE`")
	})
	w.satelliteSetting(c)
	w.rate, w.spec.Port, w.spec.Repeat = "125KB", plan.DefaultPort, 1 // they do not matter
	io.checked(c, func() error { return w.check(c, io) })
	return c
}

// check refuses a span that no calendar is asked for, and what no pair is.
func (w *slotsFlags) check(c *cobra.Command, io *stdio) error {
	if w.span < time.Hour || w.span > 31*24*time.Hour {
		return wrong("--span: %v is not between 1h and 744h", w.span)
	}
	return w.deployFlags.check(c, io)
}

// run tells when both windows and their buffers fit.
func (w *slotsFlags) run(c *cobra.Command, args []string, io *stdio) error {
	ctx := c.Context()
	token, sats, err := w.token(args, io)
	switch {
	case err != nil:
	case len(sats) != 1:
		err = wrong("give one satellite; the order is AUTH_TOKEN SAT_ID")
	default:
		err = w.check(c, io)
	}
	if err != nil {
		return err
	}
	g, err := w.open(token, io)
	if err != nil {
		return err
	}
	fleet, err := g.Look(ctx, false)
	if err == nil {
		err = fleet.Check(w.spec, sats[0])
	}
	if err != nil {
		return err
	}
	found, err := w.spec.Slots(g.API.Now(), w.span, func(typ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
		return g.API.Availability(ctx, sats[0], typ, from, span)
	})
	if err != nil {
		return err
	}
	if w.svg != "" {
		if err := os.WriteFile(w.svg, found.SVG(sats[0]), 0o644); err != nil {
			return fmt.Errorf("cannot write the picture: %w; give --svg another file", err)
		}
	}
	out := []slot{}
	for _, f := range found.Starts {
		out = append(out, slot{f.Start, f.End})
	}
	switch {
	case w.json:
		printJSON(io, out)
	case len(out) == 0:
		found.Draw(io.out, columns(io.out))
		line(io.out, "no time in the next %s is free for both windows and their buffers", plan.Span(w.span))
	default:
		t := table{heading: []string{"EARLIEST START", "LATEST START", "FOR", "as --start"}}
		for _, s := range out {
			t.add(plan.Stamp(s.From), plan.Stamp(s.To), plan.Span(s.To.Sub(s.From)), s.From.Format(time.RFC3339))
		}
		t.write(io.out)
		fmt.Fprintln(io.out)
		found.Draw(io.out, columns(io.out))
	}
	if len(out) == 0 {
		return told(deploy.NoSlot)
	}
	return nil
}
