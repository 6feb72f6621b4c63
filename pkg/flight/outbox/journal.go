package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The files of batches on the stage: .XXXXXXXX and a suffix, which no NAME can
// be.
const (
	journalSuffix = ".jnl" // of a batch
	fileSuffix    = ".fil" // of an Entry, named in a journal
	slipSuffix    = ".tmp" // on its way to the outbox; rubbish in the next run
)

func (s *Stage) batchPath(num uint32, suffix string) string {
	return fmt.Sprintf("%s/.%08x%s", s.c.Stage, num, suffix)
}

func (s *Stage) number() uint32 {
	s.next++
	return s.next
}

// A journal is what a batch is known by to the next run: its source, and each
// file once its bytes are written. Records are appended: kind, text, and a sum,
// so that what a power cut has torn off or mixed up ends it.
type journal struct {
	f    File
	path string
	num  uint32
	size int64
	err  error // nothing more can be noted
}

// Kinds of records.
const (
	ofSource = 's'
	ofFile   = 'f' // a later one of the same number counts
	ofVoid   = 'v' // this file is done with
	ofCommit = 'c' // the names on the stage are durable
)

const (
	sumSize     = 8
	maxJournal  = 2 << 20
	recordFixed = 4 + 1 // length, kind
)

// create makes the journal of b, once.
func (j *journal) create(b *Batch) error {
	if j.f != nil || j.err != nil {
		return j.err
	}
	s := b.s
	j.num = s.number()
	j.path = s.batchPath(j.num, journalSuffix)
	f, err := s.fs.Open(j.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, syscall.ENOENT) && s.fs.MkdirAll(s.c.Stage) == nil { // the stage was removed
		f, err = s.fs.Open(j.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	if err != nil {
		return diskError("open", j.path, err)
	}
	j.f = f
	return j.append(ofSource, appendText(nil, b.source))
}

func (j *journal) append(kind byte, body []byte) error {
	if j.f == nil || j.err != nil {
		return j.err
	}
	r := binary.LittleEndian.AppendUint32(make([]byte, 0, recordFixed+len(body)+sumSize), uint32(len(body)))
	r = append(append(r, kind), body...)
	r = append(r, j.sum(r)...)
	if _, err := j.f.WriteAt(r, j.size); err != nil {
		j.err = diskError("write", j.path, err) // what is torn here ends it for a reader
		return j.err
	}
	j.size += int64(len(r))
	return nil
}

// sum has the number in it, so that recycled blocks give themselves away.
func (j *journal) sum(record []byte) []byte {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint32(nil, j.num))
	h.Write(record)
	return h.Sum(nil)[:sumSize]
}

func (j *journal) add(e *Entry) error {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, e.num)
	for _, s := range []string{e.Name, e.Stamp, e.Snapshot, e.Validator, string(e.Verified), e.Run} {
		b = appendText(b, s)
	}
	return j.append(ofFile, append(le.AppendUint64(b, uint64(e.Size)), e.SHA256[:]...))
}

func (j *journal) void(e *Entry) { j.append(ofVoid, binary.LittleEndian.AppendUint32(nil, e.num)) }

func (j *journal) commit() {
	if j.append(ofCommit, nil) == nil {
		j.sync()
	}
}

func (j *journal) sync() {
	if j.f != nil {
		j.f.Datasync()
	}
}

func (j *journal) close() {
	if j.f != nil {
		j.f.Close()
		j.f = nil
	}
}

func (j *journal) remove(s *Stage) {
	j.close()
	if j.path != "" {
		s.fs.Remove(j.path)
	}
}

func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), MaxText)]
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
}

func takeText(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := 2 + int(binary.LittleEndian.Uint16(b))
	if len(b) < n {
		return "", nil, false
	}
	return string(b[2:n]), b[n:], true
}

// read takes back what an earlier run noted. committed: a file that is named
// here and is not on the stage was published.
func (j *journal) read(b *Batch) (files map[uint32]*Entry, committed bool, err error) {
	size, _, err := j.f.Stat()
	if err != nil {
		return nil, false, err
	}
	raw := make([]byte, min(size, maxJournal))
	if n, err := j.f.ReadAt(raw, 0); n < len(raw) {
		return nil, false, err
	}
	le := binary.LittleEndian
	files = map[uint32]*Entry{}
	for {
		rest := raw[j.size:]
		if len(rest) < recordFixed+sumSize || int64(le.Uint32(rest)) > int64(len(rest)-recordFixed-sumSize) {
			return files, committed, nil
		}
		n := recordFixed + int(le.Uint32(rest))
		body := rest[recordFixed:n]
		if string(rest[n:n+sumSize]) != string(j.sum(rest[:n])) {
			return files, committed, nil
		}
		ok := true
		switch rest[4] {
		case ofSource:
			b.source, _, ok = takeText(body)
		case ofFile:
			var e *Entry
			if e, ok = entryOf(body); ok {
				files[e.num] = e
			}
		case ofVoid:
			if ok = len(body) == 4; ok {
				delete(files, le.Uint32(body))
			}
		case ofCommit:
			committed = true
		}
		if !ok {
			return files, committed, nil
		}
		j.size += int64(n + sumSize)
	}
}

func entryOf(b []byte) (e *Entry, ok bool) {
	if len(b) < 4 {
		return nil, false
	}
	e = &Entry{num: binary.LittleEndian.Uint32(b)}
	b = b[4:]
	var verified string
	for _, s := range []*string{&e.Name, &e.Stamp, &e.Snapshot, &e.Validator, &verified, &e.Run} {
		if *s, b, ok = takeText(b); !ok {
			return nil, false
		}
	}
	if len(b) != 8+32 {
		return nil, false
	}
	e.Verified, e.Size = Verified(verified), int64(binary.LittleEndian.Uint64(b))
	e.Total, e.Complete = e.Size, true
	copy(e.SHA256[:], b[8:])
	return e, CheckName(e.Name) == nil && e.Size >= 0 && e.Size <= MaxBatched
}

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
