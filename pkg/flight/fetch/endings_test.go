package fetch

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"
)

// takenFS is a file system with a directory called f in the outbox.
type takenFS struct{ outbox.FS }

func (d takenFS) Rename(from, to string) error {
	if strings.HasSuffix(to, "/outbox/f") {
		return syscall.EISDIR
	}
	return d.FS.Rename(from, to)
}

// TestEndings: what an operator reads is what happened.
func TestEndings(t *testing.T) {
	dark := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name    string
		setup   func(p, q *host, f *Fetcher)
		spec    window.Spec
		exit    int
		label   string // of the receipt; f if empty
		reason  []string
		without []string // of the reason
		took    time.Duration
		files   string
	}{
		{name: "over before it began", spec: window.Spec{For: time.Nanosecond, Early: 1}, exit: Nothing,
			reason: []string{"the window was over before anything could be asked"}, without: []string{"disk"}},
		{name: "a window of 50 ms, of which nothing is left", spec: window.Spec{For: 50 * time.Millisecond, Early: 500 * time.Millisecond}, exit: Nothing,
			reason: []string{"the window was over before anything could be asked"}, without: []string{"disk"}},
		{name: "over long ago", spec: window.Spec{Until: time.Unix(1, 0)}, exit: Nothing,
			reason: []string{"the window was over before anything could be asked"}, without: []string{"disk"}},
		{name: "next to no reserve", setup: func(p, q *host, f *Fetcher) {
			f.Reserve = 1
			p.remove("/f")
		}, exit: Nothing, reason: []string{"404"}, without: []string{"disk"}},
		{name: "a directory that nobody serves", setup: func(p, q *host, f *Fetcher) {
			f.Paths = []Path{{"/var/log/", ""}}
			p.onConn = func(ctx context.Context, n int) error { return syscall.ECONNREFUSED }
		}, exit: Nothing, label: "log", reason: []string{"no server answered"}, without: []string{"disk"}},
		{name: "a directory that is not there", setup: func(p, q *host, f *Fetcher) {
			f.Paths = []Path{{"/nothing/", ""}}
		}, exit: Nothing, label: "nothing", reason: []string{"404"}, without: []string{"disk"}},
		{name: "the root, without a listing", setup: func(p, q *host, f *Fetcher) {
			f.Paths = []Path{{"/", ""}}
			p.put("/", []byte("<html>"))
		}, exit: Nothing, label: "root", reason: []string{"no machine-readable listing"}, without: []string{"disk"}},
		{name: "a missing file, and a candidate that is dark", setup: func(p, q *host, f *Fetcher) {
			f.From = []netip.AddrPort{addrA, addrB}
			p.remove("/f")
			q.onConn = func(ctx context.Context, n int) error { return dark(ctx) }
		}, exit: Nothing, reason: []string{"last trouble: the server answered 404 Not Found"}, without: []string{"no connection"}},
		{name: "a missing file, and a candidate that refuses", setup: func(p, q *host, f *Fetcher) {
			f.From = []netip.AddrPort{addrB, addrA}
			p.remove("/f")
			q.onConn = func(ctx context.Context, n int) error { return syscall.ECONNREFUSED }
		}, exit: Nothing, reason: []string{"last trouble: the server answered 404 Not Found"}},
		{name: "a missing file, and then the server's window ends", setup: func(p, q *host, f *Fetcher) {
			p.remove("/f")
			p.script = func(n int, q *http.Request, a *reply) { a.close = true }
			p.onConn = func(ctx context.Context, n int) error {
				if n < 3 {
					return nil
				}
				return dark(ctx)
			}
		}, exit: Nothing, reason: []string{"last trouble: the server answered 404 Not Found", "timeout"}, without: []string{"no connection"}},
		{name: "bytes that are no HTTP", setup: func(p, q *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.raw, a.how = []byte("220 ftp ready"), "fin" }
		}, exit: Nothing, reason: []string{"within the head of an answer"}, without: []string{"no server answered"}},
		{name: "a line that is no HTTP", setup: func(p, q *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.raw, a.how = []byte("220 ftp ready\r\n"), "hang" }
		}, exit: Nothing, reason: []string{"not an HTTP/1.x response"}, without: []string{"no server answered"}},
		{name: "bytes without an end of a line", setup: func(p, q *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.raw, a.how = []byte("220"), "hang" }
		}, exit: Nothing, without: []string{"no server answered"}},
		{name: "all there, and nothing to confirm it with", setup: func(p, q *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if n > 0 {
					a.nothing, a.how = true, "hang"
				}
			}
		}, exit: Complete, files: fileA, reason: []string{"as many as the server told"}, without: []string{"of 40000"}, took: 10 * time.Second},
		{name: "the old content, and nothing of the new", setup: func(p, q *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if n == 0 {
					cutAt(20_000, "reset")(q, a)
					p.rewrite("/f", []byte(shorter))
				} else if n > 2 {
					a.nothing, a.how = true, "hang"
				}
			}
		}, exit: Partial, without: []string{"nothing came;"}},
		{name: "the name is taken by a directory", setup: func(p, q *host, f *Fetcher) { f.FS = takenFS{outbox.OS} }, exit: Local,
			reason: []string{"as a part: all 40000 bytes came", "the name is taken"}, without: []string{"unconfirmed", "incomplete", "window"}},
		{name: "empty for an instant", setup: func(p, q *host, f *Fetcher) {
			p.rewrite("/f", nil)
			time.AfterFunc(400*time.Millisecond, func() { p.rewrite("/f", []byte(fileA)) })
		}, exit: Complete, files: fileA, took: time.Second},
		{name: "empty for an instant, without ranges", setup: func(p, q *host, f *Fetcher) {
			p.ranges = false
			p.rewrite("/f", nil)
			time.AfterFunc(400*time.Millisecond, func() { p.rewrite("/f", []byte(fileA)) })
		}, exit: Complete, files: fileA, took: time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p, q := newPeer(map[string]string{"/f": fileA}), newPeer(map[string]string{"/f": fileA})
				f := Fetcher{}
				if c.setup != nil {
					c.setup(p, q, &f)
				}
				b.net.hosts[addrA], b.net.hosts[addrB] = p.connect, q.connect
				if c.spec.For == 0 && c.spec.Until.IsZero() {
					c.spec.For = 10 * time.Second
				}
				spec := c.spec
				if spec.For > 0 && spec.For < time.Second {
					spec.For = 0 // b.run would hold it against it
					spec.Until, spec.Early = time.Now().Add(c.spec.For), max(spec.Early, c.spec.For)
				}
				o := b.run(f, spec)
				if c.label == "" {
					c.label = "f"
				}
				r, ok := o.receipts[c.label]
				if !ok || o.Exit != c.exit || c.files != "" && o.files["f"] != c.files {
					t.Errorf("exit %d, want %d, after %v; %s: %+v", o.Exit, c.exit, o.took, keys(o.files), o.receipts)
				}
				for _, s := range c.reason {
					if !strings.Contains(r.Reason, s) {
						t.Errorf("reason: got %q, want %q in it", r.Reason, s)
					}
				}
				for _, s := range c.without {
					if strings.Contains(r.Reason, s) {
						t.Errorf("reason: got %q, want no %q in it", r.Reason, s)
					}
				}
				if c.took > 0 && o.took > c.took {
					t.Errorf("took %v", o.took)
				}
				if p.count(); c.exit == Complete && r.Attempts == 0 {
					t.Errorf("no attempts")
				}
			})
		})
	}
}

