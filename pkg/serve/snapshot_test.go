package serve

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// snapshotOf returns the Content-Location of path, and the bytes behind it.
func (p *peer) snapshotOf(t *testing.T, path string) (location, body string) {
	t.Helper()
	a := p.get(t, "GET", path)
	location = a.Header.Get("Content-Location")
	if a.StatusCode != 200 || !strings.HasPrefix(location, path+"?snapshot=") {
		t.Fatalf("got %q", a.raw)
	}
	return location, a.body
}

func TestSnapshot(t *testing.T) {
	long := strings.Repeat("a line of a log\n", 1000)
	for name, c := range map[string]struct {
		first string
		then  func(t *testing.T, dir string)
		want  int // 200: the same bytes as before
	}{
		"nothing happened": {long, func(t *testing.T, dir string) {}, 200},
		"appended":         {long, func(t *testing.T, dir string) { appendTo(t, dir+"/log", "more") }, 200},
		"short, appended":  {"x", func(t *testing.T, dir string) { appendTo(t, dir+"/log", long) }, 200},
		"empty, appended":  {"", func(t *testing.T, dir string) { appendTo(t, dir+"/log", long) }, 200},
		"rotated":          {long, func(t *testing.T, dir string) { rename(t, dir, "log", "log.1") }, 200},
		"rotated, new one": {long, func(t *testing.T, dir string) { rename(t, dir, "log", "log.1"); appendTo(t, dir+"/log", long) }, 200},
		"rotated twice": {long, func(t *testing.T, dir string) {
			rename(t, dir, "log", "log.1")
			appendTo(t, dir+"/log", "second")
			rename(t, dir, "log.1", "log.2")
			rename(t, dir, "log", "log.1")
		}, 200},
		"rotated, FIFO in its place": {long, func(t *testing.T, dir string) { rename(t, dir, "log", "log.1"); mkfifo(t, dir+"/log") }, 200},
		"unlinked":                   {long, func(t *testing.T, dir string) { must(t, os.Remove(dir+"/log")) }, 410},
		"shrunk":                     {long, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/log", 5000)) }, 410},
		"shrunk to nothing":          {long, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/log", 0)) }, 410},
		"copytruncate": {long, func(t *testing.T, dir string) {
			must(t, os.Truncate(dir+"/log", 0))
			appendTo(t, dir+"/log", strings.ToUpper(long)+long)
		}, 410},
		"rewritten in place": {long, func(t *testing.T, dir string) { overwrite(t, dir+"/log", 100, "B") }, 410},
		"moved away":         {long, func(t *testing.T, dir string) { must(t, os.Rename(dir+"/log", t.TempDir()+"/log")) }, 410},
		"became a directory": {long, func(t *testing.T, dir string) { must(t, os.Remove(dir+"/log")); must(t, os.Mkdir(dir+"/log", 0o755)) }, 410},
		"replaced": {long, func(t *testing.T, dir string) {
			appendTo(t, dir+"/new", long)
			rename(t, dir, "new", "log")
		}, 410},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(dir+"/log", []byte(c.first), 0o644))
			p := start(t, Server{Root: dir})
			location, body := p.snapshotOf(t, "/log")
			c.then(t, dir)
			a := p.get(t, "GET", location)
			if a.StatusCode != c.want {
				t.Fatalf("got %d, want %d\n%s", a.StatusCode, c.want, a.raw)
			}
			if c.want != 200 {
				return
			}
			if a.body != body {
				t.Errorf("got %d bytes, want the %d from before", len(a.body), len(body))
			}
			if a.Header.Get("Content-Location") != location {
				t.Errorf("a snapshot of a snapshot is itself; got %q", a.raw)
			}
			etag := a.Header.Get("ETag")
			if b := p.get(t, "GET", location, "If-None-Match: "+etag); b.StatusCode != 304 {
				t.Errorf("ETag: got %q", b.raw)
			}
			if len(body) < 10 {
				return
			}
			b := p.get(t, "GET", location, "Range: bytes=3-7", "If-Range: "+etag)
			if b.StatusCode != 206 || b.body != body[3:8] {
				t.Errorf("range: got %q %q", b.raw, b.body)
			}
			want := sha256.Sum256([]byte(body))
			b = p.get(t, "HEAD", location, "Want-Repr-Digest: sha-256=1")
			if got := b.Header.Get("Repr-Digest"); got != "sha-256=:"+base64.StdEncoding.EncodeToString(want[:])+":" {
				t.Errorf("Repr-Digest: got %q", got)
			}
		})
	}
}

