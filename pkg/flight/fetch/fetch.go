// Package fetch brings files from a peer into the outbox, within a window.
//
// It tries all candidates at once, goes on where it was cut, and proves every
// continuation: by the digest of a piece, by a snapshot URL that means one
// generation of a file for ever (docs/wire.md), or by reading a stretch again
// that it holds already. Bytes of two generations never meet in one file.
// docs/contract.md has the contract, "sabertooth-fetch".
package fetch

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/sign"
	"payload-ipc/pkg/flight/window"
)

// Exit codes of a run (docs/contract.md, "sabertooth-fetch"); 2 is for the command line.
const (
	Complete = 0 // every file complete, verified as far as the server allows, published
	Local    = 1 // a disk failed; what was durable is published or kept
	Partial  = 3 // not everything was complete; something was published
	Nothing  = 4 // as Partial, and nothing was published but receipts
)

// Defaults of a Fetcher's fields.
const (
	DefaultReserve  = 2 * time.Second
	DefaultPiece    = 1 << 20
	DefaultMaxBytes = 100e6
	MaxPiece        = 8 << 20 // beyond it a server need not tell a digest (docs/contract.md, "sdr-serve")
)

// A Path is a file on the peer and the name it gets in the outbox. A Path that
// ends in a slash stands for the regular files of that directory; a Name of it
// is put before theirs, with an underscore. With a Name that ends in .tar the
// directory comes as one archive.
type Path struct{ Path, Name string }

func (p Path) dir() bool { return strings.HasSuffix(p.Path, "/") }

// Archive reports whether it is a directory that comes as one archive.
func (p Path) Archive() bool { return p.dir() && strings.HasSuffix(p.Name, ".tar") }

// Label is NAME of the receipt: that of the file, or of the directory that
// could not be listed.
func (p Path) Label() string {
	if p.Name != "" {
		return p.Name
	}
	return outbox.EscapeName(baseOf(p.Path))
}

// DefaultPaths is what is fetched when nothing is asked for.
var DefaultPaths = []Path{{"/var/log/syslog", "sdr_syslog"}}

// DefaultFrom are the addresses that the SDR has by the tutorial and by the
// table of payloads (docs/platform.md, "Network").
var DefaultFrom = []netip.AddrPort{
	netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 1, 8}), 10101),
	netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 1, 12}), 10101),
}

// A Fetcher is one run. Zero fields have the defaults above, or those of
// package outbox; Dial and Window must be set.
type Fetcher struct {
	From     []netip.AddrPort // candidates, the same machine by several addresses
	Paths    []Path
	Outbox   string
	Stage    string
	Window   *window.Window
	Reserve  time.Duration // before the end of the window: work turns to publishing; at most half of the window
	Piece    int64         // bytes, at most MaxPiece
	Tail     int64         // bytes; 0 for the whole file
	MaxBytes int64         // published in one run, all files together
	Depth    int           // directories that are listed one below the other; 1 at least
	Reserved []string      // names in the outbox that are not for files
	RunID    string        // goes into the receipts

	// Grace is how long after the end of the window a disk that has not
	// answered is still waited for.
	Grace time.Duration

	// NoSalvage keeps an incomplete file on the stage without publishing it.
	NoSalvage bool

	// Key signs requests; no byte is taken from an answer that is not signed
	// with it. nil for none.
	Key *sign.Key

	// Dial opens a connection; it must heed ctx.
	Dial func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)

	// Events is told what happens, from one goroutine at a time.
	Events func(Event)

	FS outbox.FS // nil: the operating system
}

// A Result is what a run came to.
type Result struct {
	Exit     int
	Files    int // published complete
	Parts    int // published incomplete, or of an older generation
	Failed   int // of which nothing was published
	Bytes    int64
	Received int64 // body bytes taken from the wire
	Attempts int64
	Reason   string
}

// margin is left between the last act of a run and the end of the window, for
// the process to end in.
const margin = 40 * time.Millisecond

// lastWord is what a run has for its receipts from its start, also where the
// window is over by then.
const lastWord = 300 * time.Millisecond

func (f Fetcher) withDefaults() Fetcher {
	if len(f.From) == 0 {
		f.From = DefaultFrom
	}
	if len(f.Paths) == 0 {
		f.Paths = DefaultPaths
	}
	if f.Reserve <= 0 {
		f.Reserve = DefaultReserve
	}
	f.Reserve = max(f.Reserve, 2*margin)
	if f.Window.Ends() {
		f.Reserve = min(f.Reserve, f.Window.UntilEnd()/2) // also if a signal came before
	}
	if f.Piece <= 0 {
		f.Piece = DefaultPiece
	}
	f.Piece = min(f.Piece, MaxPiece)
	if f.Key != nil {
		// Without a digest nothing comes, also where a piece has an overlap in front.
		f.Piece = min(f.Piece, MaxPiece-maxOverlap)
	}
	if f.MaxBytes <= 0 {
		f.MaxBytes = DefaultMaxBytes
	}
	if f.Events == nil {
		f.Events = func(Event) {}
	}
	return f
}

// Run fetches and publishes until everything is there, the window is about to
// end, or ctx is done, which means that the window ends now: then it still
// publishes, for at most Reserve. It returns before the end of the window, or
// Grace after it if the disk does not answer any more; only then does a
// goroutine stay behind, which changes nothing but by the call that it is in.
func (f Fetcher) Run(ctx context.Context) Result {
	f = f.withDefaults()
	gate := &outbox.Gate{}
	events := f.Events
	f.Events = func(e Event) {
		if !gate.Closed() {
			events(e)
		}
	}
	r := newRun(&f, gate)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(ctx)
	}()
	if f.wait(ctx, done) {
		return r.result
	}
	given := gate.Close()
	select {
	case <-done: // just now
		return r.result
	default:
		return givenUp(given)
	}
}

// wait waits for done, as long as there is time; false: there is none left.
func (f *Fetcher) wait(ctx context.Context, done <-chan struct{}) bool {
	// Not a child of ctx: after a signal there is still something to publish.
	hard, cancel := f.Window.Context(context.WithoutCancel(ctx), margin)
	defer cancel()
	end := f.Window.UntilEnd()
	began := f.Window.Mono()
	select {
	case <-done:
		return true
	case <-hard.Done():
	}
	// A window that is over when the run begins still has a receipt in it; a
	// signal is not the end, and leaves the reserve.
	took := f.Window.Mono().Sub(began)
	left := lastWord - took
	if ctx.Err() != nil {
		left = max(left, min(f.Reserve, end-took-margin))
	}
	// A result that is a moment late is better than a verdict about the disk,
	// which may be publishing just now.
	t := time.NewTimer(max(left, 0) + f.Grace)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// givenUp is the result of a run whose disk does not answer: what has its name
// is published, and where there is a receipt its code is that of the run.
func givenUp(given []*outbox.Given) Result {
	r := Result{Exit: Local}
	names, pending := "", ""
	for _, n := range given {
		if n.Gone {
			continue
		}
		if n.Receipt && n.Exit >= 0 {
			r.Exit = n.Exit
		}
		if n.Pending {
			pending += "; under way: " + n.Name
			continue
		}
		names += ", " + n.Name
		switch {
		case n.Receipt:
			continue
		case strings.HasSuffix(n.Name, ".part"):
			r.Parts++
		default:
			r.Files++
		}
		r.Bytes += n.Size
	}
	if names == "" {
		names = ", nothing"
	}
	r.Reason = "the disk did not answer before the end of the window; published by then: " + names[2:] + pending
	return r
}
