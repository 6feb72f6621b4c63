package peer

import (
	"context"
	"net"
	"net/netip"
	"time"

	"payload-ipc/pkg/flight/sign"
	"payload-ipc/pkg/flight/window"

	"github.com/cenkalti/backoff/v4"
)

// Clocks and paces (docs/contract.md, "sabertooth-fetch").
const (
	connectClock = time.Second
	FirstClock   = 5 * time.Second // to the first byte of a head, and from there to its end
	silenceClock = 5 * time.Second

	redialEvery = 100 * time.Millisecond // after a refusal, while nothing has answered
	aheadEvery  = 200 * time.Millisecond // beside attempts that still wait for the network
	besideAfter = time.Second            // beside a connection without an answer
	otherAfter  = 250 * time.Millisecond // the other candidates after the one that was good
	LastAttempt = 300 * time.Millisecond // what one last attempt needs
	quietAfter  = 500 * time.Millisecond // in the middle of an answer: is the network there?
	probeEvery  = 250 * time.Millisecond

	maxDialing = 6 // attempts at once for one candidate
	maxWaiting = 3
)

// A Client is the connections of one run. It is used from one goroutine.
type Client struct {
	Config
	cands    []*candidate
	winner   *candidate // the last one that was good
	heard    bool       // something has answered, well or badly
	idle     *conn
	backoff  *backoff.ExponentialBackOff
	lasted   bool         // the last attempt was granted
	nonces   *sign.Nonces // nil without a key
	pool     bufferPool
	attempts int64
	received int64
}

// Config is what a Client works with; all of it but Key must be set.
type Config struct {
	From   []netip.AddrPort     // candidates, the same machine by several addresses
	Window *window.Window       // for its clock
	Left   func() time.Duration // until the work must end

	// Dial opens a connection; it must heed ctx.
	Dial func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)

	// Key signs requests, and answers must be signed with it; nil for none. An
	// answer that is not is a Fault of the class "unsigned": as if that
	// candidate had not answered.
	Key *sign.Key

	// Observe is told what happens, from the goroutine that asks.
	Observe func(Event)
}

// An Event is an attempt that begins (Trying), the head of an answer
// (Answered), an attempt that failed (Failed), or a wait before the next.
type Event struct {
	Kind   Kind
	Path   string
	From   netip.AddrPort
	Status int
	Wait   time.Duration
	Fault  *Fault
}

// Kind says what an Event is about.
type Kind uint8

const (
	Trying Kind = iota
	Answered
	Failed
	Waiting
)

// A Tally is what there is to tell of the attempts for one file. It comes with
// each request, so that no other file's can be counted in it.
type Tally struct {
	Path               string
	Attempts, Received int64
	Errors             map[string]int64 // by class
	Last               string           // trouble
	refused            bool             // by a status

	Again bool // the next request on an open connection is a repeated one
}

// Count counts an error.
func (t *Tally) Count(class string) {
	if t.Errors == nil {
		t.Errors = map[string]int64{}
	}
	t.Errors[class]++
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

// New returns a Client that has no connection yet.
func New(c Config) *Client {
	s := &Client{Config: c, pool: newBufferPool()}
	if c.Key != nil {
		s.nonces = s.newNonces()
	}
	for _, a := range c.From {
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
		backoff.WithClockProvider(monoClock{c.Window.Mono}),
	)
	return s
}

// Attempts is how many connections were tried, and requests repeated on an
// open one.
func (s *Client) Attempts() int64 { return s.attempts }

// Received is how many bytes of bodies came.
func (s *Client) Received() int64 { return s.received }

// Heard reports that something has answered, well or badly.
func (s *Client) Heard() bool { return s.heard }

// Source is the candidate that was good last, else the first.
func (s *Client) Source() string {
	if s.winner != nil {
		return s.winner.host
	}
	if len(s.cands) > 0 {
		return s.cands[0].host
	}
	return ""
}

// Progress makes the next waits short again.
func (s *Client) Progress() { s.backoff.Reset() }

// Blame counts what was wrong with an answer.
func (s *Client) Blame(t *Tally, f *Fault) { s.blame(t, nil, f) }

// blame counts a failed attempt.
func (s *Client) blame(t *Tally, from *candidate, f *Fault) {
	t.Count(f.Class)
	// Where one candidate answers, that others do not is no reason; nor is it,
	// for a file of which nothing came, that the server is gone since it said
	// why.
	t.refused = t.refused || f.Status != 0
	other := t.refused && f.Status == 0 && t.Received == 0
	for _, c := range s.cands {
		other = other || from != nil && !from.heard && c.heard
	}
	if !other {
		t.Last = f.Text
	}
	e := Event{Kind: Failed, Path: t.Path, Fault: f}
	if from != nil {
		e.From = from.addr
	}
	s.Observe(e)
}

// Pause waits before the next attempt: exponential backoff with full jitter,
// no less than the peer asked for, up to 2 s, and never so long that one last
// attempt would not fit.
func (s *Client) Pause(ctx context.Context, t *Tally, after time.Duration) {
	d := max(s.backoff.NextBackOff(), min(after, 2*time.Second))
	switch left := s.Left(); {
	case left > LastAttempt:
		d = min(d, left-LastAttempt)
	case !s.lasted:
		s.lasted, d = true, 0
	default: // until ctx says the same
		d = max(min(d, left), 20*time.Millisecond)
	}
	s.Observe(Event{Kind: Waiting, Path: t.Path, Wait: d})
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
func (s *Client) park(c *conn) {
	s.Drop()
	s.idle = c
}

// Drop closes the idle connection.
func (s *Client) Drop() {
	if s.idle != nil {
		s.idle.Close()
		s.idle = nil
	}
}
