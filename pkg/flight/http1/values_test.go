package http1

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"
)

var present = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestDate(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, s := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		if got, ok := ParseDate(s, present); !ok || !got.Equal(want) {
			t.Errorf("%q: got %v %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "yesterday", "0", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000",
		"sun, 06 nov 1994 08:49:37 gmt", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:49:37.5 GMT",
		"Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun Nov 06 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"1994-11-06T08:49:37Z",
	} {
		if got, ok := ParseDate(s, present); ok {
			t.Errorf("%q: got %v", s, got)
		}
	}
	// The two digits mean the year nearest to now that is not more than 50
	// years ahead (RFC 9110 section 5.6.7).
	for s, year := range map[string]int{"76": 2076, "77": 1977, "26": 2026, "00": 2000, "99": 1999} {
		got, ok := ParseDate("Sunday, 06-Nov-"+s+" 08:49:37 GMT", present)
		if !ok || got.Year() != year {
			t.Errorf("year %s: got %v %v, want %d", s, got, ok, year)
		}
	}
	if got := string(AppendDate(nil, want.In(time.FixedZone("x", 3600)))); got != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("got %q", got)
	}
}

// FuzzParseDate: net/http is the judge of what is a date, but for its
// lenience: it takes what does not look like one when it is written out again.
func FuzzParseDate(f *testing.F) {
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT")
	f.Add("Sunday, 06-Nov-94 08:49:37 GMT")
	f.Add("Sun Nov  6 08:49:37 1994")
	f.Add("Sunday, 06-Nov-94 08:49:37 CET")
	f.Add("Sun, 29 Feb 2100 00:00:00 GMT")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDate(s, present)
		want, err := http.ParseTime(s)
		if !ok {
			if err != nil {
				return
			}
			_, said, _ := strings.Cut(s, " ")
			for _, layout := range []string{imfFixdate, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
				if _, written, _ := strings.Cut(want.Format(layout), " "); written == said {
					t.Fatalf("%q is a date: %v", s, want)
				}
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: got %v, net/http says %v", s, got, err)
		}
		if !strings.Contains(s, "-") && !got.Equal(want) || got.AddDate(want.Year()-got.Year(), 0, 0).Unix() != want.Unix() && got.Day() != 29 {
			t.Fatalf("%q: got %v, net/http %v", s, got, want)
		}
		if got.After(present.AddDate(50, 0, 1)) && strings.Contains(s, "-") {
			t.Fatalf("%q: got %v, more than 50 years ahead", s, got)
		}
	})
}

func TestETags(t *testing.T) {
	for _, c := range []struct {
		a, b         string
		strong, weak bool
	}{
		{`"1"`, `"1"`, true, true}, {`W/"1"`, `"1"`, false, true}, {`W/"1"`, `W/"1"`, false, true}, {`"1"`, `"2"`, false, false},
		{`1`, `1`, false, false}, {``, ``, false, false}, {`"`, `"`, false, false}, {`""`, `""`, true, true}, {`w/"1"`, `"1"`, false, false},
		{`"a b"`, `"a b"`, false, false}, {`"é"`, `"é"`, true, true},
	} {
		if s, w := ETagsEqual(c.a, c.b, false), ETagsEqual(c.a, c.b, true); s != c.strong || w != c.weak {
			t.Errorf("%s and %s: got %v %v", c.a, c.b, s, w)
		}
	}
	for _, c := range []struct {
		lines        []string
		strong, weak bool
	}{
		{[]string{`"x"`}, true, true}, {[]string{`W/"x"`}, false, true}, {[]string{`*`}, true, true}, {[]string{`"a", "x"`}, true, true},
		{[]string{`"a"`, `"x"`}, true, true}, {[]string{`"a,"x""`}, false, false}, {[]string{`"a" "x"`}, false, false}, {[]string{`,, "x" ,`}, true, true},
		{[]string{`a, "x"`}, false, false}, {[]string{``}, false, false}, {[]string{`"a", *`}, false, false}, {[]string{`"a,b","x"`}, true, true}, {[]string{`x`}, false, false},
		{[]string{`"x`}, false, false}, {[]string{`"x"y`}, false, false},
	} {
		var h Header
		for _, l := range c.lines {
			h = append(h, Field{"If-Match", l})
		}
		if s, w := MatchETag(h, "if-match", `"x"`, false), MatchETag(h, "If-Match", `"x"`, true); s != c.strong || w != c.weak {
			t.Errorf("%q: got %v %v, want %v %v", c.lines, s, w, c.strong, c.weak)
		}
	}
	if MatchETag(Header{{"If-Match", `"x"`}}, "If-Match", "", false) {
		t.Error("matches what has no tag")
	}
}

func TestDigest(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	line := string(AppendDigest(nil, sum))
	for _, c := range []struct {
		lines    []string
		ok, fail bool
	}{
		{[]string{line}, true, false}, {[]string{"md5=:x:", line + ";p=1"}, true, false}, {[]string{"sha-512=:AA==:, " + line}, true, false},
		{nil, false, false}, {[]string{"sha-512=:AA==:"}, false, false}, {[]string{"SHA-256=" + line[8:]}, false, false},
		{[]string{"sha-256=:AA==:"}, true, true}, {[]string{"sha-256"}, true, true}, {[]string{"sha-256=::"}, true, true}, {[]string{strings.TrimSuffix(line, ":")}, true, true},
	} {
		var h Header
		for _, l := range c.lines {
			h = append(h, Field{"Content-Digest", l})
		}
		got, ok, err := ParseDigest(h, "content-digest")
		if ok != c.ok || (err != nil) != c.fail || ok && !c.fail && got != sum {
			t.Errorf("%q: got %x %v %v", c.lines, got, ok, err)
		}
	}
	for v, want := range map[string]bool{
		"sha-256=1": true, "sha-256=10": true, "sha-512=3, sha-256=5;x": true, "sha-256=0": false, "sha-256=11": false, "sha-256": false,
		"sha-256=1, sha-256=0": false, "": false, "md5=1": false, "sha-256=-1": false, "sha-256=1.0": false,
	} {
		if got := WantsSHA256(Header{{"Want-Content-Digest", v}}, "Want-Content-Digest"); got != want {
			t.Errorf("%q: got %v", v, got)
		}
	}
}

// Nothing that is put into a head can end a line of it.
func TestHeadCannotBeForged(t *testing.T) {
	h := Head(nil).Status(206).Field("A", "b\r\nX: y\x00\x7f\n").Int("N", -1).End()
	if want := "HTTP/1.1 206 Partial Content\r\nA: b  X: y   \r\nN: -1\r\n\r\n"; string(h) != want {
		t.Errorf("got %q, want %q", h, want)
	}
	h = Head(nil).Request("GET", "/\r\nX: y")
	if bytes.Count(h, []byte("\n")) != 1 {
		t.Errorf("got %q", h)
	}
}
