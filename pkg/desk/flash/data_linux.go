//go:build !386 && !arm

package flash

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func (r raw) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen && in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return fuse.EROFS
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

func (r raw) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	r.mu.Lock()
	n := r.inodes[in.NodeId]
	cold := n.host != nil
	k := n.read(buf, int64(in.Offset))
	off := r.off
	r.mu.Unlock()
	if off || cold && !r.dev.read(k) {
		return nil, fuse.EIO
	}
	return fuse.ReadResultData(buf[:k]), fuse.OK
}

func (r raw) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.inodes[in.NodeId]
	e := r.fault(Write)
	if e == 0 {
		e = r.grow(n, int64(in.Offset)+int64(len(data)))
	}
	if e == 0 && n.own() != nil {
		e = syscall.EIO
	}
	if e != 0 {
		return 0, fuse.Status(e)
	}
	n.write(data, int64(in.Offset))
	return uint32(len(data)), fuse.OK
}

func (r raw) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

func (r raw) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	r.mu.Lock()
	n := r.inodes[in.NodeId]
	r.mu.Unlock()
	return fuse.Status(r.syncFile(n))
}

func (r raw) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	r.mu.Lock()
	n := r.inodes[in.NodeId]
	r.mu.Unlock()
	return fuse.Status(r.syncDir(n))
}

func (r raw) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	const keepSize = 1
	r.mu.Lock()
	defer r.mu.Unlock()
	n, end := r.inodes[in.NodeId], int64(in.Offset+in.Length)
	if in.Mode&^keepSize != 0 {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	if e := r.fault(Any); e != 0 {
		return fuse.Status(e)
	}
	switch {
	case in.Mode == keepSize:
		if !r.room(end - n.size) {
			return fuse.Status(syscall.ENOSPC)
		}
	case end > n.size:
		return fuse.Status(r.resize(n, end))
	}
	return fuse.OK
}
