package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"payload-ipc/pkg/ground/tasking"
	"payload-ipc/pkg/proof/browser"
)

// Slots against the plain search, second by second.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := tutorial(func(s *Spec) {
			s.FetchDelay = time.Duration(rapid.IntRange(0, 59).Draw(t, "delay")) * time.Second
		})
		known := map[string][]tasking.Interval{}
		for _, typ := range s.WindowTypes() {
			at := -600
			for range rapid.IntRange(0, 4).Draw(t, "intervals") {
				from := at + rapid.IntRange(1, 300).Draw(t, "gap")
				at = from + rapid.IntRange(1, 1500).Draw(t, "length")
				known[typ] = append(known[typ], tasking.Interval{Start: now.Add(time.Duration(from) * time.Second), End: now.Add(time.Duration(at) * time.Second)})
			}
		}
		free := func(typ string, from time.Time, span time.Duration) (out []tasking.Interval, err error) {
			return intersect(known[typ], []tasking.Interval{{Start: from, End: from.Add(span)}}), nil
		}
		got, err := s.Slots(now, time.Hour, free)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3601 {
			start := now.Add(time.Duration(i) * time.Second)
			want := true
			for _, w := range s.Pass("FM1", start).Windows {
				want = want && slices.ContainsFunc(known[w.Type], func(f tasking.Interval) bool { return !w.Opens().Before(f.Start) && !w.Closes().After(f.End) })
			}
			if have := slices.ContainsFunc(got.Starts, func(f tasking.Interval) bool { return !start.Before(f.Start) && !start.After(f.End) }); have != want {
				t.Fatalf("start +%d s: got %v, want %v in %v", i, have, want, got.Starts)
			}
		}
	})
}

// freeDay is a day in which both payloads are taken now and then.
func freeDay(t testing.TB) Slots {
	t.Helper()
	known := map[string][]tasking.Interval{}
	for typ, hours := range map[string][][2]float64{"PAYLOAD_SDR": {{-1, 6}, {9, 16}, {20, 20.05}}, "PAYLOAD_SABERTOOTH": {{3, 12}, {15.9, 30}}} {
		at := func(h float64) time.Time { return now.Add(time.Duration(h * float64(time.Hour))) }
		for _, h := range hours {
			known[typ] = append(known[typ], tasking.Interval{Start: at(h[0]), End: at(h[1])})
		}
	}
	x, err := tutorial().Slots(now, 24*time.Hour, func(typ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
		return intersect(known[typ], []tasking.Interval{{Start: from, End: from.Add(span)}}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The time line of a day: what is short is still one column.
func TestSlotsDrawn(t *testing.T) {
	var b strings.Builder
	freeDay(t).Draw(&b, 60)
	want := `
  Free from Sun 22 Nov 2026 14:00:00 UTC on, for 24 h
     SDR        |==========     ============       =      |
     SABERTOOTH |     ===============       ==============|
     both fit   |     #####     #####                     |
                 22 Nov 14:00 UTC         23 Nov 14:00 UTC
     SDR: 60 s, and 120 s before and 210 s after
     SABERTOOTH: 60 s, and 180 s before and 210 s after
                 = a window may be   # the first of both
                 can start
`
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), b.String()); d != "" {
		t.Error(d)
	}
}

// The picture says the same, fits each screen, and no text is in another's way.
func TestSlotsSVG(t *testing.T) {
	b := browser.Open(t)
	file := filepath.Join(t.TempDir(), "free.svg")
	if err := os.WriteFile(file, freeDay(t).SVG("FM1"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, screen := range browser.Screens {
		screen.Phone = false
		page := b.Visit("file://"+file, screen)
		page.Keep("slots-" + screen.String())
		var off []string
		page.Ask(`[...document.querySelectorAll("text")].filter(e => { const r = e.getBoundingClientRect()
			return r.width && (r.left < 0 || r.right > innerWidth || r.height < 12)}).map(e => e.textContent)`, &off)
		if len(off) > 0 {
			t.Errorf("%v: cut off: %q", screen, off)
		}
		if pairs := page.Clashes("text"); pairs != nil {
			t.Errorf("%v: in each other's way: %q", screen, pairs)
		}
		var drawn map[string]int
		page.Ask(`({free: document.querySelectorAll(".up").length, starts: document.querySelectorAll(".window").length})`, &drawn)
		if drawn["free"] != 5 || drawn["starts"] != 2 {
			t.Errorf("%v: got %v, want 5 free times and 2 of starts", screen, drawn)
		}
		page.Close()
	}
}
