package serve

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yaronf/httpsign"

	"payload-ipc/pkg/flight/sign"
)

// A signer is a client with a key, and the judge of what it is answered: an
// implementation of RFC 9421 that nobody here wrote.
type signer struct {
	t   *testing.T
	key *sign.Key
	n   int
}

// The module wants keys of 64 bytes; zeros behind one change nothing (RFC 2104).
func (s *signer) secret() []byte { return append(s.key[:], make([]byte, 32)...) }

// ask sends one signed request to addr, on a connection of its own, and checks
// the signature and the digest of the answer.
func (s *signer) ask(addr, method, target string, fields ...string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+target, nil)
	must(s.t, err)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	s.sign(req)
	nc, err := net.Dial("tcp", addr)
	must(s.t, err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	must(s.t, req.Write(nc))
	a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), method)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	if err := s.judge(req, a); err != nil {
		s.t.Errorf("%s %s %q: %v\n%s", method, target, fields, err, a.raw)
	}
	return a
}

func (s *signer) sign(req *http.Request) {
	s.t.Helper()
	names := []string{"@method", "@authority", "@path", "@query"}
	if req.Header.Get("Range") != "" {
		names = append(names, "range")
	}
	s.n++
	config := httpsign.NewSignConfig().SignAlg(false).SignCreated(false).SetNonce(fmt.Sprintf("nonce-%04d", s.n))
	h, err := httpsign.NewHMACSHA256Signer(s.secret(), config, httpsign.Headers(names...))
	must(s.t, err)
	input, signature, err := httpsign.SignRequest("sig", *h, req)
	must(s.t, err)
	req.Header.Set("Signature-Input", input)
	req.Header.Set("Signature", signature)
}

func (s *signer) judge(req *http.Request, a answer) error {
	covered := httpsign.NewFields().AddHeaders("@status")
	for _, name := range []string{"content-length", "content-range", "content-location", "content-digest", "repr-digest", "location"} {
		if a.Header.Get(name) != "" {
			covered.AddHeader(name)
		}
	}
	covered.AddHeaderExt("signature", false, false, true, false)
	v, err := httpsign.NewHMACSHA256Verifier(s.secret(), httpsign.NewVerifyConfig().SetVerifyCreated(false), *covered)
	must(s.t, err)
	if err := httpsign.VerifyResponse("sig", *v, a.Response, req); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(a.body))
	if got, want := a.Header.Get("Content-Digest"), "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":"; a.body != "" && got != want {
		return fmt.Errorf("Content-Digest %q of %d bytes, want %q", got, len(a.body), want)
	}
	return nil
}

// With a key every answer to a signed request is signed, errors too, and what
// has no digest is refused.
func TestKey(t *testing.T) {
	t.Parallel()
	root := fixture(t)
	must(t, os.Mkdir(root+"/many", 0o755))
	for i := range 8000 { // names of 200 bytes: over 1 MiB
		must(t, os.Symlink("x", fmt.Sprintf("%s/many/%s%d", root, strings.Repeat("n", 200), i)))
	}
	c := &signer{t: t, key: &sign.Key{1, 2, 3}}
	p := start(t, Server{Root: root, Key: c.key})
	snapshot := c.ask(p.addr, "HEAD", "/f11").Header.Get("Content-Location")
	for _, r := range []struct {
		method, target, field string
		status                int
		body                  string // "" for any, "-" for none
	}{
		{"GET", "/f11", "", 200, f11},
		{"GET", "/f11?", "", 200, f11},
		{"HEAD", "/f11", "", 200, "-"},
		{"GET", "/empty", "", 200, "-"},
		{"GET", "/f11", "Range: bytes=1-3", 206, "123"},
		{"GET", "/f11", "Range: bytes=-4", 206, f11[len(f11)-4:]},
		{"GET", snapshot, "Range: bytes=0-0", 206, "0"},
		{"HEAD", snapshot, "Want-Repr-Digest: sha-256=1", 200, "-"},
		{"GET", "/f11?snapshot=1-2-3", "", 410, ""},
		{"GET", "/f11", "Range: bytes=99-", 416, "-"},
		{"GET", "/f11", "If-None-Match: *", 304, "-"},
		{"GET", "/f11", `If-Match: "x"`, 412, ""},
		{"GET", "/d/", "", 200, "<p>index\n"},
		{"GET", "/names/", "", 200, ""},
		{"GET", "/names/", "Accept: application/x-ndjson", 200, ""},
		{"HEAD", "/names/", "", 200, "-"},
		{"GET", "/d", "", 301, "-"},
		{"GET", "/no", "", 404, ""},
		{"GET", "/fifo", "", 403, ""},
		{"OPTIONS", "/f11", "", 204, "-"},
		{"DELETE", "/f11", "", 405, ""},
		{"BREW", "/f11", "", 501, ""},
		{"GET", "/f11", "Expect: tea", 417, ""},
		{"GET", "/sparse5g", "Range: bytes=0-8388607", 206, ""},
		{"HEAD", "/sparse5g", "", 200, "-"},
		{"GET", "/sparse5g", "", 403, ""},
		{"GET", "/sparse5g", "Range: bytes=0-8388608", 403, ""},
		{"GET", "/f11", "Range: bytes=0-0,2-2", 403, ""},
		{"GET", "/many/", "", 403, ""},
		{"HEAD", "/many/", "", 403, "-"},
	} {
		var fields []string
		if r.field != "" {
			fields = []string{r.field}
		}
		a := c.ask(p.addr, r.method, r.target, fields...)
		if a.StatusCode != r.status || r.body == "-" && a.body != "" || r.body != "-" && r.body != "" && a.body != r.body {
			t.Errorf("%s %s %s: got %d %.40q, want %d %q", r.method, r.target, r.field, a.StatusCode, a.body, r.status, r.body)
		}
		if r.status == 403 && r.target != "/fifo" && r.method != "HEAD" && !strings.Contains(a.body, "Content-Digest") {
			t.Errorf("%s %s %s: got %q, want the reason", r.method, r.target, r.field, a.body)
		}
	}
}

