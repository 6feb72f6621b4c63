package plan

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"payload-ipc/pkg/ground/tasking"
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
			if have := slices.ContainsFunc(got, func(f tasking.Interval) bool { return !start.Before(f.Start) && !start.After(f.End) }); have != want {
				t.Fatalf("start +%d s: got %v, want %v in %v", i, have, want, got)
			}
		}
	})
}
