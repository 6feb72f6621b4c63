package review

import (
	"fmt"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// Row is a run in one line, as every table has it.
type Row struct {
	Name      string    // of the run, or what stands for it
	Start     time.Time // of the fetch, else of the run's windows; zero if nothing tells
	Delivered int       // files that came down whole
	Files     int       // files that are told of
	More      bool      // the run was cut off: there may be others
	Bytes     int64     // that came down, as receipts vouch for; not again those of an earlier run
	Attempts  int64
	Untold    bool   // the run was cut off: how many attempts it made nothing tells
	Why       string // what lacks and how many such files there are, "" for none
}

// Count is how many of the files came, "2 of ?" where nothing tells how many
// there are.
func (x Row) Count() string {
	if x.More {
		return fmt.Sprintf("%d of ?", x.Delivered)
	}
	return fmt.Sprintf("%d of %d", x.Delivered, x.Files)
}

// Row sums r up.
func (r *Run) Row() Row {
	out := Row{Name: r.Name(), Why: r.why()}
	own, late := false, false
	for _, it := range r.Items {
		if it.more {
			out.More = true
		} else {
			out.Files++
		}
		if it.Verdict == Delivered {
			out.Delivered++
		}
		rc := it.Receipt
		if rc == nil {
			continue
		}
		own = true
		late = late || it.late
		out.Attempts += rc.Attempts
		if it.proven && rc.Unchanged == nil {
			out.Bytes += rc.Size
		}
		if rc.Clock == "trusted" && !it.late && (out.Start.IsZero() || rc.Started.Before(out.Start)) {
			out.Start = rc.Started
		}
	}
	out.Untold = late || !own
	if out.Start.IsZero() {
		out.Start, _ = plan.RunStart(r.ID)
	}
	if r.CompletedBy != "" {
		out.Why = "completed by run " + r.CompletedBy
	}
	return out
}

// why says what the worst of the files lacks that did not come whole, behind how
// many there are, so that one is not taken for all.
func (r *Run) why() string {
	var worst, cut Item
	n, same := 0, true
	for _, it := range r.Items {
		switch {
		case it.Verdict == Delivered:
			continue
		case it.more:
			cut = it
			continue
		}
		alike := before(it.Why) == before(worst.Why)
		same = same && (n == 0 || alike)
		if n++; n == 1 || it.Verdict > worst.Verdict || alike && len(it.Why) > len(worst.Why) {
			worst = it
		}
	}
	text := fmt.Sprintf("%d files, such as %s: %s", n, worst.Label(), worst.Why)
	switch {
	case n == 0 && cut.more:
		return cut.Label() + ": " + cut.Why
	case n == 0:
		return ""
	case n == 1:
		text = worst.Label() + ": " + worst.Why
	case same:
		text = fmt.Sprintf("%d files: %s", n, worst.Why)
	}
	if cut.more {
		text += "; and the run was cut off"
	}
	return text
}

// before is a sentence without what went wrong last, which only the file that
// was tried last tells of.
func before(why string) string {
	head, _, _ := strings.Cut(why, "; last trouble: ")
	return head
}

// Name is what r is called: by its own name, or by what is known of it.
func (r *Run) Name() string {
	switch {
	case r.ID != "":
		return r.ID
	case r.NoReceipt:
		return fmt.Sprintf("a pass of %s", plan.Stamp(r.Last))
	}
	return "files without a receipt"
}

// Label is the name of the file, or what stands for it where none is known.
func (it Item) Label() string { return orElse(it.Name, "no receipt") }

// Late reports that the receipt is one that a later run wrote: it tells what was
// published, and not in what time, in how many attempts and from how many bytes.
func (it Item) Late() bool { return it.late }
