package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// saga is what the windows of a test have in common.
type saga struct {
	src     []byte
	end     []byte // behind what is published as a part
	taken   bool   // what was in the outbox may be gone
	swift   bool   // all is over before anything had to be synced
	cut     bool   // nothing fails but the power
	durable int64  // most bytes a part ever called durable and that were not published since
	bad     []string
}

func (g *saga) wrong(f string, a ...any) { g.bad = append(g.bad, fmt.Sprintf(f, a...)) }

// window is one run as pkg/flight/fetch would do it: go on with what is there, fetch
// up to n bytes, publish.
func (g *saga) window(c Config, n int64) error {
	r := &Receipt{Run: "test", Status: "failed", Total: int64(len(g.src)), Exit: 1}
	s, err := Open(c)
	if err != nil {
		if !errors.Is(err, ErrLocked) {
			PublishReceipt(c, "log", r)
		}
		return err
	}
	defer s.Close()
	t, err := s.Target("log", "/src")
	if err != nil {
		PublishReceipt(c, "log", r)
		return err
	}
	if u := t.Unreceipted(); u != nil {
		if u.Size != int64(len(g.src)) || u.SHA256 != sha256.Sum256(g.src) {
			g.wrong("a receipt is missing of %+v", u)
		}
		if d := t.s.fs.(*disk); !g.taken && d.cache[d.outbox]["log"] == nil {
			g.wrong("a receipt is said to be missing of what was never published")
		}
		if g.cut && len(t.Parts()) > 0 {
			g.wrong("what was published is there once more, %d bytes of it", t.Parts()[0].Proven())
		}
		t.PublishMissing(r)
	}
	err = g.fetch(t, r, n)
	if e := t.PublishReceipt(r); err == nil {
		err = e
	}
	return err
}

func (g *saga) fetch(t *Target, r *Receipt, n int64) error {
	var p *Part
	for _, q := range t.Parts() {
		b := make([]byte, q.Proven())
		if _, err := q.ReadAt(b, 0); err == nil && !bytes.HasPrefix(g.src, b) {
			g.wrong("a part of other bytes: %d", len(b))
		}
		if q.Identity().Complete && q.Proven() != int64(len(g.src)) {
			g.wrong("complete with %d bytes", q.Proven())
		}
		if p == nil {
			p = q
		} else if q.Proven() > p.Proven() {
			p.Discard()
			p = q
		} else {
			q.Discard()
		}
	}
	if p != nil && p.Proven() < g.durable || p == nil && g.durable > 0 {
		have := int64(0)
		if p != nil {
			have = p.Proven()
		}
		if t.s.fs.(*disk).fault == nil {
			g.wrong("got %d bytes, but %d were durable", have, g.durable)
		}
	}
	if p == nil {
		var err error
		if p, err = t.New(Identity{Snapshot: "/src?snapshot=1", Total: int64(len(g.src)), Verified: VerifiedDigest}); err != nil {
			return err
		}
	}
	for i := 0; p.Held() < n; i++ {
		at := p.Held()
		b := g.src[at:min(n, at+300)]
		var err error
		if i%4 != 1 {
			err = p.Append(b)
		} else if err = p.Append(make([]byte, len(b))); err == nil {
			err = p.Rewrite(b, at) // a bad piece, asked again
		}
		if err == nil && i%4 == 2 {
			err = p.Append([]byte("bad piece"))
			if e := p.Drop(); err == nil {
				err = e
			}
		}
		if err == nil {
			err = p.Prove()
		}
		if err == nil && i%3 == 2 && !g.swift {
			err = p.Flush()
		}
		g.durable = max(g.durable, p.Durable())
		if errors.Is(err, ErrDead) && i < 100 && p.Rebuild() == nil {
			err = nil
			if p.retired {
				break
			}
		}
		if err != nil {
			if e, ok := KindOf(err); !ok {
				g.wrong("an error without a kind (%v): %v", e, err)
			}
			r.Reason = err.Error()
			break
		}
	}
	publish := func() (Published, error) { return p.PublishPart(context.Background(), 1) }
	if len(g.end) > 0 {
		publish = func() (Published, error) { return p.PublishPart(context.Background(), 1, g.end...) }
	}
	r.Status, r.Exit = "partial", 3
	if p.Proven() == int64(len(g.src)) {
		id := p.Identity()
		id.Complete = true
		p.Describe(id)
		publish = func() (Published, error) { return p.Publish(context.Background()) }
		r.Status, r.Exit = "complete", 0
	}
	pub, err := publish()
	if pub.Name != "" {
		r.Bytes(pub)
		if r.Status == "complete" {
			g.durable = 0
		}
	} else {
		r.Status, r.Exit = "failed", 1
		g.durable = max(g.durable, p.Durable())
		if e := p.Close(); e == nil {
			g.durable = max(g.durable, p.Durable())
		}
	}
	if err == nil && r.Status == "partial" && n == int64(len(g.src)) {
		err = errors.New("cut short: " + r.Reason)
	}
	return err
}

