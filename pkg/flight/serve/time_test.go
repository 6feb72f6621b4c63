package serve

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"payload-ipc/pkg/flight/window"
)

func TestHeadTimeout(t *testing.T) {
	root := fixture(t)
	bubble(t, Server{Root: root}, window.Spec{}, func(t *testing.T, l *memListener, _ func() []Event) {
		began := time.Now()
		nc := l.dial()
		// A byte a second is progress, and no reason to wait for ever.
		go func() {
			for range 60 {
				if _, err := io.WriteString(nc, "G"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
		if err != nil || a.StatusCode != 408 || !a.Close {
			t.Errorf("%v, got %q, want 408", err, a.raw)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("answered after %v, want 10s", took)
		}
	})
}

// The second head on a connection has its own 10 s, from its first byte.
func TestHeadTimeoutOfSecondRequest(t *testing.T) {
	root := fixture(t)
	bubble(t, Server{Root: root}, window.Spec{}, func(t *testing.T, l *memListener, _ func() []Event) {
		nc := l.dial()
		r := bufio.NewReaderSize(nc, 64<<10)
		io.WriteString(nc, "GET /f11"+h+"\r\n")
		if a, err := readAnswer(r, "GET"); err != nil || a.StatusCode != 200 {
			t.Error(err, a.raw)
			return
		}
		time.Sleep(20 * time.Second)
		began := time.Now()
		io.WriteString(nc, "GET")
		a, err := readAnswer(r, "GET")
		if err != nil || a.StatusCode != 408 {
			t.Errorf("%v, got %q, want 408", err, a.raw)
			return
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("answered after %v, want 10s", took)
		}
	})
}

func TestSilentClientIsClosed(t *testing.T) {
	root := fixture(t)
	bubble(t, Server{Root: root}, window.Spec{}, func(t *testing.T, l *memListener, _ func() []Event) {
		began := time.Now()
		nc := l.dial()
		if b, err := io.ReadAll(nc); len(b) > 0 || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
	})
}

func TestIdleTimeout(t *testing.T) {
	root := fixture(t)
	bubble(t, Server{Root: root}, window.Spec{}, func(t *testing.T, l *memListener, _ func() []Event) {
		nc := l.dial()
		r := bufio.NewReaderSize(nc, 64<<10)
		for range 3 {
			io.WriteString(nc, "GET /f11"+h+"\r\n")
			if a, err := readAnswer(r, "GET"); err != nil || a.StatusCode != 200 {
				t.Fatal(err, a.raw)
			}
			time.Sleep(29 * time.Second)
		}
		began := time.Now()
		if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("closed after %v, want 1s more", took)
		}
	})
}

// A reader that takes a little now and then is served for hours; one that
// takes nothing is dropped after 20 s.
func TestStall(t *testing.T) {
	root := fixture(t)
	bubble(t, Server{Root: root}, window.Spec{}, func(t *testing.T, l *memListener, events func() []Event) {
		nc := l.dial()
		io.WriteString(nc, "GET /sparse5g"+h+"\r\n")
		buf := make([]byte, 1000)
		for range 1000 {
			if _, err := io.ReadFull(nc, buf); err != nil {
				t.Fatal(err)
			}
			time.Sleep(19 * time.Second)
		}
		time.Sleep(500 * time.Millisecond)
		e := events()
		if len(e) != 0 {
			t.Fatalf("dropped early: %+v", e)
		}
		time.Sleep(2 * time.Second)
		e = events()
		if len(e) != 1 || e[0].Kind != Cut || e[0].Err != errStalled.Error() || e[0].At < 999000 || e[0].At > 1100000 {
			t.Fatalf("got %+v, want it cut where the reader stopped", e)
		}
	})
}

// At end - drain the listener is closed and answers close their connection; at
// the end what is left is cut.
func TestDrainAndEnd(t *testing.T) {
	root := fixture(t)
	spec := window.Spec{For: 60 * time.Second}
	bubble(t, Server{Root: root, Drain: 2 * time.Second}, spec, func(t *testing.T, l *memListener, events func() []Event) {
		idle, busy := l.dial(), l.dial()
		r := bufio.NewReaderSize(idle, 64<<10)
		ask := func() answer {
			io.WriteString(idle, "GET /f11"+h+"\r\n")
			a, err := readAnswer(r, "GET")
			if err != nil {
				t.Error(err)
				a.Response = &http.Response{}
			}
			return a
		}
		io.WriteString(busy, "GET /sparse5g"+h+"\r\n")
		stop := make(chan error)
		go func() {
			_, err := io.Copy(slow{}, busy)
			stop <- err
		}()
		ask()
		time.Sleep(29 * time.Second)
		if a := ask(); a.Close {
			t.Error("closed before the drain")
		}
		time.Sleep(28*time.Second + 900*time.Millisecond)
		select {
		case <-l.closed:
			t.Error("listener closed before the drain")
		default:
		}
		time.Sleep(200 * time.Millisecond)
		select {
		case <-l.closed:
		default:
			t.Error("listener open in the drain")
		}
		if a := ask(); !a.Close || a.StatusCode != 200 {
			t.Errorf("in the drain: got %q", a.raw)
		}
		<-stop
		var cut []Event
		for _, e := range events() {
			if e.Kind == Cut {
				cut = append(cut, e)
			}
		}
		if len(cut) != 1 || cut[0].Path != "/sparse5g" || cut[0].Err != "window over" || cut[0].At == 0 || cut[0].At != cut[0].Bytes || cut[0].Took != 60*time.Second {
			t.Errorf("got %+v, want one answer cut", cut)
		}
	})
}

// slow takes a piece a second.
type slow struct{}

func (slow) Write(p []byte) (int, error) {
	time.Sleep(time.Second)
	return len(p), nil
}

// With nothing under way the server does not sit through the drain.
func TestDrainEndsEarly(t *testing.T) {
	root := fixture(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := Server{Root: root, Drain: 5 * time.Second, Window: window.Spec{For: 30 * time.Second}.Open()}
		if _, err := s.Serve(context.Background(), newMemListener()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 25*time.Second {
			t.Errorf("ended after %v, want 25s", took)
		}
	})
}

// The engine goes by the window, which goes by the monotonic clock where the
// wall clock is wrong.
func TestEndOnWrongClocks(t *testing.T) {
	root := fixture(t)
	for name, wall := range map[string]func(time.Duration) time.Time{
		"unset":     func(d time.Duration) time.Time { return time.Unix(0, 0).Add(d) },
		"ahead":     func(d time.Duration) time.Time { return time.Unix(1893456000+86400, 0).Add(d) },
		"set late":  func(d time.Duration) time.Time { return stepping(d, time.Unix(0, 0), time.Unix(1893456000, 0)) },
		"step back": func(d time.Duration) time.Time { return stepping(d, time.Unix(1893456000, 0), time.Unix(0, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				spec := window.Spec{
					Until: time.Unix(1893456000+60, 0),
					For:   60 * time.Second,
					Wall:  func() time.Time { return wall(time.Since(began)) },
				}
				s := Server{Root: root, Window: spec.Open()}
				if _, err := s.Serve(context.Background(), newMemListener()); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took < 59*time.Second || took > 61*time.Second {
					t.Errorf("ended after %v, want 60s", took)
				}
			})
		})
	}
}

// stepping is a clock that counts on from before, and from after 20 s on.
func stepping(d time.Duration, before, after time.Time) time.Time {
	if d < 20*time.Second {
		return before.Add(d)
	}
	return after.Add(d)
}

// A context that ends is a window that ends.
func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan error)
	go func() {
		_, err := (&Server{Root: fixture(t)}).Serve(ctx, ln)
		done <- err
	}()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still serving")
	}
}

// A listener that breaks is an error, and the end.
func TestListenerBreaks(t *testing.T) {
	l := &brokenListener{newMemListener()}
	_, err := (&Server{Root: t.TempDir()}).Serve(context.Background(), l)
	if err == nil || err != io.ErrNoProgress {
		t.Errorf("got %v", err)
	}
}

type brokenListener struct{ *memListener }

func (brokenListener) Accept() (net.Conn, error) { return nil, io.ErrNoProgress }
