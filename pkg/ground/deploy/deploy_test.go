package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// A deployment of other files, another version or delay leaves every window of every
// other alone.
func TestOtherPairsStay(t *testing.T) {
	b := newBench(t)
	g, _ := b.ground(200 * time.Millisecond)
	s := b.spec()
	var before []string
	for i, c := range [][]func(*plan.Spec){
		{}, {file("/var/log/kern.log", "kern")}, {delay(25)}, {delay(20), file("/etc/", "etc")},
		{func(s *plan.Spec) { s.HandOver = true }}, {func(s *plan.Spec) { s.Port = 20000 }}, {func(s *plan.Spec) { s.SDRDuration = 90 * time.Second }},
	} {
		r := run(t, g, b.spec(c...))
		if r.Err != nil || r.Did != Scheduled {
			t.Fatalf("row %d: %s, %v", i, r.Did, r.Err)
		}
		now := b.windows()
		if len(now) != 2*(i+1) || !slices.Equal(now[:len(before)], before) {
			t.Errorf("row %d: windows %v became %v", i, before, now)
		}
		before = now
	}
	if b.deletes() != 0 {
		t.Errorf("%d deletions", b.deletes())
	}
	if r := run(t, g, s); r.Did != AlreadyScheduled || r.Err != nil {
		t.Errorf("the first again: %s, %v", r.Did, r.Err)
	}
}

// Two deployments on one computer: the second waits, and finds everything done.
func TestTwoDeploymentsHere(t *testing.T) {
	b := newBench(t, "any=slow,delay=20ms,times=0")
	s := b.spec()
	var group sync.WaitGroup
	var mu sync.Mutex
	did := map[Did]int{}
	waited := 0
	for range 4 {
		group.Go(func() {
			g, _ := b.ground(300 * time.Millisecond)
			unlock, err := g.Lock(context.Background(), []string{"FM2", "FM1", "FM1"}, func(string) {
				mu.Lock()
				defer mu.Unlock()
				waited++
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			r := run(t, g, s)
			mu.Lock()
			defer mu.Unlock()
			did[r.Did]++
			if r.Err != nil || len(r.Warnings) > 0 {
				t.Errorf("%v %q", r.Err, r.Warnings)
			}
		})
	}
	group.Wait()
	if b.posts("upload") != 2 || b.posts("window") != 2 || did[Scheduled] != 1 || did[AlreadyScheduled] != 3 || waited < 3 {
		t.Errorf("%d uploads, %d windows, %v, %d waited", b.posts("upload"), b.posts("window"), did, waited)
	}
	// Whoever waits can be interrupted, and a lock that nobody holds is free.
	g, _ := b.ground(time.Second)
	unlock, err := g.Lock(context.Background(), []string{"FM1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	if _, err := g.Lock(ctx, []string{"FM1"}, func(string) { stop() }); !errors.Is(err, ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
	unlock()
	if unlock, err = g.Lock(context.Background(), []string{"FM1"}, nil); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// Two deployments on two computers cannot be kept apart. What went up twice is
// told with its price, and the pair is scheduled once.
func TestTwoComputers(t *testing.T) {
	b := newBench(t)
	g1, _ := b.ground(300 * time.Millisecond)
	g2, _ := b.ground(300 * time.Millisecond)
	s := b.spec()
	one, two := draft(t, g1, s), draft(t, g2, s)
	var group sync.WaitGroup
	group.Go(func() { g1.ApplyAll(context.Background(), one) })
	group.Go(func() { g2.ApplyAll(context.Background(), two) })
	group.Wait()
	if b.posts("upload") != 4 {
		t.Fatalf("%d uploads", b.posts("upload"))
	}
	if one[0].Err != nil || two[0].Err != nil || ids(one[0]) != ids(two[0]) || len(b.windows()) != 2 {
		t.Errorf("%v %v, %s and %s, windows %v", one[0].Err, two[0].Err, ids(one[0]), ids(two[0]), b.windows())
	}
	told := strings.Join(append(one[0].Warnings, two[0].Warnings...), "\n")
	if !strings.Contains(told, "sdr-serve was sent 2 times") || !strings.Contains(told, "433,022 bytes, 3.5 days of uplink, for nothing") {
		t.Errorf("the doubles are not told: %q", told)
	}
	// The second copies delay what comes behind them, and status says so too.
	st, err := g1.Status(context.Background(), []string{"FM1"}, map[string]int64{
		s.Artifacts[0].Destination(): s.Artifacts[0].Size, s.Artifacts[1].Destination(): s.Artifacts[1].Size}, s.UplinkRate)
	if err != nil || !strings.Contains(strings.Join(st[0].Warnings, "\n"), "was sent more than once") {
		t.Errorf("%v %q", err, st[0].Warnings)
	}
}

// The user thinks about the question while another computer does it all.
func TestDoneMeanwhile(t *testing.T) {
	b := newBench(t)
	g1, said := b.ground(100 * time.Millisecond)
	g2, _ := b.ground(100 * time.Millisecond)
	s := b.spec()
	all := draft(t, g1, s)
	if r := run(t, g2, s); r.Err != nil {
		t.Fatal(r.Err)
	}
	b.mock.Skip(time.Hour)
	draft(t, g1, s) // learns the time
	g1.ApplyAll(context.Background(), all)
	if all[0].Did != AlreadyScheduled || b.posts("upload") != 2 || b.posts("window") != 2 {
		t.Errorf("%s %v, %d uploads, %d windows\n%s", all[0].Did, all[0].Err, b.posts("upload"), b.posts("window"), said.all())
	}
}

// An answer is lost, and the listings are behind: nothing is sent or scheduled
// twice.
func TestLostAnswersAndLag(t *testing.T) {
	for _, lost := range []string{"upload=lost-after", "upload=lost-after,skip=1", "window=lost-after", "window=lost-after,skip=1", "window=half", "upload=503"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, lost, "uploads=lag,delay=400ms,times=0", "windows=lag,delay=400ms,times=0")
			g, said := b.ground(time.Second)
			r := run(t, g, b.spec())
			again := 0
			if lost == "upload=503" {
				again = 1
			}
			if r.Err != nil || r.Did != Scheduled || b.posts("upload") != 2+again || b.posts("window") != 2 || len(b.windows()) != 2 || len(r.Warnings) > 0 {
				t.Errorf("%s %v %q: %d uploads, %d windows\n%s", r.Did, r.Err, r.Warnings, b.posts("upload"), b.posts("window"), said.all())
			}
		})
	}
}

// The first window's answer is lost and never listed in time: what may stand is
// said, with the command that removes it.
func TestLostForLongerThanTheLag(t *testing.T) {
	b := newBench(t, "window=lost-after", "windows=lag,delay=1h,times=0")
	g, _ := b.ground(200 * time.Millisecond)
	r := run(t, g, b.spec())
	var o *Orphaned
	if !errors.As(r.Err, &o) || ExitOf(r.Err) != Failed {
		t.Fatalf("exit %d, %v", ExitOf(r.Err), r.Err)
	}
	run := r.Plan.First().Run
	if !strings.Contains(o.Left[0], "a window (PAYLOAD_SDR at ") || !strings.Contains(o.Left[0], "may be scheduled, id unknown") || o.Commands[0] != "ground cancel - FM1 --run "+run+" --yes" {
		t.Errorf("left %q, commands %q", o.Left, o.Commands)
	}
}

// An API behind a cache: Date is two days old, and Age says so. No window is
// earlier than its programs.
func TestCachedAPI(t *testing.T) {
	b := newBench(t, "any=cached,delay=48h,times=0")
	g, _ := b.ground(time.Second)
	var told []string
	var mu sync.Mutex
	g.API.Notice = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, text)
	}
	r := run(t, g, b.spec())
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	// 6.9 days of uplink, and 6 h until a contact.
	if in := time.Until(r.Passes[0].Windows[0].Start); in < 170*time.Hour || in > 174*time.Hour {
		t.Errorf("the windows are in %v", in)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, "GET /tasking/uploads comes out of a cache and is 2 days old") && !strings.Contains(all, "is 48 h old") {
		t.Errorf("told %q", all)
	}
}

