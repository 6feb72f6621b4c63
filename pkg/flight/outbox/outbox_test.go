package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// desk is a stage and an outbox, in memory where they can be: hundreds of tests
// sync thousands of times, and what a sync means is tested by disk.
func desk(t *testing.T) Config {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "outbox-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return deskIn(t, dir)
}

func deskIn(t *testing.T, dir string) Config {
	t.Helper()
	c := Config{Stage: dir + "/persist/stage", Outbox: dir + "/outbox", Piece: 1 << 10, Pace: 5 * time.Millisecond, Now: time.Now}
	if err := os.Mkdir(c.Outbox, 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

func mustOpen(t *testing.T, c Config) *Stage {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.lock.Close() })
	return s
}

func mustTarget(t *testing.T, s *Stage, name, source string) *Target {
	t.Helper()
	tg, err := s.Target(name, source)
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func mustNew(t *testing.T, tg *Target) *Part {
	t.Helper()
	p, err := tg.New(Identity{Total: -1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// text is n bytes that are different everywhere: numbered lines.
func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		b.WriteString(strings.Repeat("x", i%7))
		b.WriteString(" line ")
		b.WriteString(time.Unix(int64(i), 0).UTC().Format("150405"))
		b.WriteByte('\n')
	}
	return b.Bytes()[:n]
}

// feed appends b in steps, proving each.
func feed(t *testing.T, p *Part, b []byte, step int) {
	t.Helper()
	for len(b) > 0 {
		n := min(step, len(b))
		check(t, p.Append(b[:n]))
		check(t, p.Prove())
		b = b[n:]
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	check(t, err)
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", filepath.Base(dir), got, want)
	}
}

func wantFile(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: got %d bytes, want %d (or they differ)", name, len(got), len(want))
	}
}

func TestPublish(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, 16 << 10, 16<<10 + 1, 1 << 20} {
		c := desk(t)
		s := mustOpen(t, c)
		tg := mustTarget(t, s, "sdr_syslog", "/var/log/syslog")
		p := mustNew(t, tg)
		b := text(size)
		feed(t, p, b, 1000)
		check(t, p.Append([]byte("not proven")))
		pub, err := p.Publish(context.Background())
		check(t, err)
		wantFile(t, c.Outbox+"/sdr_syslog", b)
		wantNames(t, c.Stage, "lock", "sdr_syslog.00000001.cur") // until there is a receipt
		if pub.Name != "sdr_syslog" || pub.Size != int64(size) || pub.SHA256 != sha256.Sum256(b) {
			t.Fatalf("size %d: got %+v", size, pub)
		}
		var pieces [][32]byte
		for i := 0; i < size; i += 1024 {
			pieces = append(pieces, sha256.Sum256(b[i:min(i+1024, size)]))
		}
		if size > MaxPieces*1024 {
			pieces = nil
		}
		if !slices.Equal(pub.Pieces, pieces) {
			t.Fatalf("size %d: got %d pieces, want %d (or they differ)", size, len(pub.Pieces), len(pieces))
		}
		if want := int64(bytes.LastIndexByte(b, '\n') + 1); pub.LineEnd != want {
			t.Fatalf("line end: got %d, want %d", pub.LineEnd, want)
		}
		if err := p.Append(nil); err != ErrClosed {
			t.Fatalf("append after publish: got %v, want ErrClosed", err)
		}
		check(t, s.Close())
	}
}

func TestResume(t *testing.T) {
	c := desk(t)
	b := text(300_000)
	id := Identity{Snapshot: "/var/log/syslog?snapshot=1-2-3", Validator: `"e"`, Total: 300_000, Verified: VerifiedDigest}

	s := mustOpen(t, c)
	p, err := mustTarget(t, s, "log", "/src").New(id)
	check(t, err)
	feed(t, p, b[:100_000], 3000)
	check(t, p.Append(b[100_000:150_000])) // never proven
	check(t, p.Close())
	check(t, s.Close())

	s = mustOpen(t, c)
	tg := mustTarget(t, s, "log", "/src")
	if len(tg.Parts()) != 1 {
		t.Fatalf("got %d parts, want 1", len(tg.Parts()))
	}
	p = tg.Parts()[0]
	if p.Identity() != id || p.Proven() != 100_000 || p.Held() != 100_000 || p.Durable() != 100_000 {
		t.Fatalf("got %+v, %d proven, %d held, %d durable", p.Identity(), p.Proven(), p.Held(), p.Durable())
	}
	got := make([]byte, 1000)
	if _, err := p.ReadAt(got, 99_000); err != nil || !bytes.Equal(got, b[99_000:100_000]) {
		t.Fatalf("overlap differs, %v", err)
	}
	feed(t, p, b[100_000:200_000], 50_000)
	id.Complete = true // claimed for 200,000 bytes
	check(t, p.Describe(id))
	check(t, p.Flush())
	if p.Durable() != 200_000 {
		t.Fatalf("durable after flush: got %d, want 200000", p.Durable())
	}
	check(t, p.Close())
	check(t, s.Close())

	// A prefix of it only: no longer complete.
	check(t, os.Truncate(c.Stage+"/log.00000001.dat", 150_000))
	s = mustOpen(t, c)
	tg = mustTarget(t, s, "log", "/src")
	p = tg.Parts()[0]
	if n := p.Proven(); n < 100_000 || n > 150_000 || p.Identity().Complete {
		t.Fatalf("got %d proven, complete %v", n, p.Identity().Complete)
	}
	feed(t, p, b[p.Proven():], 10_000)
	pub, err := p.Publish(context.Background())
	check(t, err)
	wantFile(t, c.Outbox+"/log", b)
	if pub.SHA256 != sha256.Sum256(b) {
		t.Fatal("digest differs")
	}
	check(t, s.Close())
}

