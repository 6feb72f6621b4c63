package review

import (
	"fmt"
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
	Why       string // the first thing that is missing, "" for none
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
	out := Row{Name: r.Name()}
	for _, it := range r.Items {
		if it.more {
			out.More = true
		} else {
			out.Files++
		}
		if it.Verdict == Delivered {
			out.Delivered++
		} else if out.Why == "" {
			out.Why = it.Label() + ": " + it.Why
		}
		rc := it.Receipt
		if rc == nil {
			continue
		}
		out.Attempts += rc.Attempts
		if it.proven && rc.Unchanged == nil {
			out.Bytes += rc.Size
		}
		if rc.Clock == "trusted" && !it.late && (out.Start.IsZero() || rc.Started.Before(out.Start)) {
			out.Start = rc.Started
		}
	}
	if out.Start.IsZero() {
		out.Start, _ = plan.RunStart(r.ID)
	}
	if r.CompletedBy != "" {
		out.Why = "completed by run " + r.CompletedBy
	}
	return out
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
