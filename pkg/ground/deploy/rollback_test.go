package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// An interruption is obeyed to the word, whenever it comes: where it was told of
// rolling back, nothing is scheduled afterwards; what was sent is told.
func TestInterruptedAtEachCall(t *testing.T) {
	for at := 1; ; at++ {
		b := newBench(t)
		g, said := b.ground(200 * time.Millisecond)
		all := draft(t, g, b.spec())
		ctx, stop := context.WithCancel(context.Background())
		n := 0
		var mu sync.Mutex
		b.onCall(func(string) {
			mu.Lock()
			defer mu.Unlock()
			if n++; n == at {
				stop()
			}
		})
		g.ApplyAll(ctx, all)
		reached := ctx.Err() != nil
		stop()
		b.onCall(nil)
		if !reached {
			if at < 6 {
				t.Errorf("only %d calls", at)
			}
			return
		}
		r, told, have := all[0], said.all(), b.windows()
		switch promised := strings.Contains(told, "then rolling back") || strings.Contains(told, "stopping the upload"); {
		case promised && (len(have) != 0 || !errors.Is(r.Err, ErrInterrupted) || ExitOf(r.Err) != Failed):
			t.Errorf("call %d: promised to roll back, and left %v, %v\n%s", at, have, r.Err, told)
		case !promised && (len(have) != 2 || r.Err != nil):
			t.Errorf("call %d: left %v, %v\n%s", at, have, r.Err, told)
		}
		if sent := b.posts("upload"); r.Err != nil && sent > 0 && at > 1 && !strings.Contains(r.Err.Error(), "433,022 bytes, 3.5 days of uplink) stays") {
			t.Errorf("call %d: %d uploads stay, which is not said: %v", at, sent, r.Err)
		}
	}
}

// The second window fails: the first goes, in the reverse order, and the
// listing's lag is waited for.
func TestRolledBack(t *testing.T) {
	for _, fault := range []string{"window=422,skip=1", "window=500,skip=1,times=0", "window=lost-before,skip=1,times=0", "window=html,skip=1,times=0"} {
		for _, lag := range []string{"", "windows=lag,delay=300ms,times=0"} {
			t.Run(fault+" "+lag, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, fault)
				if lag != "" {
					b.mock.AddFault(parse(t, lag))
				}
				g, said := b.ground(600 * time.Millisecond)
				g.API.Patience = time.Second
				r := run(t, g, b.spec())
				if r.Err == nil || len(r.LeftBehind()) > 0 || !strings.Contains(r.Err.Error(), "no window of the pair is scheduled") || !strings.Contains(said.all(), "rolling back: ") {
					t.Errorf("%v, left %q\n%s", r.Err, r.LeftBehind(), said.all())
				}
				time.Sleep(400 * time.Millisecond) // until the listing shows the end
				if have := b.windows(); len(have) != 0 {
					t.Errorf("left %v", have)
				}
			})
		}
	}
}

// Our half was completed by another deployment, of other files, before we had
// to roll back: it belongs to a complete pair now, and stays.
func TestRollBackSparesAnothersPair(t *testing.T) {
	b := newBench(t)
	g, said := b.ground(300 * time.Millisecond)
	s := b.spec()
	all := draft(t, g, s)
	start := all[0].Plan.First().Windows[0].Start
	kern := b.spec(file("/var/log/kern.log", "kern"))
	n := 0
	b.onCall(func(call string) {
		if call != "POST window" {
			return
		}
		if n++; n == 2 {
			b.onCall(nil)
			other, _ := b.ground(300 * time.Millisecond)
			w := kern.Pass("FM1", start).Windows[1]
			a := &application{Ground: other, plan: &plan.Plan{Satellite: "FM1", Spec: kern}}
			if _, err := other.API.CreateWindow(context.Background(), context.Background(), a.request(w)); err != nil {
				t.Error(err)
			}
		}
	})
	g.ApplyAll(context.Background(), all)
	have := b.listing()
	pairs, halves := plan.SortPairs(have)
	if len(pairs) != 1 || len(halves) != 0 || all[0].Err == nil || !strings.Contains(said.all(), "stays: another deployment has completed the pair") {
		t.Errorf("pairs %v, halves %v, %v\n%s", pairs, halves, all[0].Err, said.all())
	}
}

