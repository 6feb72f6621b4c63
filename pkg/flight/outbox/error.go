package outbox

import (
	"errors"
	"syscall"
)

// Kind is what an operator can do about a disk error.
type Kind int

const (
	Broken      Kind = iota // EIO and whatever else says the disk is not to be relied on
	Full                    // ENOSPC, EDQUOT, EFBIG
	ReadOnly                // EROFS
	Denied                  // EACCES, EPERM
	Missing                 // ENOENT, ENOTDIR: no such directory, usually no /outbox
	Unsupported             // no way to publish atomically here: neither rename nor an unnamed file
	Starved                 // EMFILE, ENFILE, ENOMEM: this machine has nothing left to give
	Occupied                // EISDIR, ENOTEMPTY, ...: the name is taken by something that is not a file
)

var (
	// ErrLocked: another instance works on this stage. Nothing was touched.
	ErrLocked = errors.New("another instance is working on this stage: wait for it to end or give another --stage")
	// ErrOtherOutbox: ... and it publishes to another outbox than this one.
	ErrOtherOutbox = errors.New("it publishes to another outbox")
	// ErrDead: a sync failed, so what the kernel still shows of this part may
	// never reach the disk, and a second sync would lie (it reports an error
	// once). Part.Rebuild copies what is provable to a new inode.
	ErrDead = errors.New("a sync failed, the file cannot be trusted any more")
	// ErrClosed: the part was published, closed or discarded.
	ErrClosed = errors.New("this part is closed")
)

// Error is every error of a disk that leaves this package. It unwraps to the
// errno, and to ErrDead where a sync failed.
type Error struct {
	Op   string // "write", "sync", "publish", ...
	Path string
	Kind Kind
	Err  error
}

var advice = [...]string{
	Broken:      "the disk does not work",
	Full:        "the disk is full: free space or lower --max-bytes",
	ReadOnly:    "the file system is read-only: give another --stage or --outbox",
	Denied:      "permission denied: give a --stage and --outbox this user may write",
	Missing:     "no such directory: create it or give another one",
	Unsupported: "this file system can publish nothing atomically: give a --stage on the file system of --outbox",
	Starved:     "out of file descriptors or memory",
	Occupied:    "the name is taken by something that is not a file",
}

// Error is one sentence: what, why, what to do.
func (e *Error) Error() string {
	s := "cannot " + e.Op + " " + e.Path + ": " + advice[e.Kind]
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the Kind of a disk error, and whether err is one.
func KindOf(err error) (Kind, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind, true
	}
	return Broken, false
}

// diskError wraps err, which may be nil, once.
func diskError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Op: op, Path: path, Kind: kindOf(err), Err: err}
}

func kindOf(err error) Kind {
	no, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return Broken
	}
	switch no {
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return Full
	case syscall.EROFS:
		return ReadOnly
	case syscall.EACCES, syscall.EPERM:
		return Denied
	case syscall.ENOENT, syscall.ENOTDIR:
		return Missing
	case syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EXDEV:
		return Unsupported
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM:
		return Starved
	case syscall.EISDIR, syscall.ENOTEMPTY, syscall.EEXIST, syscall.EBUSY:
		return Occupied
	}
	return Broken
}
