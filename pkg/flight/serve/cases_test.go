package serve

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A row is one case of HTTP behaviour: bytes sent on a fresh connection, and
// what comes back. Its name says what is checked, after the field or the part
// of the request that it is about, so that TestCases/if-range runs a family.
//
// In send, {E} and {LM} are the validators of /f11, {LM850} and {LMasc} the
// obsolete forms of the date, {LM+1d} the date a day later, {N} a request for
// a file that is not there.
type row struct {
	name string // unique in all tables; lower case, no slash and nothing that -run takes for a pattern
	send string

	// want is the status codes in order, alternatives separated by a bar, then
	// "open" or "close" for the connection.
	want string

	// has are lines of the first answer's head; "!Name" must not be there,
	// "Name" must, "Name: value" must be so.
	has string

	body string // of the first answer; "*" for any, "" for none
}

// h is the usual rest of a request.
const h = " HTTP/1.1\r\nHost: a\r\n"

var placeholders = func(e string, lm time.Time) *strings.Replacer {
	lm = lm.UTC()
	return strings.NewReplacer(
		"{E}", e,
		"{LM}", lm.Format(http.TimeFormat),
		"{LM850}", lm.Format("Monday, 02-Jan-06 15:04:05 GMT"),
		"{LMasc}", lm.Format(time.ANSIC),
		"{LM+1d}", lm.AddDate(0, 0, 1).Format(http.TimeFormat),
		"{LM-1d}", lm.AddDate(0, 0, -1).Format(http.TimeFormat),
		"{N}", "GET /nope HTTP/1.1\r\nHost: a\r\n\r\n",
		"{70000a}", strings.Repeat("a", 70000),
		"{5000A}", strings.Repeat("A", 5000),
	)
}

func TestCases(t *testing.T) {
	root := fixture(t)
	p := start(t, Server{Root: root, MaxConns: 500})
	f11 := p.get(t, "HEAD", "/f11")
	lm, err := http.ParseTime(f11.Header.Get("Last-Modified"))
	must(t, err)
	values := placeholders(f11.Header.Get("ETag"), lm)
	seen := map[string]bool{}
	for _, family := range [][]row{requestLineCases, headerCases, framingCases, methodCases, connectionCases, conditionCases, rangeCases, pathCases} {
		for _, c := range family {
			if seen[c.name] {
				t.Errorf("case %q is there twice", c.name)
			}
			seen[c.name] = true
			c.send = values.Replace(c.send)
			c.has = values.Replace(c.has)
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				p.check(t, c)
			})
		}
	}
}

// check runs one case.
func (p *peer) check(t *testing.T, c row) {
	nc := p.dial(t)
	go io.WriteString(nc, c.send)
	r := bufio.NewReaderSize(nc, 64<<10)
	words := strings.Fields(c.want)
	requests := strings.Split(c.send, "\r\n\r\n")
	for i, want := range words[:len(words)-1] {
		method := "GET"
		if i < len(requests) {
			method, _, _ = strings.Cut(strings.TrimLeft(requests[i], "\r\n"), " ")
		}
		a, err := readAnswer(r, method)
		if err != nil {
			t.Fatalf("answer %d: %v, got %q", i, err, a.raw)
		}
		if !contains(strings.Split(want, "|"), strconv.Itoa(a.StatusCode)) {
			t.Fatalf("answer %d: got %d, want %s\n%s", i, a.StatusCode, want, a.raw)
		}
		// RFC 9110 section 6.6.1; only an interim answer may do without.
		if a.Header.Get("Date") == "" {
			t.Errorf("answer %d has no Date\n%s", i, a.raw)
		}
		if last := i == len(words)-2; last && words[i+1] == "close" && !a.Close {
			t.Errorf("the last answer does not say that the connection closes\n%s", a.raw)
		}
		if i == 0 {
			checkHead(t, a, c.has)
			if c.body != "*" && a.body != c.body && (c.body != "" || method != "HEAD" && a.StatusCode < 300) {
				t.Errorf("got body %q, want %q", a.body, c.body)
			}
		}
	}
	if words[len(words)-1] == "open" {
		// A connection is open when it answers another request.
		io.WriteString(nc, "OPTIONS * HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
		if a, err := readAnswer(r, "OPTIONS"); err != nil || a.StatusCode != 204 {
			t.Errorf("the connection is not open: %v %q", err, a.raw)
		}
	}
	if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
		t.Errorf("got %q, %v, want the end of the connection", b, err)
	}
}

