package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// lost makes a run of each pass that left logs and no receipt: its power went,
// or a program was killed, or the receipts are still to come. The fetcher's log
// names its run; other logs that no run is near to are a pass without a name.
func (v *viewer) lost(choice string) {
	for _, l := range v.read {
		if run := l.run(); run != "" && v.runs[[2]string{l.sat, run}] == nil {
			v.lose(l, [2]string{l.sat, run}, run)
		}
	}
	for _, l := range v.read {
		if l.run() != "" || v.near(l) {
			continue
		}
		run := ""
		if start, ok := plan.RunStart(choice); ok && !l.First.IsZero() && l.First.Sub(start) > -time.Second && l.First.Sub(start) < earliest {
			run = choice // it is asked for, and this is when it was
		}
		v.lose(l, [2]string{l.sat, "\x00" + l.Key}, run)
	}
}

// near reports whether a run is there that l may be of.
func (v *viewer) near(l *Log) bool {
	about := func(t time.Time) bool { return l.stamp.Sub(t).Abs() <= latest }
	for key, r := range v.runs {
		if key[0] == l.sat && (r.NoReceipt && about(r.Last) || slices.ContainsFunc(r.Items, func(it Item) bool {
			return (it.Receipt != nil || strings.HasSuffix(it.Name, receiptSuffix)) && about(it.stamp)
		})) {
			return true
		}
	}
	return false
}

func (v *viewer) lose(l *Log, key [2]string, run string) {
	r := &Run{ID: run, Satellite: l.sat, NoReceipt: true, Last: l.stamp}
	v.runs[key] = r
	it := Item{Verdict: Missing, stamp: l.stamp}
	var last Line
	if n := len(l.Lines); n > 0 {
		last = l.Lines[n-1]
		it.Notes = append(it.Notes, fmt.Sprintf("the last line of %s: %s", l.Program, last.Text()))
	}
	if start, ok := plan.RunStart(run); ok {
		it.Notes = append(it.Notes, "the server's window began at "+plan.Stamp(start)+", as the run's name says")
	}
	it.Notes = append(it.Notes, fmt.Sprintf("%s's outbox was taken at %s", l.Program, plan.Stamp(l.stamp)))
	switch {
	case v.cut:
		it.Verdict, it.Why = Unknown, "a log came down; whether receipts have, a whole listing would tell"
	case v.lostReceipts > 0:
		it.Verdict, it.Why = Unknown, "a log came down, and receipts that cannot be read may be of this run"
	case l.Program == serverLog:
		it.Why = "only the server's log came down: what is of the fetcher comes with a later contact, up to 5 h after its window, or its power went before anything was written; then deploy the same again"
	case last.Message == "done":
		it.Why = "the fetcher came to its end, and its receipts have not come down (yet); a later contact may bring them"
	default:
		it.Why = fmt.Sprintf("no receipt came down, and the fetcher's log breaks off%s: its power went, or it was killed; what it had is kept aboard, and the same deployment again goes on from there", l.early())
	}
	for _, path := range l.paths() {
		one := it
		one.Name, one.path = path, path
		r.Items = append(r.Items, one)
	}
	if len(r.Items) == 0 {
		r.Items = []Item{it}
	}
}

// early is how long before its outbox was taken a log ends, if that is told.
func (l *Log) early() string {
	if before := l.stamp.Sub(l.Last); !l.Last.IsZero() && before > 0 && before <= latest {
		return fmt.Sprintf(" %.0f s before the end of its window", before.Seconds())
	}
	return ""
}

// began is the line with which the fetcher of a log began its last run.
func (l *Log) began() (line Line, at int) {
	for i, line := range slices.Backward(l.Lines) {
		if l.Program == fetcherLog && line.Message == "fetching" {
			return line, i
		}
	}
	return Line{}, 0
}

// run is the one that the fetcher's log names, or "".
func (l *Log) run() string {
	line, _ := l.began()
	run, _ := line.Fields["run"].(string)
	return run
}

// paths are the files that the fetcher was sent for, if its log names them all.
func (l *Log) paths() (all []string) {
	line, at := l.began()
	want, _ := line.Number("paths")
	for _, x := range l.Lines[at:] {
		if p, ok := x.Fields["path"].(string); ok && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	if float64(len(all)) != want {
		return nil
	}
	return all
}

// lostNear is the run without a receipt that f may be of, nil if there is none.
func (v *viewer) lostNear(f file) (best *Run) {
	for _, r := range v.runs {
		d := f.stamp.Sub(r.Last).Abs()
		if r.NoReceipt && r.Satellite == f.satellite && d <= latest && (best == nil || d < f.stamp.Sub(best.Last).Abs()) {
			best = r
		}
	}
	return best
}
