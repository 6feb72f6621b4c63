// Package http1 is the message syntax of HTTP/1.1 (RFC 9110, RFC 9112) for
// both directions: heads, framing, targets, ranges, dates, entity tags and
// digests. It reads untrusted bytes within fixed bounds and never panics on
// them. It knows nothing of files, sockets or the clock.
//
// It exists because net/http costs six days of uplink per program, and
// net/textproto is lenient and unbounded.
package http1

// Bounds of a message head. A request beyond them is answered 414 or 431, a
// response beyond them is a protocol error.
const (
	MaxLine   = 8 << 10  // bytes in one line, its end included (RFC 9112 section 3 recommends at least 8000)
	MaxHead   = 16 << 10 // bytes in a whole head, all line ends included
	MaxFields = 100      // field lines in one head
)

// An Error is a message that the peer should not have sent.
type Error struct {
	Status int    // for a request: the status to answer with; for a response it means nothing
	Reason string // what was wrong; never contains bytes from the wire
}

func (e *Error) Error() string { return e.Reason }

func bad(reason string) error { return &Error{400, reason} }
