package review

import (
	"slices"
	"strings"
)

// cutOff adds to a run that ended before its last word that there may be more
// which it was to bring. A receipt that a later run wrote says that its own run
// was cut off, and so does a fetcher's log without its last line; then what came
// is all only if the log tells how many paths there were.
func (r *Run) cutOff() {
	if r.NoReceipt || len(r.Items) == 0 {
		return
	}
	broken := !slices.ContainsFunc(r.Items, func(it Item) bool { return it.Receipt != nil && !it.late })
	receipts := slices.ContainsFunc(r.Items, func(it Item) bool { return it.Receipt != nil })
	for _, l := range r.Logs {
		line, at := l.began()
		if line.Message == "" {
			continue
		}
		ended := slices.ContainsFunc(l.Lines[at:], func(x Line) bool { return x.Message == "done" })
		broken = !ended && !r.brings(l.Lines[at:])
	}
	if broken && receipts {
		r.Items = append(r.Items, Item{Verdict: Missing, stamp: r.Last, more: true,
			Why: "the run was cut off, and what else it was to bring is not told; what it had of it is kept aboard, and the same deployment again goes on from there"})
	}
}

// brings reports that r has a file for each path that the fetcher began with;
// lines are those of its log from there. Of a directory no number is known.
func (r *Run) brings(lines []Line) bool {
	want, ok := lines[0].Number("paths")
	named := map[string]bool{}
	for _, l := range lines {
		path, _ := l.Fields["path"].(string)
		name, _ := l.Fields["name"].(string)
		if strings.HasSuffix(path, "/") {
			return false
		}
		named[name] = named[name] || l.Message == "published"
	}
	n := 0
	for _, it := range r.Items {
		if it.Receipt != nil && named[it.Name] {
			n++
		}
	}
	return ok && float64(n) == want
}
