package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
	"payload-ipc/pkg/flight/window"
)

func sdr(files map[string]string) *host {
	p := newPeer(files)
	p.digests, p.snapshots = true, true
	return p
}

func TestCandidates(t *testing.T) {
	both := []netip.AddrPort{addrA, addrB}
	for _, c := range []struct {
		name   string
		setup  func(a, b *host)
		within time.Duration
	}{
		{"the first is dark", func(a, b *host) {
			a.onConn = func(ctx context.Context, n int) error { <-ctx.Done(); return ctx.Err() }
		}, 100 * time.Millisecond},
		{"the second is dark", func(a, b *host) {
			b.onConn = func(ctx context.Context, n int) error { <-ctx.Done(); return ctx.Err() }
		}, 100 * time.Millisecond},
		{"the first accepts and says nothing", func(a, b *host) {
			a.script = func(n int, q *http.Request, r *reply) { r.nothing, r.how = true, "hang" }
		}, 100 * time.Millisecond},
		{"the first knows only 404", func(a, b *host) {
			a.remove("/f")
			b.script = only(0, func(q *http.Request, r *reply) { r.delay = 200 * time.Millisecond })
		}, 300 * time.Millisecond},
		{"the first is another server", func(a, b *host) {
			a.script = func(n int, q *http.Request, r *reply) { r.raw, r.how = []byte("220 ftp ready\r\n"), "fin" }
			b.script = only(0, func(q *http.Request, r *reply) { r.delay = 200 * time.Millisecond })
		}, 300 * time.Millisecond},
		{"the first dies in the middle", func(a, b *host) {
			a.script = only(0, cutAt(30_000, "reset"))
			a.onConn = func(ctx context.Context, n int) error {
				if n > 0 {
					return syscall.ECONNREFUSED
				}
				return nil
			}
			b.script = only(0, func(q *http.Request, r *reply) { r.delay = 50 * time.Millisecond })
		}, 500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p, q := sdr(map[string]string{"/f": fileA}), sdr(map[string]string{"/f": fileA})
				c.setup(p, q)
				b.net.hosts[addrA], b.net.hosts[addrB] = p.connect, q.connect
				o := b.run(Fetcher{From: both}, window.Spec{For: 30 * time.Second})
				if o.Exit != 0 || o.files["f"] != fileA || o.took > c.within {
					t.Errorf("exit %d in %v, want 0 in %v: %+v", o.Exit, o.took, c.within, o.receipts["f"])
				}
			})
		})
	}
}

// TestPace: while nothing has answered there is a new attempt at least every
// 250 ms, also when connects are swallowed or fail late, shortly before or at
// the very instant at which the next one is due; afterwards they become rare.
func TestPace(t *testing.T) {
	for _, held := range []time.Duration{0, 190 * time.Millisecond, 600 * time.Millisecond, 990 * time.Millisecond, time.Hour} {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(map[string]string{"/f": fileA})
			var now, most atomic.Int64
			p.onConn = func(ctx context.Context, n int) error {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(held):
					return syscall.ECONNREFUSED
				}
			}
			defer func() {
				if n := most.Load(); n > 6 {
					t.Errorf("%d attempts at once", n)
				}
			}()
			b.net.hosts[addrA] = p.connect
			b.run(Fetcher{}, window.Spec{For: 20 * time.Second})
			last := p.conns[0]
			for _, at := range p.conns {
				if d := at.Sub(last); d > 250*time.Millisecond {
					t.Errorf("failing after %v: %v between two attempts", held, d)
				}
				last = at
			}
			if n := len(p.conns); n > 190 {
				t.Errorf("failing after %v: %d attempts in 18 s", held, n)
			}
		})
	}
	for i := range 20 {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(map[string]string{"/f": fileA})
			p.onConn = func(ctx context.Context, n int) error {
				if n > 0 {
					return syscall.ECONNREFUSED
				}
				return nil
			}
			p.script = only(0, cutAt(1000, "reset"))
			b.net.hosts[addrA] = p.connect
			work := time.Duration(20+i) * time.Second
			o := b.run(Fetcher{}, window.Spec{For: work + DefaultReserve})
			if n := len(p.conns); n < int(work.Seconds())/3 || n > 2*int(work.Seconds()) {
				t.Errorf("got %d attempts in %v after it had answered, want about one a second", n, work)
			}
			if last := p.conns[0].Add(work).Sub(p.conns[len(p.conns)-1]); last > peer.LastAttempt {
				t.Errorf("no last attempt: %v before the end of the work", last)
			}
			if o.Exit != Partial || o.files["f.part"] != fileA[:1000] || o.receipts["f"].Verified != "none" {
				t.Errorf("exit %d, %s, %+v", o.Exit, keys(o.files), o.receipts["f"])
			}
		})
	}
}

