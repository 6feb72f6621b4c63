package fetch

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/http1"
)

// A fault is why an attempt brought nothing, or not all.
type fault struct {
	class  string // what the receipt counts it as
	text   string
	status int           // of the answer that was one
	after  time.Duration // the peer's Retry-After
	final  bool          // asking again would be the same

	began   bool // some bytes of an answer came
	closed  bool // the connection ended without an answer
	counted bool // it was told and counted when it happened
}

func (e *fault) Error() string { return e.text }

func protocol(text string) error { return &fault{class: "protocol", text: text} }

var (
	// errChanged: what the peer has now is not what is held.
	errChanged = &fault{class: "changed", text: "the file changed on the peer"}
	// errPlace: an answer that cannot be placed; one try without Range follows.
	errPlace = &fault{class: "protocol", text: "the answer does not fit the range that was asked for"}
	// errDoubt: Content-Range has no meaning in a 200 (RFC 9110 section 14.4).
	errDoubt = &fault{class: "protocol", text: "a 200 with a Content-Range, also to a request without Range: it may be a part, and nothing proves the end", final: true}
	errShort = &fault{class: "short", text: "the answer ended before its end"}
	// errDigest: also the digest of the same piece asked again did not match.
	errDigest  = &fault{class: "digest", text: "a piece does not match its digest"}
	errSlow    = &fault{class: "slow", text: "too slow for the time left; trying a fresh connection"}
	errConnect = &fault{class: "timeout", text: "no connection within 1 s"}
	errFirst   = &fault{class: "timeout", text: "connected, but no answer within 5 s"}
	errSilence = &fault{class: "timeout", text: "silent for 5 s in the middle of an answer"}
	errSilent  = &fault{class: "timeout", text: "silent after an outage, and a new connection can be had"}
	errEmpty   = &fault{class: "reset", text: "the connection was closed without an answer", closed: true}
)

// network makes a fault of what a connection said. atHead: before the first
// byte of an answer.
func network(err error, atHead bool) *fault {
	var f *fault
	var syntax *http1.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &syntax):
		return &fault{class: "protocol", text: "not a valid answer: " + syntax.Reason}
	case errors.Is(err, os.ErrDeadlineExceeded) && atHead:
		return errFirst
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSilence
	case errors.Is(err, io.EOF) && atHead:
		return errEmpty
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	}
	f = &fault{class: "network", text: "connection failed"}
	var no syscall.Errno
	if errors.As(err, &no) {
		f.text = no.Error()
		switch no {
		case syscall.ECONNREFUSED:
			f.class = "refused"
		case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EHOSTDOWN:
			f.class = "unreachable"
		case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
			f.class, f.closed = "reset", atHead
		case syscall.ETIMEDOUT:
			f.class = "timeout"
		}
	} else if errors.Is(err, context.Canceled) {
		f.class, f.text = "cancelled", "given up for another connection"
	}
	return f
}

// refusal makes a fault of an answer that is not the file (docs/contract.md, "sabertooth-fetch":
// which are asked again). now is the wall clock, for dates of two-digit years.
func refusal(a *answer, now time.Time) *fault {
	f := &fault{status: a.status, class: "status " + string(http1.AppendInt(nil, int64(a.status)))}
	f.text = "the server answered " + string(http1.AppendInt(nil, int64(a.status)))
	if t := http1.StatusText(a.status); t != "" {
		f.text += " " + t
	}
	switch {
	case a.status == 404, a.status == 410, a.status == 408, a.status == 425, a.status == 429, a.status >= 500:
		f.after = retryAfter(a.header, now)
	case a.status >= 400:
		f.final = true
	default:
		f.class = "protocol"
	}
	return f
}

// retryAfter reads Retry-After (RFC 9110 section 10.2.3). A date counts
// relative to the Date of the same answer: the clock here may be unset.
func retryAfter(h http1.Header, now time.Time) time.Duration {
	v, n := h.Get("Retry-After")
	if n == 0 {
		return 0
	}
	if s, ok := http1.ParseInt(v); ok {
		return time.Duration(min(s, 3600)) * time.Second
	}
	d, _ := h.Get("Date")
	date, ok1 := http1.ParseDate(d, now)
	at, ok2 := http1.ParseDate(v, now)
	if !ok1 || !ok2 {
		return 0
	}
	return min(max(at.Sub(date), 0), time.Hour)
}
