package fetch

import (
	"strings"
	"time"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/peer"
)

// A head is what the head of an answer says.
type head struct {
	status    int
	ranged    bool        // it was asked with a Range
	extent                // where it lies in the file
	fault     *peer.Fault // it cannot be one to its question
	validator string
	snapshot  string // the URL path that means this version for ever, or ""
	generated bool   // at each request anew
	digest    [32]byte
	digested  bool  // digest is that of the content
	last      int64 // of the range that was asked for
}

// tag tells contents apart, as far as their lengths and validators do.
func (h *head) tag() string { return itoa(h.total) + h.validator }

// extent is where an answer lies in the file (RFC 9110 sections 14.4, 15.3.7).
type extent struct {
	start, end, total int64 // end and total: -1 unknown
	doubt             bool  // a 200 that says it is a part: the end of its body proves nothing
}

// headOf reads the head of an answer to a question about a file.
func headOf(a *peer.Answer, now time.Time) (h head) {
	h.status, h.ranged, h.last = a.Status, a.Request.Ranged(), a.Request.Last
	if a.Request.Suffix > 0 {
		h.last = -1
	}
	switch a.Status {
	case 200, 206:
		h.extent, h.fault = extentOf(a)
	case 416:
		// A file that begins at 0 has every range, unless it is empty.
		v, _ := a.Header.Get("Content-Range")
		cr, ok := http1.ParseContentRange(v)
		if h.total = cr.Total; !ok {
			h.total = -1
		}
		if h.total != 0 {
			h.fault = a.Refusal(now)
		}
	default:
		h.fault = a.Refusal(now)
	}
	h.validator, h.snapshot = a.Validator(), snapshotOf(a)
	h.generated = a.Header.HasToken("Cache-Control", "no-store") && h.snapshot == ""
	if h.status == 206 && h.total < 0 {
		h.snapshot = "" // only an overlap finds its end
	}
	var err error
	if h.digest, h.digested, err = http1.ParseDigest(a.Header, "Content-Digest"); err != nil {
		h.digested = false // as good as none
	}
	return h
}

// extentOf checks that the answer can be one to its query.
func extentOf(a *peer.Answer) (extent, *peer.Fault) {
	n := a.Body.Length()
	kind, _ := a.Header.Get("Content-Type")
	if coded := a.Coded(); a.Request.Ranged() && (coded || strings.HasPrefix(kind, "multipart/")) {
		return extent{}, errRangeMismatch // without Range it may do better
	} else if coded {
		return extent{}, peer.Protocol("the server encodes the content, which was not asked for")
	}
	v, lines := a.Header.Get("Content-Range")
	switch {
	case a.Status == 200 && lines == 0:
		return extent{end: n, total: n}, nil
	case a.Status == 200 && a.Request.Ranged():
		return extent{}, errRangeMismatch
	case a.Status == 200:
		return extent{end: n, total: -1, doubt: true}, nil
	}
	switch {
	case n == 0 && strings.HasSuffix(v, "/0"):
		return extent{}, nil // 206 of nothing, however it puts it: the file is empty
	case !a.Request.Ranged():
		return extent{}, peer.Protocol("a 206 that was not asked for")
	}
	cr, ok := http1.ParseContentRange(v)
	if lines > 1 || !ok || cr.Unsatisfied || n >= 0 && n != cr.Len() {
		return extent{}, errRangeMismatch
	}
	return extent{start: cr.Start, end: cr.End, total: cr.Total}, nil
}

// snapshotOf is the URL path that means this generation of the file for ever
// (docs/contract.md, "sdr-serve"), or "". Other servers use Content-Location for other
// things, so it must look like one.
func snapshotOf(a *peer.Answer) string {
	v, n := a.Header.Get("Content-Location")
	i := 0
	for i < len(v) && v[i] > ' ' && v[i] < 0x7f && v[i] != '#' {
		i++
	}
	if n != 1 || i > 2000 || i < max(2, len(v)) || v[0] != '/' || v[1] == '/' || !strings.Contains(v, "?snapshot=") {
		return ""
	}
	return v
}

func itoa(n int64) string { return string(http1.AppendInt(nil, n)) }