// TestOutageInAnAnswer: after an outage the peer's TCP keeps a connection
// silent for up to as long again; a new one brings the rest at once.
func TestOutageInAnAnswer(t *testing.T) {
	swallowed := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name    string
		outage  time.Duration // in which connects fail
		fail    func(ctx context.Context) error
		silence time.Duration // of the old connection; 0: for ever
		ranges  bool
		within  time.Duration
		conns   int  // at most
		kept    bool // the old connection brings the rest
	}{
		{"a cable out for 2 s", 2 * time.Second, swallowed, 4 * time.Second, true, 2400 * time.Millisecond, 8, false},
		{"the peer starts again", 2 * time.Second, func(context.Context) error { return syscall.ECONNREFUSED }, 0, true, 2400 * time.Millisecond, 8, false},
		{"no route for a while", 3 * time.Second, func(context.Context) error { return syscall.EHOSTUNREACH }, 0, true, 3400 * time.Millisecond, 12, false},
		{"the peer takes its time", 0, nil, 3 * time.Second, true, 3100 * time.Millisecond, 2, true},
		{"it serves this connection alone", time.Minute, func(context.Context) error { return syscall.ECONNREFUSED }, 4 * time.Second, true, 4100 * time.Millisecond, 16, true},
		{"it would send all again", 2 * time.Second, swallowed, 3 * time.Second, false, 3100 * time.Millisecond, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p := newPeer(map[string]string{"/f": large})
				p.ranges, p.digests, p.snapshots = c.ranges, c.ranges, c.ranges
				var begun atomic.Pointer[time.Time] // of the outage
				p.script = func(n int, q *http.Request, a *reply) {
					if begun.Load() == nil && len(a.body) >= 200_000 {
						a.pauseAt, a.during = 100_000, func() {
							now := time.Now()
							begun.Store(&now)
							if time.Sleep(c.silence); c.silence == 0 {
								time.Sleep(time.Minute)
							}
						}
					}
				}
				p.onConn = func(ctx context.Context, n int) error {
					if at := begun.Load(); at != nil && time.Since(*at) < c.outage {
						return c.fail(ctx)
					}
					return nil
				}
				b.net.hosts[addrA] = p.connect
				o := b.run(Fetcher{}, window.Spec{For: 30 * time.Second})
				conns, _ := p.count()
				if o.Exit != 0 || o.files["f"] != large || o.took > c.within || conns > c.conns {
					t.Errorf("exit %d in %v over %d connections, want 0 in %v over %d: %+v", o.Exit, o.took, conns, c.within, c.conns, o.receipts["f"])
				}
				if n := o.receipts["f"].errors(); n > 1 || c.kept && n > 0 {
					t.Errorf("errors %v", o.receipts["f"].Errors)
				}
			})
		})
	}
}

