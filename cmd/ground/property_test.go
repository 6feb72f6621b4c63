package main

import (
	"context"
	"strings"
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

// One interruption, at each moment of a run whose API is well: nothing stays,
// or everything was done already.
func TestInterruptedOnce(t *testing.T) {
	dir := artifacts(t)
	done, taken := 0, 0
	for at := 1; ; at++ {
		s := newScript(t)
		ctx, stop := context.WithCancel(context.Background())
		var moment atomic.Int64
		s.onCall = func(string, bool) {
			if int(moment.Add(1)) == at {
				stop()
			}
		}
		o := s.ground(t, ctx, "deploy", "--artifacts", dir, "-", "FM1")
		interrupted := ctx.Err() != nil
		stop()
		if !interrupted {
			break // the run has no such moment
		}
		switch n := len(s.scheduled()); {
		case o.code == 0 && n == 2:
			done++
		case o.code == 1 && n == 0 && strings.Contains(o.err, "interrupted"):
			taken++
		default:
			t.Errorf("interrupted at moment %d: exit %d, scheduled %v\n%s", at, o.code, s.scheduled(), o.err)
		}
	}
	if done == 0 || taken < 10 {
		t.Errorf("%d runs were done, %d rolled back", done, taken)
	}
}

// A POST that was interrupted on its way takes effect later all the same: it is
// waited for, and then rolled back.
func TestInterruptedOnTheWay(t *testing.T) {
	for skip := range 2 {
		s := newScript(t)
		s.faults = []*fault{{call: "POST window", kind: "late", skip: skip, times: 1}}
		ctx, stop := context.WithCancel(context.Background())
		n := 0
		s.onCall = func(call string, effect bool) {
			if call == "POST window" && !effect {
				if n++; n == skip+1 {
					stop()
				}
			}
		}
		o := s.ground(t, ctx, "deploy", "--artifacts", artifacts(t), "-", "FM1")
		time.Sleep(400 * time.Millisecond)
		if got := s.scheduled(); len(got) != 0 && len(got) != 2 || o.code == 0 != (len(got) == 2) || !strings.Contains(o.out, "waiting for the answer") {
			t.Errorf("exit %d, scheduled %v\n%s", o.code, got, o.all())
		}
	}
}
