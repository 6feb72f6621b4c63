package fetch

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"
)

// slowFS is a disk of so many bytes a second whose syncs take a while, and
// some of which stall, in virtual time. One sync waits for the other.
type slowFS struct {
	outbox.FS
	rate  float64
	sync  time.Duration
	stall func(n int, what string) time.Duration // by the n-th sync of that kind, from 1
	swift string                                 // below here it takes no time
	holds bool                                   // a file is not written to while it is synced

	one   chan struct{} // the disk; not a lock: time stands still for who waits for one
	mu    sync.Mutex
	n     map[string]int
	dirty int64
	most  int64         // that was ever dirty
	last  time.Duration // that the syncs behind the work took
}

type slowFile struct {
	outbox.File
	d     *slowFS
	what  string
	dirty int64
	busy  chan struct{}
}

func (d *slowFS) Open(name string, flag int) (outbox.File, error) {
	f, err := d.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	what := "data"
	if d.swift != "" && strings.HasPrefix(name, d.swift) {
		return f, nil
	}
	if strings.HasSuffix(name, ".cur") {
		what = "cursor"
	} else if strings.HasSuffix(name, ".tmp") {
		what = "receipt"
	}
	return &slowFile{File: f, d: d, what: what, busy: make(chan struct{}, 1)}, nil
}

func (d *slowFS) wait(what string, bytes int64) {
	d.one <- struct{}{}
	defer func() { <-d.one }()
	d.mu.Lock()
	d.n[what]++
	took := d.sync + time.Duration(float64(bytes)/d.rate*1e9)
	if d.stall != nil {
		took += d.stall(d.n[what], what)
	}
	d.last += took
	d.mu.Unlock()
	time.Sleep(took)
}

func (d *slowFS) SyncDir(dir string) error {
	d.wait("directory", 0)
	return d.FS.SyncDir(dir)
}

func (f *slowFile) WriteAt(b []byte, off int64) (int, error) {
	if f.d.holds {
		f.busy <- struct{}{}
		defer func() { <-f.busy }()
	}
	f.d.mu.Lock()
	f.dirty += int64(len(b))
	f.d.dirty += int64(len(b))
	f.d.most = max(f.d.most, f.d.dirty)
	f.d.mu.Unlock()
	return f.File.WriteAt(b, off)
}

func (f *slowFile) Datasync() error {
	f.busy <- struct{}{}
	defer func() { <-f.busy }()
	f.d.mu.Lock()
	n := f.dirty
	f.dirty = 0
	f.d.mu.Unlock()
	f.d.wait(f.what, n)
	f.d.mu.Lock()
	f.d.dirty -= n
	f.d.mu.Unlock()
	return f.File.Datasync()
}

