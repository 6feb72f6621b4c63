package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/review"
)

// reviewFlags is what the flags of review say.
type reviewFlags struct {
	bucketAccess
	page string
}

func reviewCommand(std *stdio) *cobra.Command {
	w := &reviewFlags{}
	c := &cobra.Command{
		Use:     "review [flags] s3://BUCKET/PREFIX",
		GroupID: "files",
		Short:   "what came down, and whether it is whole",
		Example: `  ground review s3://BUCKET/PREFIX
  ground review --run 20261204T034932Z-FM1 s3://BUCKET/PREFIX
  ground review --latest --html week.html s3://BUCKET/PREFIX
  AWS_ENDPOINT_URL=http://127.0.0.1:9000 ground review --json s3://BUCKET`,
		RunE: func(c *cobra.Command, args []string) error { return w.run(c.Context(), args, std) },
	}
	w.bucketAccess.flags(c, std)
	std.checked(c, w.check)
	c.ValidArgsFunction = completePlace(std, cobra.ShellCompDirectiveNoFileComp)
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.StringVar(&w.page, "html", "", "also write the review as one page into this `FILE`")
	})
	return c
}

func (w *reviewFlags) run(ctx context.Context, args []string, std *stdio) error {
	place, rest, err := w.place(args)
	if err == nil && len(rest) > 0 {
		err = wrong("give one place, s3://BUCKET/PREFIX")
	}
	if err == nil {
		err = w.check()
	}
	if err != nil {
		return err
	}
	b, listing, err := w.list(ctx, place)
	if err != nil {
		return err
	}
	if !w.json {
		var out io.Writer = std.out
		if terminal(out) { // elsewhere it is byte for byte what aws prints
			out = plain{out}
		}
		for _, o := range listing.Objects {
			fmt.Fprintln(out, o.Line(time.Local))
		}
	}
	rep, err := b.Review(ctx, listing, w.choice)
	if err != nil {
		return err
	}
	if w.page != "" {
		var out bytes.Buffer
		if err := rep.WriteHTML(&out, place, b.URL, time.Local); err != nil {
			return err
		}
		if err := os.WriteFile(w.page, out.Bytes(), 0o644); err != nil {
			return fmt.Errorf("cannot write the page: %w; give --html another file", err)
		}
	}
	if w.json {
		printJSON(std, rep)
	} else {
		showReport(std, rep, w.choice)
	}
	return exit(int(rep.Verdict))
}

// check also refuses a page that could not be written.
func (w *reviewFlags) check() error {
	if err := writable("html", w.page); err != nil {
		return err
	}
	return w.bucketAccess.check()
}

// plain takes the control characters out of what came down.
type plain struct{ w io.Writer }

func (p plain) Write(b []byte) (int, error) {
	text := strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, string(b))
	if _, err := io.WriteString(p.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

func showReport(std *stdio, rep *review.Report, choice review.Choice) {
	out := plain{std.out}
	if len(rep.Runs) > 1 {
		showTable(out, rep.Runs)
	}
	for _, r := range rep.Runs {
		showRun(out, r)
	}
	for _, s := range rep.Surveys {
		showSurvey(out, s)
	}
	if len(rep.Unread) > 0 {
		line(out, "\ncannot be read:")
		for _, u := range rep.Unread {
			line(out, "  %s: %s", u.Key, u.Why)
		}
	}
	fmt.Fprintln(out)
	switch {
	case rep.Cut != "":
		line(plain{std.err}, "ground review: the listing is not whole: %s; what is missing cannot be told, look again", rep.Cut)
		fmt.Fprintln(out, rep.Verdict)
	case len(rep.Surveys) > 0:
		fmt.Fprintln(out, rep.Verdict)
	case len(rep.Runs) == 0 && rep.Verdict == review.Unknown:
		line(out, "unknown: receipts came down that cannot be read; what they speak of cannot be told")
	case len(rep.Runs) == 0 && choice.Run != "":
		line(out, "missing: nothing of run %s came down (yet)%s%s", choice.Run, whenRun(choice.Run), others(rep.Others))
	case len(rep.Runs) == 0:
		line(out, "missing: no receipt came down (yet); the window may be to come, or its files wait for the next contact")
	default:
		fmt.Fprintln(out, rep.Verdict)
	}
}

// showTable has a line for each run. What comes last is cut where the terminal
// ends: it stands below, whole.
func showTable(out io.Writer, runs []*review.Run) {
	t := table{heading: []string{"RUN", "SATELLITE", "START", "VERDICT", "FILES", "BYTES", "WHY"}, right: map[int]bool{4: true, 5: true}, cut: true}
	for _, r := range runs {
		x := r.Row()
		start := "-"
		if !x.Start.IsZero() {
			start = x.Start.UTC().Format("2006-01-02 15:04Z")
		}
		t.add(x.Name, orDash(r.Satellite), start, r.Verdict.String(), x.Count(), plan.Grouped(x.Bytes), x.Why)
	}
	fmt.Fprintln(out)
	t.write(out)
}

// whenRun says when a run was, as its name tells, and what to do.
func whenRun(run string) string {
	start, ok := plan.RunStart(run)
	switch {
	case !ok:
		return ""
	case start.After(time.Now()):
		return "; its windows begin at " + plan.Stamp(start)
	}
	return "; its windows began at " + plan.Stamp(start) + ", and a contact can be up to 5 h later: if that is over, its power went before anything was written, or it never ran; ground status tells, and the same deployment again goes on from there"
}

// others names the last runs that did come down, in case that one of them is
// meant.
func others(runs []string) string {
	const last = 3
	switch n := len(runs); {
	case n == 0:
		return ""
	case n > last:
		return fmt.Sprintf("; something did of %d others, the last %s", n, plan.List(runs[n-last:]))
	default:
		return "; something did of " + plan.List(runs)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func showRun(out io.Writer, r *review.Run) {
	name, on, completed := r.Name(), "", ""
	if r.ID != "" {
		name = "run " + name
	}
	if r.Satellite != "" {
		on = " on " + r.Satellite
	}
	if r.CompletedBy != "" {
		completed = ", and completed by run " + r.CompletedBy
	}
	cols := columns(out)
	say := func(format string, a ...any) {
		fmt.Fprintln(out, fold(fmt.Sprintf(format, a...), cols, 12))
	}
	fmt.Fprintln(out)
	say("%s%s: %s%s", name, on, strings.ToUpper(r.Verdict.String()), completed)
	for _, it := range r.Items {
		say("  %-9s %s: %s", it.Verdict, it.Label(), it.Why)
		if rc := it.Receipt; rc != nil && it.Late() {
			say("  %-9s from %s", "", rc.Source)
		} else if rc != nil {
			say("  %-9s from %s, %.1f s, attempts %s, %s bytes received%s", "", rc.Source,
				rc.Finished.Sub(rc.Started).Seconds(), plan.Grouped(rc.Attempts), plan.Grouped(rc.BytesReceived), counts(rc.Errors))
		}
		for _, n := range it.Notes {
			say("  %-9s note: %s", "", n)
		}
	}
}

func counts(errs map[string]int64) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(errs)) {
		fmt.Fprintf(&b, ", %s %s", k, plan.Grouped(errs[k]))
	}
	return b.String()
}