// TestTally: attempts, errors and bytes stand in the receipt of the file that
// they were for.
func TestTally(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(map[string]string{"/a": text(1000, "a"), "/b": text(2000, "b"), "/d/c": text(3000, "c")})
		p.script = func(n int, q *http.Request, a *reply) {
			switch {
			case q.URL.Path == "/b" && len(p.requestsOf("/b")) < 3:
				*a = *p.frame(&reply{status: 503, cut: -1, pauseAt: -1})
			case q.URL.Path == "/d/":
				*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1, body: []byte(`{"name":"c","type":"file"}` + "\n"), head: []string{"Content-Type: application/x-ndjson"}})
			}
		}
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/a", "a"}, {"/d/", ""}, {"/b", "b"}, {"/none", "none"}}}, window.Spec{For: 10 * time.Second})
		for name, want := range map[string]struct {
			received int64
			errors   string
		}{"a": {1000, ""}, "b": {2000, "status 503"}, "c": {3000, ""}, "none": {0, "status 404"}} {
			r := o.receipts[name]
			if r.Received != want.received || r.Attempts < 1 || len(r.Errors) > 1 || want.errors != "" && r.Errors[want.errors] == 0 || want.errors == "" && len(r.Errors) > 0 {
				t.Errorf("%s: %d bytes, %d attempts, errors %v; want %d and %s", name, r.Received, r.Attempts, r.Errors, want.received, want.errors)
			}
		}
		if o.Received != 6000 {
			t.Logf("received in all: %d, with the listing", o.Received)
		}
	})
}

