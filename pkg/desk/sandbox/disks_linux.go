package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"payload-ipc/pkg/desk/flash"

	"golang.org/x/sys/unix"
)

// A small is an /outbox that is a disk of its own: a flash if there is one,
// memory otherwise.
type small struct {
	at    string
	disk  *flash.FS
	files *os.Root // what is in it, once it is full or off
}

// insertDisks mounts what the payload stands on, before it is powered on.
// Scratch is a directory that does not exist.
func (p *powered) insertDisks(scratch string) (err error) {
	if p.spec.Disk != nil {
		if p.disk, err = flash.Mount(p.spec.Root, p.spec.Root, *p.spec.Disk); err != nil {
			return fmt.Errorf("disk: %w", err)
		}
	}
	if p.spec.Outbox == 0 {
		return nil
	}
	s := &small{at: filepath.Join(p.spec.Root, "outbox")}
	if p.disk == nil {
		if err := unix.Mount("tmpfs", s.at, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", p.spec.Outbox)); err != nil {
			return fmt.Errorf("small outbox: %w", err)
		}
		scratch = s.at
	} else {
		if err := os.Mkdir(scratch, 0o755); err != nil {
			return err
		}
		spec := *p.spec.Disk
		spec.Size, spec.Errors = p.spec.Outbox, nil
		if s.disk, err = flash.Mount(s.at, scratch, spec); err != nil {
			return fmt.Errorf("small outbox: %w", err)
		}
	}
	p.small = s
	if s.files, err = os.OpenRoot(scratch); err != nil {
		return fmt.Errorf("small outbox: %w", err)
	}
	return nil
}

// disksOff takes the power from them and tells of their syncs.
func (p *powered) disksOff() (waits []flash.Wait) {
	if p.disk != nil {
		waits = p.disk.Off()
	}
	if p.small != nil && p.small.disk != nil {
		waits = append(waits, p.small.disk.Off()...)
	}
	return waits
}

// ejectDisks unmounts them when nothing runs any more. What a cut leaves of
// them is then in Root. At the end of a window the outbox is taken from the
// running system, synced or not (docs/platform.md, Running user code); the rest
// is cut.
func (p *powered) ejectDisks() (err error) {
	spared := []string{"outbox"}
	if p.lost {
		spared = nil
	}
	if s := p.small; s != nil {
		if s.disk != nil {
			everything := []string{"."}
			if p.lost {
				everything = nil
			}
			err = s.disk.Close(everything...)
		} else {
			err = unix.Unmount(s.at, unix.MNT_DETACH)
		}
	}
	if p.disk != nil {
		err = errors.Join(err, p.disk.Close(spared...))
	}
	if p.small != nil && p.small.files != nil {
		err = errors.Join(err, copyFiles(p.small.at, p.small.files))
		p.small.files.Close()
	}
	p.disk, p.small = nil, nil
	return err
}

// copyFiles puts the files of from into the directory to.
func copyFiles(to string, from *os.Root) error {
	rows, err := fs.ReadDir(from.FS(), ".")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !row.Type().IsRegular() {
			continue
		}
		body, err := from.ReadFile(row.Name())
		if err == nil {
			err = os.WriteFile(filepath.Join(to, row.Name()), body, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