// Who has no key gets 401 for everything, and no file is touched for it.
func TestWithoutTheKey(t *testing.T) {
	t.Parallel()
	root := fixture(t)
	c := &signer{t: t, key: &sign.Key{1, 2, 3}}
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	must(t, err)
	p := startOn(t, Server{Root: root, Key: c.key, Open: "/d/f11"}, ln)
	_, port, _ := net.SplitHostPort(p.addr)
	here, there := "127.0.0.1:"+port, "127.0.0.2:"+port

	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK)
	must(t, err)
	defer syscall.Close(watch)
	for _, name := range []string{"", "/f11", "/d", "/dir", "/names"} {
		_, err := syscall.InotifyAddWatch(watch, root+name, syscall.IN_OPEN|syscall.IN_ACCESS)
		must(t, err)
	}
	signed := func(method, target, host, rng string) string {
		req, err := http.NewRequest(method, "http://"+host+target, nil)
		must(t, err)
		if rng != "" {
			req.Header.Set("Range", rng)
		}
		c.sign(req)
		var b strings.Builder
		must(t, req.Write(&b))
		return b.String()
	}
	good := signed("GET", "/f11", here, "bytes=0-3")
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in %q", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	plain := func(method, target string) string {
		return method + " " + target + " HTTP/1.1\r\nHost: " + here + "\r\n\r\n"
	}
	var first string
	for _, raw := range []string{
		plain("GET", "/f11"), plain("GET", "/"), plain("GET", "/dir/"), plain("GET", "/d"), plain("GET", "/no"), plain("HEAD", "/f11"), plain("OPTIONS", "*"),
		plain("POST", "/f11"), plain("BREW", "/f11"), plain("GET", "/a%2fb"), plain("GET", "/%00"), plain("GET", "f11"), plain("GET", "/f11?snapshot=1-2-3"),
		plain("GET", "//d/f11"), plain("GET", "/d/f11?"), plain("GET", "/d/./f11"), plain("GET", "/d/f1%31"), plain("GET", "/d/f11/"), plain("GET", "http://"+here+"/d/f11"),
		"GET /f11 HTTP/1.0\r\n\r\n", "GET /f11\r\n\r\n", "GET /f11 HTTP/1.1\r\n\r\n", "POST /f11 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"GET /f11 HTTP/1.1\r\nHost: " + here + "\r\nAuthorization: Bearer x\r\n\r\n",
		swap("GET", "HEAD"), swap("/f11", "/f12"), swap("/f11", "/f11?x"), swap("bytes=0-3", "bytes=0-4"), swap("Range: bytes=0-3\r\n", ""),
		swap("Range: ", "Range: bytes=0-3\r\nRange: "), swap(`nonce="nonce`, `nonce="monce`), swap("sig=:", "sig=:A"), swap("Signature: ", "X: "),
		swap("Signature-Input: ", "X: "), signed("GET", "/f11", there, "bytes=0-3"), signed("GET", "/f11", "10.2.1.8:10101", "bytes=0-3"),
	} {
		nc, err := net.Dial("tcp", here)
		must(t, err)
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(nc, raw)
		method, _, _ := strings.Cut(raw, " ")
		a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), method)
		nc.Close()
		if err != nil || a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") == "" || !a.Close || a.Header.Get("Signature") != "" {
			t.Errorf("%q: got %v\n%s", raw, err, a.raw)
		}
		if a.Header.Del("Date"); first == "" {
			first = fmt.Sprint(a.Header)
		} else if got := fmt.Sprint(a.Header); got != first {
			t.Errorf("%q: got %s, want %s as for all others", raw, got, first)
		}
	}
	if n, _ := syscall.Read(watch, make([]byte, 4096)); n > 0 {
		t.Error("files were opened for it")
	}

	// The same request is served where it is right, again and again, and at
	// the other address where it is signed for that.
	for _, host := range []string{here, here, there} {
		if a := c.ask(host, "GET", "/f11", "Range: bytes=0-3"); a.StatusCode != 206 || a.body != "0123" {
			t.Errorf("%s: got %d %q", host, a.StatusCode, a.body)
		}
	}
	p.addr = here
	if a := p.get(t, "GET", "/d/f11"); a.StatusCode != 200 || a.body != "in d\n" {
		t.Errorf("what is open: got %d %q", a.StatusCode, a.body)
	}
}

// Who finds no room is told so under the key too.
func TestNoRoomUnderAKey(t *testing.T) {
	t.Parallel()
	c := &signer{t: t, key: &sign.Key{9}}
	p := start(t, Server{Root: fixture(t), Key: c.key, MaxConns: 1})
	nc := p.dial(t)
	io.WriteString(nc, "GET / HTTP/1.1\r\n")
	time.Sleep(100 * time.Millisecond)
	if a := c.ask(p.addr, "GET", "/f11"); a.StatusCode != 503 || a.Header.Get("Retry-After") != "1" {
		t.Errorf("got %s", a.raw)
	}
	nc.Close()
}
