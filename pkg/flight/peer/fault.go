package peer

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/http1"
)

// A Fault is why an attempt brought nothing, or not all.
type Fault struct {
	Class  string // what the receipt counts it as
	Text   string
	Status int           // of the answer that was one
	After  time.Duration // the peer's Retry-After
	Final  bool          // asking again would be the same

	Closed  bool // the connection ended without an answer
	Met     bool // there was a new connection, on which no answer came
	Counted bool // it was told and counted when it happened
	began   bool // some bytes of an answer came
}

func (e *Fault) Error() string { return e.Text }

// Protocol is a fault of who answers what was not asked.
func Protocol(text string) *Fault { return &Fault{Class: "protocol", Text: text} }

// ErrShort: the connection ended before the body did.
var ErrShort = &Fault{Class: "short", Text: "the answer ended before its end"}

var (
	errConnect = &Fault{Class: "timeout", Text: "no connection within 1 s"}
	errFirst   = &Fault{Class: "timeout", Text: "connected, but no answer within 5 s"}
	errSilence = &Fault{Class: "timeout", Text: "silent for 5 s in the middle of an answer"}
	errOutage  = &Fault{Class: "timeout", Text: "silent after an outage, and a new connection can be had"}
	errEmpty   = &Fault{Class: "reset", Text: "the connection was closed without an answer", Closed: true}
)

// AsFault makes a fault of what a connection said.
func AsFault(err error) *Fault { return network(err, false) }

// network makes a fault of what a connection said. atHead: before the first
// byte of an answer.
func network(err error, atHead bool) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	if syntax, ok := errors.AsType[*http1.Error](err); ok {
		return &Fault{Class: "protocol", Text: "not a valid answer: " + syntax.Reason}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && atHead:
		return errFirst
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSilence
	case errors.Is(err, io.EOF) && atHead:
		return errEmpty
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrShort
	}
	f := &Fault{Class: "network", Text: "connection failed"}
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		f.Text = no.Error()
		switch no {
		case syscall.ECONNREFUSED:
			f.Class = "refused"
		case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EHOSTDOWN:
			f.Class = "unreachable"
		case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
			f.Class, f.Closed = "reset", atHead
		case syscall.ETIMEDOUT:
			f.Class = "timeout"
		}
	} else if errors.Is(err, context.Canceled) {
		f.Class, f.Text = "cancelled", "given up for another connection"
	}
	return f
}

// Refusal makes a fault of an answer that is not the file (docs/contract.md, "sabertooth-fetch":
// which are asked again). now is the wall clock, for dates of two-digit years.
func (a *Answer) Refusal(now time.Time) *Fault {
	f := &Fault{Status: a.Status, Class: "status " + string(http1.AppendInt(nil, int64(a.Status)))}
	f.Text = "the server answered " + string(http1.AppendInt(nil, int64(a.Status)))
	if t := http1.StatusText(a.Status); t != "" {
		f.Text += " " + t
	}
	switch {
	case a.Status == 404, a.Status == 410, a.Status == 408, a.Status == 425, a.Status == 429, a.Status >= 500:
		f.After = retryAfter(a.Header, now)
	case a.Status >= 400:
		f.Final = true
	default:
		f.Class = "protocol"
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
