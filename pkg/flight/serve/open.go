package serve

import (
	"hash/crc32"
	"strconv"
	"syscall"
	"time"
)

const (
	oPath = 0x200000 // O_PATH of fcntl.h, which package syscall lacks
	cwd   = -100     // AT_FDCWD

	// sniffed is how much of either end of a file is read before anything is
	// sent: it goes into the snapshot's token, and a disk that cannot be read
	// shows while there is still a status to choose.
	sniffed = 4 << 10
)

// A file is an open regular file, or a directory.
type file struct {
	fd     int
	st     syscall.Stat_t
	pseudo bool // on a file system whose files do not know their size
	text   bool // its first sniffed bytes look like text

	promise snapshot // of what is sent; see sniff
	small   []byte   // all of that, where it is not more than both ends
}

func (f *file) close()      { syscall.Close(f.fd) }
func (f *file) size() int64 { return f.st.Size }
func (f *file) isDir() bool { return f.st.Mode&syscall.S_IFMT == syscall.S_IFDIR }

func (f *file) modified() time.Time {
	return time.Unix(f.st.Mtim.Unix())
}

// look takes f's size and time anew.
func (f *file) look() error { return syscall.Fstat(f.fd, &f.st) }

// etag is strong: what rewrites a file in place, keeps its size and lies in
// one tick of the kernel's clock with the last change is not seen by it.
func (f *file) etag() string {
	b := strconv.AppendUint([]byte{'"'}, f.st.Ino, 16)
	b = strconv.AppendInt(append(b, '-'), f.st.Size, 16)
	b = strconv.AppendUint(append(b, '-'), uint64(f.st.Mtim.Nano()), 16)
	return string(append(b, '"'))
}

// errSpecial says that the path leads to what is not served: a FIFO, a socket,
// a device, or a pseudo-file that is dangerous.
const errSpecial = syscall.EPERM

// open opens the regular file at path for reading, or finds the directory
// there, which reopen opens.
func (r *run) open(path string) (*file, error) { return r.openAt(cwd, path, 0) }

// openAt is open for a path that begins in the directory dir. What it leads to
// gets decided on a descriptor that cannot do anything to it (O_PATH): opening
// /dev/watchdog arms it, opening a FIFO waits for a writer.
func (r *run) openAt(dir int, path string, flags int) (*file, error) {
	at, err := openRetry(dir, path, oPath|flags)
	if err != nil {
		return nil, err
	}
	f := &file{fd: at}
	if err = f.look(); err == nil {
		f.pseudo = pseudoFS(at)
		switch kind := f.st.Mode & syscall.S_IFMT; {
		case kind == syscall.S_IFDIR:
			return f, nil
		case kind != syscall.S_IFREG || f.pseudo && dangerous(f, path):
			err = errSpecial
		default:
			err = f.told(r.reopen(f, dir, path))
		}
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// reopen makes f, which was found at path from dir on, readable.
func (r *run) reopen(f *file, dir int, path string) error {
	if !r.noProc {
		// This leads to the very object that was looked at.
		path = "/proc/self/fd/" + strconv.Itoa(f.fd)
	}
	fd, err := openRetry(dir, path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY)
	if err != nil {
		return err
	}
	was := f.st
	f.close()
	f.fd = fd
	if err := f.look(); err != nil {
		return err
	}
	if f.st.Dev != was.Dev || f.st.Ino != was.Ino {
		return syscall.ENOENT
	}
	return nil
}

// canReopen reports whether descriptors can be reopened through /proc. A
// sandbox without it is served all the same.
func canReopen(dir string) bool {
	at, err := openRetry(cwd, dir, oPath)
	if err != nil {
		return true
	}
	defer syscall.Close(at)
	fd, err := openRetry(cwd, "/proc/self/fd/"+strconv.Itoa(at), oPath)
	if err != nil {
		return false
	}
	syscall.Close(fd)
	return true
}

func openRetry(dir int, path string, flags int) (fd int, err error) {
	for {
		fd, err = syscall.Openat(dir, path, flags|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// read reads at off; 0 is the end of the file.
func (f *file) read(p []byte, off int64) (int, error) {
	for {
		n, err := syscall.Pread(f.fd, p, off)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// readFull fills p from off, or fails: a file that ends before has shrunk.
func (f *file) readFull(p []byte, off int64) error {
	for len(p) > 0 {
		n, err := f.read(p, off)
		if err != nil {
			return err
		}
		if n == 0 {
			return errShrunk
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sniff makes the first size bytes of f, as they are now, its promise. buf has
// room for both ends.
func (f *file) sniff(buf []byte, size int64) (err error) {
	f.promise = snapshot{inode: f.st.Ino, size: size}
	f.promise.ends, err = f.ends(buf, size)
	f.text = looksLikeText(buf[:min(size, sniffed)])
	if f.small = nil; size <= 2*sniffed {
		f.small = buf[:size]
	}
	return err
}

// ends reads both ends of the first size bytes of f into buf, and returns their
// CRC-32C.
func (f *file) ends(buf []byte, size int64) (uint32, error) {
	front, back := min(size, sniffed), max(sniffed, size-sniffed)
	p := buf[:front+max(size-back, 0)]
	err := f.readFull(p[:front], 0)
	if err == nil {
		err = f.readFull(p[front:], back)
	}
	return crc32.Checksum(p, castagnoli), err
}

// kept reports whether f is still what its promise says: a log that was
// truncated, or was and has grown again, is another one under the same name.
func (f *file) kept(buf []byte) error {
	if err := f.look(); err != nil {
		return err
	}
	if f.size() < f.promise.size {
		return errShrunk
	}
	ends, err := f.ends(buf, f.promise.size)
	if err == nil && ends != f.promise.ends {
		err = errChanged
	}
	return err
}

// told is err as it is told of f. What a driver behind a pseudo-file says is
// no fault of this server: the file is not to be had.
func (f *file) told(err error) error {
	if err != nil && f.pseudo && status(err) == 500 {
		return syscall.EACCES
	}
	return err
}

// status is the answer to a file that cannot be opened or read.
func status(err error) int {
	switch err {
	case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG,
		syscall.ENXIO, syscall.ENODEV, syscall.ESRCH, syscall.ESTALE:
		return 404
	case syscall.EACCES, syscall.EPERM:
		return 403
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN:
		return 503
	}
	if err == errShrunk || err == errChanged {
		return 503
	}
	return 500
}
