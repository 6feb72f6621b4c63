package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
	"payload-ipc/pkg/proof/badline"
)

// bad opens a line at a port until the test ends.
func bad(t *testing.T, port int, c *badline.Line) *badline.Line {
	t.Helper()
	if err := c.Open(fmt.Sprint("127.0.0.1:", port)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Shut)
	return c
}

// TestBadLines runs the two agents over lines with every fault.
func TestBadLines(t *testing.T) {
	data := lines(0, 3<<20)
	dir := memory(t)
	os.Mkdir(dir+"/served", 0o755)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/served", upstream, "--for", "5m")
	for _, c := range []struct {
		name   string
		line   *badline.Line
		silent bool // at first
		exit   int
		during func(l *badline.Line)
	}{
		{"clean", &badline.Line{}, false, 0, nil},
		{"latency", &badline.Line{Latency: 100 * time.Millisecond, Jitter: 80 * time.Millisecond}, false, 0, nil},
		{"bandwidth", &badline.Line{Rate: 1_000_000}, false, 0, nil},
		{"slices", &badline.Line{Slice: 500}, false, 0, nil},
		{"reset", &badline.Line{Limit: 900_000}, false, 0, nil},
		{"reset soon", &badline.Line{Life: 40 * time.Millisecond}, true, 0, func(l *badline.Line) {
			time.Sleep(2 * time.Second)
			l.Shut()
			l.Life = 0
			l.Silence(false)
			l.Open(l.Addr())
		}},
		{"silence at first", &badline.Line{}, true, 0, func(l *badline.Line) {
			time.Sleep(1500 * time.Millisecond)
			l.Silence(false)
		}},
		{"silence for ever", &badline.Line{}, true, 4, nil},
		{"trickle", &badline.Line{Rate: 20_000}, false, 3, nil},
		{"down and up", &badline.Line{Rate: 3_000_000}, false, 0, func(l *badline.Line) {
			for range 4 {
				time.Sleep(200 * time.Millisecond)
				l.Shut()
				time.Sleep(300 * time.Millisecond)
				l.Open(l.Addr())
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, memory(t))
			c.line.To = upstream
			bad(t, b.port, c.line)
			c.line.Silence(c.silent)
			var during sync.WaitGroup
			defer during.Wait()
			if c.during != nil {
				during.Go(func() { c.during(c.line) })
			}
			r := b.fetch("--for", "12s", "/f")
			if r.exit != c.exit || c.exit == 0 && r.files["f"] != data || r.took > 12*time.Second {
				t.Errorf("exit %d after %v, want %d; %d bytes\n%s", r.exit, r.took, c.exit, len(r.files["f"]), r.log)
			}
			for name, got := range r.files {
				if !strings.HasPrefix(data, got) {
					t.Errorf("%s: not the file", name)
				}
			}
			if most := int64(len(data)) * 102 / 100; r.receipts["f"].Received > most {
				t.Errorf("received %d bytes of %d", r.receipts["f"].Received, len(data))
			}
		})
	}
}

// TestLiveLogOverASlowLink: transfers take long enough for several rotations.
func TestLiveLogOverASlowLink(t *testing.T) {
	for _, p := range peers {
		for _, rotate := range []string{"rename", "copytruncate"} {
			t.Run(p.name+"/"+rotate, func(t *testing.T) {
				t.Parallel()
				dir := memory(t)
				root := filepath.Join(dir, "root")
				os.Mkdir(root, 0o755)
				b := newBox(t, dir)
				write(t, root+"/syslog", rotate)
				port := freePort(t)
				p.start(t, root, port)
				bad(t, b.port, &badline.Line{To: fmt.Sprint("127.0.0.1:", port), Rate: 200_000, Limit: 150_000})
				for range 3 {
					r := b.fetch("--for", "4s", "--reserve", "500ms", "/syslog=log0")
					for name, data := range r.files {
						if err := oneLog(data, true); err != nil {
							t.Errorf("%s: %d bytes: %v\n%+v\n%s", name, len(data), err, r.receipts, r.log)
						}
					}
					b.empty()
				}
			})
		}
	}
}

// TestResets: 20 resets at random places cost at most 2 % more bytes.
func TestResets(t *testing.T) {
	data := lines(0, 24<<20)
	dir := memory(t)
	os.Mkdir(dir+"/served", 0o755)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/served", upstream, "--for", "5m")
	b := newBox(t, dir)
	l := &badline.Line{To: upstream}
	for range 20 {
		l.Resets = append(l.Resets, rand.Int64N(int64(len(data))))
	}
	bad(t, b.port, l)
	r := b.fetch("--for", "60s", "/f")
	if r.exit != 0 || r.files["f"] != data || r.receipts["f"].Verified != "digest" {
		t.Errorf("exit %d, %+v\n%s", r.exit, r.receipts, r.log)
	}
	x := r.receipts["f"]
	ratio := float64(x.Received) / float64(len(data))
	n := l.Count().Reset
	t.Logf("%d resets, bytes received / size %.4f, %v", n, ratio, r.took)
	if ratio > 1.02 || n != 20 {
		t.Errorf("received %.4f of the size, and %d resets", ratio, n)
	}
}

// TestDeadlines: gone window.Margin before power may go, half of which is given
// to a machine that runs six at a time. FETCH_DEADLINES sets how many runs.
func TestDeadlines(t *testing.T) {
	n := 60
	if s := os.Getenv("FETCH_DEADLINES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	data := lines(0, 3<<20)
	dir := memory(t)
	os.Mkdir(dir+"/served", 0o755)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/served", upstream, "--for", "30m")
	slow, dying := freePort(t), freePort(t)
	bad(t, slow, &badline.Line{To: upstream, Rate: 600_000})
	bad(t, dying, &badline.Line{To: upstream, Limit: 200_000})
	dark, silent := freePort(t), freePort(t)
	bad(t, silent, &badline.Line{To: upstream}).Silence(true)
	var late, count atomic.Int64
	var wg sync.WaitGroup
	todo := make(chan int)
	for range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			d := memory(t)
			for i := range todo {
				b := &box{t: t, stage: fmt.Sprintf("%s/s%d", d, i), outbox: fmt.Sprintf("%s/o%d", d, i)}
				os.Mkdir(b.outbox, 0o755)
				b.port = []int{slow, dying, dark, silent}[i%4]
				length := time.Duration(1100+rand.IntN(1500)) * time.Millisecond
				r := b.fetch("--for", length.String(), "--reserve", "300ms", "/f")
				if over := r.end.Sub(r.began(t)) - (length - window.Margin); over > window.Margin/2 {
					late.Add(1)
					t.Errorf("%v late of %v, exit %d\n%s", over, length, r.exit, r.log)
				}
				if !strings.Contains(r.log, `"message":"done"`) {
					t.Errorf("no last line:\n%s", r.log)
				}
				if want := []string{"0 3", "0 3", "4", "4"}[i%4]; !strings.Contains(want, fmt.Sprint(r.exit)) {
					t.Errorf("exit %d, want %s\n%s", r.exit, want, r.log)
				}
				count.Add(1)
				os.RemoveAll(b.stage)
				os.RemoveAll(b.outbox)
			}
		}()
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
	t.Logf("%d of %d runs were late", late.Load(), count.Load())
}