// A log may be reached through a link, and be rotated where it really is.
func TestSnapshotBehindLink(t *testing.T) {
	for _, to := range []string{"real/log", "../d/real/log", "ABS"} {
		dir := t.TempDir()
		must(t, os.MkdirAll(dir+"/d/real", 0o755))
		must(t, os.WriteFile(dir+"/d/real/log", []byte("old"), 0o644))
		if to == "ABS" {
			to = dir + "/d/real/log"
		}
		must(t, os.Symlink(to, dir+"/d/log"))
		p := start(t, Server{Root: dir})
		location, _ := p.snapshotOf(t, "/d/log")
		rename(t, dir+"/d/real", "log", "log.1")
		if a := p.get(t, "GET", location); a.StatusCode != 200 || a.body != "old" {
			t.Errorf("%s: got %q", to, a.raw)
		}
	}
}

func TestSnapshotToken(t *testing.T) {
	for token, ok := range map[string]bool{
		"1-2-3": true, "ffffffffffffffff-7fffffffffffffff-ffffffff": true, "0-0-0": true,
		"": false, "1-2": false, "1-2-3-4": false, "1--3": false, "-1-2-3": false, "01-2-3": false, "1-2-03": false,
		"A-2-3": false, "1-8000000000000000-3": false, "1-2-100000000": false, "10000000000000000-2-3": false, "1-2-3 ": false, "+1-2-3": false,
	} {
		if s, got := parseSnapshot(token); got != ok || ok && s.token() != token {
			t.Errorf("%q: got %v %v", token, s, got)
		}
	}
}

// What is sent under Content-Digest has that digest, also while the file is
// written to: a piece that cannot have it is cut.
func TestContentDigest(t *testing.T) {
	dir := t.TempDir()
	const size = 12 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	must(t, os.WriteFile(dir+"/f", content, 0o644))
	p := start(t, Server{Root: dir})
	for _, c := range []struct {
		field  string
		ranges string
		want   bool
	}{
		{"sha-256=1", "bytes=0-0", true},
		{"sha-256=1", "bytes=7-1048580", true},
		{"sha-256=1", "bytes=1-8388608", true},
		{"sha-256=10, sha-512=3", "bytes=-100", true},
		{"SHA-256=1", "bytes=-100", false}, // keys of a dictionary are lower case
		{"sha-256=0", "bytes=-100", false},
		{"sha-512=1", "bytes=-100", false},
		{"sha-256", "bytes=-100", false},
		{"sha-256=1", "bytes=0-8388608", false}, // a byte too long
		{"sha-256=1", "bytes=0-1,4-5", false},
		{"sha-256=1", "", false}, // 12 MiB
	} {
		lines := []string{"Want-Content-Digest: " + c.field}
		if c.ranges != "" {
			lines = append(lines, "Range: "+c.ranges)
		}
		a := p.get(t, "GET", "/f", lines...)
		got := a.Header.Get("Content-Digest")
		if (got != "") != c.want || c.want && got != digestOf(a.body) {
			t.Errorf("%s %s: got %q for %d bytes", c.field, c.ranges, got, len(a.body))
		}
	}
	if a := p.get(t, "GET", "/nope", "Want-Content-Digest: sha-256=1"); a.StatusCode != 404 {
		t.Error(a.raw)
	}
}

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func TestContentDigestOfMovingFile(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte{'a'}, 4<<20)
	must(t, os.WriteFile(dir+"/f", content, 0o644))
	p := start(t, Server{Root: dir})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f, err := os.OpenFile(dir+"/f", os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer f.Close()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				f.WriteAt([]byte{byte(i)}, int64(i*7919%(4<<20)))
			}
		}
	})
	whole, cut := 0, 0
	for _, r := range []string{"bytes=0-1048575", "bytes=0-4194303"} {
		for range 30 {
			nc := p.dial(t)
			io.WriteString(nc, "GET /f"+h+"Connection: close\r\nWant-Content-Digest: sha-256=1\r\nRange: "+r+"\r\n\r\n")
			a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
			nc.Close()
			switch {
			case err != nil:
				cut++
			case a.Header.Get("Content-Digest") != digestOf(a.body):
				t.Fatalf("%s: the digest is that of other bytes", r)
			default:
				whole++
			}
		}
	}
	close(stop)
	wg.Wait()
	if whole < 30 {
		t.Errorf("only %d pieces of up to 1 MiB came whole, want all 30", whole)
	}
	t.Logf("%d whole, %d cut", whole, cut)
}

