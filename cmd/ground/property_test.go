package main

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever goes wrong, and whenever the user interrupts it once or twice: both
// windows or none, or the output names what is left; and the next run repairs.
func TestRandomFaultsAndInterruptions(t *testing.T) {
	dir := artifacts(t)
	kinds := append(append(append([]string{}, passing...), refusing...), confusing...)
	rapid.Check(t, func(t *rapid.T) {
		s := openScript()
		defer s.Close()
		s.try, s.patience = 200*time.Millisecond, 800*time.Millisecond
		for range rapid.IntRange(0, 4).Draw(t, "faults") {
			s.faults = append(s.faults, &fault{
				call: rapid.SampledFrom([]string{"GET satellites", "GET uploads", "GET windows", "GET availability", "POST upload", "POST window", "POST window", "DELETE window"}).Draw(t, "call"),
				kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
				skip: rapid.IntRange(0, 3).Draw(t, "skip"), times: rapid.IntRange(0, 3).Draw(t, "times"),
			})
		}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		hold, leave := context.WithCancel(context.Background())
		defer leave()
		// A call has two moments: before and after its effect.
		first := rapid.IntRange(0, 25).Draw(t, "first interruption")
		second := first + rapid.IntRange(0, 12).Draw(t, "second interruption")
		twice := rapid.Bool().Draw(t, "twice")
		var moment atomic.Int64
		s.onCall = func(string, bool) {
			n := int(moment.Add(1))
			if n == first {
				stop()
			}
			if n == second && twice && first > 0 {
				stop()
				leave()
			}
		}
		o := s.held(t, ctx, hold, "deploy", "--artifacts", dir, "-", "FM1")
		honest(t, s, o)

		s.recover()
		o = s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1")
		if got := s.scheduled(); o.code != 0 || len(got) != 2 {
			t.Errorf("second run: exit %d, scheduled %v\n%s", o.code, got, o.all())
		}
	})
}