func checkHead(t testing.TB, a answer, has string) {
	t.Helper()
	for _, want := range strings.Split(has, "\n") {
		name, value, exact := strings.Cut(want, ": ")
		if name == "" {
			continue
		}
		name, not := strings.CutPrefix(name, "!")
		var got []string
		for _, line := range strings.Split(a.raw, "\r\n")[1:] {
			if n, v, _ := strings.Cut(line, ": "); n == name {
				got = append(got, v)
			}
		}
		switch {
		case not && len(got) > 0, !not && len(got) != 1, exact && got[0] != value:
			t.Errorf("%s: got %q\n%s", want, got, a.raw)
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// The cases that are not one write and its answer.

// TestOneBytePerPacket sends the simplest request a byte at a time.
func TestOneBytePerPacket(t *testing.T) {
	p := start(t, Server{Root: fixture(t)})
	nc := p.dial(t)
	nc.(*net.TCPConn).SetNoDelay(true)
	for _, b := range []byte("GET /f11" + h + "\r\n") {
		if _, err := nc.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
	if err != nil || a.StatusCode != 200 || a.body != "0123456789\n" {
		t.Fatalf("%v %q %q", err, a.raw, a.body)
	}
}

// TestHalfClose: a client that has half-closed still gets its answer.
func TestHalfClose(t *testing.T) {
	p := start(t, Server{Root: fixture(t)})
	nc := p.dial(t)
	io.WriteString(nc, "GET /f11"+h+"\r\n")
	nc.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(nc)
	if err != nil || !strings.HasSuffix(string(b), "0123456789\n") {
		t.Fatalf("%v %q", err, b)
	}
}

// TestIfRangeYoungDate: the date counts only when it is at least a second old
// (RFC 9110 section 8.8.2.2).
func TestIfRangeYoungDate(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "young")
	must(t, os.WriteFile(path, []byte("0123456789"), 0o644))
	p := start(t, Server{Root: root})
	ask := func(age time.Duration) int {
		mtime := time.Now().Add(-age)
		must(t, os.Chtimes(path, mtime, mtime))
		lm := p.get(t, "HEAD", "/young").Header.Get("Last-Modified")
		return p.get(t, "GET", "/young", "Range: bytes=0-4", "If-Range: "+lm).StatusCode
	}
	for range 20 {
		began := time.Now()
		got := ask(0)
		if time.Since(began) > 900*time.Millisecond {
			continue // it is not young any more
		}
		if got != 200 {
			t.Errorf("just changed: got %d, want 200", got)
		}
		break
	}
	if got := ask(1100 * time.Millisecond); got != 206 {
		t.Errorf("changed 1.1 s ago: got %d, want 206", got)
	}
}

// Each part has its own fields: what a client keeps after If-Range is of the
// message (RFC 9110 section 15.3.7.2).
func TestPartsHaveTheirType(t *testing.T) {
	p := start(t, Server{Root: fixture(t)})
	tag := p.get(t, "GET", "/f11").Header.Get("ETag")
	for _, fields := range [][]string{{"Range: bytes=0-1,4-5"}, {"Range: bytes=0-1,4-5", "If-Range: " + tag}} {
		a := p.get(t, "GET", "/f11", fields...)
		if n := strings.Count(a.body, "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "); a.StatusCode != 206 || n != 2 {
			t.Errorf("%q: got %d, and %d parts with a type in %q", fields, a.StatusCode, n, a.body)
		}
	}
}

// TestLastModifiedNotAfterDate: a file from the future has the date of the
// answer (RFC 9110 section 8.8.2.1).
func TestLastModifiedNotAfterDate(t *testing.T) {
	p := start(t, Server{Root: fixture(t)})
	a := p.get(t, "GET", "/future")
	if lm, date := a.Header.Get("Last-Modified"), a.Header.Get("Date"); lm == "" || lm != date {
		t.Errorf("Last-Modified %q, Date %q: want the same", lm, date)
	}
}

// TestClockUnset: with the clock unset there are no dates to send or compare.
func TestClockUnset(t *testing.T) {
	p := start(t, Server{Root: fixture(t), Window: unset().Open()})
	a := p.get(t, "GET", "/f11", "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT")
	if a.StatusCode != 200 {
		t.Errorf("got %d, want 200", a.StatusCode)
	}
	checkHead(t, a, "!Date\n!Last-Modified\nETag")
}

// TestFixture makes sure that the fixture has what the cases need.
func TestFixture(t *testing.T) {
	root := fixture(t)
	var st syscall.Stat_t
	must(t, syscall.Stat(filepath.Join(root, "sparse5g"), &st))
	if st.Size != sparseSize || st.Blocks > 1000 {
		t.Fatalf("sparse5g has %d bytes in %d blocks", st.Size, st.Blocks)
	}
}
