package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

func status(ctx context.Context, args []string, io stdio) int {
	var a access
	var watch bool
	var every time.Duration
	var rate, artifacts string
	fs := pflag.NewFlagSet("status", pflag.ContinueOnError)
	fs.BoolVar(&watch, "watch", false, "follow until all is up and over")
	fs.DurationVar(&every, "every", 30*time.Second, "how often --watch asks")
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
	case every < 100*time.Millisecond:
		err = wrong("--every: %v is too often; give 1s or more", every)
	}
	if err != nil {
		return fail(io, "status", err)
	}
	g, err := a.open(token, &io)
	if err != nil {
		return fail(io, "status", err)
	}
	if sats, err = known(ctx, g, sats); err != nil {
		return fail(io, "status", err)
	}
	ask := func() ([]deploy.Status, error) { return g.Status(ctx, sats, sizesOf(artifacts), perDay) }
	if watch {
		return follow(ctx, io, ask, every, a.json)
	}
	all, err := ask()
	if err != nil {
		return fail(io, "status", err)
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
		arts, _, err := deploy.Artifacts(dir, handOver)
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
	fmt.Fprintf(io.out, "%s at %s\n", s.Satellite, plan.Stamp(s.Now))
	if len(s.Uploads)+len(s.Windows) == 0 {
		fmt.Fprintln(io.out, "  nothing uploaded, nothing scheduled")
	}
	for _, u := range s.Uploads {
		fmt.Fprintf(io.out, "  upload  %-10s %-44s %-10s %s\n", u.Payload, u.Destination, u.Status, expectation(u))
	}
	for _, w := range s.Windows {
		fmt.Fprintf(io.out, "  window  %-10s %-19s %s + %d s  %-12s %s\n", w.ID, w.Type, plan.Stamp(w.Start),
			int64(w.End.Sub(w.Start)/time.Second), w.State, when(w, s.Now))
		if w.Run != "" {
			fmt.Fprintf(io.out, "          %-10s run %s\n", "", w.Run)
		}
	}
}

func expectation(u deploy.UploadStatus) string {
	switch {
	case u.Through():
		return ""
	case u.Expected.IsZero():
		return "size not known here, so no expected day"
	}
	return "expected by " + u.Expected.Format("Mon 2 Jan 2006")
}

func when(w deploy.WindowStatus, now time.Time) string {
	switch {
	case w.Start.After(now):
		return "in " + plan.Span(w.Start.Sub(now))
	case w.End.After(now):
		return "open, " + plan.Span(w.End.Sub(now)) + " left"
	}
	return "over"
}
