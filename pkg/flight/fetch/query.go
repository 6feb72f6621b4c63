package fetch

import (
	"strings"

	"payload-ipc/pkg/flight/http1"
)

// A query is a request for a stretch of something.
type query struct {
	target      string // escaped, with its query
	first, last int64  // asked for with Range; last < first: no Range
	suffix      int64  // above 0: the last bytes instead
	clean       bool   // without Range, where one was wanted
	brief       bool   // a connection that is closed without an answer ends it
	digest      bool
	repr        bool // HEAD, for the digest of all of it
	listing     bool
}

// whole asks without Range.
func (q query) whole() query {
	q.first, q.last, q.suffix = 0, -1, 0
	return q
}

func (q query) ranged() bool { return q.last >= q.first || q.suffix > 0 }

// head is the request. Accept-Encoding: a stretch of a coded file would be a
// stretch of something else (RFC 9110 section 14.1).
func (q query) head(host string) []byte {
	h := make(http1.Head, 0, 256).Request(q.method(), q.target).Field("Host", host).
		Field("User-Agent", "sabertooth-fetch").Field("Accept-Encoding", "identity")
	if q.suffix > 0 {
		h = h.Field("Range", "bytes=-"+itoa(q.suffix))
	} else if q.last >= q.first {
		h = h.Field("Range", "bytes="+itoa(q.first)+"-"+itoa(q.last))
	}
	if q.digest {
		h = h.Field("Want-Content-Digest", "sha-256=1")
	}
	if q.repr {
		h = h.Field("Want-Repr-Digest", "sha-256=1")
	}
	if q.listing {
		h = h.Field("Accept", listingType)
	}
	return h.End()
}

func (q query) method() string {
	if q.repr {
		return "HEAD"
	}
	return "GET"
}

func itoa(n int64) string { return string(http1.AppendInt(nil, n)) }

// An answer is the head of a response and where its body comes from.
type answer struct {
	c      *conn
	q      query
	status int
	header http1.Header
	body   *http1.Body
	close  bool
}

// snapshot is the URL path that means this generation of the file for ever
// (docs/contract.md, "sdr-serve"), or "". Other servers use Content-Location for other
// things, so it must look like one.
func (a *answer) snapshot() string {
	v, n := a.header.Get("Content-Location")
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

// validator is what tells contents of one path apart: a strong ETag, else
// Last-Modified, else "" (RFC 9110 section 8.8).
func (a *answer) validator() string {
	v, n := a.header.Get("ETag")
	if n != 1 || len(v) > 200 || !strings.HasPrefix(v, `"`) {
		v, _ = a.header.Get("Last-Modified")
	}
	if len(v) > 200 {
		return ""
	}
	return v
}

// coded reports whether the content is in a coding, which was never asked for.
func (a *answer) coded() bool {
	coded := false
	a.header.List("Content-Encoding", func(e string) bool {
		coded = coded || !http1.EqualFold(e, "identity")
		return true
	})
	return coded
}

// moved returns the target that a redirect leads to. Only the same host and
// port are followed: another one is not the peer.
func (a *answer) moved(from, host string) (string, error) {
	away := func(why string) error { return &fault{class: "redirect", text: "redirect " + why, final: true} }
	v, n := a.header.Get("Location")
	if n != 1 || v == "" {
		return "", away("without a place")
	}
	if i := strings.IndexByte(v, '#'); i >= 0 {
		v = v[:i]
	}
	if i := strings.Index(v, "://"); i >= 0 && !strings.ContainsAny(v[:i], "/?") {
		if !http1.EqualFold(v[:i], "http") {
			return "", away("to another scheme")
		}
		v = v[i+1:]
	}
	if rest, ok := strings.CutPrefix(v, "//"); ok {
		i := strings.IndexAny(rest, "/?")
		if i < 0 {
			i = len(rest)
		}
		if !http1.EqualFold(rest[:i], host) {
			return "", away("to another host")
		}
		if v = rest[i:]; v == "" || v[0] == '?' {
			v = "/" + v
		}
	}
	path, _, _ := strings.Cut(from, "?")
	switch { // relative (RFC 3986 section 5.2.2)
	case v == "":
		v = from
	case v[0] == '?':
		v = path + v
	case v[0] != '/':
		v = path[:strings.LastIndexByte(path, '/')+1] + v
	}
	for i := 0; i < len(v); i++ {
		if v[i] <= ' ' || v[i] >= 0x7f {
			return "", away("to a malformed place")
		}
	}
	return v, nil
}
