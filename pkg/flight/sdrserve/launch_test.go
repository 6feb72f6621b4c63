package sdrserve

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/agent"
)

// TestMain makes the test binary the program when it is told to.
func TestMain(m *testing.M) {
	switch os.Getenv("SDR_SERVE_TEST") {
	case "1":
		agent.Main(Run)
	case "both":
		agent.Main(RunBoth)
	}
	os.Exit(m.Run())
}

// command is the program with args, and an environment as empty as a payload's.
func command(args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return started(exe, args...)
}

// started is the program in the file exe, through the emulator where it is one
// for another processor.
func started(exe string, args ...string) *exec.Cmd {
	argv := append([]string{exe}, args...)
	if emulator := os.Getenv("EMULATOR"); emulator != "" {
		argv = append([]string{emulator}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"SDR_SERVE_TEST=1", "GORACE=atexit_sleep_ms=0"} // -race would sleep a second at exit
	return cmd
}

// A program is sdr-serve at work.
type program struct {
	cmd  *exec.Cmd
	addr string
	log  string // file
	done chan struct{}
	gone time.Time // when it was seen to have exited
}

// launch starts the program on root; it is ended with the test.
func launch(t testing.TB, root string, args ...string) *program {
	t.Helper()
	p := &program{log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	for range 20 {
		p.addr = "127.0.0.1:" + strconv.Itoa(freePort(t))
		p.cmd = command(append([]string{"--root", root, "--listen", p.addr, "--log", p.log}, args...)...)
		stderr, err := p.cmd.StderrPipe()
		must(t, err)
		must(t, p.cmd.Start())
		r := bufio.NewReader(stderr)
		line, _ := r.ReadString('\n')
		go io.Copy(io.Discard, r)
		if strings.Contains(line, `"message":"serving"`) {
			go func() {
				p.cmd.Wait()
				p.gone = time.Now()
				close(p.done)
			}()
			t.Cleanup(func() {
				p.cmd.Process.Kill()
				<-p.done
			})
			return p
		}
		p.cmd.Wait()
		if !strings.Contains(line, "address already in use") {
			t.Fatalf("did not start: %s", line)
		}
	}
	t.Fatal("no free port")
	return nil
}

func (p *program) url(path string) string { return "http://" + p.addr + path }

// end waits for the program and returns its exit code and the lines of its log.
func (p *program) end(t testing.TB) (code int, lines []map[string]any) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatal("still there")
	}
	b, err := os.ReadFile(p.log)
	must(t, err)
	for _, s := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var l map[string]any
		if err := json.Unmarshal([]byte(s), &l); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		lines = append(lines, l)
	}
	return p.cmd.ProcessState.ExitCode(), lines
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freePort is a port that payloads may use, and that was free.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		port := ln.Addr().(*net.TCPAddr).Port
		ln.Close()
		if port >= agent.MinPort {
			return port
		}
	}
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(b)
}