// A log that grows while it is sent has the length that it had.
func TestGrowingFile(t *testing.T) {
	dir := t.TempDir()
	const size = 40 << 20
	must(t, os.WriteFile(dir+"/log", bytes.Repeat([]byte("x"), size), 0o644))
	p := start(t, Server{Root: dir})
	nc := p.dial(t)
	io.WriteString(nc, "GET /log"+h+"\r\nGET /log"+h+"Range: bytes=-1\r\n\r\n")
	r := bufio.NewReaderSize(nc, 64<<10)
	r.Peek(1) // the head is on its way
	appendTo(t, dir+"/log", "more")
	a, err := readAnswer(r, "GET")
	if err != nil || len(a.body) != size || strings.Trim(a.body, "x") != "" {
		t.Fatalf("%v: %d bytes, want %d", err, len(a.body), size)
	}
	if a, err = readAnswer(r, "GET"); err != nil || a.body != "e" {
		t.Fatalf("then: %v %q", err, a.body)
	}
}

// A log that is rotated or unlinked while it is sent is sent to its end.
func TestRotatedWhileSent(t *testing.T) {
	for name, then := range map[string]func(dir string) error{
		"renamed":  func(dir string) error { return os.Rename(dir+"/log", dir+"/log.1") },
		"unlinked": func(dir string) error { return os.Remove(dir + "/log") },
		"replaced": func(dir string) error {
			os.WriteFile(dir+"/new", bytes.Repeat([]byte("y"), 40<<20), 0o644)
			return os.Rename(dir+"/new", dir+"/log")
		},
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(dir+"/log", bytes.Repeat([]byte("x"), 40<<20), 0o644))
		p := start(t, Server{Root: dir})
		nc := p.dial(t)
		io.WriteString(nc, "GET /log"+h+"\r\n")
		r := bufio.NewReaderSize(nc, 64<<10)
		r.Peek(1)
		must(t, then(dir))
		a, err := readAnswer(r, "GET")
		if err != nil || len(a.body) != 40<<20 || strings.Trim(a.body, "x") != "" {
			t.Errorf("%s: %v, %d bytes", name, err, len(a.body))
		}
	}
}

// A file that shrinks while it is sent is cut: never padded, never ended
// cleanly.
func TestShrunkWhileSent(t *testing.T) {
	for _, want := range []string{"", "Want-Content-Digest: sha-256=1\r\nRange: bytes=0-8388607\r\n"} {
		dir := t.TempDir()
		must(t, os.WriteFile(dir+"/log", bytes.Repeat([]byte("x"), 40<<20), 0o644))
		p := start(t, Server{Root: dir})
		nc := p.dial(t)
		io.WriteString(nc, "GET /log"+h+want+"\r\n")
		r := bufio.NewReaderSize(nc, 64<<10)
		r.Peek(1)
		must(t, os.Truncate(dir+"/log", 1000))
		a, err := readAnswer(r, "GET")
		if !isReset(err) {
			if want != "" && err == nil {
				continue // it had been read before it shrank
			}
			t.Errorf("%q: got %d bytes and %v, want a reset", want, len(a.body), err)
		}
		waitFor(t, "an event", func() bool { return len(p.happened()) > 0 })
		if e := p.happened()[0]; e.Kind != Cut || e.Err != errShrunk.Error() {
			t.Errorf("%q: got %d bytes, and %+v", want, len(a.body), e)
		}
	}
}

// Between HEAD and GET the file was replaced: the tags differ.
func TestETagTellsReplacement(t *testing.T) {
	dir := t.TempDir()
	tags := map[string]bool{}
	p := start(t, Server{Root: dir})
	for range 5 {
		must(t, os.WriteFile(dir+"/new", []byte("same size"), 0o644))
		rename(t, dir, "new", "f")
		tags[p.get(t, "HEAD", "/f").Header.Get("ETag")] = true
		time.Sleep(10 * time.Millisecond) // a tick of the kernel's clock
	}
	if len(tags) != 5 {
		t.Errorf("got %d different tags of 5 files", len(tags))
	}
}

func appendTo(t *testing.T, path, s string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(t, err)
	_, err = f.WriteString(s)
	must(t, err)
	must(t, f.Close())
}

func overwrite(t *testing.T, path string, at int64, s string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(s), at)
	must(t, err)
	must(t, f.Close())
}

func rename(t *testing.T, dir, from, to string) {
	t.Helper()
	must(t, os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)))
}
