package outbox

import (
	"io"
	"os"
	"sort"
	"strconv"
	"syscall"
	"unsafe"
)

// FS is all this package asks of a file system, so that a test can make each
// n-th call fail. Errors carry a syscall.Errno.
type FS interface {
	// Open opens name with os.O_* flags, new files with mode 0644. With
	// TmpFile in flag, name is a directory and the file has no name yet.
	Open(name string, flag int) (File, error)
	Rename(from, to string) error
	// Link gives the file at from, or what the symbolic link from leads to, a
	// further name; EEXIST if to exists.
	Link(from, to string) error
	Remove(name string) error
	MkdirAll(name string) error
	// Names lists a directory, sorted, at most 100,000 entries of it.
	Names(dir string) ([]string, error)
	SyncDir(dir string) error
}

// File is an open file. Write and read take place at offsets, so there is no
// position to get wrong.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Datasync() error
	// Stat tells the size in bytes and the number of names.
	Stat() (size int64, links int, err error)
	// Lock takes the exclusive lock (flock) without waiting.
	Lock() error
	// Path is a name by which FS.Link finds an open file that has none.
	Path() string
}

// TmpFile is O_TMPFILE (Linux 3.11), which package syscall lacks; the number
// is that of x86, arm and arm64 alike, O_DIRECTORY's is not.
const TmpFile = 0x400000 | syscall.O_DIRECTORY

// OS is the FS of the operating system, for a test to wrap.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Open(name string, flag int) (File, error) {
	for {
		fd, err := syscall.Open(name, flag|syscall.O_CLOEXEC|syscall.O_LARGEFILE, 0o644)
		if err == nil {
			return osFile{os.NewFile(uintptr(fd), name), fd}, nil
		}
		if err != syscall.EINTR {
			return nil, err
		}
	}
}

func (osFS) Rename(from, to string) error { return syscall.Rename(from, to) }
func (osFS) Remove(name string) error     { return syscall.Unlink(name) }
func (osFS) MkdirAll(name string) error   { return os.MkdirAll(name, 0o755) }

func (osFS) Link(from, to string) error {
	// linkat(2) by hand: AT_SYMLINK_FOLLOW takes /proc/self/fd/N to the
	// unnamed file behind it; the other way, AT_EMPTY_PATH, needs a capability.
	const atFdcwd, atSymlinkFollow = -100, 0x400
	f, err := syscall.BytePtrFromString(from)
	if err != nil {
		return err
	}
	t, err := syscall.BytePtrFromString(to)
	if err != nil {
		return err
	}
	cwd := atFdcwd
	_, _, no := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(cwd), uintptr(unsafe.Pointer(f)),
		uintptr(cwd), uintptr(unsafe.Pointer(t)), atSymlinkFollow, 0)
	if no != 0 {
		return no
	}
	return nil
}

func (osFS) Names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(100_000)
	if err == io.EOF {
		err = nil
	}
	sort.StringSlice(names).Sort() // what the modules bring along; slices.Sort is 5 KB of its own
	return names, err
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

// osFile has its descriptor by hand: os.File.Fd costs two calls, and opening by
// package os three for the poller, of each of a thousand small files.
type osFile struct {
	*os.File
	fd int
}

func (f osFile) Datasync() error {
	for {
		err := syscall.Fdatasync(f.fd)
		if err != syscall.EINTR {
			return err
		}
	}
}

func (f osFile) Stat() (int64, int, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(f.fd, &st); err != nil {
		return 0, 0, err
	}
	return st.Size, int(st.Nlink), nil
}

func (f osFile) Lock() error { return syscall.Flock(f.fd, syscall.LOCK_EX|syscall.LOCK_NB) }

func (f osFile) Path() string { return "/proc/self/fd/" + strconv.Itoa(f.fd) }
