package outbox

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countFS counts the syncs, and how many there are at a time.
type countFS struct {
	FS
	takes      time.Duration
	data, dirs atomic.Int64
	mu         sync.Mutex
	now, most  int
}

func (c *countFS) Open(name string, flag int) (File, error) {
	f, err := c.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return countFile{f, c}, nil
}

func (c *countFS) SyncDir(dir string) error {
	c.dirs.Add(1)
	time.Sleep(c.takes)
	return c.FS.SyncDir(dir)
}

type countFile struct {
	File
	c *countFS
}

func (f countFile) Datasync() error {
	c := f.c
	c.data.Add(1)
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	time.Sleep(c.takes)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	return f.File.Datasync()
}

// A thousand files of 4 KiB, with their receipts: what is counted is syncs.
func TestBatchSyncs(t *testing.T) {
	for _, way := range []string{"rename", "another file system"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			c := desk(t)
			if way != "rename" {
				c.Outbox = tmpfs(t, 32<<20)
			}
			c.Pace = time.Hour
			fs := &countFS{FS: OS, takes: time.Millisecond}
			c.FS = fs
			s := mustOpen(t, c)
			fs.data.Store(0)
			fs.dirs.Store(0)
			src := text(1_000_000)
			var slips []*Slip
			b, batches := s.NewBatch(), 0
			for i := range 1000 {
				b.Add(&Small{Name: fmt.Sprintf("f%03d", i), Data: src[i*900 : i*900+4096]})
				if i < 999 && !b.Full() {
					continue
				}
				b.Publish()
				batches++
				for _, e := range b.Files {
					check(t, e.Err)
					r := &Receipt{Status: "complete"}
					r.Bytes(e.Published)
					slips = append(slips, NewSlip(e.Name, r))
				}
				b = s.NewBatch()
			}
			if !s.Sign(slips) {
				t.Error("not all are signed")
			}
			s.EndBatches()
			data, dirs := fs.data.Load(), fs.dirs.Load()
			t.Logf("%d batches, %d syncs of files, %d of directories, %d at a time", batches, data, dirs, fs.most)
			if data+dirs > 2100 || data < 2000 {
				t.Errorf("got %d and %d syncs, want at most 2,100", data, dirs)
			}
			if fs.most < 8 || fs.most > atOnce {
				t.Errorf("got %d syncs at a time, want 8 to %d", fs.most, atOnce)
			}
			for i := range 1000 {
				wantFile(t, fmt.Sprintf("%s/f%03d", c.Outbox, i), src[i*900:i*900+4096])
			}
			if n := len(names(t, c.Outbox)); n != 2000 {
				t.Errorf("got %d names in the outbox, want 2000", n)
			}
			check(t, s.Close())
			wantNames(t, c.Stage, "lock")
		})
	}
}

// A batch is full by files, by bytes, or by time, whichever comes first.
func TestBatchBounds(t *testing.T) {
	c := desk(t)
	now := time.Unix(1, 0)
	c.Now = func() time.Time { return now }
	c.Pace = 500 * time.Millisecond
	s := mustOpen(t, c)
	fill := func(size int, tick time.Duration) int {
		b := s.NewBatch()
		for i := 0; !b.Full(); i++ {
			b.Add(&Small{Name: fmt.Sprint("f", i), Data: make([]byte, size)})
			now = now.Add(tick)
		}
		b.Publish()
		s.EndBatches()
		return len(b.Files)
	}
	if n := fill(10, 0); n != leastBatch {
		t.Errorf("the first batch: got %d files, want %d", n, leastBatch)
	}
	for range 4 {
		fill(10, 0) // in no time: more of them
	}
	if n := fill(10, 0); n != mostBatch {
		t.Errorf("on a fast disk: got %d files, want %d", n, mostBatch)
	}
	if n := fill(MaxBatched, 0); n != batchBytes/MaxBatched {
		t.Errorf("of large files: got %d, want %d", n, batchBytes/MaxBatched)
	}
	if n := fill(10, 100*time.Millisecond); n != 5 {
		t.Errorf("of slow ones: got %d, want 5", n)
	}
	s.pace.committed(mostBatch, 2*time.Second)
	if n := fill(10, 0); n != mostBatch/2 {
		t.Errorf("on a slow disk: got %d files, want %d", n, mostBatch/2)
	}
}