// TestSlowDisk: the disk is slow, or stalls, and the line is faster. The window
// is used: what can be brought is brought; a run that time ends ends no earlier
// than the reserve and twice what publishing took before the end; and little
// waits to be synced.
func TestSlowDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of megabytes")
	}
	at := func(kind string, when int, d time.Duration) func(int, string) time.Duration {
		return func(n int, what string) time.Duration {
			if what == kind && n == when {
				return d
			}
			return 0
		}
	}
	dice := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name    string
		rate    float64 // of the disk, MB/s
		sync    time.Duration
		stall   func(int, string) time.Duration
		line    int // MB/s, 0 for no limit
		size    int // MB
		for_    time.Duration
		reserve time.Duration
		exit    int
		least   float64 // MB that must have come
		copied  bool    // the stage is on another file system
		swift   bool    // ... and the outbox takes no time
		holds   bool
		reason  string
	}{
		{name: "the first sync stalls", rate: 100, sync: 5, stall: at("data", 1, 3*time.Second), line: 20, size: 48, for_: 15 * time.Second},
		{name: "the third sync stalls", rate: 100, sync: 5, stall: at("data", 3, 4*time.Second), line: 20, size: 48, for_: 15 * time.Second},
		{name: "the cursor's first sync stalls", rate: 100, sync: 5, stall: at("cursor", 1, 3*time.Second), line: 20, size: 48, for_: 15 * time.Second},
		{name: "the cursor's second sync stalls", rate: 100, sync: 5, stall: at("cursor", 2, 3*time.Second), line: 20, size: 48, for_: 15 * time.Second},
		{name: "the directory's sync stalls", rate: 100, sync: 5, stall: at("directory", 1, 3*time.Second), line: 20, size: 48, for_: 15 * time.Second},
		{name: "no line limit, a disk of 20 MB/s", rate: 20, sync: 20, size: 48, for_: 15 * time.Second},
		{name: "no line limit, a disk of 2 MB/s", rate: 2, sync: 20, size: 48, for_: 10 * time.Second, exit: Partial, least: 12, reason: "the disk was too slow"},
		{name: "no line limit, a disk of 10 MB/s, syncs of 400 ms", rate: 10, sync: 400, size: 64, for_: 10 * time.Second, exit: Partial, least: 10, reason: "the disk was too slow"},
		{name: "a line of 2 MB/s, and a disk that is fast", rate: 40, sync: 20, line: 2, size: 48, for_: 10 * time.Second, exit: Partial, least: 12, reason: "the window ended"},
		{name: "a disk of 2 MB/s, a short reserve", rate: 2, sync: 100, size: 48, for_: 10 * time.Second, reserve: time.Millisecond, exit: Partial, least: 11, reason: "the disk was too slow"},
		{name: "a disk of 2 MB/s, published by a copy", rate: 2, sync: 50, size: 48, for_: 15 * time.Second, exit: Partial, least: 6, copied: true},
		{name: "published by a copy, and the first sync stalls", rate: 100, sync: 5, stall: at("data", 1, 3*time.Second), line: 20, size: 48, for_: 15 * time.Second, copied: true},
		{name: "the cursor's and the directory's first syncs stall", rate: 100, sync: 5, stall: func(n int, what string) time.Duration {
			if n == 1 && (what == "cursor" || what == "directory") {
				return 3 * time.Second
			}
			return 0
		}, line: 20, size: 48, for_: 13 * time.Second},
		{name: "a disk of 4 MB/s, published by a copy to one that is fast", rate: 4, sync: 50, size: 64, for_: 15 * time.Second, exit: Partial, least: 38, copied: true, swift: true},
		{name: "a disk of 4 MB/s, which is not written to while it syncs", rate: 4, sync: 50, size: 64, for_: 15 * time.Second, exit: Partial, least: 30, holds: true, reason: "the disk was too slow"},
		{name: "many stalls", rate: 20, sync: 30, stall: func(n int, what string) time.Duration {
			if dice.IntN(12) == 0 {
				return time.Duration(dice.IntN(900)) * time.Millisecond
			}
			return 0
		}, size: 32, for_: 15 * time.Second},
	} {
		for _, abilities := range []string{"sdr", "plain"} {
			t.Run(c.name+", "+abilities, func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					data := text(c.size<<20, "d")
					p := sdr(map[string]string{"/f": data})
					if abilities == "plain" {
						p.digests, p.snapshots, p.ranges = false, false, false
					}
					p.script = func(n int, q *http.Request, a *reply) { a.rate = c.line * 1e6 }
					b.net.hosts[addrA] = p.connect
					d := &slowFS{FS: outbox.OS, rate: c.rate * 1e6, sync: c.sync * time.Millisecond, stall: c.stall, n: map[string]int{}, one: make(chan struct{}, 1)}
					d.holds = c.holds
					if c.swift {
						d.swift = b.outbox
					}
					var fs outbox.FS = d
					if c.copied {
						fs = elsewhere{d, b.stage}
					}
					begin, published := time.Now(), time.Time{}
					o := b.run(Fetcher{FS: fs, Reserve: c.reserve, Events: func(e Event) {
						if e.Kind == Ending {
							published = time.Now()
						}
					}}, window.Spec{For: c.for_})
					r := o.receipts["f"]
					if o.Exit != c.exit || o.Exit == 0 && o.files["f"] != data {
						t.Errorf("exit: got %d after %v, want %d: %s", o.Exit, o.took, c.exit, r.Reason)
					}
					reserve := c.reserve
					if reserve == 0 {
						reserve = DefaultReserve
					}
					if left := c.for_ - published.Sub(begin); o.Exit == Partial && left > reserve+2*(o.took-published.Sub(begin))+250*time.Millisecond {
						t.Errorf("the work ended %v before the end, and publishing took %v: %s", left, o.took-published.Sub(begin), r.Reason)
					}
					if mb := float64(o.Received) / 1e6; mb < c.least {
						t.Errorf("received %.1f MB, want at least %.0f", mb, c.least)
					}
					// The last read is in hand when the bound is met.
					if most := max(int64(2*c.rate*1e6), 3<<20) + 256<<10; d.most > most && !c.copied {
						t.Errorf("%d bytes waited to be synced, want at most %d", d.most, most)
					}
					if !strings.Contains(r.Reason, c.reason) {
						t.Errorf("reason: got %q, want %q in it", r.Reason, c.reason)
					}
					if n := r.errors() - r.Errors["slow"]; n > 0 || c.line == 0 && r.Errors["slow"] > 0 {
						t.Errorf("errors: got %v, want none", r.Errors)
					}
					t.Logf("%.1f MB in %v, at most %.1f MB not synced: %s", float64(o.Received)/1e6, o.took, float64(d.most)/1e6, r.Reason)
				})
			})
		}
	}
}

