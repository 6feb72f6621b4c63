package peer

import (
	"strings"

	"payload-ipc/pkg/flight/http1"
)

// ListingType is what a listing for programs comes as (docs/wire.md).
const ListingType = "application/x-ndjson"

// A Request is for a stretch of something.
type Request struct {
	Target      string // escaped, with its query
	First, Last int64  // asked for with Range; Last < First: no Range
	Suffix      int64  // above 0: the last bytes instead
	Digest      bool   // of the answer's content
	Whole       bool   // HEAD, with the digest of all of it
	Listing     bool

	Unranged bool // without Range, where one was wanted
	Brief    bool // a connection that is closed without an answer ends the asking
}

// WithoutRange asks for all.
func (q Request) WithoutRange() Request {
	q.First, q.Last, q.Suffix, q.Unranged = 0, -1, 0, true
	return q
}

// Ranged reports whether there will be a Range.
func (q Request) Ranged() bool { return q.Last >= q.First || q.Suffix > 0 }

// head is the request but for its end. Accept-Encoding: a stretch of a coded file would be a
// stretch of something else (RFC 9110 section 14.1).
func (q Request) head(host string) http1.Head {
	h := make(http1.Head, 0, 256).Request(q.method(), q.Target).Field("Host", host).
		Field("User-Agent", "sabertooth-fetch").Field("Accept-Encoding", "identity")
	if r := q.ranges(); r != "" {
		h = h.Field("Range", r)
	}
	if q.Digest {
		h = h.Field("Want-Content-Digest", "sha-256=1")
	}
	if q.Whole {
		h = h.Field("Want-Repr-Digest", "sha-256=1")
	}
	if q.Listing {
		h = h.Field("Accept", ListingType)
	}
	return h
}

// ranges is the value of Range, "" for none.
func (q Request) ranges() string {
	switch {
	case q.Suffix > 0:
		return "bytes=-" + itoa(q.Suffix)
	case q.Last >= q.First:
		return "bytes=" + itoa(q.First) + "-" + itoa(q.Last)
	}
	return ""
}

func (q Request) method() string {
	if q.Whole {
		return "HEAD"
	}
	return "GET"
}

func itoa(n int64) string { return string(http1.AppendInt(nil, n)) }

// An Answer is the head of a response and where its body comes from. It ends
// with Finish, Drop or Client.Read.
type Answer struct {
	Request Request
	Status  int
	Header  http1.Header
	Body    *http1.Body
	Close   bool // the connection ends with it
	c       *conn
	proof   *proof // of its body, where it needs one here
}

// Validator is what tells contents of one path apart: a strong ETag, else
// Last-Modified, else "" (RFC 9110 section 8.8).
func (a *Answer) Validator() string {
	v, n := a.Header.Get("ETag")
	if n != 1 || len(v) > 200 || !strings.HasPrefix(v, `"`) {
		v, _ = a.Header.Get("Last-Modified")
	}
	if len(v) > 200 {
		return ""
	}
	return v
}

// Coded reports whether the content is in a coding, which was never asked for.
func (a *Answer) Coded() bool {
	coded := false
	a.Header.List("Content-Encoding", func(e string) bool {
		coded = coded || !http1.EqualFold(e, "identity")
		return true
	})
	return coded
}

// Moved returns the target that a redirect leads to. Only the same host and
// port are followed: another one is not the peer.
func (a *Answer) Moved(from string) (string, error) {
	host := a.Host()
	away := func(why string) error { return &Fault{Class: "redirect", Text: "redirect " + why, Final: true} }
	v, n := a.Header.Get("Location")
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
