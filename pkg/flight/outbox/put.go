package outbox

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// put copies size bytes of src into the outbox, whole or not at all:
//
//  1. through a file on the stage and a rename, where the stage can;
//  2. else through a file without a name in the outbox (O_TMPFILE) and linkat.
//     linkat cannot replace; a file of an earlier run is replaced by linking to
//     NAME.new, final and synced by then, and renaming that. A crash between
//     the two leaves a whole file too many, never a half one;
//  3. else (vfat, overlayfs before 6.1, no /proc) through the directory that
//     the outbox stands in, where the outbox is not a mount of its own.
//
// A temporary name in the outbox is no fourth way: power can go at any instant,
// and everything in there is sent down, dot files and sub-directories perhaps
// too. Then the bytes stay on the stage and the error is Unsupported.
func (s *Stage) put(stop func() error, name, tmp string, src io.ReaderAt, size int64) error {
	start := s.now()
	err := s.putFile(stop, name, tmp, src, size)
	if err == nil && s.same {
		s.pace.saw(size, s.now().Sub(start))
	}
	return err
}

// try learns once what copies into the outbox take, where that is another file
// system: of the first sample bytes of src, which get no name there.
func (s *Stage) try(src io.ReaderAt) {
	if s.same || s.copies.cost(sample, 0) > 0 {
		return
	}
	f, err := s.openUnnamed()
	if err != nil {
		return
	}
	defer f.Close()
	for range 2 {
		start := s.now()
		if s.fill(never, f, s.c.Outbox, src, sample) != nil {
			return
		}
		s.copies.saw(sample, s.now().Sub(start))
	}
}

const sample = 1 << 20

func (s *Stage) putFile(stop func() error, name, tmp string, src io.ReaderAt, size int64) error {
	to := s.c.Outbox + "/" + name
	if s.same {
		err := s.putRename(stop, to, tmp, src, size)
		if !elsewhere(err) {
			return err
		}
	}
	err := s.putLink(stop, name, src, size)
	if k, ok := KindOf(err); !ok || k != Unsupported {
		return err
	}
	up := parent(s.c.Outbox)
	if !canRename(s.fs, up, s.c.Outbox) {
		return err
	}
	if e := s.putRename(stop, to, up+"/.sabertooth-fetch.tmp", src, size); e == nil {
		return nil
	}
	return err
}

// putRename writes the file tmp and renames it.
func (s *Stage) putRename(stop func() error, to, tmp string, src io.ReaderAt, size int64) error {
	f, err := s.fs.Open(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW)
	if err != nil {
		return diskError("open", tmp, err)
	}
	err = s.fill(stop, f, tmp, src, size)
	if e := f.Close(); err == nil {
		err = diskError("close", tmp, e)
	}
	if err == nil {
		err = diskError("publish", to, s.fs.Rename(tmp, to))
	}
	if err != nil {
		s.fs.Remove(tmp)
	}
	return err
}

// putLink writes a file without a name and gives it one.
func (s *Stage) putLink(stop func() error, name string, src io.ReaderAt, size int64) error {
	to := s.c.Outbox + "/" + name
	f, err := s.openUnnamed()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.fill(stop, f, to, src, size); err != nil {
		return err
	}
	return diskError("publish", to, s.linkAs(f, name))
}

// openUnnamed makes a file in the outbox that has no name yet.
func (s *Stage) openUnnamed() (File, error) {
	f, err := s.fs.Open(s.c.Outbox, os.O_RDWR|TmpFile)
	// Before 3.11 O_TMPFILE opens the directory itself: EISDIR.
	if errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.EINVAL) {
		err = syscall.EOPNOTSUPP
	}
	return f, diskError("open", s.c.Outbox, err)
}

// linkAs gives a file that has no name one in the outbox, replacing another.
func (s *Stage) linkAs(f File, name string) error {
	to, next := s.c.Outbox+"/"+name, s.c.Outbox+"/"+newName(name)
	err := s.fs.Link(f.Path(), to)
	if errors.Is(err, syscall.EEXIST) {
		s.fs.Remove(next)
		if err = s.fs.Link(f.Path(), next); err == nil {
			if err = s.fs.Rename(next, to); err != nil {
				s.fs.Remove(next)
			}
		}
	}
	if errors.Is(err, syscall.ENOENT) { // no /proc to link from
		err = syscall.EOPNOTSUPP
	}
	return err
}

var errNoTime = errors.New("there was no time left to copy it into the outbox")

// fill copies and syncs.
func (s *Stage) fill(stop func() error, f File, path string, src io.ReaderAt, size int64) error {
	buf := make([]byte, min(blockSize, size))
	for off := int64(0); off < size; {
		if stop() != nil {
			return errNoTime
		}
		b := buf[:min(int64(len(buf)), size-off)]
		if n, err := src.ReadAt(b, off); n < len(b) {
			return diskError("read", path, err)
		}
		if _, err := f.WriteAt(b, off); err != nil {
			return diskError("write", path, err)
		}
		off += int64(len(b))
	}
	return diskError("sync", path, f.Datasync())
}
