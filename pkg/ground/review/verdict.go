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
	Delivered Verdict = 0 // whole, as its receipt says, checked here
	Unknown   Verdict = 1 // the listing was not whole, or nothing could be read
	Partial   Verdict = 3 // less than the whole, or bytes that no receipt vouches for
	Missing   Verdict = 4 // nothing of it came down
)

func (v Verdict) String() string {
	switch v {
	case Delivered:
		return "delivered"
	case Unknown:
		return "unknown"
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

	ReceiptKey string `json:"receipt_key,omitempty"`

	stamp  time.Time    // of the outbox that it came in; zero if only a late receipt tells of it
	more   bool         // it stands for what else the run was to bring
	late   bool         // its receipt was written by a later run
	proven bool         // the object of Key has the bytes that the receipt vouches for
	sealed []sealedPart // older pieces that came down with it
	path   string       // what was asked for, of an item without a receipt
}

// sealedPart is an older piece that a receipt vouches for, with its key.
type sealedPart struct {
	Published
	key string
}

// Run is one pass over a satellite.
type Run struct {
	ID        string    `json:"run"` // "" for files that no receipt vouches for, and where nothing tells it
	Satellite string    `json:"satellite"`
	Verdict   Verdict   `json:"verdict"`
	Items     []Item    `json:"files"`
	Logs      []*Log    `json:"logs"`
	Last      time.Time `json:"last"`                 // newest key
	NoReceipt bool      `json:"no_receipt,omitempty"` // known by its logs only: its power went, or the receipts are to come

	// CompletedBy is a later run that brought everything which this one lacks;
	// such a run does not count for the verdict of the whole.
	CompletedBy string `json:"completed_by,omitempty"`
}

// Report is everything below a prefix.
type Report struct {
	Verdict Verdict  `json:"verdict"`
	Cut     string   `json:"listing_cut,omitempty"` // why the listing is not whole
	Unread  []Unread `json:"unread"`                // objects that are listed and cannot be read
	Runs    []*Run   `json:"runs"`
	Objects []Object `json:"objects"`
	Logs    []*Log   `json:"logs"`    // that belong to no run
	Surveys []Survey `json:"surveys"` // by time

	// Others are the names of the runs that a choice of one left out, by time.
	Others []string `json:"-"`
}

// Choice narrows a review: to one run, or to the last of each satellite.
type Choice struct {
	Run    string
	Latest bool
}

// Review checks everything that a listing holds. Bytes are read only where a
// receipt of the right size vouches for them. The error is the context's.
func (b *Bucket) Review(ctx context.Context, listing Listing, choice Choice) (*Report, error) {
	v := &viewer{b: b, cut: listing.Cut != "", used: map[string]bool{}, owner: map[string]string{}, sums: map[string]summed{}, runs: map[[2]string]*Run{}}
	var receipts []file
	for _, o := range listing.Objects {
		f, ok := parseKey(o)
		switch {
		case !ok:
		case strings.HasSuffix(f.name, receiptSuffix):
			receipts = append(receipts, f)
		case logOf(f.name) != "":
			v.logs = append(v.logs, f)
		case surveyOf(f.name) != "":
			v.surveys = append(v.surveys, f)
		default:
			v.files = append(v.files, f)
		}
	}
	v.pair(ctx, v.receipts(ctx, receipts))
	v.readLogs(ctx)
	v.readSurveys(ctx)
	v.lost(choice.Run)
	v.suspects()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return v.report(listing, choice), nil
}

func (v *viewer) report(listing Listing, choice Choice) *Report {
	rep := &Report{Verdict: Missing, Cut: listing.Cut, Unread: v.unread, Runs: []*Run{}, Objects: listing.Objects, Logs: []*Log{}}
	if rep.Unread == nil {
		rep.Unread = []Unread{}
	}
	if rep.Objects == nil {
		rep.Objects = []Object{}
	}
	slices.SortFunc(rep.Unread, func(a, b Unread) int { return cmp.Compare(a.Key, b.Key) })
	for _, r := range v.runs {
		slices.SortStableFunc(r.Items, func(a, b Item) int { return a.stamp.Compare(b.stamp) })
		r.Logs = v.logsOf(r)
		r.cutOff()
		r.Verdict = judge(r.Items)
		rep.Runs = append(rep.Runs, r)
	}
	slices.SortFunc(rep.Runs, func(a, b *Run) int {
		return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(a.Satellite, b.Satellite), cmp.Compare(a.ID, b.ID))
	})
	supersede(rep.Runs)
	if choice.Run != "" {
		for _, r := range rep.Runs {
			if r.ID != choice.Run && r.ID != "" {
				rep.Others = append(rep.Others, r.ID)
			}
		}
		rep.Runs = slices.DeleteFunc(rep.Runs, func(r *Run) bool { return r.ID != choice.Run })
	}
	if choice.Latest {
		last := map[string]*Run{}
		for _, r := range rep.Runs {
			last[r.Satellite] = r
		}
		rep.Runs = slices.DeleteFunc(rep.Runs, func(r *Run) bool { return last[r.Satellite] != r })
	}
	rep.Surveys = v.chosen(choice)
	rep.Verdict = v.overall(rep, choice)
	for _, l := range v.read {
		if !slices.ContainsFunc(rep.Runs, func(r *Run) bool { return slices.Contains(r.Logs, l) }) {
			rep.Logs = append(rep.Logs, l)
		}
	}
	return rep
}

