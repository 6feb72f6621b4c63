package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// statusFlags is what the flags of status say.
type statusFlags struct {
	access
	watch     bool
	every     time.Duration
	then      string
	rate      string
	artifacts string
	bucket    string
}

func statusCommand(io *stdio) *cobra.Command {
	w := &statusFlags{}
	c := &cobra.Command{
		Use:     "status [flags] [AUTH_TOKEN] [SAT_ID...]",
		GroupID: "pass",
		Short:   "uploads and windows; --watch follows them to their end",
		Example: `  ground status -               # all satellites of the token, once
  ground status --watch - FM1   # bars on a terminal, else a line per change
  ground status --watch --then 'mail -s "pass over" me' - FM1
  ground status --json - FM1`,
		RunE: func(c *cobra.Command, args []string) error { return w.refused(w.run(c, args, io)) },
	}
	section(c, "To follow", func(fs *pflag.FlagSet) {
		fs.BoolVar(&w.watch, "watch", false, "follow until all is up and over")
		fs.DurationVar(&w.every, "every", 30*time.Second, "how often --watch asks")
		fs.StringVar(&w.then, "then", "", "with --watch: run this `COMMAND` with /bin/sh at the end, with the outcome as JSON on its standard input")
	})
	section(c, "The expected day", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.rate, "uplink-rate", "125KB", "`SIZE` that goes up in a day")
		fs.StringVar(&w.artifacts, "artifacts", defaultArtifacts, "`DIR` of the packed programs, for their sizes")
	})
	w.access.flags(c, io)
	w.satelliteSetting(c)
	io.checked(c, func() error { return w.check(c, io) })
	hiddenSetting(c, func(fs *pflag.FlagSet) {
		fs.StringVar(&w.bucket, "bucket", "", "`s3://BUCKET/PREFIX` for what comes next")
	})
	return c
}

func (w *statusFlags) run(c *cobra.Command, args []string, io *stdio) error {
	ctx := c.Context()
	token, sats, err := w.token(args, io)
	if err != nil {
		return err
	}
	if err := w.check(c, io); err != nil {
		return err
	}
	perDay, err := plan.ParseSize(w.rate)
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
	ask := func(ctx context.Context) ([]deploy.Status, error) {
		return g.Status(ctx, sats, sizesOf(findArtifacts(w.artifacts)), perDay)
	}
	if w.watch {
		return exit(w.follow(ctx, io, g.API, ask))
	}
	all, err := ask(ctx)
	if err != nil {
		return err
	}
	code := deploy.Done
	for _, s := range all {
		if s.Err != nil {
			say(io, "status", fmt.Errorf("%s: %w", s.Satellite, s.Err))
			code = deploy.Worse(code, exitOf(s.Err))
		}
	}
	if w.json {
		printJSON(io, reported(all))
		return exit(code)
	}
	for _, s := range all {
		if s.Err == nil {
			showStatus(io, s)
		}
	}
	return exit(code)
}

// check refuses what nobody can be asked with.
func (w *statusFlags) check(c *cobra.Command, io *stdio) error {
	_, err := plan.ParseSize(w.rate)
	switch {
	case err != nil:
		return wrong("--uplink-rate: %v", err)
	case typed(io, c, "then") && !w.watch:
		return wrong("--then comes at the end of --watch; give both")
	case typed(io, c, "every") && !w.watch:
		return wrong("--every is how often --watch asks; give both")
	case w.every < 100*time.Millisecond:
		return wrong("--every: %v is too often; give 1s or more", w.every)
	}
	if err := programs(w.artifacts); err != nil {
		return err
	}
	return w.access.check()
}

// report is the state of a satellite, or why there is none.
type report struct {
	deploy.Status
	Error string `json:"error,omitempty"`
}

func reported(all []deploy.Status) []report {
	out := []report{}
	for _, s := range all {
		r := report{Status: s}
		if s.Err != nil {
			r.Error = s.Err.Error()
		}
		out = append(out, r)
	}
	return out
}

