package serve

import (
	"time"

	"payload-ipc/pkg/flight/http1"
)

// decide is RFC 9110 section 13.2.2 for GET and HEAD: the status of the answer
// with c, and what of it is sent with 200 or 206.
func decide(q *http1.Request, c *content, now time.Time) (status int, ranges []http1.Range) {
	if status := precondition(q.Header, c, now); status != 0 {
		return status, nil
	}
	// Range is no list field: two lines of it are a mistake, and ignored. It
	// is defined for GET alone (section 14.2).
	if value, n := q.Header.Get("Range"); n == 1 && q.Method == "GET" && ifRange(q.Header, c, now) {
		ranges, satisfiable := http1.ParseRange(value, c.size)
		switch {
		case !satisfiable:
			return 416, nil
		case len(ranges) > 0:
			return 206, ranges
		}
	}
	return 200, []http1.Range{{Start: 0, End: c.size}}
}

// precondition is RFC 9110 section 13.2.2, steps 1 to 4, for GET and HEAD: the
// status to answer instead of what was asked for, or 0.
func precondition(h http1.Header, c *content, now time.Time) int {
	if h.Has("If-Match") {
		if !http1.MatchETag(h, "If-Match", c.etag, false) {
			return 412
		}
	} else if t, ok := date(h, "If-Unmodified-Since", now); ok && !c.modified.IsZero() && c.modified.Unix() > t.Unix() {
		return 412
	}
	if h.Has("If-None-Match") {
		if http1.MatchETag(h, "If-None-Match", c.etag, true) {
			return 304
		}
	} else if t, ok := date(h, "If-Modified-Since", now); ok && !c.modified.IsZero() && c.modified.Unix() <= t.Unix() {
		return 304
	}
	return 0
}

// ifRange is step 5: whether Range counts. A date has to be the very one, and
// at least a second old, or there may have been two changes in its second
// (RFC 9110 section 8.8.2.2).
func ifRange(h http1.Header, c *content, now time.Time) bool {
	value, n := h.Get("If-Range")
	switch {
	case n == 0:
		return true
	case n > 1:
		return false
	case http1.ETagsEqual(value, c.etag, false):
		return true
	}
	t, ok := http1.ParseDate(value, now)
	return ok && !c.modified.IsZero() && t.Unix() == c.modified.Unix() && now.Sub(c.modified) >= time.Second
}

// date is the date in the field called name, if there is just one and it can
// be read; else the field is ignored.
func date(h http1.Header, name string, now time.Time) (time.Time, bool) {
	value, n := h.Get(name)
	if n != 1 {
		return time.Time{}, false
	}
	return http1.ParseDate(value, now)
}
