package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// A fault is what went wrong in one way, once or often.
type fault struct {
	Program     string
	Text        string // what the log calls it
	Times       int64
	First, Last time.Time
}

// told is the most kinds of faults of a run that the page tells of.
const told = 12

// faults of both programs, those that came first first. Lines that tell the same
// are one.
func (r *Run) faults() (all []fault, more int) {
	for _, log := range r.Logs {
		kinds := map[string]int{}
		for _, l := range log.Lines {
			if !l.bad() || l.Message == "done" {
				continue
			}
			text := l.kind()
			i, ok := kinds[text]
			if !ok {
				i = len(all)
				kinds[text] = i
				all = append(all, fault{Program: log.Program, Text: text, First: l.Time})
			}
			repeated, _ := l.Number("repeated") // lines that the program left out
			all[i].Times += 1 + int64(repeated)
			all[i].Last = l.Time
		}
	}
	slices.SortStableFunc(all, func(a, b fault) int { return cmp.Compare(a.First.UnixNano(), b.First.UnixNano()) })
	more = max(0, len(all)-told)
	return all[:len(all)-more], more
}

// kind is what lines about the same have in common.
func (l Line) kind() string {
	text := []string{l.Message}
	for _, field := range []string{"class", "error", "from", "peer", "name", "path"} {
		s, ok := l.Fields[field].(string)
		if field == "peer" { // each connection has its port
			s, _, _ = strings.Cut(s, ":")
		}
		if ok && s != "" {
			text = append(text, s)
		}
	}
	return strings.Join(text, ", ")
}

// When is a fault's time, and how often it came.
func (f fault) When() string {
	if f.Times == 1 || f.First.Equal(f.Last) {
		return f.First.UTC().Format("15:04:05.0")
	}
	return fmt.Sprintf("%s to %s, %s times", f.First.UTC().Format("15:04:05.0"), f.Last.UTC().Format("15:04:05.0"), plan.Grouped(f.Times))
}
