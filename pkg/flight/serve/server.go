package serve

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/sign"
	"payload-ipc/pkg/flight/window"
)

// A Server serves the files under Root. Fields must not change while it runs.
type Server struct {
	Root     string         // directory that "/" stands for; "/" if empty
	Allow    []netip.Prefix // who may connect; everybody if empty
	MaxConns int            // connections served at a time; 64 if 0
	Name     string         // value of the Server field; none sent if empty

	// Key is what requests must be signed with (package sign), and answers then
	// are; nil for none. Open is the one request target that is served
	// without a signature all the same; "" for none.
	Key  *sign.Key
	Open string

	// Window ends the work; nil never does. Drain before its end no new
	// connections are taken and every answer closes its connection.
	Window *window.Window
	Drain  time.Duration

	HeadTimeout  time.Duration // for a whole request head from its first byte, and for the first byte on a new connection; 10 s if 0
	IdleTimeout  time.Duration // between two requests; 30 s if 0
	StallTimeout time.Duration // without one byte acknowledged by the peer; 20 s if 0

	// Events is told what happens, from many goroutines at once; may be nil.
	Events func(Event)
}

// endGrace is how long the end waits for the connections it has just reset. A
// thread held in a system call (a read from a dying disk) must not keep the
// process beyond its window.
const endGrace = 50 * time.Millisecond

// A run is one call of Serve.
type run struct {
	Server
	root      string // without the slash at its end: "" for "/"
	noProc    bool   // /proc is not there to reopen descriptors
	draining  atomic.Bool
	over      chan struct{} // closed at the end
	digesting chan struct{} // holds a token while a Repr-Digest is computed

	mu       sync.Mutex
	conns    map[*conn]struct{}
	serving  int
	refusing int
	clients  map[netip.Addr]struct{}
	sum      Summary
	wg       sync.WaitGroup // one for each conn
}

// Serve answers requests on the connections of ln until the window is over or
// ctx is done, which are the same to it, and closes ln. The error says that
// ln failed; it is nil at the end of the window.
func (s *Server) Serve(ctx context.Context, ln net.Listener) (Summary, error) {
	r := s.newRun()
	drain, cancel := r.Window.Context(ctx, r.Drain)
	defer cancel()
	end, cancel := r.Window.Context(ctx, 0)
	defer cancel()

	failed := make(chan error, 1)
	go func() { failed <- r.accept(ln) }()
	var err error
	select {
	case <-drain.Done():
		r.draining.Store(true)
		ln.Close()
		<-failed
	case err = <-failed:
		r.draining.Store(true)
		ln.Close()
		cancel()
	}

	gone := make(chan struct{})
	go func() {
		r.wg.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-end.Done():
		r.abortAll()
		grace := time.NewTimer(endGrace)
		defer grace.Stop()
		select {
		case <-gone:
		case <-grace.C:
			r.abandon()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Clients = len(r.clients)
	return r.sum, err
}

func (s *Server) newRun() *run {
	r := &run{
		Server:    *s,
		root:      s.Root,
		conns:     map[*conn]struct{}{},
		clients:   map[netip.Addr]struct{}{},
		over:      make(chan struct{}),
		digesting: make(chan struct{}, 1),
	}
	for r.root != "" && r.root[len(r.root)-1] == '/' {
		r.root = r.root[:len(r.root)-1]
	}
	if r.Window == nil {
		r.Window = window.Spec{}.Open()
	}
	orInt(&r.MaxConns, 64)
	orDuration(&r.HeadTimeout, 10*time.Second)
	orDuration(&r.IdleTimeout, 30*time.Second)
	orDuration(&r.StallTimeout, 20*time.Second)
	r.noProc = !canReopen(r.root + "/")
	return r
}

func orInt(p *int, def int) {
	if *p == 0 {
		*p = def
	}
}

func orDuration(p *time.Duration, def time.Duration) {
	if *p == 0 {
		*p = def
	}
}

// accept takes connections until ln is closed.
func (r *run) accept(ln net.Listener) error {
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			r.admit(nc)
		case r.draining.Load():
			return nil
		case passing(err):
			// Out of descriptors or memory: what is open will end.
			r.event(Event{Kind: Broken, Err: "accept: " + errno(err).Error()})
			time.Sleep(50 * time.Millisecond)
		default:
			return err
		}
	}
}

// passing reports whether Accept may work again later.
func passing(err error) bool {
	switch errno(err) {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.ENETDOWN, syscall.EHOSTUNREACH:
		return true
	}
	return false
}

// event counts e and passes it on.
func (r *run) event(e Event) {
	if e.Kind == Answered || e.Kind == Cut {
		r.mu.Lock()
		r.sum.Requests++
		r.sum.Bytes += e.Bytes
		if e.Kind == Cut {
			r.sum.Cut++
		}
		r.mu.Unlock()
	}
	if r.Events != nil {
		r.Events(e)
	}
}
