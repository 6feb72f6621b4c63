package outbox

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// disk is a file system in memory that knows what a power cut leaves: the
// cache is what processes see, and each inode and directory has a durable
// state that only syncs bring up to date. A sync that fails forgets what was
// dirty, as Linux does, so that the next one succeeds and proves nothing. Any
// call can be made to fail, or to be the last one before the lights go out.
//
// It watches the outbox itself: a name there must lead to bytes that are on
// the disk when it appears, and that never change.
type disk struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	outbox string
	mounts map[string]string // directory -> mount
	cache  map[string]map[string]*inode
	stable map[string]map[string]*inode
	log    []dirOp
	noTmp  bool // no O_TMPFILE
	noLink bool // no hard links
	loose  bool // a power cut leaves later names without earlier ones

	calls int
	fault func(n int, op string) error // asked before each call
	off   bool                         // power is off
	bad   []string                     // what was wrong
	open  int                          // descriptors
	paths []*handle                    // by the number in Path
}

type dirOp []dirChange

type dirChange struct {
	dir, name string
	to        *inode
}

type inode struct {
	data   []byte // what is read
	stable []byte // what the disk has
	dirty  map[int]bool
	resize bool
	links  int
	shown  []byte // nil, or the bytes it had when the outbox got it
	locked *handle
}

const sector = 64

func newDisk(seed uint64, same bool) *disk {
	d := &disk{rnd: rand.New(rand.NewPCG(seed, 1)), outbox: "/outbox",
		mounts: map[string]string{"/.": "root", "/persist": "root", "/stage": "root", "/outbox": "root"},
		cache:  map[string]map[string]*inode{}, stable: map[string]map[string]*inode{}}
	if !same {
		d.mounts["/outbox"] = "down"
	}
	for dir := range d.mounts {
		d.cache[dir], d.stable[dir] = map[string]*inode{}, map[string]*inode{}
	}
	return d
}

func (d *disk) config() Config {
	return Config{Stage: "/stage", Outbox: d.outbox, Piece: 512, Pace: 1 << 40, FS: d}
}

// call counts, and decides about a fault. The lock is held.
func (d *disk) call(op string) error {
	d.calls++
	if d.off {
		return syscall.EIO
	}
	if d.fault != nil {
		return d.fault(d.calls, op)
	}
	return nil
}

func (d *disk) setFault(f func(n int, op string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

func (d *disk) wrong(s string) { d.bad = append(d.bad, s) }

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 || path[:i] == "/." {
		return "/.", path[i+1:]
	}
	return path[:i], path[i+1:]
}

func (d *disk) change(op dirOp) {
	for _, c := range op {
		if old := d.cache[c.dir][c.name]; old != nil {
			old.links--
		}
		if c.to == nil {
			delete(d.cache[c.dir], c.name)
			continue
		}
		c.to.links++
		d.cache[c.dir][c.name] = c.to
		if c.dir == d.outbox {
			if c.to.resize || !bytes.Equal(c.to.data, c.to.stable) {
				d.wrong("a name in the outbox before its bytes are synced: " + c.name)
			}
			c.to.shown = bytes.Clone(c.to.data)
		}
	}
	d.log = append(d.log, op)
}

func (d *disk) Open(name string, flag int) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("open"); err != nil {
		return nil, err
	}
	if flag&TmpFile == TmpFile {
		if d.noTmp {
			return nil, syscall.EOPNOTSUPP
		}
		d.open++
		return &handle{d: d, i: &inode{dirty: map[int]bool{}}, mount: d.mounts[name]}, nil
	}
	if d.cache[name] != nil {
		d.open++
		return &handle{d: d, i: &inode{}}, nil // a directory
	}
	dir, base := split(name)
	if d.cache[dir] == nil {
		return nil, syscall.ENOENT
	}
	i := d.cache[dir][base]
	switch {
	case i == nil && flag&syscall.O_CREAT == 0:
		return nil, syscall.ENOENT
	case i != nil && flag&syscall.O_EXCL != 0:
		return nil, syscall.EEXIST
	case i == nil:
		i = &inode{dirty: map[int]bool{}}
		d.change(dirOp{{dir, base, i}})
	case flag&syscall.O_TRUNC != 0:
		d.resized(i, 0)
	}
	d.open++
	return &handle{d: d, i: i, mount: d.mounts[dir]}, nil
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("rename"); err != nil {
		return err
	}
	fd, fn := split(from)
	td, tn := split(to)
	if d.mounts[fd] != d.mounts[td] {
		return syscall.EXDEV
	}
	i := d.cache[fd][fn]
	if i == nil {
		return syscall.ENOENT
	}
	if d.cache[td][tn] == i {
		return nil // rename(2): two names of one inode: nothing happens
	}
	d.change(dirOp{{td, tn, i}, {fd, fn, nil}})
	return nil
}

