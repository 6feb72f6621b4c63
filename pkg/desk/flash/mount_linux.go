// The FUSE library builds for no processor of 32 bits.

//go:build !386 && !arm

package flash

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

type serving struct {
	server *fuse.Server
	at     string
	done   chan struct{}
}

// Mount puts a disk over the directory at, filled with what is in dir, which
// may be the same. It needs /dev/fuse and the right to mount: root's, or that of
// a user namespace.
func Mount(at, dir string, s Spec) (*FS, error) {
	f, err := newFS(dir, s)
	if err != nil {
		return nil, err
	}
	f.at, f.done = at, make(chan struct{})
	f.server, err = fuse.NewServer(raw{fuse.NewDefaultRawFileSystem(), f}, at, &fuse.MountOptions{
		AllowOther: true, DirectMountStrict: true, Options: []string{"default_permissions"},
		FsName: "flash", Name: "flash", DisableXAttrs: true, DisableReadDirPlus: true,
		ExplicitDataCacheControl: true, MaxWrite: 1 << 20, MaxBackground: 64,
		Logger: log.New(io.Discard, "", 0),
	})
	if err != nil {
		f.dir.Close()
		return nil, fmt.Errorf("/dev/fuse: %w", err)
	}
	go func() {
		defer close(f.done)
		f.server.Serve()
	}()
	return f, f.server.WaitMount()
}

// Close takes the power away, if it is not gone yet, unmounts the disk, and
// leaves in dir what was durable, what was not only in part.
// Directories of the root that are named in synced (. is all of it) are spared,
// as if everything in them had been synced at the last moment. Nothing may run on the disk any
// more.
func (f *FS) Close(synced ...string) error {
	f.Off()
	err := syscall.Unmount(f.at, syscall.MNT_FORCE) // whatever the kernel still waits for
	if errors.Is(err, syscall.EBUSY) {
		err = syscall.Unmount(f.at, syscall.MNT_DETACH)
	}
	if err == nil {
		<-f.done
	}
	return errors.Join(err, f.settle(synced))
}

// Check says why no disk can be had here.
func Check(scratch string) error {
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	f, err := Mount(scratch, scratch, Spec{})
	if err != nil {
		return err
	}
	return f.Close()
}
