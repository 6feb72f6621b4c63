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
				f.WriteAt([]byte{byte(i)}, int64(sniffed+i*7919%(4<<20-2*sniffed))) // the ends say what file it is
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