func (d *disk) Link(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("link"); err != nil {
		return err
	}
	var i *inode
	var mount string
	if h, ok := strings.CutPrefix(from, "/proc/"); ok {
		n, _ := strconv.Atoi(h)
		i, mount = d.paths[n].i, d.paths[n].mount
	} else {
		if d.noLink {
			return syscall.EPERM
		}
		fd, fn := split(from)
		i, mount = d.cache[fd][fn], d.mounts[fd]
	}
	td, tn := split(to)
	switch {
	case i == nil:
		return syscall.ENOENT
	case mount != d.mounts[td]:
		return syscall.EXDEV
	case d.cache[td][tn] != nil:
		return syscall.EEXIST
	}
	d.change(dirOp{{td, tn, i}})
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("remove"); err != nil {
		return err
	}
	dir, base := split(name)
	if d.cache[dir][base] == nil {
		return syscall.ENOENT
	}
	d.change(dirOp{{dir, base, nil}})
	return nil
}

func (d *disk) MkdirAll(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.call("mkdir")
}

func (d *disk) Names(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("names"); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.cache[dir])), nil
}

// SyncDir makes durable what happened in dir and, a mount having one journal,
// all that happened on its mount before that.
func (d *disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.call("syncdir"); err != nil {
		return err
	}
	for n := len(d.log); n > 0; n-- {
		if slices.ContainsFunc(d.log[n-1], func(c dirChange) bool { return c.dir == dir }) {
			d.commit(d.mounts[dir], n)
			break
		}
	}
	return nil
}

// commit takes what happened on a mount from the first n entries of the log.
func (d *disk) commit(mount string, n int) {
	var rest []dirOp
	for k, op := range d.log {
		if k >= n || d.mounts[op[0].dir] != mount {
			rest = append(rest, op)
			continue
		}
		for _, c := range op {
			if c.to == nil {
				delete(d.stable[c.dir], c.name)
			} else {
				d.stable[c.dir][c.name] = c.to
			}
		}
	}
	d.log = rest
}

// cut is the disk after a power cut: of what was not synced any sectors may be
// there, and of what happened to names, what happened first.
func (d *disk) cut() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loose {
		d.log = slices.DeleteFunc(d.log, func(dirOp) bool { return d.rnd.IntN(2) == 0 })
		d.commit("root", len(d.log))
		d.commit("down", len(d.log))
	}
	d.commit("root", d.rnd.IntN(len(d.log)+1))
	d.commit("down", d.rnd.IntN(len(d.log)+1))
	n := newDisk(d.rnd.Uint64(), true)
	n.mounts, n.noTmp, n.noLink = d.mounts, d.noTmp, d.noLink
	made := map[*inode]*inode{}
	for dir, names := range d.stable {
		for name, i := range names {
			if made[i] == nil {
				i.writeBack(d.rnd)
				b := bytes.Clone(i.stable)
				made[i] = &inode{data: b, stable: bytes.Clone(b), dirty: map[int]bool{}}
				if dir == d.outbox && !bytes.Equal(b, i.shown) {
					n.wrong("after the power cut other bytes in the outbox: " + name)
				}
			}
			if dir == d.outbox {
				made[i].shown = made[i].data
			}
			made[i].links++
			n.cache[dir][name], n.stable[dir][name] = made[i], made[i]
		}
	}
	return n
}

