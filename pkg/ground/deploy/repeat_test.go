package deploy

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/ground/plan"
)

func times(n int) func(*plan.Spec) {
	return func(s *plan.Spec) { s.Repeat, s.Every = n, 24*time.Hour }
}

// A week: each pass both windows or none, each its own run; what is there is
// found again, and what fails takes no other pass with it.
func TestWeek(t *testing.T) {
	b := newBench(t)
	g, said := b.ground(200 * time.Millisecond)
	week := b.spec(times(4))
	r := run(t, g, week)
	if r.Err != nil || r.Did != Scheduled || len(r.Passes) != 4 || len(b.windows()) != 8 || b.posts("upload") != 2 {
		t.Fatalf("%s %v, %d windows\n%s", r.Did, r.Err, len(b.windows()), said.all())
	}
	if r := run(t, g, week); r.Did != AlreadyScheduled || b.posts("window") != 8 {
		t.Errorf("again: %s %v, %d POSTs", r.Did, r.Err, b.posts("window"))
	}
	// One is cancelled, and filled up again at its own time.
	gone := r.Passes[2]
	for _, w := range gone.Windows {
		b.drop(w.ID)
	}
	r = run(t, g, week)
	if r.Err != nil || r.Did != Scheduled || len(b.windows()) != 8 || r.Passes[2].Run != gone.Run {
		t.Errorf("filled up: %s %v, run %s, want %s", r.Did, r.Err, r.Passes[2].Run, gone.Run)
	}
	// All at once.
	chosen, err := g.Choose(context.Background(), []string{"FM1"}, Selection{})
	if err != nil || len(chosen[0].Windows) != 8 {
		t.Fatalf("%v %v", chosen, err)
	}
	g.Cancel(context.Background(), chosen)
	if have := b.windows(); len(have) != 0 || chosen[0].Err != nil {
		t.Errorf("left %v, %v", have, chosen[0].Err)
	}
}

// The third pass fails at its second window: it is rolled back, the two before
// it stand and are named, and the next run makes four of them.
func TestWeekFailsInTheMiddle(t *testing.T) {
	b := newBench(t, "window=422,skip=5")
	g, said := b.ground(200 * time.Millisecond)
	week := b.spec(times(4))
	r := run(t, g, week)
	if r.Err == nil || len(b.windows()) != 4 || !strings.Contains(r.Err.Error(), "scheduled, and staying: "+r.Plan.Passes[0].Run+", "+r.Plan.Passes[1].Run) {
		t.Errorf("%v, windows %v\n%s", r.Err, b.windows(), said.all())
	}
	if pairs, halves := plan.SortPairs(b.listing()); len(pairs) != 2 || len(halves) != 0 {
		t.Errorf("pairs %v, halves %v", pairs, halves)
	}
	if r = run(t, g, week); r.Err != nil || len(b.windows()) != 8 {
		t.Errorf("again: %v, windows %v", r.Err, b.windows())
	}
}

// An interruption rolls back all that this run scheduled.
func TestWeekInterrupted(t *testing.T) {
	b := newBench(t)
	g, said := b.ground(200 * time.Millisecond)
	all := draft(t, g, b.spec(times(4)))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mu sync.Mutex
	n := 0
	b.onCall(func(call string) {
		mu.Lock()
		defer mu.Unlock()
		if call == "POST window" {
			if n++; n == 6 {
				stop()
			}
		}
	})
	g.ApplyAll(ctx, all)
	b.onCall(nil)
	if have := b.windows(); len(have) != 0 || ExitOf(all[0].Err) != Failed || strings.Count(said.all(), "removed window") != 6 {
		t.Errorf("left %v, %v\n%s", have, all[0].Err, said.all())
	}
}
