package window

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestCloseEndsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Spec{}.Open()
		a, cancelA := w.Context(t.Context(), 0)
		b, cancelB := w.Context(t.Context(), time.Minute)
		defer cancelA()
		defer cancelB()
		start := time.Now()
		time.AfterFunc(3*time.Second, func() { w.Close(); w.Close() })
		<-a.Done()
		<-b.Done()
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("ended after %v, want 3s", got)
		}
	})
}

func TestContextEndsWithParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Spec{For: time.Hour}.Open()
		parent, stop := context.WithCancelCause(t.Context())
		ctx, cancel := w.Context(parent, 0)
		defer cancel()
		why := errors.New("why")
		stop(why)
		synctest.Wait() // the goroutine is gone, or synctest reports a deadlock at the end
		if context.Cause(ctx) != why {
			t.Errorf("cause: got %v, want %v", context.Cause(ctx), why)
		}
	})
}

// A signal ends the window, and the time until power goes is still known; a
// window that is over leaves nothing with the context.
func TestCloseWith(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w, other := Spec{For: time.Minute}.Open(), Spec{For: time.Minute}.Open()
	w.CloseWith(ctx)
	other.CloseWith(ctx)
	other.Close()
	if other.release() {
		t.Error("the context still knew the window that was over")
	}
	if w.Remaining() == 0 {
		t.Error("over before the signal")
	}
	cancel()
	<-w.over
	if left, rest := w.Remaining(), w.UntilEnd(); left != 0 || rest < 50*time.Second || rest > time.Minute {
		t.Errorf("after the signal: left %v, rest %v", left, rest)
	}
	late := Spec{For: time.Minute}.Open()
	late.CloseWith(ctx)
	<-late.over
}