// overall is the worst verdict of the runs that count, and of the surveys. Without any, nothing came
// down, unless it may be among what was not listed or cannot be read.
func (v *viewer) overall(rep *Report, choice Choice) Verdict {
	if rep.Cut != "" {
		return Unknown
	}
	worst, counted := Delivered, 0
	for _, r := range rep.Runs {
		if r.CompletedBy == "" || choice.Run != "" {
			worst = max(worst, r.Verdict)
			counted++
		}
	}
	for _, s := range rep.Surveys {
		worst = max(worst, s.Verdict)
		counted++
	}
	switch {
	case counted > 0:
		return worst
	case v.lostReceipts > 0:
		return Unknown
	}
	return Missing
}

// supersede marks the runs of which a later one brought everything they lack.
// Runs are sorted by time.
func supersede(runs []*Run) {
	for i, r := range runs {
		if r.ID == "" || r.Verdict == Delivered {
			continue
		}
		by := ""
		for _, it := range r.Items {
			if it.Verdict == Delivered {
				continue
			}
			by = ""
			for _, next := range runs[i+1:] {
				if next.Satellite == r.Satellite && slices.ContainsFunc(next.Items, it.completedBy) {
					by = next.ID
				}
			}
			if by == "" {
				break
			}
		}
		r.CompletedBy = by
	}
}

// completedBy reports whether next is the same file, whole. Of a log that was
// rotated meanwhile the generation differs: what was left of the old one did not
// come.
func (it Item) completedBy(next Item) bool {
	if next.Verdict != Delivered || next.Receipt == nil {
		return false
	}
	if it.Receipt == nil {
		return it.path != "" && next.Receipt.path() == it.path
	}
	if next.Name != it.Name || next.Receipt.path() != it.Receipt.path() {
		return false
	}
	a, b := it.Receipt.Generation, next.Receipt.Generation
	return a == b || a == "" || b == "" || it.Receipt.Status == "failed"
}

// judge: all delivered, nothing at all, or something in between.
func judge(items []Item) Verdict {
	count := map[Verdict]int{}
	for _, it := range items {
		count[it.Verdict]++
	}
	switch {
	case count[Delivered] == len(items):
		return Delivered
	case count[Missing] == len(items):
		return Missing
	case count[Unknown] > 0 && count[Partial]+count[Missing] == 0:
		return Unknown
	}
	return Partial
}
