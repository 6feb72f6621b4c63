package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Soak is windows back to back for a long time: one server that serves all of
// them, a fetcher's process for each, on one stage, against a log that grows
// and rotates; every fourth fetcher is killed. Meanwhile the server is visited
// by what makes a server leak: clients that say nothing, that stop reading,
// that leave in the middle. A second pair of both agents runs inside this
// program, where their goroutines can be counted.
type Soak struct {
	For time.Duration
	Bin string    // directory of the agents' programs
	Dir string    // scratch, made and removed
	Say io.Writer // progress, may be nil
}

// Run soaks. It returns what it has when ctx ends.
func (s Soak) Run(ctx context.Context) (l *Levels, err error) {
	if err := os.RemoveAll(s.Dir); err != nil {
		return nil, err
	}
	defer os.RemoveAll(s.Dir)
	root, out := filepath.Join(s.Dir, "root"), filepath.Join(s.Dir, "outbox")
	stage := filepath.Join(s.Dir, "stage")
	for _, d := range []string{root, out} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	j, err := newJournal(filepath.Join(root, "log"), 300_000)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().String()
	ln.Close()
	server := exec.Command(filepath.Join(s.Bin, "sdr-serve"), "--listen", addr, "--root", root, "--log", "-", "--for", (s.For + time.Minute).String())
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() {
		server.Process.Signal(os.Interrupt)
		err = errors.Join(err, server.Wait())
	}()
	in, err := s.inside(ctx, root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.end()) }()
	time.Sleep(300 * time.Millisecond)

	l = newLevels()
	begin := time.Now()
	for n := 1; time.Since(begin) < s.For && ctx.Err() == nil; n++ {
		// What the log does between two windows and in them.
		j.mu.Lock()
		err := j.write(10_000)
		j.mu.Unlock()
		if err == nil && n%5 == 0 {
			err = j.rotate(200_000, 0)
		}
		if err != nil {
			return l, err
		}
		if n%5 == 0 && len(j.gens) > 3 { // a log as long as the soak is none
			j.gens = j.gens[len(j.gens)-3:]
		}
		visit(addr, n)
		visit(in.addr, n)
		if code := in.window(ctx, n); code != 0 {
			l.wrong = append(l.wrong, fmt.Sprintf("window %d inside this program: exit %d: %.500s", n, code, in.said.Bytes()))
		}
		if err := s.window(ctx, l, j, addr, out, stage, n); err != nil {
			return l, err
		}
		l.Windows = n
		if l.looks() {
			s.levels(l, server.Process.Pid, stage, out)
		}
		if s.Say != nil && n%20 == 0 {
			fmt.Fprintf(s.Say, "\r%d windows ", n)
		}
	}
	if s.Say != nil {
		fmt.Fprint(s.Say, "\r")
	}
	l.Took = time.Since(begin)
	return l, nil
}

// window is one run of the fetcher, judged like a pass.
func (s Soak) window(ctx context.Context, l *Levels, j *journal, addr, out, stage string, n int) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.Bin, "sabertooth-fetch"), "--from", addr, "--outbox", out, "--stage", stage,
		"--log", filepath.Join(out, "sabertooth-fetch.log"), "--run", fmt.Sprint(n), "--for", "20s", "--reserve", "300ms", "/log="+logName)
	if err := cmd.Start(); err != nil {
		return err
	}
	dies := n%4 == 0
	if dies {
		time.Sleep(rand.N(30 * time.Millisecond))
		cmd.Process.Kill()
	}
	seen := make(chan float64, 1)
	if !dies && l.looks() {
		go watch(cmd.Process.Pid, seen)
	} else {
		close(seen)
	}
	err := cmd.Wait()
	if peak := <-seen; peak > 0 {
		l.add("fetcher: peak", peak/1e6)
	}
	files := map[string][]byte{}
	rows, derr := os.ReadDir(out)
	if derr != nil {
		return derr
	}
	for _, row := range rows {
		body, err := os.ReadFile(filepath.Join(out, row.Name()))
		if err != nil {
			return err
		}
		files[row.Name()] = body
		// The operator empties the outbox between windows (docs/platform.md).
		if err := os.Remove(filepath.Join(out, row.Name())); err != nil {
			return err
		}
	}
	body, whole := files[logName]
	if whole {
		if g, from := j.whose(body); g == nil || from != 0 {
			l.wrong = append(l.wrong, fmt.Sprintf("window %d: %d bytes that are of no one generation", n, len(body)))
		}
	}
	if !dies && (err != nil || !whole || files[logName+".receipt.json"] == nil) {
		l.wrong = append(l.wrong, fmt.Sprintf("window %d: %v, file %v, receipt %.300s", n, err, whole, files[logName+".receipt.json"]))
	}
	return nil
}

// watch sends the highest memory of a process that it saw before its end, in
// bytes. What wait4 says of it counts also what it was forked from.
func watch(pid int, seen chan<- float64) {
	peak := 0.0
	for dir := fmt.Sprintf("/proc/%d", pid); ; time.Sleep(time.Millisecond) {
		now := status(dir, "VmHWM:")
		if now == 0 {
			break
		}
		peak = now
	}
	seen <- peak
}

// visit leaves the server with what clients do to it.
func visit(addr string, n int) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return
	}
	switch n % 3 {
	case 0: // says nothing and goes
	case 1: // leaves in the middle
		io.WriteString(conn, "GET /log HTTP/1.1\r\nHost: a\r\n\r\n")
		conn.Read(make([]byte, 1000))
		conn.(*net.TCPConn).SetLinger(0)
	case 2: // talks nonsense
		io.WriteString(conn, "\x16\x03\x01 nonsense\r\n\r\n")
	}
	conn.Close()
}