// audit looks into the outbox as a downlink would find it.
func (g *saga) audit(d *disk, where string) {
	for name, i := range d.cache[d.outbox] {
		ok := false
		switch strings.TrimSuffix(name, newSuffix) {
		case "log":
			ok = bytes.Equal(i.data, g.src)
		case "log.part":
			ok = bytes.HasPrefix(g.src, bytes.TrimSuffix(i.data, g.end))
		case "log.receipt.json", "log.earlier.receipt.json":
			ok = json.Valid(i.data)
		}
		if !ok {
			g.wrong("%s: %s is not final: %d bytes", where, name, len(i.data))
		}
	}
	for _, b := range d.bad {
		g.wrong("%s: %s", where, b)
	}
}

var geometries = []struct {
	name   string
	same   bool
	noTmp  bool
	noLink bool
	up     bool // the outbox's parent is on its mount
}{
	{name: "rename", same: true},
	{name: "rename without links", same: true, noLink: true},
	{name: "other file system"},
	{name: "other file system, no O_TMPFILE", noTmp: true, up: true},
}

// sweep is how far apart the calls are that fail. What matters to another
// processor does not hang on which call it is: every seventh will do there.
// Seven has no divisor in common with what is chosen by the number of the call.
func sweep() int {
	if testing.Short() {
		return 7
	}
	return 1
}

var errnos = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS}

// Each call in turn fails, once or from then on, or is the last before a
// SIGKILL or a power cut, in a window that salvages, in one that completes, in
// one that replaces. Then the disk is well again, and the next window must
// converge without having lost a durable byte.
func TestEachCallFails(t *testing.T) {
	const full = 2500
	every := sweep()
	runs := 0
	for _, geo := range geometries {
		for _, mode := range []string{"once", "from then on", "kill", "power", "power, loose"} {
			t.Run(geo.name+"/"+mode, func(t *testing.T) {
				starts := []string{"nothing", "salvaged", "delivered", "kept", "killed"}
				if mode == "power, loose" { // there is so much more to chance
					starts = append(starts, "nothing", "nothing", "nothing", "nothing", "killed", "killed", "killed")
				}
				for k, start := range starts {
					for _, upto := range []int64{1400, full} {
						for n := 1 + k%every; ; n += every {
							runs++
							g := &saga{src: text(full), taken: start == "kept", swift: k > 4 && start == "nothing", cut: strings.HasPrefix(mode, "power")}
							if n%2 == 1 {
								g.end = []byte("the end of what is in it")
							}
							d := newDisk(uint64(1000*k+n), geo.same)
							d.noTmp, d.noLink, d.loose = geo.noTmp, geo.noLink, mode == "power, loose"
							if geo.up {
								d.mounts["/."] = d.mounts[d.outbox]
							}
							c := d.config()
							where := fmt.Sprintf("%s, to %d, call %d", start, upto, n)
							prepare(t, g, d, start)
							d.calls = 0
							var failed string
							hit := false
							d.fault = func(k int, op string) error {
								if k < n || k > n && mode == "once" {
									return nil
								}
								if !hit {
									hit, failed = true, op
								}
								if mode != "once" && mode != "from then on" {
									d.off = true
								}
								return errnos[n%len(errnos)]
							}
							err := g.window(c, upto)
							where += " (" + failed + ")"
							if hit && mode == "from then on" && err == nil && k1(failed) {
								t.Errorf("%s: the disk failed from then on, and nobody said so", where)
							}
							if d.open != 0 && !d.off {
								t.Errorf("%s: %d descriptors left open", where, d.open)
							}
							d.fault = nil
							g.audit(d, where)
							if d.off {
								d.off = false
								for _, i := range d.cache["/stage"] {
									i.locked = nil
								}
							}
							if strings.HasPrefix(mode, "power") {
								d = d.cut()
								c = d.config()
								g.audit(d, where+", after the cut")
							}
							if _, done := d.cache[d.outbox]["log"]; done && start != "delivered" {
								g.durable = 0
							} else if start == "delivered" && upto == full {
								g.durable = 0 // cannot be told from the first delivery
							}
							if err := g.window(c, full); err != nil {
								t.Errorf("%s: the next window does not converge: %v", where, err)
							}
							g.audit(d, where+", next window")
							if _, ok := d.cache[d.outbox]["log"]; !ok {
								t.Errorf("%s: nothing delivered", where)
							}
							for name := range d.cache[d.outbox] {
								if strings.HasSuffix(name, newSuffix) {
									t.Errorf("%s: %s is left", where, name)
								}
							}
							// What was said to be published is there after a power cut, and
							// is not there to be published again.
							img := d.cut()
							g.audit(img, where+", after the end")
							if img.cache[d.outbox]["log"] == nil || img.cache[d.outbox]["log.receipt.json"] == nil {
								t.Errorf("%s: a power cut after the end takes what was published", where)
							}
							for name := range img.cache["/stage"] {
								if strings.HasSuffix(name, dataSuffix) {
									t.Errorf("%s: a power cut after the end brings %s back", where, name)
								}
							}
							if k := len(d.cache["/stage"]); k != 1 {
								t.Errorf("%s: %d names left on the stage", where, k-1)
							}
							if k := len(d.cache["/."]); k != 0 {
								t.Errorf("%s: %d names left beside the outbox", where, k)
							}
							for _, b := range g.bad {
								t.Errorf("%s: %s", where, b)
							}
							if !hit || t.Failed() {
								break
							}
						}
					}
				}
			})
		}
	}
	t.Logf("%d windows with a fault each", runs)
}