// TestUnevenDisk: each sync of a slow disk takes between 20 and 400 ms. The
// receipt is in the outbox by the end of the window, but where all that is
// behind the work takes far longer than usual.
func TestUnevenDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred megabytes")
	}
	data := text(48<<20, "d")
	const windows = 40
	without := 0
	for seed := range uint64(windows) {
		virtual(t, func(t *testing.T, b *bench) {
			b.net.hosts[addrA] = sdr(map[string]string{"/f": data}).connect
			dice := rand.New(rand.NewPCG(seed, 3))
			d := &slowFS{FS: outbox.OS, rate: 2e6, sync: 20 * time.Millisecond, n: map[string]int{}, one: make(chan struct{}, 1), holds: true}
			d.stall = func(int, string) time.Duration { return time.Duration(dice.IntN(380)) * time.Millisecond }
			w := window.Spec{For: 10 * time.Second}.Open()
			defer w.Close()
			r := Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: b.outbox, Stage: b.stage,
				Reserve: 1500 * time.Millisecond, Dial: b.net.dial, Window: w, FS: d}.Run(t.Context())
			if r.Exit == Local {
				without++
			}
			time.Sleep(10 * time.Second)
		})
	}
	if without > windows*2/5 {
		t.Errorf("%d of %d windows ended without a receipt", without, windows)
	}
}

// elsewhere is an outbox on another file system than the stage.
type elsewhere struct {
	*slowFS
	stage string
}

func (e elsewhere) Rename(from, to string) error {
	if strings.HasPrefix(from, e.stage) && !strings.HasPrefix(to, e.stage) {
		return syscall.EXDEV
	}
	return e.slowFS.Rename(from, to)
}

// dirFS is a file system whose directories cannot be synced.
type dirFS struct {
	outbox.FS
	dir string // only this one
	err error
}

func (d dirFS) SyncDir(dir string) error {
	if d.dir == dir {
		return d.err
	}
	return d.FS.SyncDir(dir)
}

// TestSyncOfADirectory: what has a name is told as published, whatever fails
// behind the rename, and a directory that cannot be synced is no failure.
func TestSyncOfADirectory(t *testing.T) {
	for _, c := range []struct {
		err  error
		exit int
	}{{syscall.EINVAL, 0}, {syscall.ENOSYS, 0}, {syscall.EOPNOTSUPP, 0}, {syscall.EIO, Local}, {syscall.EACCES, Local}} {
		for _, most := range []int64{0, 10_000} {
			t.Run(fmt.Sprint(c.err, most), func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					b.net.hosts[addrA] = sdr(map[string]string{"/f": fileA}).connect
					o := b.run(Fetcher{FS: dirFS{outbox.OS, b.outbox, c.err}, MaxBytes: most}, window.Spec{For: 10 * time.Second})
					name, data, status, exit := "f", fileA, "complete", c.exit
					if most > 0 {
						name, data, status = "f.part", fileA[:most], "partial"
						if exit == 0 {
							exit = Partial
						}
					}
					r := o.receipts["f"]
					if o.Exit != exit || o.files[name] != data || r.Status != status || r.Size != int64(len(data)) {
						t.Errorf("exit %d, want %d; %s: %+v", o.Exit, exit, keys(o.files), r)
					}
					if said := strings.Contains(r.Reason, "cannot sync"); said != (c.exit != 0) {
						t.Errorf("reason: %q", r.Reason)
					}
					if o.Bytes != int64(len(data)) {
						t.Errorf("bytes: got %d", o.Bytes)
					}
				})
			})
		}
	}
}