func TestManyPaths(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		files := map[string]string{}
		var paths []Path
		for i := range 20 {
			name := fmt.Sprintf("/d/%d", i)
			files[name] = text(1000*i, name)
			paths = append(paths, Path{name, fmt.Sprintf("f%d", i)})
		}
		p := sdr(files)
		p.remove("/d/3")
		p.remove("/d/4")
		p.script = func(n int, q *http.Request, a *reply) {
			if q.URL.Path == "/d/5" {
				*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1})
			}
		}
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: paths}, window.Spec{For: 20 * time.Second})
		if o.Exit != Partial || len(o.files) != 17 || len(o.receipts) != 20 || o.Files != 17 || o.Failed != 3 {
			t.Errorf("exit %d, %d files, %d receipts: %+v", o.Exit, len(o.files), len(o.receipts), o.Result)
		}
		for i, path := range paths {
			if data, ok := o.files[path.Name]; ok && data != files[path.Path] {
				t.Errorf("%d: wrong content", i)
			}
		}
		conns, requests := p.count()
		// A connection for each request that failed would be 20 more.
		if conns > 8 || requests > 18+60 {
			t.Errorf("%d connections, %d requests: two missing files share one budget", conns, requests)
		}
		// One that appears late is found all the same.
		p.put("/d/3", []byte("late"))
		clear(t, b.outbox)
		start := time.Now()
		p.script = func(n int, q *http.Request, a *reply) {
			if q.URL.Path == "/d/4" && time.Since(start) > 5*time.Second {
				p.put("/d/4", []byte("later"))
			}
		}
		o = b.run(Fetcher{Paths: paths[3:5]}, window.Spec{For: 30 * time.Second})
		if o.Exit != 0 || o.files["f3"] != "late" || o.files["f4"] != "later" || o.took > 12*time.Second {
			t.Errorf("exit %d, %s after %v", o.Exit, keys(o.files), o.took)
		}
	})
}

// TestStorm: many files and a peer that refuses again after it has answered.
func TestStorm(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		var paths []Path
		files := map[string]string{}
		for i := range 50 {
			paths = append(paths, Path{fmt.Sprintf("/%d", i), fmt.Sprintf("f%d", i)})
			files[paths[i].Path] = "x"
		}
		p := sdr(files)
		start := time.Now()
		p.script = only(0, func(q *http.Request, a *reply) { a.close = true })
		p.onConn = func(ctx context.Context, n int) error {
			if n > 0 && time.Since(start) < 15*time.Second {
				return syscall.ECONNREFUSED
			}
			return nil
		}
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: paths}, window.Spec{For: 30 * time.Second})
		if conns, _ := p.count(); o.Exit != 0 || conns > 40 {
			t.Errorf("exit %d, %d connections", o.Exit, conns)
		}
	})
}

func TestMaxBytesOverFiles(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(map[string]string{"/a": text(6000, "a"), "/b": text(6000, "b"), "/c": text(6000, "c")})
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{MaxBytes: 10_000, Paths: []Path{{"/a", "a"}, {"/b", "b"}, {"/c", "c"}}}, window.Spec{For: 20 * time.Second})
		n := 0
		for _, data := range o.files {
			n += len(data)
		}
		if o.Exit != Partial || n > 10_000 || len(o.files["a"]) != 6000 || len(o.files["b.part"]) != 4000 || o.took > time.Second {
			t.Errorf("exit %d, %s, %v", o.Exit, keys(o.files), o.took)
		}
	})
}

