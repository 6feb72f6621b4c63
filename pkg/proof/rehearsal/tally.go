package rehearsal

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// A Tally is what a rehearsal showed.
type Tally struct {
	Rows []Row
	Took time.Duration
	Seed uint64
}

// Bad reports whether a promise was not kept.
func (t Tally) Bad() bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool { return !r.OK })
}

// JSON writes a line for each play.
func (t Tally) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	for _, r := range t.Rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// Text is a table of the scenarios, and what each play that tells something of its own told.
func (t Tally) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d plays of seed %d in %s.\n\n", len(t.Rows), t.Seed, t.Took.Round(time.Second))
	b.WriteString("| scenario | plays | right | proven bytes lost: least, median, most | longest play, s |\n|---|---:|---:|---:|---:|\n")
	var stories, bad []string
	for _, name := range Scenarios() {
		var right int
		var longest float64
		var lost []int64
		var last Row
		for _, r := range t.Rows {
			if r.Scenario != name {
				continue
			}
			last = r
			longest = max(longest, r.Seconds)
			if r.OK {
				right++
			} else {
				bad = append(bad, r.String())
			}
			if r.OK && r.Cut {
				lost = append(lost, r.Lost)
			}
		}
		if last.N == 0 {
			continue
		}
		slices.Sort(lost)
		amount := ""
		if n := len(lost); n > 0 {
			amount = grouped(lost[0], lost[n/2], lost[n-1])
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %.1f |\n", name, last.N, right, amount, longest)
		if len(lost) > 1 {
			stories = append(stories, fmt.Sprintf("%s, proven bytes lost, each: %s", name, grouped(lost...)))
		} else if last.OK {
			stories = append(stories, name+": "+last.Story)
		}
	}
	for _, s := range append(stories, bad...) {
		fmt.Fprintf(&b, "\n- %s", s)
	}
	return b.String() + "\n"
}

func grouped(list ...int64) string {
	var words []string
	for _, n := range list {
		words = append(words, plan.Grouped(n))
	}
	return strings.Join(words, "; ")
}
