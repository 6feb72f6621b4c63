package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func readRequest(s string) (*Request, error) {
	return NewReader(strings.NewReader(s)).ReadRequest()
}

// The answers to malformed requests are held by the table of pkg/flight/serve, over a
// real connection; here is what a Request says.
func TestReadRequest(t *testing.T) {
	r := NewReader(strings.NewReader("\r\nGET /a%20b/../c?x=y HTTP/1.1\r\nHost: sdr:10101\r\nX: \t1 \r\nx:2\r\nConnection: Close\r\n\r\nHEAD * HTTP/1.0\r\n\r\n"))
	q, err := r.ReadRequest()
	if err != nil {
		t.Fatal(err)
	}
	want := Header{{"Host", "sdr:10101"}, {"X", "1"}, {"x", "2"}, {"Connection", "Close"}}
	if q.Method != "GET" || q.Target != (Target{"/c", false, "x=y"}) || q.Minor != 1 || !q.Close || !slices.Equal(q.Header, want) {
		t.Errorf("got %+v", q)
	}
	if v, n := q.Header.Get("X"); v != "1" || n != 2 || !q.Header.Has("HOST") || q.Header.Has("Y") {
		t.Errorf("X: %q, %d lines", v, n)
	}
	if q, err = r.ReadRequest(); err == nil || q == nil || q.Method != "HEAD" {
		t.Errorf("got %v, %v: want what was read of it", q, err)
	}
}

func TestReadRequestErrors(t *testing.T) {
	for _, c := range []struct {
		in     string
		err    error // nil for *Error
		status int
		method string // of the Request that comes with it; empty for none
	}{
		{"", io.EOF, 0, ""},
		{"\r\n", io.ErrUnexpectedEOF, 0, ""},
		{"GET / HTTP/1.1\r\nHost: a\r\n", io.ErrUnexpectedEOF, 0, "GET"},
		{"GE", io.ErrUnexpectedEOF, 0, ""},
		{"HEAD / HTTP/9.1\r\n", nil, 505, "HEAD"},
		{"HEAD /#\r\n", nil, 400, "HEAD"},
		{"HEAD " + strings.Repeat("/", MaxLine), nil, 414, "HEAD"},
		{strings.Repeat("M", MaxLine), nil, 501, ""},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", nil, 413, "POST"},
		{"\x00", nil, 400, ""},
	} {
		q, err := readRequest(c.in)
		var e *Error
		if c.err != nil && err != c.err || c.err == nil && (!errors.As(err, &e) || e.Status != c.status) {
			t.Errorf("%.30q: got %v", c.in, err)
		}
		if method := ""; q != nil && q.Method != c.method || q == nil && c.method != method {
			t.Errorf("%.30q: got %+v, want method %q", c.in, q, c.method)
		}
	}
}

// The bounds are exact: one byte or field more is refused.
func TestHeadBounds(t *testing.T) {
	status := func(head string) int {
		_, err := readRequest(head)
		var e *Error
		switch {
		case err == nil:
			return 200
		case errors.As(err, &e):
			return e.Status
		}
		t.Fatal(err)
		return 0
	}
	target := func(n int) string {
		return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1\r\n")) + " HTTP/1.1\r\nHost: a\r\n\r\n"
	}
	field := func(n int) string {
		return "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", n-len("X: \r\n")) + "\r\n\r\n"
	}
	fields := func(n int) string {
		return "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", n-1) + "\r\n"
	}
	total := func(n int) string { // the last empty line is not counted
		const fixed = "GET / HTTP/1.1\r\nHost: a\r\nX: "
		half := (n - len(fixed) - 2 - len("Y: \r\n")) / 2
		rest := n - len(fixed) - 2 - len("Y: \r\n") - half
		return fixed + strings.Repeat("x", half) + "\r\nY: " + strings.Repeat("y", rest) + "\r\n\r\n"
	}
	for _, c := range []struct {
		name string
		of   func(int) string
		max  int
		want int
	}{
		{"request line", target, MaxLine, 414}, {"field line", field, MaxLine, 431},
		{"fields", fields, MaxFields, 431}, {"head", total, MaxHead, 431},
	} {
		if got := status(c.of(c.max)); got != 200 {
			t.Errorf("%s of %d: got %d, want 200", c.name, c.max, got)
		}
		if got := status(c.of(c.max + 1)); got != c.want {
			t.Errorf("%s of %d: got %d, want %d", c.name, c.max+1, got, c.want)
		}
	}
}

func TestList(t *testing.T) {
	h := Header{{"A", `a, "b,\"c" ,,d`}, {"B", "x"}, {"a", " , e,"}}
	var got []string
	h.List("A", func(e string) bool { got = append(got, e); return true })
	if want := []string{"a", `"b,\"c"`, "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !h.HasToken("a", "D") || h.HasToken("A", "b") || h.HasToken("C", "x") {
		t.Error("HasToken")
	}
	// U+212A is a k to strings.EqualFold, and not on the wire.
	if EqualFold("\u212aeep", "keep") || !EqualFold("KEEP", "keep") {
		t.Error("EqualFold")
	}
}

// FuzzReadRequest: whatever comes is refused or understood, the same however
// it is cut into packets; and what is understood net/http understands too, as
// the same request.
func FuzzReadRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a%2e/b?q HTTP/1.0\r\n\r\nGET", "\r\n\nHEAD http://a:80/x HTTP/1.1\nHost: [::1]:2\nX: y\n\n",
		"OPTIONS * HTTP/1.1\r\nHost:\r\nConnection: a, close\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\rX\r\n\r\n", "\x16\x03\x01",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		q, err := r.ReadRequest()
		one := NewReader(iotest.OneByteReader(bytes.NewReader(b)))
		q1, err1 := one.ReadRequest()
		if (err == nil) != (err1 == nil) || err != nil && err.Error() != err1.Error() {
			t.Fatalf("in one piece %v, byte by byte %v", err, err1)
		}
		var e *Error
		if errors.As(err, &e) && (e.Status < 400 || e.Status > 505 || StatusText(e.Status) == "") {
			t.Fatalf("status %d", e.Status)
		}
		if err != nil {
			return
		}
		if q.Target != q1.Target || !slices.Equal(q.Header, q1.Header) {
			t.Fatalf("in one piece %+v, byte by byte %+v", q, q1)
		}
		if q.Method == "CONNECT" || bytes.Contains(b, []byte("%25")) {
			return // other rules; and net/http looks for zones in hosts
		}
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(b, "\r\n"))))
		if err != nil {
			// net/http refuses more: hosts and targets that package url does
			// not like, an odd Pragma. Never a request line or a field.
			for _, why := range []string{"malformed HTTP request", "malformed MIME header", "malformed HTTP version"} {
				if strings.Contains(err.Error(), why) {
					t.Fatalf("taken for %+v, which net/http refuses: %v", q, err)
				}
			}
			return
		}
		if std.Method != q.Method || std.ProtoMinor != q.Minor || std.ContentLength != 0 || len(std.TransferEncoding) != 0 || std.Close != q.Close && q.Minor == 1 {
			t.Fatalf("got %+v, net/http has %+v", q, std)
		}
		for _, f := range q.Header {
			if f.Name != "Host" && !EqualFold(f.Name, "host") && !slices.Contains(std.Header.Values(f.Name), f.Value) && !EqualFold(f.Name, "Connection") {
				t.Fatalf("%q: net/http has %q", f, std.Header.Values(f.Name))
			}
		}
	})
}
