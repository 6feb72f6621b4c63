package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A box is a stage and an outbox, and what runs on them.
type box struct {
	t             testing.TB
	stage, outbox string
	port          int
	bad           []string
	watch         *fsnotify.Watcher
	done          chan struct{}
}

func newBox(t testing.TB, dir string) *box {
	t.Helper()
	b := &box{t: t, stage: dir + "/stage", outbox: dir + "/outbox", port: freePort(t), done: make(chan struct{})}
	if err := os.MkdirAll(b.outbox, 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	b.watch = w
	w.Add(b.outbox)
	go func() {
		defer close(b.done)
		for e := range w.Events {
			name := filepath.Base(e.Name)
			if e.Op.Has(fsnotify.Write) && name[0] != '#' && name != "log" {
				b.bad = append(b.bad, e.String())
			}
		}
	}()
	t.Cleanup(func() {
		w.Close()
		<-b.done
		for _, e := range b.bad {
			t.Errorf("the outbox showed an unfinished file: %s", e)
		}
	})
	return b
}

func (b *box) addr() string { return fmt.Sprint("127.0.0.1:", b.port) }

func (b *box) args(more ...string) []string {
	return append([]string{"--outbox", b.outbox, "--stage", b.stage, "--log", "-"}, more...)
}

func (b *box) command(more ...string) *exec.Cmd {
	c := exec.Command(program(b.t, "sabertooth-fetch"), b.args(more...)...)
	c.Env = []string{"GORACE=atexit_sleep_ms=0"} // -race would sleep a second at exit
	return c
}

type result struct {
	exit     int
	took     time.Duration
	end      time.Time
	log      string
	files    map[string]string
	receipts map[string]receipt
}

type receipt struct {
	Status, Verified, Reason, SHA256 string
	Size, Attempts                   int64
	Unchanged                        *string
	Received                         int64 `json:"bytes_received"`
	Exit                             int
	Errors                           map[string]int64
	Sealed                           []struct {
		Name, SHA256 string
		Size         int64
	}
}

// fetch runs the program and checks that receipt, exit code and content agree.
func (b *box) fetch(more ...string) result {
	b.t.Helper()
	c := b.command(append([]string{"--from", b.addr()}, more...)...)
	var log strings.Builder
	c.Stderr = &log
	begin := time.Now()
	err := c.Run()
	end := time.Now()
	r := b.look()
	r.took, r.end, r.log = end.Sub(begin), end, log.String()
	if e, ok := err.(*exec.ExitError); ok {
		r.exit = e.ExitCode()
	} else if err != nil {
		b.t.Fatal(err)
	}
	b.agree(r)
	return r
}

func (b *box) look() (r result) {
	b.t.Helper()
	r.files, r.receipts = map[string]string{}, map[string]receipt{}
	list, err := os.ReadDir(b.outbox)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list {
		data, err := os.ReadFile(b.outbox + "/" + e.Name())
		if err != nil {
			b.t.Fatal(err)
		}
		if name, ok := strings.CutSuffix(e.Name(), ".receipt.json"); ok {
			var x receipt
			if err := json.Unmarshal(data, &x); err != nil {
				b.t.Fatalf("%s: %v: %q", e.Name(), err, data)
			}
			r.receipts[name] = x
		} else if e.Name() != "log" {
			r.files[e.Name()] = string(data)
		}
	}
	return r
}

func (b *box) agree(r result) {
	b.t.Helper()
	for name, x := range r.receipts {
		if told(x) {
			continue
		}
		file := map[string]string{"complete": name, "partial": name + ".part"}[x.Status]
		if file != "" && sum(r.files[file]) != x.SHA256 {
			b.t.Errorf("%s is not what its receipt says: %+v", file, x)
		}
		if r.exit >= 0 && x.Exit != r.exit {
			b.t.Errorf("%s: exit %d, the receipt says %d", name, r.exit, x.Exit)
		}
	}
}

// told reports that a receipt is about a file that an earlier run published.
func told(x receipt) bool {
	return x.Unchanged != nil || strings.Contains(x.Reason, "no receipt of that run is known")
}

func (b *box) empty() {
	b.t.Helper()
	list, _ := os.ReadDir(b.outbox)
	for _, e := range list {
		os.Remove(b.outbox + "/" + e.Name())
	}
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// start runs a server until the test ends.
func start(t testing.TB, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
}

// sdr runs sdr-serve on a directory.
func sdr(t testing.TB, root, addr string, more ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(program(t, "sdr-serve"), append([]string{"--listen", addr, "--root", root, "--log", "-"}, more...)...)
	start(t, c)
	waitFor(t, addr)
	return c
}

// memory is a directory in memory where there is one.
func memory(t testing.TB) string {
	t.Helper()
	if d, err := os.MkdirTemp("/dev/shm", "fetch-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(d) })
		return d
	}
	return t.TempDir()
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// began is when the program itself began, by its log; what the kernel and the
// loader took before does not count (--for is from the start of the process).
func (r result) began(t testing.TB) time.Time {
	t.Helper()
	var line struct{ Time time.Time }
	first, _, _ := strings.Cut(r.log, "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		t.Errorf("%v: %q", err, first)
	}
	return line.Time
}
