package http1

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		method, in string
		want       Target
		status     int
	}{
		{"GET", "/", Target{"/", true, ""}, 0},
		{"GET", "/a", Target{"/a", false, ""}, 0},
		{"GET", "/a/", Target{"/a", true, ""}, 0},
		{"GET", "//a//b//", Target{"/a/b", true, ""}, 0},
		{"GET", "/a/./b/../c", Target{"/a/c", false, ""}, 0},
		{"GET", "/a/..", Target{"/", true, ""}, 0},
		{"GET", "/a/b/..", Target{"/a", true, ""}, 0},
		{"GET", "/a/b/.", Target{"/a/b", true, ""}, 0},
		{"GET", "/../../a", Target{"/a", false, ""}, 0},
		{"GET", "/%2e%2E/a", Target{"/a", false, ""}, 0},
		{"GET", "/%252e", Target{"/%2e", false, ""}, 0},
		{"GET", "/...", Target{"/...", false, ""}, 0},
		{"GET", "/a+b", Target{"/a+b", false, ""}, 0},
		{"GET", "/%FF%fe\xff", Target{"/\xff\xfe\xff", false, ""}, 0},
		{"GET", "/a?b?c=/../d", Target{"/a", false, "b?c=/../d"}, 0},
		{"GET", "/a?", Target{"/a", false, ""}, 0},
		{"GET", "http://a", Target{"/", true, ""}, 0},
		{"GET", "hTTp://a?x", Target{"/", true, "x"}, 0},
		{"GET", "http://a:1/b/", Target{"/b", true, ""}, 0},
		{"OPTIONS", "*", Target{"*", false, ""}, 0},
		{"CONNECT", "a:80", Target{"a:80", false, ""}, 0},
		{"CONNECT", "/a", Target{}, 400},
		{"GET", "*", Target{}, 400},
		{"GET", "", Target{}, 400},
		{"GET", "a", Target{}, 400},
		{"GET", "http://", Target{}, 400},
		{"GET", "http:///a", Target{}, 400},
		{"GET", "https://a/b", Target{}, 400},
		{"GET", "/a#b", Target{}, 400},
		{"GET", "/a b", Target{}, 400},
		{"GET", "/a%", Target{}, 400},
		{"GET", "/a%4", Target{}, 400},
		{"GET", "/a%4g", Target{}, 400},
		{"GET", "/a%00", Target{}, 400},
		{"GET", "/a%2Fb", Target{}, 404},
	} {
		got, err := ParseTarget(c.method, c.in)
		var e *Error
		switch {
		case c.status == 0 && (err != nil || got != c.want):
			t.Errorf("%s %s: got %+v, %v, want %+v", c.method, c.in, got, err, c.want)
		case c.status != 0 && (!errors.As(err, &e) || e.Status != c.status):
			t.Errorf("%s %s: got %+v, %v, want status %d", c.method, c.in, got, err, c.status)
		}
	}
}

func TestAuthority(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "a.b-c_d~": true, "10.2.1.8:10101": true, "[::1]": true, "[::1]:80": true, "a:": true, "a%41": true, "a:65535": true,
		"": false, ":80": false, "a:65536": false, "a:99999999999999999999": false, "a:b": false, "a b": false, "a/b": false, "u@a": false,
		"[::1": false, "[]": false, "[::1]a": false, "[g]": false, "a%4": false, "a%zz": false, "a%2f": false, "a,b": true, "\xff": false,
		"[1:2:3:4:5:6:7:8]": true, "[1:2:3:4:5:6:7::]": true, "[::ffff:10.2.1.8]:10101": true, "[v1.fe80::a]": true, "[V1F.a:b~!]:80": true,
		"[1:2:3:4:5:6:7:8:9]": false, "[....]": false, "[12345::]": false, "[1::2::3]": false, "[:1]": false, "[1:2]": false, "[10.2.1.8]": false,
		"[::1.2.3]": false, "[::01.2.3.4]": false, "[::256.1.1.1]": false, "[fe80::1%25eth0]": false, "[fe80::1%eth0]": false,
		"[v1.]": false, "[v.a]": false, "[vg.a]": false, "[v1a]": false, "[v1.%41]": false, "[v1.a/b]": false, "[:::]": false, "[::]": true,
	} {
		if got := validAuthority(s); got != ok {
			t.Errorf("%q: got %v", s, got)
		}
	}
}

func TestQueryValue(t *testing.T) {
	for _, c := range []struct {
		query, want string
		ok          bool
	}{
		{"snapshot=1-2-3", "1-2-3", true}, {"a=b&snapshot=x&snapshot=y", "x", true}, {"snapshot", "", true}, {"snapshot=", "", true},
		{"snapshots=1", "", false}, {"", "", false}, {"&&", "", false}, {"a=snapshot=1", "", false}, {"snapshot=a=b", "a=b", true},
	} {
		if got, ok := QueryValue(c.query, "snapshot"); got != c.want || ok != c.ok {
			t.Errorf("%q: got %q, %v", c.query, got, ok)
		}
	}
}

// FuzzParseTarget: what comes out is clean, survives being written and read
// again, and is what packages url and path make of it.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "//a", "/%2e%2e/", "/%ff", "http://a/b?c", "/a?b", "/.//..", "/a%2fb", "/%", "/a/..//.", "http://[::1]:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTarget("GET", s)
		if err != nil {
			return
		}
		p := got.Path
		if p == "" || p[0] != '/' || p != path.Clean(p) || strings.ContainsRune(p, 0) {
			t.Fatalf("%q: not clean: %q", s, p)
		}
		if p == "/" && !got.Dir {
			t.Fatalf("%q: the root is a directory", s)
		}
		back := string(AppendEscaped(nil, p))
		for i := range len(back) {
			if c := back[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>#?&'\`, c) >= 0 {
				t.Fatalf("%q: escaped to %q", s, back)
			}
		}
		if again, err := ParseTarget("GET", back); err != nil || again.Path != p {
			t.Fatalf("%q: %q came back as %+v, %v", s, back, again, err)
		}
		u, err := url.ParseRequestURI(s)
		if err != nil {
			return // package url refuses some hosts
		}
		if want := path.Clean("/" + u.Path); want != p {
			t.Fatalf("%q: got %q, package url has %q", s, p, want)
		}
		if u.RawQuery != got.Query {
			t.Fatalf("%q: got query %q, package url has %q", s, got.Query, u.RawQuery)
		}
		if dir := p == "/" || strings.HasSuffix(u.Path, "/") || strings.HasSuffix(u.Path, "/.") || strings.HasSuffix(u.Path, "/.."); dir != got.Dir {
			t.Fatalf("%q: got Dir %v", s, got.Dir)
		}
	})
}