// A part published at the end of a window shares its inode with the outbox,
// and must not change there when the next run goes on.
func TestSalvage(t *testing.T) {
	c := desk(t)
	b := text(100_000)
	s := mustOpen(t, c)
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, b[:40_000], 9000)
	check(t, p.Append(b[40_000:50_000]))
	_, err := p.PublishPart(context.Background(), 1)
	check(t, err)
	check(t, s.Close())
	wantNames(t, c.Outbox, "log.part")
	wantFile(t, c.Outbox+"/log.part", b[:40_000])

	for _, upto := range []int{60_000, 60_000, 80_000} { // the second adds nothing
		s = mustOpen(t, c)
		p = mustTarget(t, s, "log", "/src").Parts()[0]
		before := p.Proven()
		feed(t, p, b[p.Proven():upto], 1<<20)
		wantFile(t, c.Outbox+"/log.part", b[:before])
		_, err = p.PublishPart(context.Background(), 1)
		check(t, err)
		check(t, s.Close())
		wantNames(t, c.Outbox, "log.part")
		wantFile(t, c.Outbox+"/log.part", b[:upto])
	}
	wantNames(t, c.Stage, "lock", "log.00000003.cur", "log.00000003.dat")

	// Completed in the same window: the part is withdrawn, all of it is in NAME.
	s = mustOpen(t, c)
	p = mustTarget(t, s, "log", "/src").Parts()[0]
	feed(t, p, b[p.Proven():], 1<<20)
	_, err = p.Publish(context.Background())
	check(t, err)
	wantNames(t, c.Outbox, "log")
	wantFile(t, c.Outbox+"/log", b)
	wantNames(t, c.Stage, "lock", "log.00000004.cur")
	check(t, s.Close())
}

func TestGenerations(t *testing.T) {
	c := desk(t)
	old, now := text(5000), bytes.ToUpper(text(7000))
	s := mustOpen(t, c)
	tg := mustTarget(t, s, "log", "/src")
	p, q := mustNew(t, tg), mustNew(t, tg)
	feed(t, p, old, 1000)
	check(t, p.Describe(Identity{Sealed: true, Total: 9000}))
	feed(t, q, now[:100], 1000)
	check(t, p.Close())
	check(t, q.Close())
	check(t, s.Close())

	// Both are there in the next run, in order.
	s = mustOpen(t, c)
	tg = mustTarget(t, s, "log", "/src")
	p, q = tg.Parts()[0], tg.Parts()[1]
	if !p.Identity().Sealed || q.Identity().Sealed {
		t.Fatal("the older part must be the sealed one")
	}
	feed(t, q, now[100:], 1000)
	_, err := p.PublishPart(context.Background(), 0)
	check(t, err)
	_, err = q.Publish(context.Background())
	check(t, err)
	wantNames(t, c.Outbox, "log", "log.part")
	wantFile(t, c.Outbox+"/log", now)
	wantFile(t, c.Outbox+"/log.part", old)
	check(t, tg.PublishReceipt(&Receipt{}))
	wantNames(t, c.Stage, "lock")
	check(t, s.Close())
}

