package window

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseUntil(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string // RFC 3339, empty for refused
	}{
		{"1763900000", "2025-11-23T12:13:20Z"},
		{"2025-11-23T12:13:20Z", "2025-11-23T12:13:20Z"},
		{"2025-11-23T14:13:20+02:00", "2025-11-23T12:13:20Z"},
		{"", ""}, {"0", ""}, {"-5", ""}, {"tomorrow", ""}, {"2025-11-23", ""},
		{"99999999999999999999", ""}, {"1763900000000", ""}, {"1e9", ""}, {" 5", ""},
	} {
		got, err := ParseUntil(c.in)
		if (err == nil) != (c.want != "") || err == nil && got.Format(time.RFC3339) != c.want {
			t.Errorf("ParseUntil(%q): got %v, %v, want %q", c.in, got, err, c.want)
		}
	}
}

// A clock that a test can set. Its zero offset is the true time.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) step(by time.Duration) { c.offset.Add(int64(by)) }

func TestEnd(t *testing.T) {
	const unset = -50 * 365 * 24 * time.Hour
	type step struct{ after, by time.Duration }
	for _, c := range []struct {
		name    string
		until   time.Duration // after the true start; 0 for none
		dur     time.Duration
		offset  time.Duration // of the wall clock at the start
		step    step
		want    time.Duration // when the window must be over; 0 for never
		trusted bool          // at the start
	}{
		{name: "no end", trusted: true},
		{name: "for alone", dur: time.Minute, want: time.Minute, trusted: true},
		{name: "until alone", until: time.Minute, want: time.Minute, trusted: true},
		{name: "both agree", until: time.Minute, dur: time.Minute, want: time.Minute, trusted: true},
		{name: "program started late", until: 40 * time.Second, dur: time.Minute, want: 40 * time.Second, trusted: true},
		{name: "until just believable", until: 3 * time.Minute, dur: time.Minute, want: 3 * time.Minute, trusted: true},
		{name: "until too far", until: 3*time.Minute + 2*time.Second, dur: time.Minute, want: time.Minute},
		{name: "until past", until: -time.Second, dur: time.Minute, want: time.Minute},
		{name: "until past, alone", until: -time.Second, want: 1, trusted: true},
		{name: "clock unset", until: time.Minute, dur: time.Minute, offset: unset, want: time.Minute},
		{name: "clock a year ahead", until: time.Minute, dur: time.Minute, offset: 365 * 24 * time.Hour, want: time.Minute},
		{name: "clock set late", until: 40 * time.Second, dur: time.Minute, offset: unset,
			step: step{20 * time.Second, -unset}, want: 40 * time.Second},
		{name: "clock lost", until: 40 * time.Second, dur: time.Minute,
			step: step{20 * time.Second, unset}, want: time.Minute, trusted: true},
		{name: "clock steps past the end", until: 40 * time.Second, dur: time.Minute,
			step: step{20 * time.Second, time.Hour}, want: time.Minute, trusted: true},
		{name: "clock set back a little", until: 40 * time.Second, dur: time.Minute,
			step: step{20 * time.Second, -5 * time.Second}, want: 45 * time.Second, trusted: true},
		{name: "clock set back beyond both", until: time.Minute, dur: time.Minute,
			step: step{20 * time.Second, -31 * time.Second}, want: time.Minute, trusted: true},
		{name: "clock set back, until behind for", until: 90 * time.Second, dur: time.Minute,
			step: step{20 * time.Second, -20 * time.Second}, want: 90 * time.Second, trusted: true},
		{name: "clock set late, until alone", until: 40 * time.Second, offset: unset,
			step: step{20 * time.Second, -unset}, want: 40 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// The bubble begins in 2000, which is an unset clock.
				time.Sleep(30 * 365 * 24 * time.Hour)
				k := &clock{}
				s := Spec{For: c.dur, Wall: k.now}
				if c.until != 0 {
					s.Until = k.now().Add(c.until)
				}
				k.step(c.offset)
				start := time.Now()
				w := s.Open()
				defer w.Close()
				if got := w.Trusted(); got != c.trusted {
					t.Errorf("trusted: got %v, want %v", got, c.trusted)
				}
				if c.step.after > 0 {
					time.AfterFunc(c.step.after, func() { k.step(c.step.by) })
				}
				ctx, cancel := w.Context(t.Context(), 0)
				defer cancel()
				if c.want == 0 {
					time.Sleep(24 * time.Hour)
					if w.Remaining() <= 0 || ctx.Err() != nil || w.Ends() {
						t.Errorf("ended: left %v, %v", w.Remaining(), ctx.Err())
					}
					return
				}
				<-ctx.Done()
				if context.Cause(ctx) != ErrOver {
					t.Errorf("cause: got %v, want ErrOver", context.Cause(ctx))
				}
				if got := time.Since(start); got < c.want-time.Second || got > c.want+time.Second {
					t.Errorf("ended after %v, want %v", got, c.want)
				}
				if w.Remaining() != 0 {
					t.Errorf("left %v after the end", w.Remaining())
				}
				select {
				case <-w.over:
				default:
					t.Error("over is not closed")
				}
			})
		})
	}
}