// What is left of NAME on the stage is a matter for Target, also what has no
// receipt: that of another source is not told of this one.
func TestBatchLeft(t *testing.T) {
	c := desk(t)
	c.Run = "one"
	s := mustOpen(t, c)
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, text(100), 100)
	check(t, p.Close())
	b := s.NewBatch()
	for _, n := range []string{"o", "p"} {
		b.Add(&Small{Name: n, Source: "/other/" + n, Identity: Identity{Validator: "v"}, Data: text(10)})
	}
	b.Publish()
	check(t, s.Close())

	s = mustOpen(t, c)
	if !s.Left("log") || !s.Left("o") || s.Left("lo") || s.Left("") || s.Left("f") {
		t.Error("what is left is not known")
	}
	if len(lateNames(s, "/many/")) != 0 || len(lateNames(s, "/other/")) != 2 {
		t.Errorf("late: got %q and %q", lateNames(s, "/many/"), lateNames(s, "/other/"))
	}
	for _, c := range []struct{ source, validator string }{{"/other/o", "v"}, {"/elsewhere/p", ""}} {
		tg := mustTarget(t, s, c.source[len(c.source)-1:], c.source)
		u := tg.Unreceipted()
		if u == nil || u.Run != "one" || u.Size != 10 || u.SHA256 != sha256.Sum256(text(10)) || u.Identity.Validator != c.validator {
			t.Errorf("%s: got %+v", c.source, u)
		}
		check(t, tg.PublishMissing(&Receipt{}))
	}
	check(t, s.Close())
	wantNames(t, c.Stage, "lock", "log.00000001.cur", "log.00000001.dat")
	wantNames(t, c.Outbox, "o", "o.one.receipt.json", "p", "p.one.receipt.json")
}

// The stage vanishes, or is full.
func TestBatchWithoutStage(t *testing.T) {
	c := desk(t)
	s := mustOpen(t, c)
	b := s.NewBatch()
	b.Add(&Small{Name: "f", Data: text(10)})
	check(t, os.RemoveAll(c.Stage))
	b.Publish()
	check(t, b.Files[0].Err)
	s.Sign([]*Slip{NewSlip("f", &Receipt{})})
	wantFile(t, c.Outbox+"/f", text(10))
	wantNames(t, c.Outbox, "f", "f.receipt.json")
	s.Close()

	dir := tmpfs(t, 64<<10)
	c.Stage, c.Outbox = dir+"/stage", dir+"/outbox"
	check(t, os.Mkdir(c.Outbox, 0o755))
	s = mustOpen(t, c)
	b = s.NewBatch()
	for n := range 40 {
		b.Add(&Small{Name: fmt.Sprint("f", n), Data: text(4096)})
	}
	b.Publish()
	whole := 0
	for _, e := range b.Files {
		if k, ok := KindOf(e.Err); e.Err != nil && (!ok || k != Full) {
			t.Errorf("got %v, want Full", e.Err)
		} else if e.Err == nil {
			whole++
			wantFile(t, c.Outbox+"/"+e.Name, text(4096))
		}
	}
	if whole == 0 || whole == 40 || len(names(t, c.Outbox)) != whole {
		t.Errorf("%d of 40 are there", whole)
	}
	check(t, s.Close())
}

// tellFS notes what is done to the stage and above it.
type tellFS struct {
	FS
	told []string
}

func (f *tellFS) Open(name string, flag int) (File, error) {
	if flag&os.O_CREATE != 0 {
		f.told = append(f.told, "make "+name)
	}
	return f.FS.Open(name, flag)
}

func (f *tellFS) SyncDir(dir string) error {
	f.told = append(f.told, "sync "+dir)
	return f.FS.SyncDir(dir)
}

// The lock stands for what is durable above it: a run that is killed in front
// of it leaves that to the next one.
func TestLockBehindItsDirectories(t *testing.T) {
	c := desk(t)
	fs := &tellFS{FS: OS}
	c.FS, c.Stage = fs, c.Stage+"/a/b"
	check(t, mustOpen(t, c).Close())
	lock := slices.Index(fs.told, "make "+c.Stage+"/lock")
	for d := c.Stage; d != parent(c.Stage[:len(c.Stage)-4]); d = parent(d) {
		if k := slices.Index(fs.told, "sync "+d); k < 0 || k > lock {
			t.Errorf("%s is not synced in front of the lock: %q", d, fs.told)
		}
	}
	fs.told = nil
	check(t, mustOpen(t, c).Close())
	if len(fs.told) > 0 {
		t.Errorf("the second time: %q", fs.told)
	}
}
