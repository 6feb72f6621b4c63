package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Verdict of a file, a run, or all of them. Its number is the exit code.
type Verdict int

const (
	Delivered Verdict = 0
	Partial   Verdict = 3
	Missing   Verdict = 4
)

func (v Verdict) String() string {
	switch v {
	case Delivered:
		return "delivered"
	case Partial:
		return "partial"
	}
	return "missing"
}

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Item is one file of a run.
type Item struct {
	Name    string   `json:"name"`
	Key     string   `json:"key,omitempty"` // of the file, if it came down
	Verdict Verdict  `json:"verdict"`
	Why     string   `json:"why"` // one sentence
	Receipt *Receipt `json:"receipt,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	stamp   time.Time
}

// Run is one pass over a satellite.
type Run struct {
	ID        string    `json:"run"` // "" for files that no receipt vouches for
	Satellite string    `json:"satellite"`
	Verdict   Verdict   `json:"verdict"`
	Items     []Item    `json:"files"`
	Logs      []*Log    `json:"logs,omitempty"`
	Last      time.Time `json:"last"` // newest key
}

// Report is everything below a prefix.
type Report struct {
	Verdict Verdict  `json:"verdict"`
	Runs    []*Run   `json:"runs"`
	Objects []Object `json:"objects"`
	Logs    []*Log   `json:"logs,omitempty"` // that belong to no run
}

// Choice narrows a review: to one run, or to the last of each satellite.
type Choice struct {
	Run    string
	Latest bool
}

// Review checks everything that objects hold. Bytes are read only where a
// receipt of the right size vouches for them.
func (b *Bucket) Review(ctx context.Context, objects []Object, choice Choice) (*Report, error) {
	v := &viewer{b: b, used: map[string]bool{}, sums: map[string]string{}, runs: map[[2]string]*Run{}}
	var receipts []file
	for _, o := range objects {
		f, ok := parseKey(o)
		switch {
		case !ok:
		case strings.HasSuffix(f.name, receiptSuffix):
			receipts = append(receipts, f)
		case logOf(f.name) != "":
			v.logs = append(v.logs, f)
		default:
			v.files = append(v.files, f)
		}
	}
	// Good files first: a partial receipt must not take the file of another run.
	type paired struct {
		file
		r *Receipt
	}
	var good []paired
	for _, f := range receipts {
		r, err := v.receipt(ctx, f)
		if err != nil {
			return nil, err
		}
		if r.Receipt != nil {
			good = append(good, paired{f, r.Receipt})
			continue
		}
		v.add(f, "", r)
	}
	slices.SortStableFunc(good, func(a, b paired) int { return cmp.Compare(a.r.Status, b.r.Status) }) // complete, failed, partial
	for _, p := range good {
		it, err := v.item(ctx, p.file, p.r)
		if err != nil {
			return nil, err
		}
		v.add(p.file, p.r.Run, it)
	}
	if choice.Run == "" {
		v.suspects()
	}
	if err := v.readLogs(ctx); err != nil {
		return nil, err
	}
	return v.report(objects, choice), nil
}

func (v *viewer) report(objects []Object, choice Choice) *Report {
	rep := &Report{Verdict: Missing, Objects: objects}
	for _, r := range v.runs {
		if choice.Run == "" || r.ID == choice.Run {
			rep.Runs = append(rep.Runs, r)
		}
	}
	slices.SortFunc(rep.Runs, func(a, b *Run) int {
		return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(a.Satellite, b.Satellite), cmp.Compare(a.ID, b.ID))
	})
	if choice.Latest {
		last := map[string]*Run{}
		for _, r := range rep.Runs {
			last[r.Satellite] = r
		}
		rep.Runs = slices.DeleteFunc(rep.Runs, func(r *Run) bool { return last[r.Satellite] != r })
	}
	for i, r := range rep.Runs {
		slices.SortStableFunc(r.Items, func(a, b Item) int { return a.stamp.Compare(b.stamp) })
		r.Verdict = judge(r.Items)
		if i == 0 || r.Verdict > rep.Verdict {
			rep.Verdict = r.Verdict
		}
		r.Logs = v.logsOf(r)
	}
	for _, l := range v.read {
		if !slices.ContainsFunc(rep.Runs, func(r *Run) bool { return slices.Contains(r.Logs, l) }) {
			rep.Logs = append(rep.Logs, l)
		}
	}
	return rep
}

// judge: all delivered, nothing at all, or something in between.
func judge(items []Item) Verdict {
	delivered, missing := 0, 0
	for _, it := range items {
		switch it.Verdict {
		case Delivered:
			delivered++
		case Missing:
			missing++
		}
	}
	switch len(items) {
	case delivered:
		return Delivered
	case missing:
		return Missing
	}
	return Partial
}