// TestStageReplaced: a file stands where the stage was, or nobody may write
// there. What the open files have is copied into the outbox, and there is a
// receipt.
func TestStageReplaced(t *testing.T) {
	for _, abilities := range []string{"sdr", "plain"} {
		for _, err := range []error{syscall.ENOTDIR, syscall.EACCES} {
			t.Run(fmt.Sprint(abilities, err), func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					p := sdr(map[string]string{"/f": large})
					if abilities == "plain" {
						p.digests, p.snapshots, p.ranges = false, false, false
					}
					b.net.hosts[addrA] = p.connect
					d := &lostFS{FS: outbox.OS, dir: b.stage, err: err}
					p.script = func(n int, q *http.Request, a *reply) {
						if q.Header.Get("Range") != "bytes=0-65535" || abilities == "plain" {
							a.pauseAt, a.during = len(a.body)/2, func() { d.lost.Store(true) }
						}
					}
					o := b.run(Fetcher{FS: d}, window.Spec{For: 20 * time.Second})
					if o.Exit != 0 || o.files["f"] != large {
						t.Errorf("exit %d, %s: %+v", o.Exit, keys(o.files), o.receipts)
					}
				})
			})
		}
	}
}

// lostFS is a file system of which one directory has no names any more from
// some instant on.
type lostFS struct {
	outbox.FS
	dir  string
	err  error
	lost atomic.Bool
}

func (d *lostFS) in(name string) bool { return d.lost.Load() && strings.HasPrefix(name, d.dir+"/") }

func (d *lostFS) Open(name string, flag int) (outbox.File, error) {
	if d.in(name) {
		return nil, d.err
	}
	return d.FS.Open(name, flag)
}

func (d *lostFS) Rename(from, to string) error {
	if d.in(from) || d.in(to) {
		return d.err
	}
	return d.FS.Rename(from, to)
}

func (d *lostFS) Link(from, to string) error {
	if d.in(from) || d.in(to) {
		return d.err
	}
	return d.FS.Link(from, to)
}

func (d *lostFS) Remove(name string) error {
	if d.in(name) {
		return d.err
	}
	return d.FS.Remove(name)
}

// TestStageGone: the stage is removed while the run goes on. What the open
// files have is copied into the outbox, and there is a receipt.
func TestStageGone(t *testing.T) {
	for _, abilities := range []string{"sdr", "plain"} {
		for _, when := range []int{1, 2, 4} {
			t.Run(fmt.Sprint(abilities, when), func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					p := sdr(map[string]string{"/f": large, "/g": fileA})
					if abilities == "plain" {
						p.digests, p.snapshots, p.ranges = false, false, false
					}
					p.script = func(n int, q *http.Request, a *reply) {
						a.rate = 2_000_000
						if n == when || n == 0 && abilities == "plain" {
							a.pauseAt, a.during = len(a.body)/2, func() { time.Sleep(time.Duration(when) * 300 * time.Millisecond); os.RemoveAll(b.stage) }
						}
					}
					b.net.hosts[addrA] = p.connect
					o := b.run(Fetcher{Paths: []Path{{"/f", "f"}, {"/g", "g"}}}, window.Spec{For: 20 * time.Second})
					if o.Exit != 0 || o.files["f"] != large || o.files["g"] != fileA {
						t.Errorf("exit %d, %s: %+v", o.Exit, keys(o.files), o.receipts)
					}
				})
			})
		}
	}
}
