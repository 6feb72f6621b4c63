package sdrserve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"--version", 0, "sdr-serve dev"},
		{"--help", 0, "--max-conns"},
		{"--nope", 2, "--nope"},
		{"--listen 127.0.0.1:80", 2, "--listen"},
		{"--listen 127.0.0.1", 2, "--listen"},
		{"--listen localhost:10101", 2, "--listen"},
		{"--root /etc/passwd", 2, "--root"},
		{"--root /no/such/dir", 2, "--root"},
		{"--allow 10.2.1", 2, "--allow"},
		{"--allow 10.2.1.0/33", 2, "--allow"},
		{"--max-conns 0", 2, "--max-conns"},
		{"--max-conns x", 2, "--max-conns"},
		{"--drain -1s", 2, "--drain"},
		{"--until never", 2, "--until"},
		{"--for 0s", 2, "--for"},
		{"extra", 2, "extra"},
		{"--listen 192.0.2.1:10101", 1, "cannot listen"},
	} {
		cmd := command(append([]string{"--log", "-"}, strings.Fields(c.args)...)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.Run()
		text := out.String() + errs.String()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s: got exit %d and %q, want %d and %q", c.args, code, text, c.code, c.says)
		}
		if c.code == 2 && strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%s: not one sentence: %q", c.args, errs.String())
		}
	}
}

func TestPortTaken(t *testing.T) {
	p := launch(t, t.TempDir())
	cmd := command("--listen", p.addr, "--log", "-")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !bytes.Contains(out, []byte("address already in use")) {
		t.Errorf("got exit %d, %s", code, out)
	}
}

// What the log says: a line for each request that matters, a summary at the
// end, and nothing raw from the wire.
func TestLog(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(root+"/f", []byte("0123456789"), 0o644))
	must(t, os.WriteFile(root+"/new\nline\x1b[31m\xff", []byte("odd"), 0o644))
	p := launch(t, root)
	get(t, p.url("/f"))
	get(t, p.url("/new%0Aline%1b[31m%ff"))
	get(t, p.url("/nope"))
	nc, err := net.Dial("tcp", p.addr)
	must(t, err)
	io.WriteString(nc, "GET /f HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\nGE\x1bT / HTTP/1.1\r\n\r\n")
	io.ReadAll(nc)
	nc.Close()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	code, lines := p.end(t)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	b, _ := os.ReadFile(p.log)
	for _, c := range bytes.ReplaceAll(b, []byte("\n"), nil) {
		if c < ' ' || c > '~' {
			t.Fatalf("byte %#x in the log: %q", c, b)
		}
	}
	find := func(want map[string]any) {
		for _, l := range lines {
			same := true
			for k, v := range want {
				same = same && fmt.Sprint(l[k]) == fmt.Sprint(v)
			}
			if same {
				return
			}
		}
		t.Errorf("no line has %v in\n%s", want, b)
	}
	find(map[string]any{"message": "serving", "listen": p.addr, "level": "info"})
	find(map[string]any{"message": "request", "method": "GET", "path": "/f", "status": 200, "bytes": 10, "complete": true, "level": "info"})
	find(map[string]any{"path": "/new%0Aline%1B%5B31m%FF", "status": 200})
	find(map[string]any{"path": "/nope", "status": 404, "level": "warn"})
	find(map[string]any{"path": "/f", "status": 206, "range": "bytes=2-4", "bytes": 3})
	find(map[string]any{"status": 400})
	last := lines[len(lines)-1]
	if last["message"] != "done" || last["requests"] != 5.0 || last["clients"] != 1.0 || last["refused"] != 0.0 || last["cut"] != 0.0 || last["exit"] != 0.0 || last["bytes"].(float64) < 16 {
		t.Errorf("last line: %v", last)
	}
}

// A flood of requests does not fill the disk, and is counted.
func TestLogIsRateLimited(t *testing.T) {
	root := t.TempDir()
	began := time.Now()
	p := launch(t, root)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			nc, err := net.Dial("tcp", p.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			r := bufio.NewReader(nc)
			for range 5000 {
				io.WriteString(nc, "GET /"+strings.Repeat("%ff", 300)+" HTTP/1.1\r\nHost: a\r\n\r\n")
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body)
			}
		})
	}
	wg.Wait()
	must(t, p.cmd.Process.Signal(syscall.SIGINT))
	code, lines := p.end(t)
	last := lines[len(lines)-1]
	if code != 0 || last["requests"] != 20000.0 {
		t.Fatalf("exit %d, %v", code, last)
	}
	logged := 0
	for _, l := range lines {
		if l["message"] == "request" {
			logged++
		}
	}
	if logged < burst || logged > burst+2+int(time.Since(began)/interval) || float64(logged)+last["omitted"].(float64) != 20000 {
		t.Errorf("%d lines logged, %v omitted", logged, last["omitted"])
	}
	if fi, err := os.Stat(p.log); err != nil || fi.Size() > int64(logged+10)*700 {
		t.Errorf("log: %v, %d bytes", err, fi.Size())
	}
}

// What another user may not read is 403.
func TestUnreadable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("cannot become another user")
	}
	root := t.TempDir()
	for dir := root; dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	must(t, os.WriteFile(root+"/f", []byte("x"), 0o600))
	must(t, os.WriteFile(root+"/g", []byte("x"), 0o644))
	must(t, os.Mkdir(root+"/d", 0o700))
	must(t, os.Mkdir(root+"/x", 0o711))
	must(t, os.WriteFile(root+"/x/f", []byte("x"), 0o644))
	must(t, os.Mkdir(root+"/i", 0o711))
	must(t, os.WriteFile(root+"/i/index.html", []byte("x"), 0o644))
	// The test binary itself is out of reach for others.
	exe := filepath.Join(root, "exe")
	self, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(exe, b, 0o755))
	addr := "127.0.0.1:" + strconv.Itoa(freePort(t))
	cmd := started(exe, "--root", root, "--listen", addr, "--log", "-")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	bufio.NewReader(stderr).ReadString('\n')
	for path, want := range map[string]int{"/f": 403, "/g": 200, "/d/": 403, "/d": 301, "/d/x": 403, "/x/": 403, "/x/f": 200, "/": 200, "/i/": 200} {
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get("http://" + addr + path)
		must(t, err)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, res.StatusCode, want)
		}
	}
}