// The first window is taken away while the second is scheduled: the second would
// run alone, and goes.
func TestFirstWindowVanishes(t *testing.T) {
	b := newBench(t)
	g, _ := b.ground(200 * time.Millisecond)
	n := 0
	b.onCall(func(call string) {
		if call != "POST window" {
			return
		}
		if n++; n == 2 {
			b.onCall(nil)
			b.drop(b.windows()[0])
		}
	})
	r := run(t, g, b.spec())
	if r.Err == nil || !strings.Contains(r.Err.Error(), "somebody removed it") || len(b.windows()) != 0 || ExitOf(r.Err) != Failed {
		t.Errorf("%v, windows %v", r.Err, b.windows())
	}
}

// A POST that something on the way repeats makes two of one: one of them goes,
// the same for everybody who looks.
func TestTwice(t *testing.T) {
	for _, fault := range []string{"window=twice", "window=twice,skip=1", "window=twice,times=2"} {
		b := newBench(t, fault)
		g, said := b.ground(300 * time.Millisecond)
		r := run(t, g, b.spec())
		if have := b.windows(); r.Err != nil || len(have) != 2 || !strings.Contains(said.all(), "which is there twice") {
			t.Errorf("%s: %v, windows %v\n%s", fault, r.Err, have, said.all())
		}
	}
}

// Cancelling waits for a listing that is behind, and says what is still there.
func TestCancel(t *testing.T) {
	b := newBench(t)
	g, said := b.ground(400 * time.Millisecond)
	r := run(t, g, b.spec())
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	b.mock.AddFault(parse(t, "windows=lag,delay=150ms,times=0"))
	time.Sleep(200 * time.Millisecond)
	chosen, err := g.Choose(context.Background(), []string{"FM1"}, Selection{Runs: []string{r.Plan.First().Run}})
	if err != nil || len(chosen[0].Windows) != 2 {
		t.Fatalf("%v %v", chosen, err)
	}
	g.Cancel(context.Background(), chosen)
	if chosen[0].Err != nil || strings.Count(said.all(), "cancelled window") != 2 {
		t.Errorf("%v\n%s", chosen[0].Err, said.all())
	}
	var unknown *Unknown
	if _, err := g.Choose(context.Background(), []string{"FM1"}, Selection{IDs: []string{"4711"}}); !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
}

// A window that is open cannot be cancelled, and trying again does not help.
func TestCancelOpen(t *testing.T) {
	b := newBench(t)
	g, said := b.ground(400 * time.Millisecond)
	r := run(t, g, b.spec())
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	first := r.Passes[0].Windows[0]
	b.mock.Skip(first.Start.Sub(b.mock.Now()) + 35*time.Second) // both are open
	b.mock.AddFault(parse(t, "delete=409,times=0"))
	chosen, err := g.Choose(context.Background(), []string{"FM1"}, Selection{Runs: []string{r.Plan.First().Run}})
	if err != nil || len(chosen[0].Windows) != 2 {
		t.Fatalf("%v %v", chosen, err)
	}
	g.Cancel(context.Background(), chosen)
	got := fmt.Sprint(chosen[0].Err)
	if !strings.Contains(got, first.ID+" (open until ") || !strings.Contains(got, "it ends by itself") || strings.Contains(got, "try again") {
		t.Errorf("got %q\n%s", got, said.all())
	}
}

// A server's half is found by the run that its start gives, and cancelling one
// half says which other one stays alone.
func TestChooseHalf(t *testing.T) {
	b := newBench(t)
	g, _ := b.ground(100 * time.Millisecond)
	r := run(t, g, b.spec())
	w := r.Passes[0].Windows
	chosen, err := g.Choose(context.Background(), []string{"FM1"}, Selection{IDs: []string{w[0].ID}})
	if err != nil || !slices.Equal(chosen[0].Partners, []string{w[1].ID}) {
		t.Errorf("%v %v", chosen, err)
	}
	b.drop(w[1].ID)
	chosen, err = g.Choose(context.Background(), []string{"FM1"}, Selection{Runs: []string{r.Passes[0].Run}})
	if err != nil || len(chosen[0].Windows) != 1 {
		t.Errorf("%v %v", chosen, err)
	}
}