// follow watches, in the way that suits where it is looked at.
func (w *statusFlags) follow(ctx context.Context, io *stdio, api *tasking.Client, ask func(context.Context) ([]deploy.Status, error)) int {
	f := &watch{io: io, ask: ask, every: w.every, then: w.then, json: w.json, bucket: w.bucket}
	switch {
	case w.json:
		f.show = documents{io}
	case io.drawable(io.out):
		f.show = newBars(io)
	default:
		f.show = &lines{io, map[string]string{}}
	}
	// An API that is away is told of once, and asked again with the next turn.
	api.OnRetry, api.Patience = nil, min(api.Patience, max(w.every, 5*time.Second))
	api.Notice = f.show.say
	return f.follow(ctx)
}

// sizesOf are the bytes of the programs built here, by destination.
func sizesOf(dir string) map[string]int64 {
	sizes := map[string]int64{}
	for _, handOver := range []bool{false, true} {
		arts, _, err := deploy.Artifacts(dir, plan.Spec{HandOver: handOver})
		if err != nil {
			continue // they are wanted for an estimate only
		}
		for _, art := range arts {
			sizes[art.Destination()] = art.Size
		}
	}
	return sizes
}

func showStatus(io *stdio, s deploy.Status) {
	wide := columns(io.out)
	say := func(format string, a ...any) {
		fmt.Fprintln(io.out, fold(strings.TrimRight(fmt.Sprintf(format, a...), " "), wide, 10))
	}
	say("%s at %s", s.Satellite, plan.Stamp(s.Now))
	if len(s.Uploads)+len(s.Windows) == 0 {
		say("  nothing uploaded, nothing scheduled")
	}
	for _, u := range s.Uploads {
		say("  upload  %-10s %-44s %-10s %s", u.Payload, u.Destination, u.Status, expectation(u))
	}
	told := map[string]bool{}
	for _, w := range s.Windows {
		if w.Run != "" && told[w.Run] {
			continue
		}
		told[w.Run] = true
		if w.Run != "" {
			say("  %s", pairOf(s, w.Run))
		}
		for _, x := range s.Windows {
			if x.ID == w.ID || w.Run != "" && x.Run == w.Run {
				say("  window  %-10s %-19s %s + %d s  %-12s %s", x.ID, x.Type, plan.Stamp(x.Start),
					int64(x.End.Sub(x.Start)/time.Second), x.State, when(x, s.Now))
			}
		}
	}
	for _, x := range s.Warnings {
		say("  warning: %s", x)
	}
}

// pairOf is what a run is about, in one line: its name, its time, and what it
// brings.
func pairOf(s deploy.Status, run string) string {
	var start time.Time
	var brings []string
	for _, w := range s.Windows {
		if w.Run != run {
			continue
		}
		if start.IsZero() || w.Start.Before(start) {
			start = w.Start
		}
		brings = append(brings, w.Brings...)
	}
	text := "run " + run + ", " + plan.Stamp(start)
	if len(brings) > 0 {
		text += ", brings " + plan.List(brings)
	}
	if slices.ContainsFunc(s.Windows, func(w deploy.WindowStatus) bool { return w.Run == run && w.Alone }) {
		text += ", half a pair"
	}
	return text
}

func expectation(u deploy.UploadStatus) string {
	switch {
	case u.Through():
		return ""
	case u.Expected.IsZero():
		return "size not known here, so no expected day"
	}
	return "expected by " + plan.Date(u.Expected)
}

func when(w deploy.WindowStatus, now time.Time) string {
	switch p := w.Phase(now); p {
	case deploy.Waits:
		return "in " + plan.Span(w.Start.Sub(now))
	case deploy.Open:
		return "open, " + plan.Span(w.End.Sub(now)) + " left"
	default:
		return string(p)
	}
}