// A conflict with somebody else's window is no loss: it is refused, at once.
func TestTaken(t *testing.T) {
	b := newBench(t)
	g, _ := b.ground(5 * time.Second)
	s := b.spec()
	all := draft(t, g, s)
	other := b.spec(file("/x", "x"), func(o *plan.Spec) { o.Start = all[0].Plan.First().Windows[0].Start.Add(10 * time.Second) })
	if r := run(t, g, other); r.Err != nil {
		t.Fatal(r.Err)
	}
	begun := time.Now()
	g.ApplyAll(context.Background(), all)
	if ExitOf(all[0].Err) != Refused || !strings.Contains(all[0].Err.Error(), "no window of the pair is scheduled") || len(b.windows()) != 2 {
		t.Errorf("exit %d %v, windows %v", ExitOf(all[0].Err), all[0].Err, b.windows())
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("took %v: it waited for a listing that explains the conflict", took)
	}
}

// A half that an interrupted run left is completed; one that is only on its way
// to be a pair, or that the listing is behind with, is left alone.
func TestHalves(t *testing.T) {
	t.Run("completed", func(t *testing.T) {
		for i := range 2 {
			b := newBench(t)
			g, said := b.ground(100 * time.Millisecond)
			s := b.spec()
			r := run(t, g, s)
			b.drop(r.Passes[0].Windows[i].ID)
			r = run(t, g, s)
			if r.Err != nil || r.Did != Scheduled || len(b.windows()) != 2 || b.deletes() != 1 {
				t.Errorf("half %d: %s %v, windows %v\n%s", i, r.Did, r.Err, b.windows(), said.all())
			}
			if !strings.Contains(said.all(), "seems to be alone; looking again") {
				t.Errorf("it did not look again:\n%s", said.all())
			}
		}
	})
	t.Run("another computer is between its two windows", func(t *testing.T) {
		b := newBench(t)
		g1, _ := b.ground(time.Second)
		g2, said := b.ground(time.Second)
		s := b.spec()
		all := draft(t, g1, s)
		var once sync.Once
		var second Result
		done := make(chan struct{})
		n := 0
		b.onCall(func(call string) {
			if call == "GET windows" && strings.Contains(said.all(), "seems to be alone") {
				for len(b.windows()) < 2 { // the first one gets its time, however slow it is
					time.Sleep(10 * time.Millisecond)
				}
			}
			if call != "POST window" {
				return
			}
			if n++; n == 2 {
				once.Do(func() { // the other one comes now, and sees one window
					go func() {
						defer close(done)
						second = run(t, g2, s)
					}()
					for !strings.Contains(said.all(), "seems to be alone") {
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
		})
		g1.ApplyAll(context.Background(), all)
		<-done
		if all[0].Err != nil || second.Err != nil || second.Did != AlreadyScheduled || len(b.windows()) != 2 || b.deletes() != 0 {
			t.Errorf("%v, %v %s, windows %v, %d deletions", all[0].Err, second.Err, second.Did, b.windows(), b.deletes())
		}
	})
}
