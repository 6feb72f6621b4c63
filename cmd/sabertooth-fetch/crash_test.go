package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/sabertooth"
)

// TestKill kills the program at a random instant, again and again, and lets
// the last run finish: what is in the outbox is final at every moment, what
// was proven is not fetched twice, and the end is the whole file.
// FETCH_KILLS sets how often.
func TestKill(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 40
	}
	if s := os.Getenv("FETCH_KILLS"); s != "" {
		kills, _ = strconv.Atoi(s)
	}
	dir := memory(t)
	root := dir + "/served"
	os.Mkdir(root, 0o755)
	b := newBox(t, dir)
	sdr(t, root, b.addr(), "--for", "20m")
	killed, finished := 0, 0
	for round := 0; killed < kills; round++ {
		data := lines(round*1_000_000, 6<<20+rand.IntN(1<<20))
		if err := os.WriteFile(root+"/f", []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		came := false
		for n := 0; n < 20; n++ {
			c := b.command("--from", b.addr(), "--for", "10s", "--piece", "64KiB", "/f")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
			c.Process.Signal(syscall.SIGKILL)
			killed++
			if c.Wait() == nil {
				finished++
				killed--
			}
			r := b.look()
			for name, got := range r.files {
				if got != data && !(strings.HasSuffix(name, ".part")) {
					t.Fatalf("killed: %s has %d bytes, want %d", name, len(got), len(data))
				}
			}
			for name, x := range r.receipts {
				if !told(x) && x.Status == "complete" && sum(r.files[name]) != x.SHA256 {
					t.Fatalf("killed: %s and its receipt disagree", name)
				}
			}
			if came = r.files["f"] == data; len(r.receipts) > 0 {
				break
			}
		}
		b.empty()
		r := b.fetch("--for", "20s", "/f")
		again := r.receipts["f"]
		// Killed behind the receipt, before the stage had noted it.
		unchanged := came && told(again) && again.SHA256 == sum(data) && len(r.files) == 0
		if r.exit != 0 || !unchanged && (r.files["f"] != data || len(r.files) != 1) {
			t.Fatalf("did not converge: exit %d, %d files, f: %d bytes, want %d\n%s", r.exit, len(r.files), len(r.files["f"]), len(data), r.log)
		}
		b.empty()
		if left, _ := os.ReadDir(b.stage); len(left) > 1 {
			t.Fatalf("left on the stage: %v", left)
		}
	}
	t.Logf("killed %d times, %d ended before", killed, finished)
}

// TestTwoInstances: the second says so and touches nothing.
func TestTwoInstances(t *testing.T) {
	b := newBox(t, memory(t))
	first := b.command("--from", b.addr(), "--for", "4s")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	r := b.fetch("--for", "4s")
	if r.exit != 1 || len(r.files)+len(r.receipts) > 0 || !strings.Contains(r.log, "another instance") || r.took > time.Second {
		t.Errorf("exit %d, %d files, %d receipts after %v\n%s", r.exit, len(r.files), len(r.receipts), r.took, r.log)
	}
	first.Wait()
	if code := first.ProcessState.ExitCode(); code != 4 {
		t.Errorf("the first: exit %d, want 4", code)
	}
	if r := b.look(); len(r.receipts) != 1 {
		t.Errorf("%d receipts", len(r.receipts))
	}
}

// TestSignal: SIGTERM means that the window ends now.
func TestSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		b := newBox(t, memory(t))
		c := b.command("--from", b.addr(), "--for", "60s")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		begin := time.Now()
		c.Process.Signal(sig)
		c.Wait()
		if d := time.Since(begin); c.ProcessState.ExitCode() != 4 || d > time.Second || len(b.look().receipts) != 1 {
			t.Errorf("%v: exit %d after %v", sig, c.ProcessState.ExitCode(), d)
		}
	}
}

// TestSignalAtStart: a signal that comes before anything else still leaves a
// receipt. It is found in the first instants only, so the program runs here.
func TestSignalAtStart(t *testing.T) {
	b := newBox(t, memory(t))
	for n := range 200 {
		b.empty()
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n)*10*time.Microsecond)
		var log strings.Builder
		code := sabertooth.Run(ctx, b.args("--from", b.addr(), "--for", "60s"), agent.Stdio{Out: io.Discard, Err: &log})
		cancel()
		if r := b.look(); code != 4 || len(r.receipts) != 1 {
			t.Fatalf("signal after %d us: exit %d, %d receipts\n%s", n*10, code, len(r.receipts), &log)
		}
	}
}

// A log that takes nothing more, as on a disk that hangs, does not keep the
// program beyond its window, and the receipt is there. Here it is a pipe that
// nobody reads.
func TestGoneThoughTheLogHangs(t *testing.T) {
	dir := memory(t)
	b := newBox(t, dir)
	pipe := dir + "/pipe"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	const length = 2 * time.Second
	begin := time.Now()
	c := b.command("--from", b.addr(), "--for", length.String(), "--reserve", "300ms", "--log", pipe)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	full.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := full.Write(make([]byte, 4<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe is not full: %v", err)
	}
	gone := time.AfterFunc(time.Minute, func() { c.Process.Kill() })
	c.Wait()
	if !gone.Stop() || len(b.look().receipts) != 1 {
		t.Errorf("exit %d after %v, %d receipts", c.ProcessState.ExitCode(), time.Since(begin), len(b.look().receipts))
	}
}