// TestLockedStage: who does not get the stage leaves a word in an outbox of
// its own, and touches nothing in the one that it shares.
func TestLockedStage(t *testing.T) {
	b := newBench(t)
	defer b.close()
	s, err := outbox.Open(outbox.Config{Stage: b.stage, Outbox: b.outbox})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other := tempDir(t)
	for dir, want := range map[string]int{b.outbox: 0, other: 1} {
		w := window.Spec{For: 2 * time.Second}.Open()
		r := Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: dir, Stage: b.stage, Dial: b.net.dial, Window: w}.Run(t.Context())
		w.Close()
		files, receipts := readOutbox(t, dir)
		if r.Exit != Local || len(files) > 0 || len(receipts) != want || !strings.Contains(r.Reason, "another instance") {
			t.Errorf("%+v, %d receipts, want %d", r, len(receipts), want)
		}
	}
	os.RemoveAll(other)
}

// noReceipts is a disk on which a run is cut off between a file and its
// receipt: what would publish one does not return.
type noReceipts struct {
	outbox.FS
	on   *bool
	stop func()
}

func (n noReceipts) Rename(from, to string) error {
	if *n.on && strings.HasSuffix(to, ".receipt.json") {
		n.stop()
		return syscall.EIO
	}
	return n.FS.Rename(from, to)
}

func (n noReceipts) Link(from, to string) error {
	if *n.on && strings.HasSuffix(to, ".receipt.json") {
		return syscall.EIO
	}
	return n.FS.Link(from, to)
}

// TestMissingReceipt: the next run writes it, and fetches nothing that it told
// of already.
func TestMissingReceipt(t *testing.T) {
	for _, abilities := range []string{"sdr", "validators", "nothing"} {
		for _, now := range []string{"same", "grown", "rotated"} {
			t.Run(abilities+", "+now, func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					p := newPeer(map[string]string{"/f": large})
					switch abilities {
					case "sdr":
						p.digests, p.snapshots = true, true
					case "nothing":
						p.etag = nil
					}
					b.net.hosts[addrA] = p.connect
					on := true
					w := window.Spec{For: 20 * time.Second}.Open()
					Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, Window: w,
						RunID: "one", FS: noReceipts{outbox.OS, &on, func() {}}}.Run(t.Context())
					w.Close()
					files, receipts := readOutbox(t, b.outbox)
					if files["f"] != large || len(receipts) > 0 {
						t.Fatalf("%s, %v", keys(files), receipts)
					}
					clear(t, b.outbox) // sent down
					data := large
					switch now {
					case "grown":
						data += "more\n"
						p.rewrite("/f", []byte(data))
					case "rotated":
						data = fileB
						p.rename("/f", "/f.1")
						p.put("/f", []byte(fileB))
					}
					w = window.Spec{For: 20 * time.Second}.Open()
					r := Fetcher{From: []netip.AddrPort{addrA}, Paths: []Path{{"/f", "f"}}, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, Window: w, RunID: "two"}.Run(t.Context())
					w.Close()
					files, receipts = readOutbox(t, b.outbox)
					first, second := receipts["f.one"], receipts["f"]
					if r.Exit != 0 || first.Run != "one" || first.Status != "complete" || first.SHA256 != sum(large) || first.Size != int64(len(large)) || second.Run != "two" || second.Status != "complete" {
						t.Errorf("exit %d, %+v", r.Exit, receipts)
					}
					same := now == "same" && abilities != "nothing"
					if first.Unchanged != nil || same != (second.Unchanged != nil && *second.Unchanged == "one") {
						t.Errorf("unchanged is %v and %v", first.Unchanged, second.Unchanged)
					}
					if strings.Contains(first.Reason, "cut off") || !strings.Contains(first.Reason, "no receipt of that run is known to this stage") {
						t.Errorf("the late receipt says %q", first.Reason)
					}
					if same && (len(files) > 0 || r.Received > firstPiece || !strings.Contains(second.Reason, "unchanged") || second.SHA256 != sum(large)) || !same && files["f"] != data {
						t.Errorf("%s, %d bytes received: %+v", keys(files), r.Received, second)
					}
					if list := b.staged(); len(list) > 0 {
						t.Errorf("left on the stage: %q", list)
					}
				})
			})
		}
	}
}
