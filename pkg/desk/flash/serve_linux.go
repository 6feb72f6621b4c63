// The FUSE library builds for no processor of 32 bits.

//go:build !386 && !arm

package flash

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// raw answers the kernel. A call is not interrupted: a disk knows no signals.
type raw struct {
	fuse.RawFileSystem
	*FS
}

const valid = 1 // second that the kernel may rely on what it was told

func (f *FS) attr(n *inode, out *fuse.Attr) {
	links := n.links
	if n.dir() {
		links = 2
	}
	*out = fuse.Attr{Ino: n.id, Size: uint64(n.size), Blocks: uint64((n.size + 511) / 512), Mode: n.mode, Nlink: uint32(links), Blksize: page}
	t := n.mtime
	out.SetTimes(&t, &t, &t)
}

// entry tells the kernel of an inode, which it holds from then on.
func (f *FS) entry(n *inode, out *fuse.EntryOut) fuse.Status {
	n.lookups++
	*out = fuse.EntryOut{NodeId: n.id, Generation: 1, EntryValid: valid, AttrValid: valid}
	f.attr(n, &out.Attr)
	return fuse.OK
}

func (r raw) String() string { return "flash" }

func (r raw) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.inodes[h.NodeId].names[name]
	if n == nil {
		return fuse.ENOENT
	}
	return r.entry(n, out)
}

func (r raw) Forget(id, lookups uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.inodes[id]; n != nil && !r.off {
		n.lookups -= int(lookups)
		r.forget(n)
	}
}

func (r raw) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	out.AttrValid = valid
	r.attr(r.inodes[in.NodeId], &out.Attr)
	return fuse.OK
}

func (r raw) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.fault(Any); e != 0 {
		return fuse.Status(e)
	}
	n := r.inodes[in.NodeId]
	if mode, ok := in.GetMode(); ok {
		n.mode = n.mode&syscall.S_IFMT | mode&0o7777
	}
	if size, ok := in.GetSize(); ok {
		if e := r.resize(n, int64(size)); e != 0 {
			return fuse.Status(e)
		}
	}
	if t, ok := in.GetMTime(); ok {
		n.mtime = t
	}
	out.AttrValid = valid
	r.attr(n, &out.Attr)
	return fuse.OK
}

func (f *FS) resize(n *inode, size int64) syscall.Errno {
	if e := f.grow(n, size); e != 0 {
		return e
	}
	if err := n.own(); err != nil {
		return syscall.EIO
	}
	f.used -= max(n.size-size, 0)
	n.truncate(size)
	return 0
}

// birth makes an inode under a name.
func (r raw) birth(dir uint64, name string, mode uint32, out *fuse.EntryOut) (*inode, fuse.Status) {
	if e := r.fault(Any); e != 0 {
		return nil, fuse.Status(e)
	}
	d := r.inodes[dir]
	if d.names[name] != nil {
		return nil, fuse.Status(syscall.EEXIST)
	}
	n := r.create(mode)
	r.do(change{dir: d, name: name, after: n})
	return n, r.entry(n, out)
}

func (r raw) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, s := r.birth(in.NodeId, name, syscall.S_IFDIR|in.Mode&0o7777, out)
	return s
}

func (r raw) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.Status(syscall.EPERM)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, s := r.birth(in.NodeId, name, in.Mode, out)
	return s
}

func (r raw) Symlink(_ <-chan struct{}, h *fuse.InHeader, to, name string, out *fuse.EntryOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, s := r.birth(h.NodeId, name, syscall.S_IFLNK|0o777, out)
	if n != nil {
		n.to = to
	}
	return s
}

func (r raw) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	_, s := r.birth(in.NodeId, name, syscall.S_IFREG|in.Mode&0o7777, &out.EntryOut)
	return s
}

// Tmpfile is O_TMPFILE, which the kernel hands on since Linux 6.2.
func (r raw) Tmpfile(_ <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.fault(Any); e != 0 {
		return fuse.Status(e)
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return r.entry(r.create(syscall.S_IFREG|in.Mode&0o7777), &out.EntryOut)
}

func (r raw) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.inodes[h.NodeId].to), fuse.OK
}

func (r raw) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return r.remove(h.NodeId, name, false)
}

func (r raw) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return r.remove(h.NodeId, name, true)
}

func (r raw) remove(dir uint64, name string, wantDir bool) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.fault(Any); e != 0 {
		return fuse.Status(e)
	}
	d := r.inodes[dir]
	n := d.names[name]
	switch {
	case n == nil:
		return fuse.ENOENT
	case wantDir && !n.dir():
		return fuse.ENOTDIR
	case !wantDir && n.dir():
		return fuse.EISDIR
	case wantDir && len(n.names) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	r.do(change{dir: d, name: name})
	return fuse.OK
}

func (r raw) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.fault(Any); e != 0 {
		return fuse.Status(e)
	}
	d, n := r.inodes[in.NodeId], r.inodes[in.Oldnodeid]
	if d.names[name] != nil {
		return fuse.Status(syscall.EEXIST)
	}
	r.do(change{dir: d, name: name, after: n})
	return r.entry(n, out)
}

func (r raw) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	const noReplace = 1
	r.mu.Lock()
	defer r.mu.Unlock()
	a, b := r.inodes[in.NodeId], r.inodes[in.Newdir]
	n, old := a.names[from], b.names[to]
	switch {
	case n == nil:
		return fuse.ENOENT
	case in.Flags&^noReplace != 0:
		return fuse.EINVAL
	case in.Flags == noReplace && old != nil:
		return fuse.Status(syscall.EEXIST)
	}
	if e := r.fault(Any); e != 0 {
		return fuse.Status(e)
	}
	switch {
	case n == old:
		return fuse.OK // rename(2): both names stay
	case old != nil && old.dir() && !n.dir():
		return fuse.EISDIR
	case old != nil && !old.dir() && n.dir():
		return fuse.ENOTDIR
	case old != nil && len(old.names) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	r.do(change{dir: a, name: from}, change{dir: b, name: to, after: n})
	return fuse.OK
}

func (r raw) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fh++
	out.Fh = r.fh
	r.open[r.fh] = nil // listed when it is read from its start
	return fuse.OK
}

func (r raw) ReleaseDir(in *fuse.ReleaseIn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, in.Fh)
}

func (r raw) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if in.Offset == 0 {
		r.open[in.Fh] = r.list(r.inodes[in.NodeId])
	}
	rows := r.open[in.Fh]
	for i := int(in.Offset); i < len(rows); i++ {
		e := rows[i]
		if !out.AddDirEntry(fuse.DirEntry{Name: e.name, Ino: e.node.id, Mode: e.node.mode, Off: uint64(i + 1)}) {
			break
		}
	}
	return fuse.OK
}

func (r raw) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := r.spec.Size
	if size == 0 {
		size = 1 << 40
	}
	free := uint64(max(size-r.used, 0)) / page
	*out = fuse.StatfsOut{Blocks: uint64(size) / page, Bfree: free, Bavail: free, Files: 1 << 20, Ffree: 1 << 20, Bsize: page, Frsize: page, NameLen: 255}
	return fuse.OK
}