func TestDirectory(t *testing.T) {
	line := func(name, kind string) string {
		return fmt.Sprintf(`{"name":%q,"type":%q,"size":3,"mtime":"2026-01-01T00:00:00Z","mode":"0644","inode":7}`+"\n", name, kind)
	}
	listing := line("syslog", "file") + line("auth.log", "file") + line("apt", "directory") + line("link", "symlink") +
		line("fifo", "fifo") + `{"name":"bad\ufffd","href":"bad%ff","type":"file","size":1}` + "\n" +
		`{"name":"../evil","type":"file"}` + "\n" + `{"name":"a\"b\\\u00e9\n","type":"file","extra":null}` + "\n" +
		"not json\n" + `{"type":"file"}` + "\n" + `{"name":"nested","type":"file","x":{"y":1}}` + "\n" + line("last", "file")
	files := map[string]string{"/log/syslog": "1", "/log/auth.log": "2", "/log/bad\xff": "3", "/log/a\"b\\é\n": "4", "/log/last": "5", "/evil": "no"}
	list := func(p *host, body string, kind string) func(n int, q *http.Request, a *reply) {
		return func(n int, q *http.Request, a *reply) {
			if strings.HasSuffix(q.URL.Path, "/") {
				if q.Header.Get("Accept") != "application/x-ndjson" {
					t.Errorf("Accept: %q", q.Header.Get("Accept"))
				}
				*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1, body: []byte(body), head: []string{"Content-Type: " + kind}})
			}
		}
	}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		p.script = list(p, listing, "application/x-ndjson")
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/log/", ""}}}, window.Spec{For: 20 * time.Second})
		want := map[string]string{"syslog": "1", "auth.log": "2", "bad%FF": "3", "a\"b\\é%0A": "4", "last": "5"}
		if o.Exit != 0 || fmt.Sprint(o.files) != fmt.Sprint(want) || len(o.receipts) != 5 {
			t.Errorf("exit %d, %v, %d receipts; asked %q", o.Exit, o.files, len(o.receipts), p.asked())
		}
		clear(t, b.outbox)
		o = b.run(Fetcher{Paths: []Path{{"/log/", "sdr"}, {"/log/last", "sdr_last"}}}, window.Spec{For: 20 * time.Second})
		if o.Exit != Partial || o.files["sdr_syslog"] != "1" || o.files["sdr_last"] != "5" || len(o.files) != 5 {
			t.Errorf("a taken name: exit %d, %v", o.Exit, o.files)
		}
		clear(t, b.outbox)
		p.script = list(p, "<html>", "text/html; charset=utf-8")
		o = b.run(Fetcher{Paths: []Path{{"/log/", "sdr"}}}, window.Spec{For: 20 * time.Second})
		if o.Exit != Nothing || !strings.Contains(o.receipts["sdr"].Reason, "listing") || o.took > time.Second {
			t.Errorf("no listing: exit %d, %+v", o.Exit, o.receipts)
		}
		clear(t, b.outbox)
		p.script = list(p, "", "application/x-ndjson")
		if o = b.run(Fetcher{Paths: []Path{{"/log/", "sdr"}}}, window.Spec{For: 20 * time.Second}); o.Exit != Nothing || !strings.Contains(o.receipts["sdr"].Reason, "no regular files") || o.took > time.Second {
			t.Errorf("empty: exit %d", o.Exit)
		}
		clear(t, b.outbox)
		p.script = list(p, strings.Repeat("x", 5<<20), "application/x-ndjson")
		if o = b.run(Fetcher{Paths: []Path{{"/log/", "sdr"}}}, window.Spec{For: 20 * time.Second}); o.Exit != Nothing || o.took > time.Second || !strings.Contains(o.receipts["sdr"].Reason, "too large") {
			t.Errorf("without end: exit %d %v", o.Exit, o.took)
		}
		clear(t, b.outbox)
		long := strings.Repeat(line("a_directory", "directory"), 30_000) + line("syslog", "file")
		p.script = list(p, long, "application/x-ndjson") // more than there are buffers
		if o = b.run(Fetcher{Paths: []Path{{"/log/", "sdr"}}}, window.Spec{For: 20 * time.Second}); o.Exit != 0 || len(long) < 3<<20 || o.took > time.Second {
			t.Errorf("%d bytes of listing: exit %d after %v", len(long), o.Exit, o.took)
		}
		clear(t, b.outbox)
		many := ""
		for i := range 1200 {
			many += line(fmt.Sprint(i), "file")
		}
		p.script = list(p, many, "application/x-ndjson")
		// More than are taken: of the others at least it is said how many.
		if o = b.run(Fetcher{Paths: []Path{{"/log/", "sdr"}}}, window.Spec{For: 3 * time.Second}); o.Exit != Nothing || !strings.Contains(o.receipts["sdr"].Reason, "200 entries of this directory were left out") {
			t.Errorf("too many: exit %d %+v", o.Exit, o.receipts["sdr"])
		}
	})
}