// For counts from Start, which cannot be later than now, nor so early that For
// would be over.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		name     string
		age, dur time.Duration
		want     time.Duration // from Open to the end
	}{
		{"unpacked first", 700 * time.Millisecond, time.Minute, time.Minute - 700*time.Millisecond},
		{"late", 59 * time.Second, time.Minute, time.Second},
		{"as old as the window", time.Minute, time.Minute, time.Minute},
		{"older", 24 * time.Hour, time.Minute, time.Minute},
		{"in the future", -time.Second, time.Minute, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := Spec{For: c.dur, Start: time.Now().Add(-c.age)}.Open()
				if got := w.Remaining(); got != c.want {
					t.Errorf("left %v, want %v", got, c.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // Until does not care
		time.Sleep(30 * 365 * 24 * time.Hour)
		w := Spec{Until: time.Now().Add(20 * time.Second), For: time.Minute, Start: time.Now().Add(-30 * time.Second)}.Open()
		if got := w.Remaining(); got != 20*time.Second {
			t.Errorf("left %v, want 20s", got)
		}
	})
}

// The window ends Early before power may go, by either of the two.
func TestEarlier(t *testing.T) {
	for _, c := range []struct{ until, dur, want time.Duration }{
		{0, 10 * time.Second, 9 * time.Second},
		{10 * time.Second, 0, 9 * time.Second},
		{10 * time.Second, time.Minute, 9 * time.Second},
		{-24 * time.Hour, time.Minute, 59 * time.Second},
		{0, 700 * time.Millisecond, 0},
		{0, 0, -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(30 * 365 * 24 * time.Hour)
			s := Spec{For: c.dur, Early: time.Second}
			if c.until != 0 {
				s.Until = time.Now().Add(c.until)
			}
			w := s.Open()
			if c.want < 0 {
				if w.Ends() || w.Remaining() < 24*time.Hour {
					t.Errorf("without an end: left %v", w.Remaining())
				}
				return
			}
			begin := time.Now()
			ctx, cancel := w.Context(t.Context(), 0)
			defer cancel()
			<-ctx.Done()
			if got := time.Since(begin); got != c.want || w.Remaining() != 0 {
				t.Errorf("until %v, for %v: over after %v, want %v", c.until, c.dur, got, c.want)
			}
		})
	}
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Spec{For: 10 * time.Second, Early: Margin}.Open()
		w.Leave(2 * time.Second)
		if got, want := w.Remaining(), 8*time.Second-Margin; got != want {
			t.Errorf("left %v, want %v", got, want)
		}
	})
}

func TestEndIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		k := &clock{}
		w := Spec{Until: k.now().Add(10 * time.Second), For: time.Minute, Wall: k.now}.Open()
		time.Sleep(9*time.Second + 500*time.Millisecond)
		w.Remaining()
		time.Sleep(time.Second)
		if w.Remaining() != 0 {
			t.Fatal("not over at its end")
		}
		k.step(-time.Hour)
		time.Sleep(5 * time.Second)
		if w.Remaining() != 0 {
			t.Error("a clock set back opened the window again")
		}
	})
}

func TestEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Spec{For: 10 * time.Second}.Open()
		start := time.Now()
		drain, cancel := w.Context(t.Context(), 2*time.Second)
		defer cancel()
		<-drain.Done()
		if got := time.Since(start); got != 8*time.Second {
			t.Errorf("drain after %v, want 8s", got)
		}
		if w.Remaining() != 2*time.Second {
			t.Errorf("left %v, want 2s", w.Remaining())
		}
	})
}

func TestUnset(t *testing.T) {
	for _, c := range []struct {
		year int
		want bool
	}{{1970, false}, {2000, false}, {2018, false}, {2026, true}} {
		wall := func() time.Time { return time.Date(c.year, 6, 1, 0, 0, 0, 0, time.UTC) }
		w := Spec{For: time.Second, Wall: wall}.Open()
		if w.Set() != c.want || w.Trusted() != c.want {
			t.Errorf("%d: set %v, trusted %v, want %v", c.year, w.Set(), w.Trusted(), c.want)
		}
	}
}
