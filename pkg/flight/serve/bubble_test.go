package serve

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"payload-ipc/pkg/flight/window"
)

// A memListener gives connections in memory, whose deadlines are those of a
// synctest bubble: no test waits for them.
type memListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newMemListener() *memListener {
	return &memListener{make(chan net.Conn), make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error   { close(l.closed); return nil }
func (l *memListener) Addr() net.Addr { return &net.UnixAddr{} }

func (l *memListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

// bubble runs f with a server whose time flies.
func bubble(t *testing.T, s Server, spec window.Spec, f func(t *testing.T, l *memListener, events func() []Event)) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemListener()
		s.Window = spec.Open()
		seen := make(chan Event, 1000)
		s.Events = func(e Event) { seen <- e }
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := s.Serve(context.Background(), l); err != nil {
				t.Error(err)
			}
		}()
		f(t, l, func() (all []Event) {
			synctest.Wait()
			for len(seen) > 0 {
				all = append(all, <-seen)
			}
			return all
		})
		s.Window.Close()
		<-done
		time.Sleep(2 * time.Minute) // what the test itself started ends too
	})
}
