package fetch

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Clocks and paces (docs/contract.md, "sabertooth-fetch").
const (
	connectClock = time.Second
	firstClock   = 5 * time.Second // to the first byte of a head, and from there to its end
	silenceClock = 5 * time.Second

	redialEvery = 100 * time.Millisecond // after a refusal, while nothing has answered
	aheadEvery  = 200 * time.Millisecond // beside attempts that still wait for the network
	besideAfter = time.Second            // beside a connection without an answer
	otherAfter  = 250 * time.Millisecond // the other candidates after the one that was good
	lastAttempt = 300 * time.Millisecond // what one last attempt needs
	quietAfter  = 500 * time.Millisecond // in the middle of an answer: is the network there?
	knockEvery  = 250 * time.Millisecond

	maxDialing = 6 // attempts at once for one candidate
	maxWaiting = 3
)

// A session is the connections of one run. It is used from one goroutine.
type session struct {
	f       *Fetcher
	cands   []*candidate
	winner  *candidate // the last one that was good
	heard   bool       // something has answered, well or badly
	ranges  bool       // a range has been had
	idle    *conn
	backoff *backoff.ExponentialBackOff
	left    func() time.Duration // until the work must end
	lasted  bool                 // the last attempt was granted
	ring    ring

	again    bool   // the next request on an open connection is a retry
	stats    *stats // of the file that is being fetched
	attempts int64
	received int64
}

// stats is what a receipt tells about the attempts for one file.
type stats struct {
	attempts, received int64
	errors             map[string]int64
	last               string
}

type candidate struct {
	addr netip.AddrPort
	host string // as it stands in Host

	heard bool // it has answered

	// While one request is being raced:
	next             time.Time // when the next attempt is due
	dialing, waiting int
	tried            bool
}

type monoClock struct{ now func() time.Time }

func (c monoClock) Now() time.Time { return c.now() }

func newSession(f *Fetcher, left func() time.Duration) *session {
	s := &session{f: f, left: left, ring: newRing()}
	for _, a := range f.From {
		s.cands = append(s.cands, &candidate{addr: a, host: a.String()})
	}
	// With a factor of 1 a wait is anything from 0 to twice the interval:
	// full jitter over 100 ms, doubling up to 2 s. MaxElapsedTime is 15 minutes
	// by default, after which it would stop without a word.
	s.backoff = backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(time.Second),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(1),
		backoff.WithMaxElapsedTime(0),
		backoff.WithClockProvider(monoClock{f.Window.Mono}),
	)
	return s
}

func (s *session) count(class string) {
	if s.stats.errors == nil {
		s.stats.errors = map[string]int64{}
	}
	s.stats.errors[class]++
}

// blame counts a failed attempt.
func (s *session) blame(path string, from *candidate, err error) {
	f := network(err, false)
	s.count(f.class)
	// Where one candidate answers, that others do not is no reason.
	other := from != nil && !from.heard && slices.ContainsFunc(s.cands, func(c *candidate) bool { return c.heard })
	if !other {
		s.stats.last = f.text
	}
	e := Event{Kind: Failed, Path: path, Class: f.class, Err: f}
	if from != nil {
		e.From = from.addr
	}
	s.f.Events(e)
}

// pause waits before the next attempt: exponential backoff with full jitter,
// no less than the peer asked for, up to 2 s, and never so long that one last
// attempt would not fit.
func (s *session) pause(ctx context.Context, path string, after time.Duration) {
	d := max(s.backoff.NextBackOff(), min(after, 2*time.Second))
	switch left := s.left(); {
	case left > lastAttempt:
		d = min(d, left-lastAttempt)
	case !s.lasted:
		s.lasted, d = true, 0
	default: // until ctx says the same
		d = max(min(d, left), 20*time.Millisecond)
	}
	s.f.Events(Event{Kind: Waiting, Path: path, Wait: d})
	sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// park keeps a connection for the next request.
func (s *session) park(c *conn) {
	s.drop()
	s.idle = c
}

// drop closes the idle connection.
func (s *session) drop() {
	if s.idle != nil {
		s.idle.Close()
		s.idle = nil
	}
}
