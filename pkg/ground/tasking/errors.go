package tasking

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error is a call that failed, in one sentence that may be shown to a user: it
// has neither the token nor raw bytes of the answer.
type Error struct {
	Call   string // "POST /tasking/window"
	Status int    // 0: there was no answer that could be read
	Body   string // of the answer, cut and clean
	Err    error  // why there was no answer

	// Lost: the call may have taken effect although it failed.
	Lost bool

	page  bool // the answer was an HTML page
	fatal bool // trying again cannot help
	after time.Duration
	tries int
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// IsLost reports whether the failed call may have taken effect.
func IsLost(err error) bool {
	e := asError(err)
	return e != nil && e.Lost
}

// StatusOf is the HTTP status that err tells, or 0.
func StatusOf(err error) int {
	if e := asError(err); e != nil {
		return e.Status
	}
	return 0
}

// Refused reports whether the API understood the call and said no: another try
// of the same call would be refused too.
func Refused(err error) bool {
	e := asError(err)
	return e != nil && e.Status >= 300 && e.Status < 500 && !e.temporary()
}

// temporary: network faults, 408, 429 and 5xx, except those that say "never".
func (e *Error) temporary() bool {
	switch e.Status {
	case 0:
		return !e.fatal
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.Status >= 500
}

func (e *Error) Unwrap() error { return e.Err }

// Brief is the error without advice, for one that will be tried again.
func (e *Error) Brief() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s: %v", e.Call, e.Err)
	}
	if e.Body == "" {
		return fmt.Sprintf("%s: the API answered %d", e.Call, e.Status)
	}
	return fmt.Sprintf("%s: the API answered %d (%s)", e.Call, e.Status, e.Body)
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Brief() + e.advice())
	if e.tries > 0 {
		fmt.Fprintf(&b, "; gave up after %d tries", e.tries)
		if e.Status == 0 {
			b.WriteString("; check the network and --api")
		}
		if e.after > 0 {
			fmt.Fprintf(&b, ", it asks to wait %s", Span(e.after))
		}
	}
	return b.String()
}

// advice is what a user can do about it.
func (e *Error) advice() string {
	switch status := e.Status; {
	case status == http.StatusUnauthorized:
		return ": the token is not accepted; check that it is whole and not expired, and that the order is AUTH_TOKEN SAT_ID"
	case status == http.StatusForbidden:
		return ": this token may not do that; ask the operator for the right"
	case status == http.StatusNotFound && (e.page || e.Call == "GET /tasking/satellites"):
		return ": something else than the Tasking API answers there; check --api (https://HOST, without /tasking)"
	case status >= 300 && status < 400:
		return ": it points elsewhere, and the token is not sent on; check --api"
	case status >= 500:
		return ": its fault, not yours; try later"
	}
	return ""
}

// retryAfter reads Retry-After, seconds or a date (RFC 9110 section 10.2.3); a
// date counts from the answer's own Date, since our clock may be wrong.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}

const maxShown = 300 // runes of a foreign text in a message

// clean makes foreign text one short line without control characters; of an
// HTML page only the title is of use.
func clean(s string) string {
	if page := strings.TrimSpace(s); isPage(page) {
		low := strings.ToLower(page)
		title := ""
		if i := strings.Index(low, "<title>"); i >= 0 && len(low) == len(page) {
			title = page[i+len("<title>"):]
			if j := strings.Index(title, "<"); j >= 0 {
				title = title[:j]
			}
		}
		s = "an HTML page"
		if title = strings.TrimSpace(html.UnescapeString(title)); title != "" {
			s += " titled " + title
		}
	}
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if n >= maxShown {
			b.WriteString("...")
			break
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// isPage reports whether a foreign text is markup.
func isPage(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "<") }

// Describe is what data, which should have been something else, looks like to a
// person: one short line, of an HTML page the title.
func Describe(data []byte) string { return clean(string(bytes.ToValidUTF8(data, []byte("?")))) }

// Span is d for people: "24 h", "11.9 days", "90 s".
func Span(d time.Duration) string {
	switch {
	case d > 48*time.Hour:
		return oneDigit(d.Hours()/24) + " days"
	case d >= 2*time.Hour:
		return oneDigit(d.Hours()) + " h"
	case d >= 3*time.Minute:
		return oneDigit(d.Minutes()) + " min"
	}
	return fmt.Sprintf("%d s", int64(d.Round(time.Second)/time.Second))
}

func oneDigit(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }
