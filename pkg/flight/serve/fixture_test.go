package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
)

// fixture is the tree of the case tables.
func fixture(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	put := func(name, content string) {
		t.Helper()
		path := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
		must(t, os.Chtimes(path, old, old))
	}
	put("f11", "0123456789\n")
	put("empty", "")
	put("future", "later")
	must(t, os.Chtimes(filepath.Join(root, "future"), old, time.Now().Add(24*time.Hour)))
	put("d/index.html", "<p>index\n")
	put("d/f11", "in d\n")
	put("dir/a", "a")
	put("etc/hostname", "sat\n")
	for _, name := range []string{"bad\xff\xfe", "sp ace", "new\nline", "per%cent", "q?uery", "ha#sh", `quo"te'`, "<b>&amp;", "-dash", "a:b", "ünï", "per%20cent"} {
		put("names/"+name, "name "+name)
	}
	must(t, os.Symlink("loop", filepath.Join(root, "loop")))
	must(t, os.Symlink("f11", filepath.Join(root, "link")))
	must(t, os.Symlink("nowhere", filepath.Join(root, "dangling")))
	must(t, syscall.Mkfifo(filepath.Join(root, "fifo"), 0o644))
	sparse, err := os.Create(filepath.Join(root, "sparse5g"))
	must(t, err)
	_, err = sparse.WriteAt([]byte("TAIL"), sparseSize-4)
	must(t, err)
	_, err = sparse.WriteAt([]byte("4GiB!"), 1<<32)
	must(t, err)
	must(t, sparse.Close())
	must(t, os.Chtimes(filepath.Join(root, "sparse5g"), old, old))
	return root
}

const sparseSize = 5368709120

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A peer is a running Server.
type peer struct {
	addr   string
	window *window.Window
	done   chan struct{} // closed when Serve has returned
	sum    Summary
	err    error

	mu     sync.Mutex
	events []Event
}

// start runs s on a port of its own until the test ends.
func start(t testing.TB, s Server) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return startOn(t, s, ln)
}

func startOn(t testing.TB, s Server, ln net.Listener) *peer {
	p := &peer{addr: ln.Addr().String(), done: make(chan struct{})}
	if s.Window == nil {
		s.Window = window.Spec{}.Open()
	}
	p.window = s.Window
	report := s.Events
	s.Events = func(e Event) {
		p.mu.Lock()
		p.events = append(p.events, e)
		p.mu.Unlock()
		if report != nil {
			report(e)
		}
	}
	go func() {
		defer close(p.done)
		p.sum, p.err = s.Serve(context.Background(), ln)
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop ends the window and returns what Serve did.
func (p *peer) stop(t testing.TB) Summary {
	t.Helper()
	p.window.Close()
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Fatal("Serve did not return")
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.sum
}

// happened returns the events so far.
func (p *peer) happened() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Event(nil), p.events...)
}

// waitFor polls until ok, and fails the test when that takes too long even on
// a machine that has other things to do.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: did not happen within 30 s", what)
}

// dial connects to p.
func (p *peer) dial(t testing.TB) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", p.addr)
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(time.Minute))
	return nc
}

// An answer is one response off the wire.
type answer struct {
	*http.Response
	body string
	raw  string // the head, as it came
}

// readAnswer reads one response with the parser of net/http. r must have room
// for a whole head.
func readAnswer(r *bufio.Reader, method string) (answer, error) {
	raw := ""
	for n := 1; ; n = r.Buffered() + 1 {
		b, err := r.Peek(n)
		if err != nil {
			return answer{raw: string(b)}, err
		}
		b, _ = r.Peek(r.Buffered())
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			raw = string(b[:i+4])
			break
		}
	}
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return answer{raw: raw}, err
	}
	body, err := io.ReadAll(res.Body)
	return answer{res, string(body), raw}, err
}

// get asks for path on a connection of its own, with extra header lines.
func (p *peer) get(t testing.TB, method, path string, lines ...string) answer {
	t.Helper()
	nc := p.dial(t)
	defer nc.Close()
	_, err := io.WriteString(nc, method+" "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+strings.Join(append(lines, ""), "\r\n")+"\r\n")
	must(t, err)
	a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), method)
	if err != nil {
		t.Fatalf("%s %s: %v in %q", method, path, err, a.raw)
	}
	return a
}

// isReset reports whether err says that the peer reset the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func mkfifo(t testing.TB, path string) {
	t.Helper()
	must(t, syscall.Mkfifo(path, 0o644))
}

// serveForever serves root on an address that it prints, with its process id.
func serveForever(root string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr(), os.Getpid())
	(&Server{Root: root}).Serve(context.Background(), ln)
}