// A part that was copied to go on is not there once more when the power goes
// behind the name that its copy got.
func TestCopiedIsAlone(t *testing.T) {
	for seed := range uint64(40) {
		d := newDisk(seed, true)
		d.loose = true
		g := &saga{src: text(2500), cut: true}
		prepare(t, g, d, "salvaged")
		renames := 0 // the first one only asks
		d.fault = func(_ int, op string) error {
			if op == "rename" {
				renames++
			}
			if d.off = d.off || renames == 2 && op == "syncdir"; d.off {
				return syscall.EIO
			}
			return nil
		}
		g.window(d.config(), 2500)
		if !d.off {
			t.Fatal("the power has not gone")
		}
		d = d.restart().cut()
		g.durable = 0
		check(t, g.window(d.config(), 2500))
		for _, b := range g.bad {
			t.Errorf("seed %d: %s", seed, b)
		}
	}
}

// Of a part and its copy, which a kill in front of the removal leaves, one goes
// on.
func TestOneOfCopyAndPart(t *testing.T) {
	for seed := range uint64(3) {
		d := newDisk(seed, true)
		g := &saga{src: text(2500), swift: true}
		prepare(t, g, d, "salvaged")
		removals := 0
		d.fault = func(_ int, op string) error {
			if op == "remove" && len(d.cache["/stage"]) == 5 {
				removals++
			}
			if d.off = d.off || removals > 0; d.off {
				return syscall.EIO
			}
			return nil
		}
		g.window(d.config(), 2500)
		d.restart()
		if len(d.cache["/stage"]) != 5 {
			t.Fatalf("on the stage: %d names", len(d.cache["/stage"]))
		}
		s := mustOpen(t, d.config())
		tg := mustTarget(t, s, "log", "/src")
		if p := tg.Parts(); len(p) != 1 || p[0].Proven() < 700 {
			t.Errorf("seed %d: %d parts", seed, len(p))
		}
	}
}

// k1: a fault in anything but these cannot be left unsaid if it stays.
func k1(op string) bool { return op != "remove" && op != "close" && op != "stat" }

func prepare(t *testing.T, g *saga, d *disk, start string) {
	t.Helper()
	var err error
	switch start {
	case "salvaged":
		err = g.window(d.config(), 700)
	case "delivered":
		err = g.window(d.config(), int64(len(g.src)))
	case "killed": // before its names were synced
		g.swift = true
		d.failFrom(28, false, true)
		g.window(d.config(), 1400)
		d.restart()
		g.swift, g.durable = false, 0
		if len(d.cache["/stage"]) != 3 {
			t.Fatalf("killed too early, or too late: %d names", len(d.cache["/stage"]))
		}
	case "kept": // and the outbox was emptied since
		err = g.window(d.config(), 700)
		for name := range d.cache[d.outbox] {
			d.Remove(d.outbox + "/" + name)
		}
		d.SyncDir(d.outbox)
	}
	if err != nil && start == "delivered" {
		t.Fatalf("%s: %v", start, err)
	}
}

