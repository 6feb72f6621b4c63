package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// peers are the servers that a payload may have (docs/platform.md); each shares
// root on port.
var peers = []struct {
	name  string
	start func(t *testing.T, root string, port int)
}{
	{"sdr-serve", func(t *testing.T, root string, port int) { sdr(t, root, fmt.Sprint("127.0.0.1:", port)) }},
	{"python", func(t *testing.T, root string, port int) {
		c := exec.Command(peer(t, "python3"), "-m", "http.server", fmt.Sprint(port), "--bind", "127.0.0.1", "--directory", root)
		start(t, c)
		waitFor(t, fmt.Sprint("127.0.0.1:", port))
	}},
	{"busybox", func(t *testing.T, root string, port int) {
		c := exec.Command(peer(t, "busybox"), "httpd", "-f", "-p", fmt.Sprint("127.0.0.1:", port), "-h", root)
		start(t, c)
		waitFor(t, fmt.Sprint("127.0.0.1:", port))
	}},
	{"nginx", func(t *testing.T, root string, port int) {
		dir := t.TempDir()
		conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error;
events {} http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c;
uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e; server { listen 127.0.0.1:%[2]d; root %[3]s; } }`, dir, port, root)
		if os.Getuid() == 0 {
			conf = "user root; " + conf
		}
		os.WriteFile(dir+"/conf", []byte(conf), 0o644)
		c := exec.Command(peer(t, "nginx"), "-c", dir+"/conf", "-e", dir+"/error")
		start(t, c)
		waitFor(t, fmt.Sprint("127.0.0.1:", port))
	}},
}

// peer is the path of a program that need not be there, unless REQUIRE_PEERS
// says so.
func peer(t testing.TB, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		if p = "/usr/sbin/" + name; exec.Command(p, "-v").Run() == nil {
			return p
		}
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return p
}

// A writer appends numbered lines to a log, as syslog does, and can rotate it.
type writer struct {
	path string
	mu   sync.Mutex
	f    *os.File
	n    int
	stop atomic.Bool
	done chan struct{}
}

func write(t *testing.T, path string, rotate string) *writer {
	w := &writer{path: path, done: make(chan struct{})}
	w.open(t)
	w.f.WriteString(lines(0, 300_000))
	w.n = strings.Count(lines(0, 300_000), "\n")
	go func() {
		defer close(w.done)
		for i := 0; !w.stop.Load(); i++ {
			w.mu.Lock()
			for range 20 {
				fmt.Fprintf(w.f, "%012d the quick brown fox jumps over the lazy dog, and so on\n", w.n)
				w.n++
			}
			if i%30 == 29 {
				switch rotate {
				case "rename":
					os.Rename(path, path+".1")
					w.f.Close()
					w.open(t)
				case "copytruncate":
					data, _ := os.ReadFile(path)
					os.WriteFile(path+".1", data, 0o644)
					w.f.Truncate(0)
				}
			}
			w.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		w.f.Close()
	}()
	t.Cleanup(func() { w.stop.Store(true); <-w.done })
	return w
}

func (w *writer) open(t *testing.T) {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Error(err)
	}
	w.f = f
}

// oneLog reports what is wrong with a file that should be consecutive lines of
// one generation, the last of which may be cut.
func oneLog(data string, rotated bool) error {
	next := -1
	for len(data) > 0 {
		line, rest, whole := strings.Cut(data, "\n")
		if !whole {
			return nil
		}
		var n int
		if len(line) < 13 {
			return fmt.Errorf("a short line %q", line)
		}
		if _, err := fmt.Sscanf(line[:12], "%d", &n); err != nil || !strings.HasSuffix(line, "so on") {
			return fmt.Errorf("a broken line %q behind %d", line, next-1)
		}
		if next >= 0 && n != next || next < 0 && n != 0 && !rotated {
			return fmt.Errorf("line %d where %d belongs", n, next)
		}
		next = n + 1
		data = rest
	}
	return nil
}

// TestLiveLog fetches a log again and again while it is written and rotated,
// from every kind of server: never a gap, a duplicate or a mix.
func TestLiveLog(t *testing.T) {
	runs := 5
	if testing.Short() {
		runs = 2
	}
	for _, p := range peers {
		for _, rotate := range []string{"append", "rename", "copytruncate"} {
			t.Run(p.name+"/"+rotate, func(t *testing.T) {
				dir := memory(t)
				root := filepath.Join(dir, "root")
				os.Mkdir(root, 0o755)
				b := newBox(t, dir)
				write(t, root+"/syslog", rotate)
				p.start(t, root, b.port)
				for range runs {
					r := b.fetch("--for", "6s", "--reserve", "500ms", "/syslog=log0")
					whole := 0
					for name, data := range r.files {
						if err := oneLog(data, rotate != "append"); err != nil {
							t.Errorf("%s: %d bytes: %v\n%+v\n%s", name, len(data), err, r.receipts, r.log)
						}
						if name == "log0" {
							whole++
						}
					}
					// A log that is truncated 20 times a second cannot always be caught.
					if whole == 0 && (rotate == "append" || p.name == "sdr-serve") {
						t.Errorf("exit %d, nothing whole: %+v\n%s", r.exit, r.receipts, r.log)
					}
					b.empty()
				}
			})
		}
	}
}