// TestWindows: the process ends before the window does, with the documented
// exit code, whatever the clock and the peer do.
func TestWindows(t *testing.T) {
	for _, for_ := range []time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second} {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(map[string]string{"/f": fileA})
			p.script = func(n int, q *http.Request, a *reply) { a.rate = 2000 }
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{}, window.Spec{For: for_})
			reserve := min(DefaultReserve, for_/2)
			if o.Exit != Partial || o.took < for_-reserve-time.Second || o.took > for_ {
				t.Errorf("trickle in %v: exit %d after %v", for_, o.Exit, o.took)
			}
		})
	}
	virtual(t, func(t *testing.T, b *bench) { // a signal
		p := sdr(map[string]string{"/f": large})
		p.script = func(n int, q *http.Request, a *reply) { a.rate = 500_000 }
		b.net.hosts[addrA] = p.connect
		ctx, cancel := context.WithCancel(t.Context())
		w := window.Spec{For: time.Minute}.Open()
		context.AfterFunc(ctx, w.Close)
		time.AfterFunc(3*time.Second, cancel)
		begin := time.Now()
		r := Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, Window: w}.Run(ctx)
		o := outcome{Result: r}
		o.files, o.receipts = readOutbox(t, b.outbox)
		check(t, o)
		if d := time.Since(begin); r.Exit != Partial || d > 3100*time.Millisecond || len(o.files["f.part"]) < 800_000 {
			t.Errorf("signal: exit %d after %v, %s", r.Exit, d, keys(o.files))
		}
		time.Sleep(time.Minute)
	})
	virtual(t, func(t *testing.T, b *bench) { // the wall clock is set back and forth
		b.net.hosts[addrA] = sdr(nil).connect
		start := time.Now()
		var off atomic.Int64
		off.Store(int64(50 * 365 * 24 * time.Hour))
		time.AfterFunc(4*time.Second, func() { off.Store(0) })
		spec := window.Spec{Until: start.Add(10 * time.Second), For: 30 * time.Second, Wall: func() time.Time { return time.Now().Add(-time.Duration(off.Load())) }}
		if o := b.run(Fetcher{}, spec); o.Exit != Nothing || o.took > 10*time.Second || o.took < 7*time.Second {
			t.Errorf("a clock set late: exit %d after %v", o.Exit, o.took)
		}
	})
}

// hangFS is a disk that does not answer any more, until the test is over.
type hangFS struct {
	outbox.FS
	over chan struct{}
}

func (f hangFS) SyncDir(string) error { <-f.over; return syscall.EIO }

func TestDiskThatHangs(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		disk := hangFS{outbox.OS, make(chan struct{})}
		defer close(disk.over)
		b.net.hosts[addrA] = sdr(map[string]string{"/f": fileA}).connect
		w := window.Spec{For: 2 * time.Second}.Open()
		defer w.Close()
		begin := time.Now()
		r := Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, Window: w, FS: disk}.Run(t.Context())
		if d := time.Since(begin); r.Exit != Local || d > 2*time.Second || d < 1500*time.Millisecond {
			t.Errorf("exit %d after %v, want 1 just before 2 s", r.Exit, d)
		}
	})
}

// TestMemory: whatever the peer sends.
func TestMemory(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		big := text(20<<20, "m")
		p := sdr(map[string]string{"/f": big})
		b.net.hosts[addrA] = p.connect
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		most := uint64(0)
		o := b.run(Fetcher{Piece: MaxPiece, Events: func(Event) {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}}, window.Spec{For: time.Minute})
		if o.Exit != 0 || o.files["f"] != big {
			t.Errorf("exit %d", o.Exit)
		}
		// The peer's answers are in the same heap.
		if grew := int64(most) - int64(before.HeapAlloc) - 3*MaxPiece*3; grew > 8<<20 {
			t.Errorf("the heap grew by %d bytes", grew)
		}
	})
}

func TestNoOutbox(t *testing.T) {
	b := newBench(t)
	os.Remove(b.outbox)
	w := window.Spec{For: 2 * time.Second}.Open()
	defer w.Close()
	r := Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, Window: w}.Run(t.Context())
	if r.Exit != Local || r.Reason == "" || len(b.net.dials) > 0 {
		t.Errorf("got %+v", r)
	}
	b.watch.Close()
}