// A sync that fails while publishing is no reason to fetch again, as long as
// there is room for a copy; without room, what was durable is published.
func TestDead(t *testing.T) {
	src := text(3000)
	begin := func(t *testing.T) (*disk, *Target, *Part) {
		d := newDisk(1, true)
		tg := mustTarget(t, mustOpen(t, d.config()), "log", "/src")
		p := mustNew(t, tg)
		feed(t, p, src[:1000], 300)
		check(t, p.Flush())
		feed(t, p, src[1000:], 300)
		return d, tg, p
	}
	failing := func(d *disk, full bool) {
		n := 0
		d.setFault(func(_ int, op string) error {
			if op == "sync" {
				if n++; n == 1 {
					return syscall.EIO
				}
			}
			if full && n > 0 && (op == "write" || op == "open") {
				return syscall.ENOSPC
			}
			return nil
		})
	}
	t.Run("room", func(t *testing.T) {
		d, _, p := begin(t)
		failing(d, false)
		pub, err := p.Publish(context.Background())
		check(t, err)
		if pub.Size != 3000 || !bytes.Equal(d.cut().cache[d.outbox]["log"].data, src) || d.bad != nil {
			t.Fatalf("got %d bytes, %q", pub.Size, d.bad)
		}
	})
	t.Run("no room", func(t *testing.T) {
		d, _, p := begin(t)
		failing(d, true)
		if pub, err := p.Publish(context.Background()); !errors.Is(err, ErrDead) || pub.Name != "" {
			t.Fatalf("got %+v, %v, want ErrDead: bytes were lost", pub, err)
		}
		if p.Proven() != 1000 || p.Err() != nil {
			t.Fatalf("got %d proven (%v), want the 1000 that were durable", p.Proven(), p.Err())
		}
		if err := p.Append([]byte("x")); !errors.Is(err, ErrDead) {
			t.Fatalf("append to a dead inode: got %v", err)
		}
		pub, err := p.PublishPart(context.Background(), 1)
		check(t, err)
		if pub.Size != 1000 || !bytes.Equal(d.cut().cache[d.outbox]["log.part"].data, src[:1000]) || d.bad != nil {
			t.Fatalf("got %d bytes, %q", pub.Size, d.bad)
		}
		d.setFault(nil)
		g := &saga{src: src}
		check(t, p.t.s.Close())
		check(t, g.window(d.config(), 3000))
		g.audit(d, "next")
		if g.bad != nil {
			t.Fatal(g.bad)
		}
	})
	t.Run("rebuild", func(t *testing.T) {
		d, _, p := begin(t)
		failing(d, false)
		if err := p.Flush(); !errors.Is(err, ErrDead) || !errors.Is(err, syscall.EIO) {
			t.Fatalf("flush: got %v, want ErrDead and EIO", err)
		}
		if err := p.Append([]byte("x")); !errors.Is(err, ErrDead) {
			t.Fatalf("append to a dead part: got %v", err)
		}
		check(t, p.Rebuild())
		if p.Proven() != 3000 || p.Durable() != 3000 {
			t.Fatalf("got %d proven, %d durable", p.Proven(), p.Durable())
		}
		check(t, p.Append([]byte("x")))
	})
}

// The deadline ends a copy between two blocks, and nothing is lost by it.
func TestPublishStops(t *testing.T) {
	d := newDisk(1, false)
	s := mustOpen(t, d.config())
	src := text(3 * blockSize)
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, src, blockSize)
	check(t, p.Flush())
	ctx, cancel := context.WithCancel(context.Background())
	d.setFault(func(_ int, op string) error {
		if op == "write" {
			cancel()
		}
		return nil
	})
	if _, err := p.Publish(ctx); err != errNoTime {
		t.Fatalf("got %v, want %v", err, errNoTime)
	}
	if len(d.cache[d.outbox]) != 0 {
		t.Fatal("something is in the outbox")
	}
	d.setFault(nil)
	_, err := p.Publish(context.Background())
	check(t, err)
	if !bytes.Equal(d.cut().cache[d.outbox]["log"].data, src) || d.bad != nil {
		t.Fatalf("not published, %q", d.bad)
	}
}

// Where nothing can be published atomically, nothing is published at all, the
// bytes stay, and the error says what to do.
func TestUnsupported(t *testing.T) {
	d := newDisk(1, false)
	d.noTmp = true
	s := mustOpen(t, d.config())
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, text(1000), 300)
	_, err := p.Publish(context.Background())
	if k, ok := KindOf(err); !ok || k != Unsupported || len(d.cache[d.outbox]) != 0 {
		t.Fatalf("got %v and %d names", err, len(d.cache[d.outbox]))
	}
	check(t, p.Close())
	if p = mustTarget(t, s, "log", "/src").Parts()[0]; p.Proven() != 1000 {
		t.Fatalf("got %d bytes kept", p.Proven())
	}
}
