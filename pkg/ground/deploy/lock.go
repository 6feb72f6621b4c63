package deploy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// lockDir is one directory for all users of this computer.
const lockDir = "/tmp"

// Lock keeps other deployments on this computer from the same satellites, until
// unlock: two that look at the same listings would both send and both schedule.
// waiting is told, once, that somebody else is at work. On other computers
// nothing can be locked, since the API has no idempotency key.
func (g *Ground) Lock(ctx context.Context, satellites []string, waiting func(satellite string)) (unlock func(), err error) {
	var held []*os.File
	unlock = func() {
		for _, f := range held {
			os.Remove(f.Name()) // before it is let go: see lockFile
			f.Close()
		}
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(satellites))) // one order for all
	for _, s := range sorted {
		sum := sha256.Sum256([]byte(g.API.API + " " + s))
		name := filepath.Join(lockDir, fmt.Sprintf("payload-ipc-ground-%x.lock", sum[:8]))
		f, err := lockFile(ctx, name, func() { waiting(s) })
		if err != nil {
			unlock()
			return nil, err
		}
		held = append(held, f)
	}
	return unlock, nil
}

// lockFile waits for the lock on a file that any user may open. The file goes
// with the lock, so one that was removed while we waited for it does not count.
func lockFile(ctx context.Context, name string, waiting func()) (*os.File, error) {
	told := false
	for {
		f, err := openLock(name)
		if err != nil {
			return nil, fmt.Errorf("cannot lock against other deployments on this computer: %w", err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			a, err1 := f.Stat()
			b, err2 := os.Stat(name)
			if err1 == nil && err2 == nil && os.SameFile(a, b) {
				return f, nil
			}
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, fmt.Errorf("cannot lock against other deployments on this computer: %w", err)
		}
		if err != nil && !told {
			told = true
			waiting()
		}
		if err := tasking.Pause(ctx, 100*time.Millisecond); err != nil {
			return nil, ErrInterrupted
		}
	}
}

// openLock opens the file, or makes it. O_CREATE comes second, since a kernel
// may refuse it for another user's file in a directory that all may write.
func openLock(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(name, os.O_RDONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o644)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
