package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

func status(ctx context.Context, args []string, io stdio) int {
	var a access
	var follow bool
	var every time.Duration
	var rate, artifacts, then string
	fs := pflag.NewFlagSet("status", pflag.ContinueOnError)
	fs.BoolVar(&follow, "watch", false, "follow until all is up and over")
	fs.DurationVar(&every, "every", 30*time.Second, "how often --watch asks")
	fs.StringVar(&then, "then", "", "with --watch: run this with /bin/sh at the end, with the outcome as JSON on its standard input")
	fs.StringVar(&rate, "uplink-rate", "125KB", "bytes that go up a day, for the expected day")
	fs.StringVar(&artifacts, "artifacts", "bin/uplink", "directory of the packed programs, for their sizes")
	a.flags(fs, io)
	if code, done := parse(fs, args, io, "status [flags] AUTH_TOKEN [SAT_ID...]"); done {
		return code
	}
	token, sats, err := a.token(fs.Args(), io)
	perDay, rerr := size(rate)
	switch {
	case err != nil:
	case rerr != nil:
		err = wrong("--uplink-rate: %v", rerr)
	case then != "" && !follow:
		err = wrong("--then comes at the end of --watch; give both")
	case every < 100*time.Millisecond:
		err = wrong("--every: %v is too often; give 1s or more", every)
	}
	if err != nil {
		return a.fail(io, "status", err)
	}
	g, err := a.open(token, &io)
	if err != nil {
		return a.fail(io, "status", err)
	}
	if sats, err = known(ctx, g, sats); err != nil {
		return a.fail(io, "status", err)
	}
	ask := func(ctx context.Context) ([]deploy.Status, error) {
		return g.Status(ctx, sats, sizesOf(artifacts), perDay)
	}
	if follow {
		w := &watch{io: io, ask: ask, every: every, then: then, json: a.json}
		switch {
		case a.json:
			w.show = documents{io}
		case drawable(io.out):
			w.show = newBars(io)
		default:
			w.show = &lines{io, map[string]string{}}
		}
		// An API that is away is told of once, and asked again with the next turn.
		g.API.OnRetry, g.API.Patience = nil, min(g.API.Patience, max(every, 5*time.Second))
		g.API.Notice = w.show.say
		return w.follow(ctx)
	}
	all, err := ask(ctx)
	if err != nil {
		return a.fail(io, "status", err)
	}
	code := deploy.Done
	for _, s := range all {
		if s.Err != nil {
			code = deploy.Worse(code, fail(io, "status", fmt.Errorf("%s: %w", s.Satellite, s.Err)))
		}
	}
	if a.json {
		printJSON(io, all)
		return code
	}
	for _, s := range all {
		if s.Err == nil {
			showStatus(io, s)
		}
	}
	return code
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

func showStatus(io stdio, s deploy.Status) {
	wide := columns(io.out)
	say := func(format string, a ...any) {
		text := strings.TrimRight(fmt.Sprintf(format, a...), " ")
		if wide > 0 {
			text = strings.Join(plan.Fold(text, wide, 10), "\n")
		}
		fmt.Fprintln(io.out, text)
	}
	say("%s at %s", s.Satellite, plan.Stamp(s.Now))
	if len(s.Uploads)+len(s.Windows) == 0 {
		say("  nothing uploaded, nothing scheduled")
	}
	for _, u := range s.Uploads {
		say("  upload  %-10s %-44s %-10s %s", u.Payload, u.Destination, u.Status, expectation(u))
	}
	for _, w := range s.Windows {
		say("  window  %-10s %-19s %s + %d s  %-12s %s", w.ID, w.Type, plan.Stamp(w.Start),
			int64(w.End.Sub(w.Start)/time.Second), w.State, when(w, s.Now))
		if w.Run != "" {
			say("          %-10s run %s", "", w.Run)
		}
	}
	for _, x := range s.Warnings {
		say("  warning: %s", x)
	}
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
