package fetch

import (
	"strings"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/peer"
)

// extent is where an answer lies in the file (RFC 9110 sections 14.4, 15.3.7).
type extent struct {
	start, end, total int64 // end and total: -1 unknown
	doubt             bool  // a 200 that says it is a part: the end of its body proves nothing
}

// extentOf checks that the answer can be one to its query.
func extentOf(a *peer.Answer) (extent, error) {
	n := a.Body.Length()
	if a.Coded() {
		return extent{}, peer.Protocol("the server encodes the content, which was not asked for")
	}
	v, lines := a.Header.Get("Content-Range")
	switch {
	case a.Status == 200 && lines == 0:
		return extent{end: n, total: n}, nil
	case a.Status == 200 && a.Request.Ranged():
		return extent{}, errPlace
	case a.Status == 200:
		return extent{end: n, total: -1, doubt: true}, nil
	}
	kind, _ := a.Header.Get("Content-Type")
	switch {
	case !a.Request.Ranged():
		return extent{}, peer.Protocol("a 206 that was not asked for")
	case strings.HasPrefix(kind, "multipart/"):
		return extent{}, peer.Protocol("a multipart answer to one range")
	case lines > 1:
		return extent{}, errPlace
	}
	cr, ok := http1.ParseContentRange(v)
	if n == 0 && strings.HasSuffix(v, "/0") && (!ok || cr.Unsatisfied) {
		return extent{}, nil // 206 of nothing, however it puts it: the file is empty
	}
	if !ok || cr.Unsatisfied || n >= 0 && n != cr.Len() {
		return extent{}, errPlace
	}
	return extent{start: cr.Start, end: cr.End, total: cr.Total}, nil
}

// snapshotOf is the URL path that means this generation of the file for ever
// (docs/contract.md, "sdr-serve"), or "". Other servers use Content-Location for other
// things, so it must look like one.
func snapshotOf(a *peer.Answer) string {
	v, n := a.Header.Get("Content-Location")
	if n != 1 || len(v) > 2000 || !strings.HasPrefix(v, "/") || strings.HasPrefix(v, "//") ||
		!strings.Contains(v, "?snapshot=") {
		return ""
	}
	for i := 0; i < len(v); i++ {
		if v[i] <= ' ' || v[i] >= 0x7f || v[i] == '#' {
			return ""
		}
	}
	return v
}

func itoa(n int64) string { return string(http1.AppendInt(nil, n)) }
