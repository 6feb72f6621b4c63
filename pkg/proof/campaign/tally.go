package campaign

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Table counts rows.
type Table struct {
	rows []Row
	who  []string
}

// Tally sorts rows into a table.
func Tally(rows []Row) Table {
	t := Table{rows: slices.Clone(rows)}
	slices.SortStableFunc(t.rows, func(a, b Row) int { return cmp.Compare(a.Schedule.Pass, b.Schedule.Pass) })
	for _, w := range contenders {
		if slices.ContainsFunc(rows, func(r Row) bool { return r.Who == w.name }) {
			t.who = append(t.who, w.name)
		}
	}
	return t
}

func (t Table) of(who string, is func(Row) bool) (n int) {
	for _, r := range t.rows {
		if r.Who == who && is(r) {
			n++
		}
	}
	return n
}

// Bad says whether our agents did what they must never do.
func (t Table) Bad() bool {
	return t.of(contenders[0].name, Row.stands) > 0
}

// JSON writes a line for each pass of each contender.
func (t Table) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, r := range t.rows {
		v := r.Verdict
		line := map[string]any{"seed": r.Schedule.Seed, "pass": r.Schedule.Pass, "of": r.Who, "faults": r.Schedule.Faults,
			"outcome": v.Outcome, "whole": v.Whole, "could": v.Could, "must": v.Must, "why": v.Why}
		if r.Err != nil {
			line["error"] = r.Err.Error()
		}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// Text is the result for a terminal, also fit for a Markdown file.
func (t Table) Text(c Campaign, took time.Duration) string {
	var b strings.Builder
	passes := t.of(contenders[0].name, func(Row) bool { return true })
	fmt.Fprintf(&b, "%d passes of seed %d, %d at a time, in %s\n\n", passes, c.Seed, c.Parallel, took.Round(time.Second))
	fmt.Fprint(&b, "| |")
	for _, o := range outcomes {
		fmt.Fprintf(&b, " %s |", o)
	}
	fmt.Fprint(&b, " whole file came down | of those that must | of those that could |\n|---|")
	b.WriteString(strings.Repeat("---:|", len(outcomes)+3))
	b.WriteByte('\n')
	for _, who := range t.who {
		fmt.Fprintf(&b, "| %s |", who)
		for _, o := range outcomes {
			fmt.Fprintf(&b, " %d |", t.of(who, func(r Row) bool { return r.Verdict.Outcome == o }))
		}
		fmt.Fprintf(&b, " %d | %d of %d | %d of %d |\n",
			t.of(who, func(r Row) bool { return r.Verdict.Whole }),
			t.of(who, func(r Row) bool { return r.Verdict.Whole && r.Verdict.Must }),
			t.of(who, func(r Row) bool { return r.Verdict.Must }),
			t.of(who, func(r Row) bool { return r.Verdict.Whole && r.Verdict.Could }),
			t.of(who, func(r Row) bool { return r.Verdict.Could }))
	}
	b.WriteString("\nBy fault (a pass may have up to three):\n\n| fault | passes |")
	for _, who := range t.who {
		fmt.Fprintf(&b, " %s: whole / part / nothing / held / bad |", who)
	}
	b.WriteString("\n|---|---:|")
	b.WriteString(strings.Repeat("---:|", len(t.who)))
	b.WriteByte('\n')
	for _, f := range append([]string{"none"}, faults...) {
		has := func(r Row) bool {
			return slices.Contains(r.Schedule.Faults, f) || f == "none" && len(r.Schedule.Faults) == 0
		}
		fmt.Fprintf(&b, "| %s | %d |", f, t.of(contenders[0].name, has))
		for _, who := range t.who {
			is := func(o ...string) int {
				return t.of(who, func(r Row) bool { return has(r) && slices.Contains(o, r.Verdict.Outcome) })
			}
			fmt.Fprintf(&b, " %d / %d / %d / %d / %d |", is(Complete), is(Partial), is(Nothing), is(Held), is(Lie, Lost, Overrun))
		}
		b.WriteByte('\n')
	}
	for _, r := range t.rows {
		if r.Who != contenders[0].name || !r.bad() {
			continue
		}
		fmt.Fprintf(&b, "\nBAD: %s", r.Replay())
		if r.Err != nil {
			fmt.Fprintf(&b, "\n  could not be played: %v", r.Err)
		} else if r.Verdict.Must && !r.Verdict.Whole {
			fmt.Fprintf(&b, "\n  not complete, with %s to spare", short(r.Verdict.Spare))
		}
		for _, why := range r.Verdict.Why {
			fmt.Fprintf(&b, "\n  %s", why)
		}
		if r.Again != nil {
			fmt.Fprintf(&b, "\n  played again, alone: %s", r.Again.Verdict.Outcome)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
