package outbox

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// skip skips, unless REQUIRE_PEERS says that nothing may be skipped.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_PEERS") == "1" {
		t.Fatal("REQUIRE_PEERS=1, but " + why)
	}
	t.Skip(why)
}

// tmpfs mounts a file system of its own, of size bytes.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		skip(t, "cannot mount a tmpfs: "+err.Error())
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

const (
	killFile  = 300_000
	killPiece = 4096
)

// TestMain is also the child that TestKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OUTBOX_TEST_CHILD"); dir != "" {
		os.Exit(killChild(dir))
	}
	debug.SetGCPercent(400) // the sweeps make much garbage of a small heap
	os.Exit(m.Run())
}

func killConfig(dir string) Config {
	return Config{Stage: dir + "/stage", Outbox: dir + "/outbox", Piece: killPiece, Pace: 3 * time.Millisecond}
}

// killChild fetches, as far as it is let, and says what it has proven.
func killChild(dir string) int {
	src := text(killFile)
	s, err := Open(killConfig(dir))
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	t, err := s.Target("log", "/src")
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	if t.Unreceipted() != nil {
		if err := t.PublishMissing(&Receipt{Status: "complete"}); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
	var p *Part
	for _, p = range t.Parts() {
	}
	if p == nil {
		if p, err = t.New(Identity{Total: killFile}); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
	fmt.Println("start", p.Proven())
	for p.Held() < killFile {
		p.Append(src[p.Held():min(killFile, p.Held()+killPiece)])
		if err := p.Prove(); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("proven", p.Proven())
		time.Sleep(200 * time.Microsecond)
	}
	pub, err := p.Publish(context.Background())
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("published", pub.Size)
	r := &Receipt{Status: "complete", Total: killFile}
	r.Bytes(pub)
	if err := t.PublishReceipt(r); err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("done", pub.Size)
	return 0
}

// SIGKILL at random instants: nothing half in the outbox, ever; no more lost
// than the piece in flight and the one before; and it ends.
func TestKill(t *testing.T) {
	kills := 200
	if s := os.Getenv("OUTBOX_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		check(t, err)
		kills = n
	}
	if testing.Short() {
		kills = 20
	}
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/outbox", 0o755))
	src := text(killFile)
	proven, published, delivered, worst := int64(0), false, 0, int64(0)
	for k := range kills + 1 {
		argv := []string{os.Args[0]}
		if emulator := os.Getenv("EMULATOR"); emulator != "" { // this is a program for another processor
			argv = []string{emulator, os.Args[0]}
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "OUTBOX_TEST_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		timer := time.AfterFunc(time.Duration(rand.IntN(45_000))*time.Microsecond, func() {
			if k < kills { // the last one may end
				cmd.Process.Kill()
			}
		})
		done := false
		for sc := bufio.NewScanner(out); sc.Scan(); {
			word, rest, _ := strings.Cut(sc.Text(), " ")
			n, _ := strconv.ParseInt(rest, 10, 64)
			switch word {
			case "start":
				if lost := proven - n; lost > killPiece && !published {
					t.Fatalf("kill %d: %d bytes were proven, %d are left", k, proven, n)
				} else if !published {
					worst = max(worst, lost)
				}
				published, proven = false, n
			case "proven":
				proven = n
			case "published":
				published = true
			case "done":
				done = true
			default:
				t.Fatalf("kill %d: %s", k, sc.Text())
			}
		}
		cmd.Wait()
		timer.Stop()
		for _, name := range names(t, dir+"/outbox") {
			b, err := os.ReadFile(dir + "/outbox/" + name)
			check(t, err)
			switch {
			case name == "log" && bytes.Equal(b, src):
				published = true // if it was killed before it could say so
			case name == "log.earlier.receipt.json" && len(b) > 0 && b[len(b)-1] == '\n':
				os.Remove(dir + "/outbox/" + name)
			case name == "log.receipt.json" && len(b) > 0 && b[len(b)-1] == '\n':
			default:
				t.Fatalf("kill %d: %s in the outbox with %d bytes", k, name, len(b))
			}
		}
		if done {
			delivered++
			wantNames(t, dir+"/stage", "lock")
			os.Remove(dir + "/outbox/log")
			os.Remove(dir + "/outbox/log.receipt.json")
			proven, published = 0, true
		} else if k == kills {
			t.Fatal("the last run was not killed and did not deliver")
		} else if published {
			os.Remove(dir + "/outbox/log")
		}
	}
	t.Logf("%d kills, %d deliveries, at most %d proven bytes lost", kills, delivered, worst)
	if delivered == 0 || delivered > kills {
		t.Fatalf("the instants were badly chosen: %d deliveries", delivered)
	}
}

// Whatever becomes of the two files, what is opened is a prefix of what was
// written, and fetching on from there ends with the right bytes.
func TestTorn(t *testing.T) {
	src := text(60_000)
	whole, some, cases := 0, 0, 300
	if testing.Short() {
		cases = 60
	}
	for i := range cases {
		rnd := rand.New(rand.NewPCG(uint64(i), 7))
		c := desk(t)
		s := mustOpen(t, c)
		p := mustNew(t, mustTarget(t, s, "log", "/src"))
		have := 1 + rnd.IntN(len(src)-1)
		feed(t, p, src[:have], 1+rnd.IntN(5000))
		check(t, p.Close())
		for _, name := range []string{p.path(dataSuffix), p.path(cursorSuffix)} {
			b, err := os.ReadFile(name)
			check(t, err)
			switch at := rnd.IntN(len(b)); rnd.IntN(6) {
			case 0:
				b = b[:at]
			case 1:
				b[at] ^= byte(1 + rnd.IntN(255))
			case 2:
				clear(b[at:min(len(b), at+4096)])
			case 3:
				b = append(b, bytes.Repeat([]byte{byte(at)}, at)...)
			}
			check(t, os.WriteFile(name, b, 0o644))
		}
		tg := mustTarget(t, s, "log", "/src")
		if len(tg.Parts()) > 0 {
			p = tg.Parts()[0]
			b := make([]byte, p.Proven())
			if _, err := p.ReadAt(b, 0); err != nil || !bytes.HasPrefix(src, b) {
				t.Fatalf("case %d: %d wrong bytes are taken for proven (%v)", i, len(b), err)
			}
			if len(b) == have {
				whole++
			}
			some++
		} else {
			p = mustNew(t, tg)
		}
		feed(t, p, src[p.Proven():], 10_000)
		_, err := p.Publish(context.Background())
		check(t, err)
		wantFile(t, c.Outbox+"/log", src)
		check(t, tg.PublishReceipt(&Receipt{}))
		wantNames(t, c.Stage, "lock")
		check(t, s.Close())
	}
	t.Logf("%d torn parts: %d whole, %d shorter", cases, whole, some-whole)
	if whole == 0 || some == whole {
		t.Fatal("the damage was badly chosen")
	}
}

// Publishing between file systems, by O_TMPFILE and linkat, both ways.
func TestOtherFileSystem(t *testing.T) {
	for _, way := range []string{"disk to tmpfs", "tmpfs to disk"} {
		t.Run(way, func(t *testing.T) {
			c := deskIn(t, t.TempDir())
			if way == "disk to tmpfs" {
				c.Outbox = tmpfs(t, 8<<20)
			} else {
				c.Stage = tmpfs(t, 8<<20) + "/stage"
			}
			src := text(900_000)
			s := mustOpen(t, c)
			if s.same {
				t.Fatal("a rename was thought possible")
			}
			tg := mustTarget(t, s, "log", "/src")
			p := mustNew(t, tg)
			feed(t, p, src[:500_000], 100_000)
			_, err := p.PublishPart(context.Background(), 1)
			check(t, err)
			wantNames(t, c.Outbox, "log.part")
			wantFile(t, c.Outbox+"/log.part", src[:500_000])
			check(t, s.Close())

			s = mustOpen(t, c)
			tg = mustTarget(t, s, "log", "/src")
			check(t, os.WriteFile(c.Outbox+"/log", []byte("of an earlier run"), 0o644))
			p = tg.Parts()[0]
			feed(t, p, src[p.Proven():], 100_000)
			_, err = p.Publish(context.Background())
			check(t, err)
			for range 2 { // the second replaces
				check(t, tg.PublishReceipt(&Receipt{Status: "complete"}))
			}
			wantNames(t, c.Outbox, "log", "log.receipt.json")
			wantFile(t, c.Outbox+"/log", src)
			wantNames(t, c.Stage, "lock")
			check(t, s.Close())
		})
	}
}

// A full disk: the error says so, what was durable stays and is published.
func TestFull(t *testing.T) {
	c := Config{Pace: time.Millisecond}
	dir := tmpfs(t, 256<<10)
	c.Stage, c.Outbox = dir+"/stage", dir+"/outbox"
	check(t, os.Mkdir(c.Outbox, 0o755))
	src := text(400_000)
	s := mustOpen(t, c)
	tg := mustTarget(t, s, "log", "/src")
	p := mustNew(t, tg)
	var err error
	for err == nil {
		if err = p.Append(src[p.Held():][:10_000]); err == nil {
			err = p.Prove()
		}
	}
	if k, ok := KindOf(err); !ok || k != Full || !strings.Contains(err.Error(), "disk is full") {
		t.Fatalf("got %v, want Full", err)
	}
	check(t, p.Flush())
	n := p.Proven()
	if n < 100_000 || p.Durable() != n || p.Held() != n {
		t.Fatalf("got %d held, %d proven, %d durable", p.Held(), n, p.Durable())
	}
	_, err = p.PublishPart(context.Background(), 1)
	check(t, err)
	wantFile(t, c.Outbox+"/log.part", src[:n])
	if err := tg.PublishReceipt(&Receipt{Status: "partial"}); err != nil {
		if k, _ := KindOf(err); k != Full {
			t.Fatalf("receipt: got %v, want Full", err)
		}
		wantNames(t, c.Outbox, "log.part")
	}
	check(t, s.Close())
}

// A disk that turns read-only under us: the error says so, and the part is
// there when it is writable again.
func TestReadOnly(t *testing.T) {
	dir := tmpfs(t, 1<<20)
	c := Config{Stage: dir + "/stage", Outbox: dir + "/outbox"}
	check(t, os.Mkdir(c.Outbox, 0o755))
	src := text(20_000)
	s := mustOpen(t, c)
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, src, 5000)
	check(t, p.Close())
	check(t, s.Close())
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		skip(t, "cannot remount read-only: "+err.Error())
	}
	if _, err := Open(c); err == nil {
		t.Fatal("got no error")
	} else if k, ok := KindOf(err); !ok || k != ReadOnly {
		t.Fatalf("got %v, want ReadOnly", err)
	}
	if k, ok := KindOf(PublishReceipt(c, "log", &Receipt{})); !ok || k != ReadOnly {
		t.Fatalf("receipt: got kind %v, want ReadOnly", k)
	}
	check(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""))
	s = mustOpen(t, c)
	if got := mustTarget(t, s, "log", "/src").Parts()[0].Proven(); got != 20_000 {
		t.Fatalf("got %d bytes, want 20000", got)
	}
	check(t, s.Close())
}

// No descriptor and no file is left behind.
func TestLeaks(t *testing.T) {
	count := func() int { return len(names(t, "/proc/self/fd")) }
	c := desk(t)
	runtime.GC() // what other tests dropped without closing
	runtime.GC()
	before := count()
	for i := range 20 {
		s := mustOpen(t, c)
		tg := mustTarget(t, s, "log", "/src")
		p := mustNew(t, tg)
		feed(t, p, text(1000), 100)
		switch i % 4 {
		case 0:
			p.Publish(context.Background())
		case 1:
			p.PublishPart(context.Background(), 1)
		case 2:
			p.Discard()
		case 3:
			p.Close()
		}
		for _, q := range tg.Parts() {
			q.Discard()
		}
		check(t, p.Discard()) // of a closed part: nothing
		check(t, tg.PublishReceipt(&Receipt{}))
		check(t, s.Close())
	}
	if after := count(); after > before {
		t.Fatalf("descriptors: %d before, %d after", before, after)
	}
	left, _ := filepath.Glob(c.Stage + "/*" + tmpSuffix)
	if len(left) != 0 {
		t.Fatalf("left on the stage: %q", left)
	}
}
