package serve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// scratches are directories on the file systems there are here: what becomes of
// pages that wait to be sent when their file is truncated differs.
func scratches(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"disk": t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "serve-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		all["memory"] = dir
	}
	return all
}

// A client reads slowly while the file is truncated, or is that and written
// again: what ends cleanly is what the file was, to the last byte, wherever the
// rest waited.
func TestNothingElseEndsCleanly(t *testing.T) {
	again := func(c string) func(f *os.File, size int64) error {
		return func(f *os.File, size int64) error {
			if err := f.Truncate(0); err != nil {
				return err
			}
			_, err := f.WriteAt(bytes.Repeat([]byte(c), int(size)+100), 0)
			return err
		}
	}
	for how, then := range map[string]func(f *os.File, size int64) error{
		"cut to 100000":     func(f *os.File, size int64) error { return f.Truncate(100_000) },
		"cut by a byte":     func(f *os.File, size int64) error { return f.Truncate(size - 1) },
		"cut to nothing":    func(f *os.File, size int64) error { return f.Truncate(0) },
		"another in place":  again("B"),
		"zeros in place":    again("\x00"),
		"cut and grown out": func(f *os.File, size int64) error { f.Truncate(100_000); return f.Truncate(size) },
	} {
		for where, dir := range scratches(t) {
			t.Run(how+" "+where, func(t *testing.T) {
				t.Parallel()
				usual, roomy := start(t, Server{Root: dir}), startOn(t, Server{Root: dir}, roomyListener(t))
				for _, c := range []struct {
					roomy  bool // the whole answer has room in the send buffer
					size   int
					read   int  // before the file is changed
					answer bool // the file is changed only when the server has done what it can
					fields string
				}{
					{false, 1 << 20, 0, false, ""},
					{false, 1 << 20, 0, true, ""},
					{false, 1 << 20, 500_000, true, "Range: bytes=0-\r\n"},
					{false, 6 << 20, 4 << 20, false, ""},
					{false, 6 << 20, 4 << 20, true, ""},
					{false, 6 << 20, 4 << 20, true, "Range: bytes=0-1000,2000-5999999\r\n"},
					{false, 6 << 20, 1 << 20, true, "Want-Content-Digest: sha-256=1\r\n"},
					{false, 24 << 20, 4 << 20, true, ""},
					{false, 24 << 20, 22 << 20, true, "Range: bytes=1-\r\n"},
					{true, 24 << 20, 1 << 20, true, ""},
				} {
					p := usual
					if testing.Short() && c.size > 1<<20 {
						continue
					}
					if c.roomy {
						p = roomy
					}
					f, err := os.CreateTemp(dir, "log")
					must(t, err)
					_, err = f.WriteAt(bytes.Repeat([]byte("A"), c.size), 0)
					must(t, err)
					nc := p.dial(t)
					io.WriteString(nc, "GET /"+filepath.Base(f.Name())+h+"Connection: close\r\n"+c.fields+"\r\n")
					r := bufio.NewReaderSize(nc, 4<<10)
					r.Peek(1) // the head is on its way
					before := make([]byte, c.read)
					io.ReadFull(r, before)
					if c.answer {
						p.idle()
					}
					must(t, then(f, int64(c.size)))
					rest, _ := io.ReadAll(r)
					name := fmt.Sprintf("%d of %d, %q", c.read, c.size, c.fields)
					body, whole := bodyOf(t, name, append(before, rest...))
					if i := bytes.IndexFunc(body, func(r rune) bool { return r != 'A' }); whole && i >= 0 {
						t.Errorf("%s: a clean end, and of %d bytes those from %d on are not the file's", name, len(body), i)
					}
					f.Close()
					nc.Close()
					must(t, os.Remove(f.Name()))
				}
			})
		}
	}
}

// roomyListener gives connections whose send buffers hold 64 MiB, where this
// user may ask for that.
func roomyListener(t *testing.T) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	raw, err := ln.(*net.TCPListener).SyscallConn()
	must(t, err)
	raw.Control(func(fd uintptr) {
		const sndbufForce = 32
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, sndbufForce, 64<<20)
	})
	return ln
}

