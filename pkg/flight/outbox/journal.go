package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
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
