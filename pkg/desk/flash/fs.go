package flash

import (
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// An FS is a disk with a file system on it. Its calls come from the kernel.
type FS struct {
	spec Spec
	dir  *os.Root // of this machine
	dev  *device

	mu     sync.Mutex
	root   *inode
	inodes map[uint64]*inode
	last   uint64
	log    []*op // on names, that no sync has made durable
	used   int64
	made   int // calls so far that change something, and syncs
	alarms []alarm
	armed  bool
	counts [Sync + 1]int // calls so far, by Op
	frozen bool          // a read-only remount, after an EROFS
	off    bool

	open map[uint64][]entry // listings, by handle
	fh   uint64

	serving
}

// An alarm goes off with a call.
type alarm struct {
	at int
	c  chan struct{}
}

type entry struct {
	name string
	node *inode
}

func newFS(dir string, s Spec) (*FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &FS{spec: s, dir: root, dev: newDevice(s), inodes: map[uint64]*inode{}, open: map[uint64][]entry{}}
	f.root = f.create(syscall.S_IFDIR | 0o755)
	f.root.links = 2
	if err := f.load(f.root, "."); err != nil {
		root.Close()
		return nil, err
	}
	return f, nil
}

func (f *FS) create(mode uint32) *inode {
	f.last++
	n := &inode{id: f.last, mode: mode, mtime: time.Now()}
	if n.dir() {
		n.names = map[string]*inode{}
	}
	f.inodes[n.id] = n
	return n
}

// Arm starts the count of calls for Spec.Errors.
func (f *FS) Arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
}

// After is closed when n more calls have come that change something, or sync:
// they have begun, and no more.
func (f *FS) After(n int) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{})
	f.alarms = append(f.alarms, alarm{f.made + max(n, 1), c})
	return c
}

// Off takes the power away: every call from now on fails, those that wait do so
// at once. It returns the syncs of the disk's life that took long, and those
// that it had not returned from.
func (f *FS) Off() []Wait {
	f.mu.Lock()
	first := !f.off
	f.off = true
	f.mu.Unlock()
	waits := f.dev.told()
	if first {
		close(f.dev.off)
	}
	return waits
}

// settle leaves in the host's directory what a power cut leaves, where
// everything in the directories synced is spared.
func (f *FS) settle(synced []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range synced {
		if n := f.root.names[name]; n != nil && n.dir() {
			f.spare(n)
		} else if name == "." {
			f.spare(f.root)
		}
	}
	f.cut(rand.New(rand.NewPCG(f.spec.Seed, 2)))
	err := f.store(f.root, ".")
	for _, n := range f.inodes {
		if n.host != nil {
			n.host.Close()
		}
	}
	f.dir.Close()
	return err
}

// spare makes durable all that is in dir, and its name.
func (f *FS) spare(dir *inode) {
	f.commit(f.touching(func(n *inode) bool { return n == dir }))
	for _, n := range dir.names {
		if n.dir() {
			f.spare(n)
		} else {
			n.layers, n.lost = nil, nil
		}
	}
}

// fault counts a call and says how it fails. The lock is held.
func (f *FS) fault(o Op) syscall.Errno {
	if f.off {
		return syscall.EIO
	}
	f.made++
	f.alarms = slices.DeleteFunc(f.alarms, func(a alarm) bool {
		if a.at == f.made {
			close(a.c)
		}
		return a.at == f.made
	})
	if !f.armed {
		return 0
	}
	f.counts[Any]++
	if o != Any {
		f.counts[o]++
	}
	for _, e := range f.spec.Errors {
		if e.Nth != f.counts[e.Op] || e.Op != Any && e.Op != o {
			continue
		}
		if e.Errno == syscall.EROFS {
			f.frozen = true
			break
		}
		return e.Errno
	}
	if f.frozen && o != Sync {
		return syscall.EROFS
	}
	return 0
}

// grow takes room for n to become size bytes long.
func (f *FS) grow(n *inode, size int64) syscall.Errno {
	if !f.room(size - n.size) {
		return syscall.ENOSPC
	}
	more := size - n.size // now: room may have let go of the lock
	if more > 0 {
		f.used += more
	}
	return 0
}

// room says whether so many bytes more fit. The kernel tells of the last use of
// a file that has no name any more when it likes, so what may become free is
// waited for; the lock is given away meanwhile.
func (f *FS) room(more int64) bool {
	for try := 0; more > 0 && f.spec.Size > 0 && f.used+more > f.spec.Size; try++ {
		doomed := false
		for _, n := range f.inodes {
			doomed = doomed || n.links == 0 && !n.freed && n.size > 0
		}
		if !doomed || try == 100 || f.off {
			return false
		}
		f.mu.Unlock()
		time.Sleep(time.Millisecond)
		f.mu.Lock()
	}
	return true
}

// syncFile makes a file's bytes and length durable.
func (f *FS) syncFile(n *inode) syscall.Errno {
	f.mu.Lock()
	errno := f.fault(Sync)
	dirty := n.dirty()
	l := n.flush()
	if errno != 0 && l != nil {
		n.fail(l)
	}
	f.mu.Unlock()
	if !f.dev.sync(dirty) {
		return syscall.EIO
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return syscall.EIO
	}
	if errno == 0 && l != nil {
		n.settle(l)
	}
	return errno
}

// syncDir makes the names in a directory durable.
func (f *FS) syncDir(dir *inode) syscall.Errno {
	f.mu.Lock()
	errno := f.fault(Sync)
	ops := f.touching(func(n *inode) bool { return n == dir })
	f.mu.Unlock()
	if !f.dev.sync(int64(len(ops)) * page) {
		return syscall.EIO
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return syscall.EIO
	}
	if errno == 0 {
		f.commit(ops)
	}
	return errno
}

func (f *FS) list(dir *inode) []entry {
	rows := []entry{{".", dir}, {"..", dir}}
	for name, n := range dir.names {
		rows = append(rows, entry{name, n})
	}
	slices.SortFunc(rows[2:], func(a, b entry) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return rows
}
