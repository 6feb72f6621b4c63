// Package window knows when work must stop. It is the only reader of the
// clock in the payload programs.
//
// A payload has just been powered on, and its wall clock may be unset or may
// step while a program runs (docs/platform.md, "Running user code"). So everything
// is timed by the monotonic clock, and the wall clock is asked one question
// only, again each second: can it be believed about Until?
package window

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"payload-ipc/pkg/flight/date"
)

// ErrOver is the cause of every context that a Window has ended.
var ErrOver = errors.New("the window is over")

const (
	// slack is by how much Until may lie behind start + For for the wall
	// clock to be believed (docs/contract.md, "Both programs").
	slack = 2 * time.Minute

	// Margin is how long before power may go (Until, For) the programs are
	// gone (docs/contract.md, "Both programs"): what a stalled disk, a late
	// timer or the kernel's end of the process may still take.
	Margin = 500 * time.Millisecond

	// lookEvery is how often the wall clock is looked at again.
	lookEvery = time.Second

	// forever stands for no end; far enough, and its sums do not overflow.
	forever = 1 << 61 * time.Nanosecond
)

// A Spec says when a window ends. The zero Spec never ends by itself.
type Spec struct {
	Until time.Time     // by the wall clock; zero for not given
	For   time.Duration // from Start; 0 for not given

	// Start is when For began to count; the moment of Open where it is zero or
	// cannot be: in the future, or so long ago that For would be over. A
	// program that runs has power.
	Start time.Time

	// Early is how long before Until and For the window ends; 0 or more.
	Early time.Duration

	// Wall reads the wall clock; nil for time.Now. Tests set it to unset or
	// stepping clocks.
	Wall func() time.Time
}

// ParseUntil reads an end time: Unix seconds, above 0 and at most 2^36 (the year
// 4147), or RFC 3339. The time is in UTC. The error is one phrase that quotes s.
func ParseUntil(s string) (time.Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n <= 0 || n > 1<<36 {
			return time.Time{}, fmt.Errorf("%q is not a time in Unix seconds", s)
		}
		return time.Unix(n, 0).UTC(), nil
	}
	t, ok := date.ParseRFC3339(s)
	if !ok {
		return time.Time{}, fmt.Errorf("%q is neither Unix seconds nor an RFC 3339 time", s)
	}
	return t, nil
}

// A Window is a span of time that has begun and will end. Its methods may be
// called from any goroutine.
type Window struct {
	spec  Spec
	start time.Time     // monotonic
	last  time.Duration // the end never moves behind this, after start
	over  chan struct{} // closed by close, or when Remaining or a context finds that the window has ended

	mu       sync.Mutex
	looked   time.Duration // when the wall clock was last looked at, after start
	end      time.Duration // after start: when power may go
	believed bool          // what Until says of the end counts
	ended    bool
	release  func() bool // of CloseWith
}

// Open begins a window.
func (s Spec) Open() *Window {
	if s.Wall == nil {
		s.Wall = time.Now
	}
	now := time.Now()
	elapsed := now.Sub(s.Start)
	if s.Start.IsZero() || elapsed < 0 || s.For > 0 && elapsed >= s.For {
		elapsed = 0
	}
	w := &Window{spec: s, start: now.Add(-elapsed), last: forever, over: make(chan struct{})}
	w.look(elapsed)
	if s.For > 0 {
		// No program starts before its window opens, so an end behind both
		// is the work of a clock that was set back, and power would go first.
		w.last = max(w.end, s.For)
	}
	return w
}

// look decides when power may go, as things stand elapsed after the start.
func (w *Window) look(elapsed time.Duration) {
	w.looked = elapsed
	w.end = forever
	if w.spec.For > 0 {
		w.end = w.spec.For
	}
	w.believed = false
	if w.spec.Until.IsZero() {
		return
	}
	// Round strips the monotonic reading: this is about the wall clock alone.
	left := w.spec.Until.Sub(w.spec.Wall().Round(0))
	switch {
	case w.spec.For == 0:
		// There is nothing else to go by.
		w.end = elapsed + min(left, forever/2)
	case left > 0 && left <= w.spec.For-elapsed+slack:
		w.end = min(elapsed+left, w.last)
		w.believed = true
	}
}

// Remaining returns how long the window still lasts, 0 once it is over.
func (w *Window) Remaining() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return 0
	}
	left := w.rest()
	if left <= 0 {
		w.close()
		return 0
	}
	return left
}

// UntilEnd returns Remaining as if Close had not been called: after a signal, the time
// that there is all the same.
func (w *Window) UntilEnd() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(w.rest(), 0)
}

func (w *Window) rest() time.Duration {
	elapsed := time.Since(w.start)
	// An end that was reached is final, whatever the wall clock says now.
	if elapsed < w.end-w.spec.Early && elapsed >= w.looked+lookEvery {
		w.look(elapsed)
	}
	return w.end - w.spec.Early - elapsed
}

// Leave has the window end d, 0 or more, before the program must be gone, which
// is Margin before power may go. It takes the place of Spec.Early.
func (w *Window) Leave(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spec.Early = Margin + d
}

// Ends reports whether the window has an end at all.
func (w *Window) Ends() bool { return w.spec.For > 0 || !w.spec.Until.IsZero() }

// Close ends the window now: what a signal does.
func (w *Window) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.close()
}

func (w *Window) close() {
	if !w.ended {
		w.ended = true
		close(w.over)
		if w.release != nil {
			w.release()
		}
	}
}

// CloseWith has ctx, which a signal ends, close the window. A window that is
// over leaves nothing with ctx.
func (w *Window) CloseWith(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.release = context.AfterFunc(ctx, w.Close)
	}
}

// Context returns a context that is cancelled early before the end of the
// window, with ErrOver as its cause. Its deadline is not told by Deadline,
// because it moves when the wall clock does. The caller must call cancel.
func (w *Window) Context(parent context.Context, early time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		for {
			left := w.Remaining() - early
			if left <= 0 {
				cancel(ErrOver)
				return
			}
			// The wall clock is looked at each second, and moves the end.
			t := time.NewTimer(min(left, lookEvery))
			select {
			case <-t.C:
			case <-w.over:
			case <-ctx.Done():
				t.Stop()
				return
			}
			t.Stop()
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Elapsed returns the time since the window began, by the monotonic clock.
func (w *Window) Elapsed() time.Duration { return time.Since(w.start) }

// Mono returns the present for use with deadlines and differences. Its wall
// clock reading must not be shown to anyone.
func (w *Window) Mono() time.Time { return time.Now() }

// Now returns the wall clock's time in UTC, which may be wrong; see Trusted.
func (w *Window) Now() time.Time { return w.spec.Wall().Round(0).UTC() }

// Trusted reports whether the wall clock can be believed: it is set, and it
// agrees with Until and For where both are known.
func (w *Window) Trusted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !isSet(w.spec.Wall()) {
		return false
	}
	return w.believed || w.spec.Until.IsZero() || w.spec.For == 0
}

// Set reports whether the wall clock has been set at all since power-on.
func (w *Window) Set() bool { return isSet(w.spec.Wall()) }

// isSet: a clock that counts from 1970, from 2000 or from a firmware's build
// has not been set. The oldest of these agents was built later than this.
func isSet(t time.Time) bool { return t.UTC().Year() >= 2025 } // UTC: no time zone file is read