// A run that is cut off between a file and its receipt: the next one knows.
func TestUnreceipted(t *testing.T) {
	for _, c := range []struct {
		size      int
		run, want string
	}{
		{5000, "fm1-1", "log.fm1-1.receipt.json"}, {0, "", "log.earlier.receipt.json"}, {1, "../x", "log...%2Fx.receipt.json"},
		{1, strings.Repeat("r", 600), ""},
	} {
		d := desk(t)
		d.Run = c.run
		s := mustOpen(t, d)
		p := mustNew(t, mustTarget(t, s, "log", "/src"))
		b := text(c.size)
		feed(t, p, b, 1000)
		check(t, p.Describe(Identity{Snapshot: "/src?snapshot=1", Total: int64(c.size), Verified: VerifiedDigest, Complete: true}))
		_, err := p.Publish(context.Background())
		check(t, err)
		check(t, s.Close())
		check(t, os.Remove(d.Outbox+"/log")) // sent down

		d.Run = "later"
		s = mustOpen(t, d)
		tg := mustTarget(t, s, "log", "/src")
		u := tg.Unreceipted()
		if u == nil || u.Run != c.run[:min(len(c.run), maxRun)] || u.Size != int64(c.size) || u.SHA256 != sha256.Sum256(b) || u.Identity.Snapshot != "/src?snapshot=1" || len(tg.Parts()) > 0 {
			t.Fatalf("got %+v", u)
		}
		check(t, tg.PublishMissing(&Receipt{Status: "complete"}))
		if c.want != "" {
			wantNames(t, d.Outbox, c.want)
		}
		wantNames(t, d.Stage, "lock")
		if tg = mustTarget(t, s, "log", "/src"); tg.Unreceipted() != nil {
			t.Fatal("told twice")
		}
		check(t, s.Close())
	}
}

// What is not ours or not whole is not taken for ours.
func TestRejects(t *testing.T) {
	cases := []struct {
		name   string
		spoil  func(t *testing.T, dat, cur string)
		source string
		parts  int
	}{
		{"untouched", func(*testing.T, string, string) {}, "/src", 1},
		{"another source", func(*testing.T, string, string) {}, "/other", 0},
		{"no cursor", func(t *testing.T, dat, cur string) { check(t, os.Remove(cur)) }, "/src", 0},
		{"no data", func(t *testing.T, dat, cur string) { check(t, os.Remove(dat)) }, "/src", 0},
		{"empty cursor", func(t *testing.T, dat, cur string) { check(t, os.Truncate(cur, 0)) }, "/src", 0},
		{"empty data", func(t *testing.T, dat, cur string) { check(t, os.Truncate(dat, 0)) }, "/src", 0},
		{"cursor of another generation", func(t *testing.T, dat, cur string) {
			b, err := os.ReadFile(cur)
			check(t, err)
			for i := range slots {
				if c, ok := decodeCursor(b[i*slotSize:][:slotSize]); ok {
					c.gen++
					copy(b[i*slotSize:], c.encode())
				}
			}
			check(t, os.WriteFile(cur, b, 0o644))
		}, "/src", 0},
		{"data from another file", func(t *testing.T, dat, cur string) {
			check(t, os.WriteFile(dat, bytes.Repeat([]byte("z"), 10_000), 0o644))
		}, "/src", 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := desk(t)
			s := mustOpen(t, c)
			p := mustNew(t, mustTarget(t, s, "log", "/src"))
			feed(t, p, text(10_000), 1000)
			check(t, p.Close())
			tc.spoil(t, p.path(dataSuffix), p.path(cursorSuffix))
			tg := mustTarget(t, s, "log", tc.source)
			if len(tg.Parts()) != tc.parts {
				t.Fatalf("got %d parts, want %d", len(tg.Parts()), tc.parts)
			}
			if tc.parts == 0 {
				wantNames(t, c.Stage, "lock")
			}
		})
	}
}

func TestLock(t *testing.T) {
	c := desk(t)
	s := mustOpen(t, c)
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, text(100), 100)
	check(t, p.Flush())
	before := names(t, c.Stage)
	if _, err := Open(c); !errors.Is(err, ErrLocked) {
		t.Fatalf("second instance: got %v, want ErrLocked", err)
	}
	wantNames(t, c.Stage, before...)
	check(t, p.Close())
	check(t, s.Close())
	check(t, mustOpen(t, c).Close())
}

func TestOpenErrors(t *testing.T) {
	c := desk(t)
	check(t, os.Remove(c.Outbox))
	_, err := Open(c)
	if k, ok := KindOf(err); !ok || k != Missing {
		t.Fatalf("no outbox: got %v", err)
	}
	// The lock is free again.
	check(t, os.Mkdir(c.Outbox, 0o755))
	check(t, mustOpen(t, c).Close())

	c.Stage = c.Outbox + "/../file/stage"
	check(t, os.WriteFile(c.Outbox+"/../file", nil, 0o644))
	if _, err = Open(c); err == nil {
		t.Fatal("stage under a file: got no error")
	}
	if k, _ := KindOf(err); k != Missing || !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("stage under a file: got %v", err)
	}
	check(t, PublishReceipt(c, "log", &Receipt{Status: "failed", Total: -1, Exit: 1, Reason: err.Error()}))
	wantNames(t, c.Outbox, "log.receipt.json")
}
