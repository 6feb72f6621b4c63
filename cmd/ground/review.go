package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/review"
)

func reviewVerb(ctx context.Context, args []string, io stdio) int {
	var endpoint, page string
	var asJSON bool
	var choice review.Choice
	fs := pflag.NewFlagSet("review", pflag.ContinueOnError)
	fs.StringVar(&choice.Run, "run", "", "this run only")
	fs.BoolVar(&choice.Latest, "latest", false, "the last run of each satellite only")
	fs.StringVar(&page, "html", "", "also write the review as one page into this file")
	fs.StringVar(&endpoint, "endpoint", "", "S3 server (default: the AWS settings, such as AWS_ENDPOINT_URL)")
	fs.BoolVar(&asJSON, "json", false, "print the result as JSON")
	fs.String("api", "", "not used: review asks the bucket alone") // all verbs take it
	if code, done := parse(fs, args, io, "review [flags] s3://BUCKET/PREFIX"); done {
		return code
	}
	if fs.NArg() != 1 {
		return fail(io, "review", wrong("give one place, s3://BUCKET/PREFIX"))
	}
	bucket, prefix, err := review.ParseURL(fs.Arg(0))
	if err != nil {
		return fail(io, "review", wrong("%v", err))
	}
	b, err := review.Open(ctx, bucket, prefix, endpoint)
	if err != nil {
		return fail(io, "review", err)
	}
	objects, err := b.List(ctx)
	if err != nil {
		return fail(io, "review", err)
	}
	if !asJSON {
		for _, o := range objects {
			fmt.Fprintln(io.out, o.Line(time.Local))
		}
	}
	rep, err := b.Review(ctx, objects, choice)
	if err != nil {
		return fail(io, "review", err)
	}
	if page != "" {
		var out bytes.Buffer
		if err := rep.WriteHTML(&out, fs.Arg(0), time.Local); err != nil {
			return fail(io, "review", err)
		}
		if err := os.WriteFile(page, out.Bytes(), 0o644); err != nil {
			return fail(io, "review", fmt.Errorf("cannot write the page: %w; give --html another file", err))
		}
	}
	if asJSON {
		printJSON(io, rep)
	} else {
		showReport(io, rep, choice)
	}
	return int(rep.Verdict)
}

func showReport(io stdio, rep *review.Report, choice review.Choice) {
	for _, r := range rep.Runs {
		name, on := "run "+r.ID, ""
		if r.ID == "" {
			name = "without a receipt"
		}
		if r.Satellite != "" {
			on = " on " + r.Satellite
		}
		fmt.Fprintf(io.out, "\n%s%s: %s\n", name, on, strings.ToUpper(r.Verdict.String()))
		for _, it := range r.Items {
			fmt.Fprintf(io.out, "  %-9s %s: %s\n", it.Verdict, it.Name, it.Why)
			if rc := it.Receipt; rc != nil {
				fmt.Fprintf(io.out, "  %-9s from %s, %.1f s, attempts %d, %d bytes received%s\n", "", rc.Source,
					rc.Finished.Sub(rc.Started).Seconds(), rc.Attempts, rc.BytesReceived, counts(rc.Errors))
			}
			for _, n := range it.Notes {
				fmt.Fprintf(io.out, "  %-9s note: %s\n", "", n)
			}
		}
	}
	if len(rep.Runs) == 0 && choice.Run == "" {
		for _, l := range rep.Logs {
			if n := len(l.Lines); n > 0 {
				fmt.Fprintf(io.out, "\nthe last word of %s (%s):\n  %s\n", l.Program, l.Key, l.Lines[n-1].Text())
			}
		}
	}
	fmt.Fprintln(io.out)
	switch {
	case len(rep.Runs) == 0 && choice.Run != "":
		fmt.Fprintf(io.out, "missing: nothing of run %s came down (yet)\n", choice.Run)
	case len(rep.Runs) == 0:
		fmt.Fprintln(io.out, "missing: no receipt came down (yet); the window may be to come, or its files wait for the next contact")
	default:
		fmt.Fprintln(io.out, rep.Verdict)
	}
}

func counts(errs map[string]int64) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(errs)) {
		fmt.Fprintf(&b, ", %s %d", k, errs[k])
	}
	return b.String()
}
