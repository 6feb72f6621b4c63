package outbox

import (
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// scan looks once at what earlier runs left.
func (s *Stage) scan() error {
	if s.left != nil {
		return nil
	}
	names, err := s.fs.Names(s.c.Stage)
	if err != nil {
		return diskError("list", s.c.Stage, err)
	}
	s.left = map[string]bool{}
	files := map[uint32]bool{} // on the stage
	var journals []uint32
	for _, n := range names {
		i := len(n) - len(".00000000.fil")
		if i < 0 {
			continue
		}
		num, err := strconv.ParseUint(n[i+1:i+9], 16, 32)
		if n[i] != '.' || err != nil {
			continue
		}
		if i > 0 {
			s.left[n[:i]] = true
			continue
		}
		s.next = max(s.next, uint32(num))
		switch {
		case strings.HasSuffix(n, journalSuffix):
			journals = append(journals, uint32(num))
		case strings.HasSuffix(n, fileSuffix):
			files[uint32(num)] = true
		case strings.HasSuffix(n, slipSuffix):
			s.fs.Remove(s.c.Stage + "/" + n)
		}
	}
	unread := false
	for _, num := range journals {
		b, err := s.recall(num, files)
		if unread = unread || err != nil; b != nil {
			s.found = append(s.found, b)
		}
	}
	for num := range files { // without a journal
		if !unread {
			s.fs.Remove(s.batchPath(num, fileSuffix))
		}
	}
	return nil
}

// recall reads a journal and takes its files off files. The error is that of
// a disk, which may pass: then all is left to a later run.
func (s *Stage) recall(num uint32, files map[uint32]bool) (*Batch, error) {
	b := &Batch{s: s}
	b.journal = journal{num: num, path: s.batchPath(num, journalSuffix)}
	f, err := s.fs.Open(b.journal.path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	b.journal.f = f
	noted, committed, err := b.journal.read(b)
	if err != nil {
		f.Close()
		return nil, err
	}
	torn := false
	for _, num := range slices.Sorted(maps.Keys(noted)) {
		e := noted[num]
		if files[num] {
			whole, err := s.reread(e)
			if err != nil {
				f.Close()
				return nil, err
			}
			if !whole {
				// The file is removed with those that nobody names; then it
				// must not be taken for one that was published.
				b.journal.void(e)
				torn = true
				continue
			}
			delete(files, num)
		} else if e.Earlier = true; !committed {
			continue // written, and lost
		}
		b.entries = append(b.entries, e)
		b.bytes += e.Size
	}
	if len(b.entries) == 0 {
		b.journal.remove(s)
		return nil, nil
	}
	if torn {
		b.journal.sync()
	}
	if b.journal.err != nil {
		f.Close()
		return nil, b.journal.err
	}
	return b, nil
}

// reread reads the bytes of e; whole: they are those that it had.
func (s *Stage) reread(e *Entry) (whole bool, err error) {
	f, err := s.fs.Open(s.batchPath(e.num, fileSuffix), os.O_RDONLY|syscall.O_NOFOLLOW)
	if err != nil {
		return false, err
	}
	defer f.Close()
	data := make([]byte, e.Size)
	if n, err := f.ReadAt(data, 0); int64(n) < e.Size {
		if err == io.EOF {
			err = nil
		}
		return false, err
	}
	size, _, err := f.Stat()
	d := newDigest(s.c.Piece)
	d.write(data)
	e.Published = d.published(e.Name)
	e.sheet = s.sheetOf(e, data)
	return err == nil && size == e.Size && e.Published.SHA256 == e.SHA256, err
}

func (s *Stage) sheetOf(e *Entry, data []byte) sheet {
	return sheet{name: e.Name, tmp: s.batchPath(e.num, fileSuffix), spare: s.batchPath(e.num, slipSuffix), data: data}
}

// Left reports whether an earlier run left anything of NAME on the stage, or
// that this cannot be known: then it is a matter for Target.
func (s *Stage) Left(name string) bool { return s.scan() != nil || s.left[name] }

// Interrupted are the batches of this source that earlier runs did not bring
// to their end. Each is to be published, or closed.
func (s *Stage) Interrupted(source string) (list []*Batch) {
	if s.scan() != nil {
		return nil
	}
	s.found = slices.DeleteFunc(s.found, func(b *Batch) bool {
		if b.source == source {
			list = append(list, b)
			return true
		}
		return false
	})
	for _, b := range list {
		for _, e := range b.entries { // what a crash left between linking and renaming
			for _, n := range []string{e.Name, e.Name + receiptSuffix} {
				s.fs.Remove(s.c.Outbox + "/" + newName(n))
			}
		}
	}
	return list
}

// Entries are the files of b.
func (b *Batch) Entries() []*Entry { return b.entries }
