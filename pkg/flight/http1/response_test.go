package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadResponse(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, method, in string
		status           int // 0: refused, with an error
		body             string
		end              error // of the body
		length           int64
		proven, close    bool
	}{
		{"length", "GET", ok + "Content-Length: 2\r\n\r\nab", 200, "ab", nil, 2, true, false},
		{"cut", "GET", ok + "Content-Length: 3\r\n\r\nab", 200, "ab", io.ErrUnexpectedEOF, 3, true, false},
		{"more behind", "GET", ok + "Content-Length: 1\r\n\r\nabc", 200, "a", nil, 1, true, false},
		{"empty", "GET", ok + "Content-Length: 0\r\n\r\n", 200, "", nil, 0, true, false},
		{"until close", "GET", ok + "\r\nab", 200, "ab", nil, -1, false, true},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, "a", nil, 1, true, true},
		{"1.0 kept", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", 200, "a", nil, 1, true, false},
		{"close", "GET", ok + "Content-Length: 1\r\nConnection: close\r\n\r\na", 200, "a", nil, 1, true, true},
		{"chunked", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n01\r\nc\r\n0\r\nT: v\r\n\r\n", 200, "abc", nil, -1, true, false},
		{"chunked, cut", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", 200, "ab", io.ErrUnexpectedEOF, -1, true, false},
		// With the last chunk the body is whole (RFC 9112 section 8), and the trailer may be dropped (section 7.1.2).
		{"chunked, no end of the trailer", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", 200, "a", nil, -1, true, false},
		{"chunked, no end of a trailer line", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\n\r\n", 200, "a", nil, -1, true, false},
		{"chunked, a trailer line that is no field", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nno colon\r\n\r\n", 200, "a", nil, -1, true, false},
		{"chunked, no last chunk", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", 200, "a", io.ErrUnexpectedEOF, -1, true, false},
		{"chunked, half a last chunk", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0", 200, "a", io.ErrUnexpectedEOF, -1, true, false},
		{"chunk too long", "GET", ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 200, "", errChunk, -1, true, false},
		{"chunk without end", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 200, "a", errChunk, -1, true, false},
		{"chunk size junk", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1x\r\na\r\n", 200, "", errChunk, -1, true, false},
		{"HEAD", "HEAD", ok + "Content-Length: 5\r\n\r\n", 200, "", nil, 5, true, false},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", nil, 5, true, false},
		{"204", "GET", "HTTP/1.1 204\r\n\r\n", 204, "", nil, 0, true, false},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", nil, 0, true, false},
		{"interim", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n" + ok + "Content-Length: 1\r\n\r\na", 200, "a", nil, 1, true, false},
		{"interim for ever", "GET", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20) + ok + "\r\n", 0, "", nil, 0, false, false},
		{"101", "GET", "HTTP/1.1 101 Switching\r\n\r\n", 0, "", nil, 0, false, false},
		{"fold", "GET", ok + "Content-Length: 1\r\nX: a\r\n b\r\n\r\na", 200, "a", nil, 1, true, false},
		{"equal lengths", "GET", ok + "Content-Length: 1, 1\r\nContent-Length: 1\r\n\r\na", 200, "a", nil, 1, true, false},
		{"two lengths", "GET", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", 0, "", nil, 0, false, false},
		{"bad length", "GET", ok + "Content-Length: +1\r\n\r\na", 0, "", nil, 0, false, false},
		{"both", "GET", ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "", nil, 0, false, false},
		{"gzip", "GET", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, "", nil, 0, false, false},
		{"0.9", "GET", "<html>\r\n", 0, "", nil, 0, false, false},
		{"2.0", "GET", "HTTP/2.0 200 OK\r\n\r\n", 0, "", nil, 0, false, false},
		{"status 99", "GET", "HTTP/1.1 099 OK\r\n\r\n", 0, "", nil, 0, false, false},
		{"status 2000", "GET", "HTTP/1.1 2000 OK\r\n\r\n", 0, "", nil, 0, false, false},
		{"head too large", "GET", ok + "X: " + strings.Repeat("a", MaxLine) + "\r\n\r\n", 0, "", nil, 0, false, false},
		{"nothing", "GET", "", 0, "", nil, 0, false, false},
		{"half a head", "GET", ok + "X", 0, "", nil, 0, false, false},
	} {
		for _, src := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
			p, b, err := NewReader(src).ReadResponse(c.method)
			if c.status == 0 {
				if err == nil {
					t.Errorf("%s: got %+v, want an error", c.name, p)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			body, err := io.ReadAll(b)
			if p.Status != c.status || string(body) != c.body || err != c.end || b.Length() != c.length || b.ProvenEnd() != c.proven || p.Close != c.close {
				t.Errorf("%s: got %+v, %q, %v, length %d, proven %v", c.name, p, body, err, b.Length(), b.ProvenEnd())
			}
			if b.Done() != (c.end == nil && c.proven && !strings.Contains(c.name, "no end of")) {
				t.Errorf("%s: Done %v", c.name, b.Done())
			}
		}
	}
}

// Two answers on one connection, the bodies not confused.
func TestResponsesInARow(t *testing.T) {
	var wire bytes.Buffer
	wire.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
	wire.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	w := &ChunkWriter{W: &wire}
	for _, s := range []string{"sec", "", "ond"} {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	w.Close()
	wire.WriteString("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	r := NewReader(iotest.HalfReader(&wire))
	for _, want := range []string{"first", "second", ""} {
		_, b, err := r.ReadResponse("GET")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); err != nil || string(got) != want || !b.Done() {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if err := r.Await(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}

// A reader that never gives anything is not read for ever.
func TestNoProgress(t *testing.T) {
	if _, err := NewReader(stuck{}).ReadRequest(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// FuzzReadResponse: what is understood has the body that net/http finds.
func FuzzReadResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.0 200\r\n\r\nab", "HTTP/1.1 206 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
		"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 304 x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\nT: u\r\n\r\n",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	// Once read otherwise than by net/http: line ends that are mixed in a trailer.
	f.Add([]byte("HTTP/1.1 200 \nTrAnsfer-EnCoding:Chunked\n\n0\r\n\n"), false)
	f.Fuzz(func(t *testing.T, in []byte, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		p, b, err := NewReader(bytes.NewReader(in)).ReadResponse(method)
		if err != nil {
			return
		}
		body, berr := io.ReadAll(io.LimitReader(b, 1<<20))
		one := NewReader(iotest.OneByteReader(bytes.NewReader(in)))
		_, b1, err := one.ReadResponse(method)
		if err != nil {
			t.Fatalf("in one piece fine, byte by byte %v", err)
		}
		if body1, err := io.ReadAll(io.LimitReader(b1, 1<<20)); !bytes.Equal(body, body1) || (err == nil) != (berr == nil) {
			t.Fatalf("in one piece %q %v, byte by byte %q %v", body, berr, body1, err)
		}
		if bytes.HasPrefix(in, []byte("HTTP/1.1 1")) || bytes.HasPrefix(in, []byte("HTTP/1.0 1")) {
			return // net/http gives interim answers to the caller
		}
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), &http.Request{Method: method})
		if err != nil {
			return // it is stricter about some heads
		}
		want, serr := io.ReadAll(io.LimitReader(std.Body, 1<<20))
		if p.Status != std.StatusCode {
			t.Fatalf("status %d, net/http has %d", p.Status, std.StatusCode)
		}
		// net/http is lenient in chunks: bare LF, a missing last line end.
		// With the last chunk a body is whole, whatever is behind it.
		if berr == nil && (serr != nil && b.Done() || !bytes.Equal(body, want)) {
			t.Fatalf("body %q, net/http has %q, %v", body, want, serr)
		}
	})
}