// writeBack brings some dirty sectors, and maybe the size, to the disk.
func (i *inode) writeBack(rnd *rand.Rand) {
	if i.resize && rnd.IntN(2) == 0 {
		i.stable = sized(i.stable, len(i.data))
	}
	for s := range i.dirty {
		if lo := s * sector; rnd.IntN(2) == 0 && lo < len(i.stable) && lo < len(i.data) {
			copy(i.stable[lo:min(lo+sector, len(i.stable))], i.data[lo:])
		}
	}
}

func sized(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

func (d *disk) resized(i *inode, n int) {
	if n != len(i.data) {
		if i.shown != nil && i.links > 0 && d.visible(i) {
			d.wrong("a file in the outbox changes its size")
		}
		for s := min(n, len(i.data)) / sector; s <= max(n, len(i.data))/sector; s++ {
			i.dirty[s] = true
		}
		i.data, i.resize = sized(i.data, n), true
	}
}

func (d *disk) visible(i *inode) bool {
	for _, o := range d.cache[d.outbox] {
		if o == i {
			return true
		}
	}
	return false
}

// handle is an open file.
type handle struct {
	d     *disk
	i     *inode
	mount string
}

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.call("read"); err != nil {
		return 0, err
	}
	if off >= int64(len(h.i.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.i.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.d.call("write")
	if h.d.off {
		return 0, err
	}
	if err != nil {
		b = b[:len(b)/2] // half of it is there
	}
	if end := int(off) + len(b); end > len(h.i.data) {
		h.d.resized(h.i, end)
	}
	if !bytes.Equal(h.i.data[off:int(off)+len(b)], b) && h.d.visible(h.i) {
		h.d.wrong("a file in the outbox changes")
	}
	copy(h.i.data[off:], b)
	for s := int(off) / sector; s <= (int(off)+len(b))/sector; s++ {
		h.i.dirty[s] = true
	}
	return len(b), err
}

func (h *handle) Truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.call("truncate"); err != nil {
		return err
	}
	h.d.resized(h.i, int(size))
	return nil
}

func (h *handle) Datasync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.d.call("sync")
	if h.d.off {
		return err
	}
	i := h.i
	if err != nil {
		i.writeBack(h.d.rnd)
		clear(i.dirty) // and nobody will be told again
		i.resize = len(i.stable) != len(i.data)
		return err
	}
	i.stable, i.resize = sized(i.stable, len(i.data)), false
	for s := range i.dirty {
		if lo := s * sector; lo < len(i.data) {
			copy(i.stable[lo:min(lo+sector, len(i.stable))], i.data[lo:])
		}
	}
	clear(i.dirty)
	return nil
}

func (h *handle) Stat() (int64, int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.call("stat"); err != nil {
		return 0, 0, err
	}
	return int64(len(h.i.data)), h.i.links, nil
}

func (h *handle) Lock() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.call("lock"); err != nil {
		return err
	}
	if h.i.locked != nil {
		return syscall.EWOULDBLOCK
	}
	h.i.locked = h
	return nil
}

// Path stands in for /proc/self/fd/N.
func (h *handle) Path() string {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.d.paths = append(h.d.paths, h)
	return "/proc/" + strconv.Itoa(len(h.d.paths)-1)
}

// Close always closes, as close(2) does.
func (h *handle) Close() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.d == nil {
		return errors.New("closed twice")
	}
	h.d.open--
	if h.i.locked == h {
		h.i.locked = nil
	}
	return h.d.call("close")
}
