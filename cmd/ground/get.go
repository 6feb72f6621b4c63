package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/review"
)

// got is what became of one file.
type got struct {
	review.Download
	Result string `json:"result"` // fetched, here already, failed, not there
	Error  string `json:"error,omitempty"`
}

func getCommand(std *stdio) *cobra.Command {
	a := &bucketAccess{}
	c := &cobra.Command{
		Use:     "get [flags] s3://BUCKET/PREFIX [DIR]",
		GroupID: "files",
		Short:   "brings it to the desk, checked against its receipts",
		Example: `  ground get s3://BUCKET/PREFIX              # into ./RUN/
  ground get --latest s3://BUCKET/PREFIX desk
  ground get --run 20261204T034932Z-FM1 s3://BUCKET/PREFIX desk`,
		RunE: func(c *cobra.Command, args []string) error { return a.get(c.Context(), args, std) },
	}
	a.flags(c, std)
	c.ValidArgsFunction = completePlace(std, cobra.ShellCompDirectiveFilterDirs)
	return c
}

// get brings the files of runs to the desk.
func (a *bucketAccess) get(ctx context.Context, args []string, std *stdio) error {
	place, rest, err := a.place(args)
	dir := "."
	switch {
	case err != nil:
	case len(rest) > 1:
		err = wrong("give a place, s3://BUCKET/PREFIX, and perhaps a directory to put the files into")
	case len(rest) == 1:
		dir = rest[0]
		err = directory(dir)
	}
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return err
	}
	b, listing, err := a.list(ctx, place)
	if err != nil {
		return err
	}
	rep, err := b.Review(ctx, listing, a.choice)
	if err != nil {
		return err
	}
	code := int(rep.Verdict)
	results := []got{}
	tell, end := progressPrinter(std, a.json)
	for _, d := range rep.Downloads(dir) {
		g := got{Download: d, Result: "fetched"}
		here, err := b.Get(ctx, d, func(n int64) {
			tell(deploy.Event{Satellite: shown(d.Run), What: d.Name, Moved: n, Total: max(1, d.Bytes)})
		})
		switch {
		case err != nil:
			g.Result, g.Error, code = "failed", err.Error(), deploy.Failed
		case here:
			g.Result = "here already"
		}
		results = append(results, g)
		if ctx.Err() != nil {
			break
		}
	}
	end()
	if ctx.Err() != nil {
		return errors.New("interrupted; what has come is kept, and the same command goes on from there")
	}
	lacks := rep.Lacks()
	if a.json {
		for _, l := range lacks {
			results = append(results, got{Download: review.Download{Run: l.Run, Name: l.Name}, Result: "not there", Error: l.Why})
		}
		printJSON(std, results)
		return exit(code)
	}
	showGot(std, rep, results, lacks)
	if code != deploy.Done {
		line(std.out, "Why not everything is there: %s review %s", quote(std.self), quote(place))
	}
	return exit(code)
}

// namedLacks is how many files that were not brought are named, each in a line.
const namedLacks = 100

func showGot(std *stdio, rep *review.Report, results []got, lacks []review.Lack) {
	out := plain{std.out}
	for _, g := range results {
		what := "whole"
		if g.Part {
			what = "a part of the file only"
		}
		if g.Error != "" {
			line(plain{std.err}, "ground get: %s: %s", g.Name, g.Error)
			continue
		}
		line(out, "%s: %s, %s bytes, sha256 as in the receipt, %s", g.Result, g.File, plan.Grouped(g.Bytes), what)
	}
	for _, l := range lacks[:min(len(lacks), namedLacks)] {
		of := ""
		if l.Run != "" {
			of = " of run " + l.Run
		}
		line(out, "%s: %s%s: %s", l.Verdict, l.Name, of, l.Why)
	}
	if more := len(lacks) - namedLacks; more > 0 {
		line(out, "and %s more were not brought; ground review names them", plan.Grouped(int64(more)))
	}
	switch {
	case rep.Cut != "":
		line(plain{std.err}, "ground get: the listing is not whole: %s; look again", rep.Cut)
	case len(results) == 0 && len(rep.Surveys) > 0:
		line(out, "nothing came down (yet) that a receipt vouches for; the survey that did is for ground review")
	case len(results) == 0:
		line(out, "nothing came down (yet) that a receipt vouches for")
	}
}

// shown is foreign text fit for a terminal.
func shown(s string) string {
	var b strings.Builder
	plain{&b}.Write([]byte(s))
	return b.String()
}