// idle waits until the server waits for its client: nothing moves any more.
func (p *peer) idle() {
	before := len(p.happened())
	for range 15 {
		time.Sleep(10 * time.Millisecond)
		if len(p.happened()) != before {
			return
		}
	}
}

// bodyOf is the content in an answer, and whether it is all that its head
// promises.
func bodyOf(t *testing.T, name string, all []byte) (body []byte, whole bool) {
	t.Helper()
	a, err := readAnswer(bufio.NewReaderSize(bytes.NewReader(all), 64<<10), "GET")
	if err != nil {
		return nil, false
	}
	kind, params, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if !strings.HasPrefix(kind, "multipart/") {
		return []byte(a.body), a.StatusCode < 300
	}
	parts := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return body, true
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := io.ReadAll(part)
		must(t, err)
		body = append(body, b...)
	}
}

// Two generations with one head take turns under one name, in place: a piece of
// a snapshot under its digest is that snapshot's, or none.
func TestPieceIsOfItsSnapshot(t *testing.T) {
	const size, most = 1 << 20, 2 << 20
	head := strings.Repeat("#", sniffed)
	for where, dir := range scratches(t) {
		for _, fields := range []string{"Range: bytes=500000-1040000\r\nWant-Content-Digest: sha-256=1\r\n", ""} {
			p := start(t, Server{Root: dir})
			f, err := os.Create(dir + "/log")
			must(t, err)
			write := func(c string) {
				f.Truncate(0)
				f.WriteAt([]byte(head+strings.Repeat(c, most-sniffed)), 0)
			}
			must(t, f.Truncate(0))
			_, err = f.WriteAt([]byte(head+strings.Repeat("A", size-sniffed)), 0)
			must(t, err)
			location, _ := p.snapshotOf(t, "/log")
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					for _, c := range []string{"A", "B"} {
						select {
						case <-stop:
							return
						default:
							write(c)
						}
					}
				}
			})
			whole, gone, cut := 0, 0, 0
			for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
				nc := p.dial(t)
				io.WriteString(nc, "GET "+location+h+"Connection: close\r\n"+fields+"\r\n")
				a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
				nc.Close()
				switch {
				case err != nil:
					cut++
				case a.StatusCode == 410:
					gone++
				case strings.Trim(a.body, "#") != "" && strings.Trim(a.body, "#A") != "":
					t.Errorf("%s, %q: %d with %d bytes of another generation", where, fields, a.StatusCode, strings.Count(a.body, "B"))
					end = time.Now()
				default:
					whole++
				}
			}
			close(stop)
			wg.Wait()
			f.Close()
			t.Logf("%s, %q: %d whole, %d gone, %d cut", where, fields, whole, gone, cut)
		}
	}
}

// A digest of the whole is of the snapshot, or there is none: the file is looked
// at again when it has been read.
func TestReprDigestIsOfItsSnapshot(t *testing.T) {
	if testing.Short() {
		t.Skip("reads gigabytes")
	}
	const size = 1 << 30
	for how, then := range map[string]func(f *os.File) error{
		"front": func(f *os.File) error { _, err := f.WriteAt([]byte("x"), 7); return err },
		"end":   func(f *os.File) error { _, err := f.WriteAt([]byte("x"), size-1); return err },
		"cut":   func(f *os.File) error { return f.Truncate(size - 1) },
	} {
		dir := t.TempDir()
		f, err := os.Create(dir + "/log")
		must(t, err)
		must(t, f.Truncate(size))
		p := start(t, Server{Root: dir})
		location := p.get(t, "HEAD", "/log").Header.Get("Content-Location")
		nc := p.dial(t)
		io.WriteString(nc, "HEAD "+location+h+"Want-Repr-Digest: sha-256=1\r\n\r\n")
		time.Sleep(100 * time.Millisecond) // it is being read, which takes seconds
		must(t, then(f))
		a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "HEAD")
		if err != nil || a.StatusCode != 410 || a.Header.Get("Repr-Digest") != "" {
			t.Errorf("%s: %v, got %q, want 410", how, err, a.raw)
		}
		f.Close()
		nc.Close()
	}
}
