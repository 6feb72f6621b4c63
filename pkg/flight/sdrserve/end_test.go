package sdrserve

import (
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
)

var (
	endRuns  = flag.Int("end-runs", 3, "how often the end of a window is tried")
	endLimit = flag.Duration("end-limit", 5*time.Second, "how late a program may be gone after the instant by which it must be, window.Margin before power may go: 0s by contract, on a machine that has nothing else to do")
)

// The program is gone soon after the end of its window, with exit 0 and its
// last line written, whatever its clients do.
func TestGoneAfterTheEnd(t *testing.T) {
	root := t.TempDir()
	f, err := os.Create(root + "/big")
	must(t, err)
	must(t, f.Truncate(5<<30))
	must(t, f.Close())
	worst := time.Duration(0)
	for run := range *endRuns {
		const length = 2 * time.Second
		p := launch(t, root, "--for", length.String(), "--drain", "300ms")
		var conns []net.Conn
		for i := range 16 {
			nc, err := net.Dial("tcp", p.addr)
			must(t, err)
			conns = append(conns, nc)
			switch i % 4 {
			case 0, 1: // busy
				io.WriteString(nc, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
				go io.Copy(io.Discard, nc)
			case 2: // stuck
				io.WriteString(nc, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
			case 3: // half a head
				io.WriteString(nc, "GET /big HT")
			}
		}
		code, lines := p.end(t)
		// The window began just before the first line was written.
		began, err := time.Parse(time.RFC3339, lines[0]["time"].(string))
		must(t, err)
		late := p.gone.Sub(began) - (length - window.Margin)
		worst = max(worst, late)
		last := lines[len(lines)-1]
		if code != 0 || last["message"] != "done" || last["cut"] != 12.0 {
			t.Fatalf("run %d: exit %d, %v", run, code, last)
		}
		cut := 0
		for _, l := range lines {
			if l["message"] == "cut" && l["cut_at"].(float64) > 0 {
				cut++
			}
		}
		if cut != 12 {
			t.Errorf("run %d: %d lines tell of a cut, want 12", run, cut)
		}
		if late > *endLimit {
			done, _ := time.Parse(time.RFC3339, last["time"].(string))
			t.Errorf("run %d: gone %v late, its last line written %v before power may go", run, late, length-done.Sub(began))
		}
		for _, nc := range conns {
			nc.Close()
		}
	}
	t.Logf("%d runs, gone at most %v after they should", *endRuns, worst)
}

// A log that takes nothing more, as on a disk that hangs, does not keep the
// program beyond its window. Here it is a pipe that nobody reads.
func TestGoneThoughTheLogHangs(t *testing.T) {
	pipe := t.TempDir() + "/log"
	must(t, syscall.Mkfifo(pipe, 0o600))
	full, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer full.Close()
	began := time.Now()
	const length = 2 * time.Second
	p := launch(t, t.TempDir(), "--for", length.String(), "--drain", "300ms", "--log", pipe)
	full.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := full.Write(make([]byte, 4<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe is not full: %v", err)
	}
	nc, err := net.Dial("tcp", p.addr)
	must(t, err)
	defer nc.Close()
	io.WriteString(nc, "GET /no HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatal("still there")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if late := p.gone.Sub(began) - (length - window.Margin); late > *endLimit {
		t.Errorf("gone %v late", late)
	}
}

// On a disk whose syncs take 400 ms the last line is synced too before power
// may go: the work ends earlier there.
func TestLastLineIsSyncedOnASlowDisk(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || runtime.GOARCH != "amd64" || testing.Short() {
		t.Skip("takes a tracer, and a moment")
	}
	dir := t.TempDir()
	const length = 4 * time.Second
	addr := "127.0.0.1:" + strconv.Itoa(freePort(t))
	cmd := command("--root", dir, "--listen", addr, "--log", dir+"/log", "--for", length.String())
	time.AfterFunc(length/4, func() { // a client that stays
		if nc, err := net.Dial("tcp", addr); err == nil {
			time.AfterFunc(length, func() { nc.Close() })
		}
	})
	cmd.Args = append([]string{strace, "-f", "-o", dir + "/trace", "-e", "trace=write,fsync", "-e", "inject=fsync:delay_enter=400000", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = strace
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	must(t, err)
	trace, err := os.ReadFile(dir + "/trace")
	must(t, err)
	_, last, done := strings.Cut(string(trace), `"done`)
	if !done {
		_, last, done = strings.Cut(string(trace), `requests`) // strace shows the first bytes of a write
	}
	if !done || !regexp.MustCompile(`fsync(\(| resumed).*= 0`).MatchString(last) || took > length+*endLimit/4 {
		t.Errorf("gone after %v; %s\n%s", took, out, trace)
	}
}

// A signal is the end of the window, at once.
func TestSignalIsTheEnd(t *testing.T) {
	root := t.TempDir()
	f, err := os.Create(root + "/big")
	must(t, err)
	must(t, f.Truncate(5<<30))
	must(t, f.Close())
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := launch(t, root)
		nc, err := net.Dial("tcp", p.addr)
		must(t, err)
		io.WriteString(nc, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
		io.CopyN(io.Discard, nc, 1<<20)
		began := time.Now()
		must(t, p.cmd.Process.Signal(sig))
		code, lines := p.end(t)
		if took := time.Since(began); took > *endLimit {
			t.Errorf("%v: gone after %v", sig, took)
		}
		if last := lines[len(lines)-1]; code != 0 || last["cut"] != 1.0 {
			t.Errorf("%v: exit %d, %v", sig, code, last)
		}
		if _, err := io.Copy(io.Discard, nc); err == nil {
			t.Errorf("%v: the client saw a clean end", sig)
		}
		nc.Close()
	}
}

// The window of a satellite whose clock was never set ends by --for; a clock
// that agrees lets --until decide. Both mean the instant at which power may go.
func TestUntil(t *testing.T) {
	for _, c := range []struct {
		until time.Duration // from now
		length,
		want time.Duration
	}{
		{2 * time.Second, 30 * time.Second, 2 * time.Second},
		{24 * time.Hour, 2 * time.Second, 2 * time.Second},
		{-24 * time.Hour, 2 * time.Second, 2 * time.Second},
	} {
		began := time.Now()
		until := began.Add(c.until + time.Second - 1) // whole seconds only
		p := launch(t, t.TempDir(), "--until", strconv.FormatInt(until.Unix(), 10), "--for", c.length.String(), "--drain", "0s")
		code, lines := p.end(t)
		from := c.want - window.Margin - closing - 20*time.Millisecond
		if took := p.gone.Sub(began); code != 0 || took < from || took > from+*endLimit+time.Second+closing {
			t.Errorf("until %v, for %v: exit %d after %v, want %v before %v", c.until, c.length, code, took, window.Margin, c.want)
		}
		if last := lines[len(lines)-1]; last["message"] != "done" {
			t.Errorf("until %v, for %v: the last line is %v", c.until, c.length, last)
		}
	}
}

// --for counts from the start of the process, in which another program (that
// unpacked this one) may have run before.
func TestForCountsFromTheStartOfTheProcess(t *testing.T) {
	if os.Getenv("EMULATOR") != "" {
		t.Skip("pkg/flight/window has the test that runs under an emulator")
	}
	const length = 4 * time.Second
	cmd := command("--root", t.TempDir(), "--listen", "127.0.0.1:"+strconv.Itoa(freePort(t)), "--log", "-", "--for", length.String())
	cmd.Args = append([]string{"sh", "-c", `sleep 3; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if took := time.Since(began); err != nil || took > length-window.Margin+*endLimit/4 {
		t.Errorf("%v after %v, want it gone before %v: %s", err, took, length, out)
	}
}
