package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Soak is windows back to back for a long time: one server that serves all of
// them, a fetcher's process for each, on one stage, against a log that grows
// and rotates; every fourth fetcher is killed. Meanwhile the server is visited
// by what makes a server leak: clients that say nothing, that stop reading,
// that leave in the middle.
type Soak struct {
	For time.Duration
	Bin string    // directory of the agents' programs
	Dir string    // scratch, made and removed
	Say io.Writer // progress, may be nil
}

// A level is one thing that must stay flat, window after window.
type level struct {
	name string
	unit string
	room float64 // by how much its last quarter may stand above its first
	seen []float64
}

// Levels are the results of a Soak.
type Levels struct {
	Windows int
	Took    time.Duration
	all     []*level
	wrong   []string
}

func newLevels() *Levels {
	return &Levels{all: []*level{
		{name: "server: descriptors", room: 0},
		{name: "server: memory (VmRSS)", unit: "MB", room: 4},
		{name: "server: threads", room: 1},
		{name: "fetcher: peak memory (ru_maxrss)", unit: "MB", room: 4},
		{name: "stage and outbox: bytes on disk", unit: "KB", room: 64},
		{name: "fetcher: descriptors in the middle of its work", room: 2},
		{name: "payloads' directories: files", room: 2},
		{name: "this program: goroutines", room: 2},
	}}
}

func (l *Levels) add(name string, v float64) {
	for _, x := range l.all {
		if strings.HasPrefix(x.name, name) {
			x.seen = append(x.seen, v)
		}
	}
}

// quarters are the medians of the first and the last quarter; the first few
// windows are warming up.
func (x *level) quarters() (first, last float64) {
	s := x.seen[min(3, len(x.seen)/4):]
	if len(s) < 4 {
		return 0, 0
	}
	n := max(len(s)/4, 1)
	return median(s[:n]), median(s[len(s)-n:])
}

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// Flat says whether all levels are.
func (l *Levels) Flat() bool {
	for _, x := range l.all {
		if first, last := x.quarters(); last > first+x.room {
			return false
		}
	}
	return len(l.wrong) == 0
}

// Text is the result, also fit for a Markdown file.
func (l *Levels) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d windows in %s\n\n| | unit | first quarter | last quarter | most | flat |\n|---|---|---:|---:|---:|---|\n", l.Windows, l.Took.Round(time.Second))
	for _, x := range l.all {
		if len(x.seen) == 0 {
			continue
		}
		first, last := x.quarters()
		flat := "yes"
		if last > first+x.room {
			flat = "NO"
		}
		fmt.Fprintf(&b, "| %s | %s | %.4g | %.4g | %.4g | %s |\n", x.name, x.unit, first, last, slices.Max(x.seen), flat)
	}
	for _, w := range l.wrong {
		fmt.Fprintf(&b, "\nWRONG: %s\n", w)
	}
	return b.String()
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
		if err := s.window(ctx, l, j, addr, out, stage, n); err != nil {
			return l, err
		}
		l.Windows = n
		s.levels(l, server.Process.Pid, stage, out)
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
		"--log", filepath.Join(out, "sabertooth-fetch.log"), "--run", fmt.Sprint(n), "--for", "5s", "--reserve", "300ms", "/log="+logName)
	if err := cmd.Start(); err != nil {
		return err
	}
	dies := n%4 == 0
	if dies {
		time.Sleep(rand.N(30 * time.Millisecond))
		cmd.Process.Kill()
	} else {
		time.Sleep(5 * time.Millisecond)
		l.add("fetcher: descriptors", count(fmt.Sprintf("/proc/%d/fd", cmd.Process.Pid)))
	}
	err := cmd.Wait()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && !dies {
		l.add("fetcher: peak", float64(u.Maxrss)*1024/1e6)
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
		// The operator empties the outbox between windows (platform.md).
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

func (s Soak) levels(l *Levels, pid int, stage, out string) {
	// What the visitors of this window left must be gone by itself.
	time.Sleep(50 * time.Millisecond)
	dir := fmt.Sprintf("/proc/%d", pid)
	l.add("server: descriptors", count(dir+"/fd"))
	l.add("server: threads", count(dir+"/task"))
	l.add("server: memory", status(dir, "VmRSS:")/1e6)
	bytes, files := 0.0, 0.0
	for _, d := range []string{stage, out} {
		filepath.WalkDir(d, func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return nil
			}
			if fi, err := e.Info(); err == nil {
				bytes += float64(fi.Size())
				files++
			}
			return nil
		})
	}
	l.add("stage and outbox", bytes/1e3)
	l.add("payloads' directories", files)
	l.add("this program", float64(runtime.NumGoroutine()))
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

func count(dir string) float64 {
	rows, _ := os.ReadDir(dir)
	return float64(len(rows))
}

// status is a field of /proc/PID/status in bytes.
func status(dir, field string) float64 {
	b, _ := os.ReadFile(dir + "/status")
	_, rest, _ := strings.Cut(string(b), field)
	if f := strings.Fields(rest); len(f) > 0 {
		n, _ := strconv.ParseFloat(f[0], 64)
		return n * 1024
	}
	return 0
}
