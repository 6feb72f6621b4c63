package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// A pair of which one window is not there, or has come to a bad end, is told as
// half; not one that is whole, that has begun, or of which the listing does not
// say what it runs.
func TestHalfPair(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	b := newBench(t)
	both := func(at time.Duration, change ...func(*plan.Spec)) []tasking.Window {
		s := b.spec()
		for _, c := range change {
			c(&s)
		}
		var out []tasking.Window
		for i, w := range s.Pass("FM1", now.Add(at)).Windows {
			out = append(out, tasking.Window{ID: fmt.Sprint(i + 1), Type: w.Type, Satellite: "FM1", State: "SYNCED", Start: w.Start, Duration: w.Duration, Executable: w.Executable, Args: w.Args})
		}
		return out
	}
	with := func(list []tasking.Window, change func([]tasking.Window) []tasking.Window) []tasking.Window {
		return change(list)
	}
	state := func(i int, to string) func([]tasking.Window) []tasking.Window {
		return func(l []tasking.Window) []tasking.Window { l[i].State = to; return l }
	}
	only := func(i int) func([]tasking.Window) []tasking.Window {
		return func(l []tasking.Window) []tasking.Window { return l[i : i+1] }
	}
	untold := func(l []tasking.Window) []tasking.Window { l[0].Args, l[1].Args = nil, nil; return l }
	survey := func(s *plan.Spec) { s.Survey, s.SkipUpload, s.Artifacts = true, true, nil }
	for _, tt := range []struct {
		name    string
		windows []tasking.Window
		want    string // in the one warning
	}{
		{"whole", both(time.Hour), ""},
		{"nothing told", with(both(time.Hour), untold), ""},
		{"no fetcher", with(both(time.Hour), only(0)), "window 1 (PAYLOAD_SDR at Sun 22 Nov 2026 15:00:00 UTC) is half a pair and brings nothing: no fetcher's window of run 20261122T150000Z-FM1 is scheduled; "},
		{"no server", with(both(time.Hour), only(1)), "no server's window of run 20261122T150000Z-FM1 is scheduled; "},
		{"the fetcher failed", with(both(time.Hour), state(1, "FAILED")), "no fetcher's window of run 20261122T150000Z-FM1 is scheduled (window 2 is FAILED); "},
		{"the server was cancelled", with(both(time.Hour), state(0, "CANCELLED")), "no server's window of run 20261122T150000Z-FM1 is scheduled (window 1 is CANCELLED); "},
		{"begun", with(both(-10*time.Second), only(1)), ""},
		{"a survey", both(time.Hour, survey), ""},
		{"half a survey", with(both(time.Hour, survey), only(1)), "no other window of run 20261122T150000Z-FM1-survey is scheduled; "},
	} {
		s := Status{Satellite: "FM1", Now: now}
		s.windows(tt.windows)
		alone := slices.ContainsFunc(s.Windows, func(w WindowStatus) bool { return w.Alone })
		if got := strings.Join(s.Warnings, "\n"); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") || len(s.Warnings) > 1 || alone != (tt.want != "") {
			t.Errorf("%s: got %q, alone %v; want %q", tt.name, got, alone, tt.want)
		}
	}
}
