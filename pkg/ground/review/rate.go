package review

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/timeline"
)

// rateBins is how many steps a rate has along its axis.
const rateBins = 240

// A rate is what went over the line, over the time of an axis.
type rate struct {
	Bytes int64     // of all bins
	Bins  []float64 // bytes a second
	Peak  float64   // the largest of them
	What  string    // whose account it is
}

// lineRate is by the server's log, which has a line for each request: when its
// answer ended, how long it took and how many bytes it had. nil without any.
func lineRate(a timeline.Axis, log *Log) *rate {
	r := &rate{Bins: make([]float64, rateBins), What: "by the server's log"}
	for _, l := range log.Lines {
		n, ok := l.Number("bytes")
		took, request := l.Number("seconds")
		if ok && request && n > 0 && !l.Time.IsZero() {
			r.add(a, l.Time.Add(-time.Duration(took*float64(time.Second))), l.Time, n)
		}
		if n, ok := l.Number("omitted"); ok && n > 0 && l.Message == "done" {
			r.What += fmt.Sprintf(", which left out %s lines", plan.Grouped(int64(n)))
		}
	}
	return r.perSecond(a)
}

// meanRate is by the receipts, from the start to the end of each fetch.
func meanRate(a timeline.Axis, run *Run, fetch times) *rate {
	r := &rate{Bins: make([]float64, rateBins), What: "the mean by the receipts, because the server's log does not tell"}
	for _, it := range run.Items {
		if rc := it.Receipt; rc != nil && rc.Clock == "trusted" && !fetch.first.IsZero() {
			r.add(a, rc.Started, rc.Finished, float64(rc.BytesReceived))
		}
	}
	return r.perSecond(a)
}

// add spreads bytes evenly over the time that they took, at least a bin.
func (r *rate) add(a timeline.Axis, from, to time.Time, bytes float64) {
	r.Bytes += int64(bytes)
	first, last := a.At(from)*rateBins, a.At(to)*rateBins
	if int(first) >= rateBins {
		first = rateBins - 1
	}
	if int(first) == int(last) || last <= first {
		r.Bins[int(first)] += bytes
		return
	}
	for i := int(first); i < rateBins && float64(i) < last; i++ {
		part := min(last, float64(i+1)) - max(first, float64(i))
		r.Bins[i] += bytes * part / (last - first)
	}
}

// perSecond makes bytes a second of bytes a bin; nil if there are none.
func (r *rate) perSecond(a timeline.Axis) *rate {
	if r.Bytes == 0 {
		return nil
	}
	bin := a.Length().Seconds() / rateBins
	for i := range r.Bins {
		r.Bins[i] /= bin
	}
	r.Peak = slices.Max(r.Bins)
	return r
}

// Path draws the rate as an SVG path in a box of rateBins by 100.
func (r *rate) Path() string {
	var b strings.Builder
	b.WriteString("M0 100")
	for i, n := range r.Bins {
		y := strconv.FormatFloat(100-100*n/r.Peak, 'f', 2, 64)
		fmt.Fprintf(&b, "L%d %sH%d", i, y, i+1)
	}
	fmt.Fprintf(&b, "L%d 100Z", rateBins)
	return b.String()
}

// speed is a rate for people.
func speed(bytes float64) string {
	switch {
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB/s", bytes/1e6)
	case bytes >= 1e3:
		return fmt.Sprintf("%.1f KB/s", bytes/1e3)
	}
	return fmt.Sprintf("%.0f B/s", bytes)
}
