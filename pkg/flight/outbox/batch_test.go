package outbox

import (
	"bytes"
	"fmt"
	"os"
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
			b, err := s.NewBatch("/many/")
			check(t, err)
			publish := func() {
				check(t, b.Publish(func(e *Entry) *Receipt {
					r := &Receipt{Status: "complete"}
					r.Bytes(e.Published)
					return r
				}))
				for _, e := range b.Entries() {
					check(t, e.Err)
				}
			}
			batches := 1
			for i := range 1000 {
				check(t, b.Add(&Entry{Name: fmt.Sprintf("f%03d", i)}, src[i*900:i*900+4096]))
				if b.Full() {
					publish()
					batches++
					b, err = s.NewBatch("/many/")
					check(t, err)
				}
			}
			publish()
			data, dirs := fs.data.Load(), fs.dirs.Load()
			t.Logf("%d batches, %d syncs of files, %d of directories, %d at a time", batches, data, dirs, fs.most)
			if data+dirs > 2100 || data < 2000 {
				t.Errorf("got %d and %d syncs, want at most 2,100", data, dirs)
			}
			if fs.most < 8 || fs.most > leastBatch {
				t.Errorf("got %d syncs at a time, want 8 to %d", fs.most, leastBatch)
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
		b, err := s.NewBatch("/many/")
		check(t, err)
		for i := 0; !b.Full(); i++ {
			check(t, b.Add(&Entry{Name: fmt.Sprint("f", i)}, make([]byte, size)))
			now = now.Add(tick)
		}
		b.Publish(func(*Entry) *Receipt { return &Receipt{} })
		return b.Len()
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

// What is left of NAME on the stage, and of batches of another source, is none
// of this batch's business.
func TestBatchBeside(t *testing.T) {
	c := desk(t)
	s := mustOpen(t, c)
	p := mustNew(t, mustTarget(t, s, "log", "/src"))
	feed(t, p, text(100), 100)
	check(t, p.Close())
	other, err := s.NewBatch("/other/")
	check(t, err)
	check(t, other.Add(&Entry{Name: "o"}, text(10)))
	other.Close()
	check(t, s.Close())

	s = mustOpen(t, c)
	if !s.Left("log") || s.Left("lo") || s.Left("") || s.Left("f") {
		t.Error("what is left is not known")
	}
	if n := len(s.Interrupted("/many/")); n != 0 {
		t.Errorf("got %d batches of another source", n)
	}
	b, err := s.NewBatch("/many/")
	check(t, err)
	check(t, b.Add(&Entry{Name: "f"}, text(10)))
	check(t, b.Publish(func(*Entry) *Receipt { return &Receipt{} }))
	list := s.Interrupted("/other/")
	if len(list) != 1 || list[0].Len() != 1 || list[0].Entries()[0].Name != "o" || !bytes.Equal(list[0].Entries()[0].sheet.data, text(10)) {
		t.Fatalf("got %+v", list)
	}
	check(t, list[0].Publish(func(*Entry) *Receipt { return &Receipt{} }))
	wantFile(t, c.Outbox+"/o", text(10))
	check(t, s.Close())
}

// Stage and outbox vanish, or are full: what Add has said stays true.
func TestBatchWithoutStage(t *testing.T) {
	c := desk(t)
	s := mustOpen(t, c)
	b, err := s.NewBatch("/many/")
	check(t, err)
	check(t, b.Add(&Entry{Name: "f"}, text(10)))
	check(t, os.RemoveAll(c.Stage))
	check(t, b.Publish(func(*Entry) *Receipt { return &Receipt{} }))
	wantFile(t, c.Outbox+"/f", text(10))
	wantNames(t, c.Outbox, "f", "f.receipt.json")
	s.Close()

	dir := tmpfs(t, 64<<10)
	c.Stage, c.Outbox = dir+"/stage", dir+"/outbox"
	check(t, os.Mkdir(c.Outbox, 0o755))
	s = mustOpen(t, c)
	b, err = s.NewBatch("/many/")
	check(t, err)
	n := 0
	for ; err == nil && n < 100; n++ {
		err = b.Add(&Entry{Name: fmt.Sprint("f", n)}, text(4096))
	}
	if k, ok := KindOf(err); !ok || k != Full {
		t.Fatalf("got %v, want Full", err)
	}
	if b.Publish(func(*Entry) *Receipt { return &Receipt{} }); b.Len() != n-1 {
		t.Fatalf("got %d files, want %d", b.Len(), n-1)
	}
	for _, e := range b.Entries() {
		check(t, e.Err)
		wantFile(t, c.Outbox+"/"+e.Name, text(4096))
	}
	check(t, s.Close())
}
