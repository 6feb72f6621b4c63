package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/review"
)

func surveyCommand(io *stdio) *cobra.Command {
	w := &deployFlags{}
	s := &w.spec
	s.Survey, s.SkipUpload = true, true
	c := &cobra.Command{
		Use:     "survey [flags] [AUTH_TOKEN] SAT_ID...",
		GroupID: "satellite",
		Short:   "ask both payloads what is assumed of them; sends nothing up",
		Long: `Schedules a pair of windows, both or none, that need no upload: each runs
/bin/sh with a script of 1 KB that writes what this project assumes of the
payload into /outbox. ground review then says of each assumption whether it
holds, or what to change.`,
		Example: `  ground survey - FM1              # before the first uplink
  ground survey --from-payload IPI - FM1
  ground survey --dry-run FM1      # on paper: no token, nobody is asked`,
		RunE: func(c *cobra.Command, args []string) error {
			return w.refused(w.run(c, args, io))
		},
	}
	section(c, "When", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.start, "start", "", "`TIME` at which the windows start: Unix seconds, RFC 3339, or +2h (default: the earliest that fits)")
		fs.DurationVar(&s.Lead, "lead", 24*time.Hour, "least time from now to the start")
		fs.DurationVar(&s.SDRDuration, "sdr-duration", time.Minute, "length of the SDR's window")
		fs.DurationVar(&s.FetchDelay, "fetch-delay", 0, "from the SDR's start to the other's; together they see whether they reach each other")
		fs.DurationVar(&s.FetchDuration, "fetch-duration", time.Minute, "length of the other window")
	})
	section(c, "Which payloads", func(fs *pflag.FlagSet) {
		fs.StringVar(&s.FromPayload, "from-payload", plan.SDR, "one `PAYLOAD`: SDR, SABERTOOTH, IPI or DEXTER")
		fs.StringVar(&s.ToPayload, "to-payload", plan.Sabertooth, "the other `PAYLOAD`")
		fs.IntVar(&s.DownlinkBudget, "downlink-budget", 1, "downlink budget of each window, in the API's unit")
	})
	w.access.flags(c, io)
	w.actFlags(c)
	w.satelliteSetting(c)
	io.checked(c, func() error { return w.check(c, io) })
	w.rate, s.Port, s.Repeat = "125KB", plan.DefaultPort, 1 // they do not matter
	return c
}

// showSurvey tells what differs, with what to change, in front of what holds.
func showSurvey(out io.Writer, s review.Survey) {
	head := "survey of " + s.Of()
	if s.Run != "" {
		head += ", run " + s.Run
	}
	switch {
	case s.Differs > 0:
		head += fmt.Sprintf(": %d of %d differ", s.Differs, len(s.Findings))
	case len(s.Findings) > 0:
		head += ": as assumed"
	}
	fmt.Fprintln(out)
	line(out, "%s", head)
	if s.Why != "" {
		line(out, "  %s", s.Why)
	}
	for _, f := range s.Sorted() {
		text := fmt.Sprintf("  %-8s %s", f.State, f.Assumption)
		if f.Got != "" {
			text += ": " + f.Got
		}
		line(out, "%s", text)
		if f.Change != "" {
			line(out, "%11s%s", "", f.Change)
		}
	}
}
