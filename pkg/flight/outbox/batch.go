package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Bounds of a batch, and of what is done at once for it.
const (
	// MaxBatched is the size in bytes of the largest file that can be in one.
	MaxBatched = 64 << 10

	batchBytes  = 1 << 20 // as much as a piece: a SIGKILL costs no more
	leastBatch  = 16      // files
	mostBatch   = 128     // of which each holds a descriptor
	swiftCommit = 300 * time.Millisecond
	slowCommit  = time.Second
	atOnce      = 32 // syncs
)

// A Batch is many small files on their way into the outbox together, so that
// they share the syncs of what is not theirs alone: two for each file, its own
// and its receipt's, many of them at a time, and three for all: the stage, the
// journal, the outbox. Until Publish it is in memory, bounded by files, bytes
// and Config.Pace. The journal has the cursors of all, so that the next run
// knows what has no receipt.
type Batch struct {
	Files []*Small
	s     *Stage
	bytes int64
	began time.Time
}

// Small is a file of a batch, whole and proven.
type Small struct {
	Name, Source string // as for Stage.Target
	Identity
	Data []byte // at most MaxBatched; gone once it is published

	// Published is set by Batch.Publish; with Err too if the name may not
	// survive a power cut. Without a Name, Err is why.
	Published Published
	Err       error

	num   uint32
	d     *digest
	sheet sheet
}

// NewBatch begins a batch.
func (s *Stage) NewBatch() *Batch { return &Batch{s: s, began: s.now()} }

// Add takes a file, which Left must not know of.
func (b *Batch) Add(e *Small) {
	e.Total, e.Complete = int64(len(e.Data)), true
	b.Files = append(b.Files, e)
	b.bytes += e.Total
}

// Full reports that it is time to publish, by any of the bounds.
func (b *Batch) Full() bool {
	return len(b.Files) >= b.s.pace.batch() || b.bytes >= batchBytes || b.s.now().Sub(b.began) >= b.s.c.Pace
}

// The files of batches on the stage: .XXXXXXXX and a suffix, which no NAME can
// be.
const journalSuffix = ".jnl"

func (s *Stage) batchPath(num uint32, suffix string) string {
	return fmt.Sprintf("%s/.%08x%s", s.c.Stage, num, suffix)
}

// sheet is a small file that has a number of its own.
func (s *Stage) sheet(name string, data []byte) sheet {
	if _, err := s.left(); err != nil {
		s.next |= 1 << 31 // where nobody was, most likely
	}
	s.next++
	return sheet{name: name, tmp: s.batchPath(s.next, tmpSuffix), data: data}
}

// Publish makes all files durable, and then gives them their names, replacing
// those of earlier runs. Each says what became of it. Nothing else may be
// published meanwhile.
func (b *Batch) Publish() {
	s := b.s
	start := s.now()
	var sheets []*sheet
	for _, e := range b.Files {
		e.d = newDigest(s.c.Piece)
		e.d.write(e.Data)
		e.sheet = s.sheet(e.Name, e.Data)
		e.num = s.next
		sheets = append(sheets, &e.sheet)
	}
	s.settle(sheets)
	// A file that the journal names and whose own is not on the stage was
	// published. So the journal precedes a rename, and follows a copy.
	if s.same {
		b.note()
	}
	for _, e := range b.Files {
		s.c.Gate.naming(Given{Size: e.Total})
		if e.Err = e.sheet.publish(s); e.Err == nil {
			e.Published = e.d.published(e.Name)
			s.withdraw(e.Name, bytes.NewReader(e.Data), e.Total)
		}
	}
	err := diskError("sync", s.c.Outbox, s.syncDir(s.c.Outbox))
	for _, e := range b.Files {
		if e.Data = nil; e.Err == nil {
			e.Err = err
		}
	}
	if !s.same && err == nil {
		b.note()
	}
	s.pace.committed(len(b.Files), s.now().Sub(start))
}

// note writes the journal. Without it a run that is cut off before its
// receipts leaves these files without. Whatever a failure or a power cut leaves
// of it is true: it has a row before the names that the row stands on are
// durable, or, where files are copied, before those in the outbox, never.
func (b *Batch) note() {
	s := b.s
	s.next++
	path := s.batchPath(s.next, journalSuffix)
	f, err := s.fs.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return
	}
	s.journals = append(s.journals, path)
	var all []byte
	for _, e := range b.Files {
		if s.same && e.sheet.f != nil || e.Published.Name != "" {
			c := &cursor{gen: e.num, name: e.Name, source: e.Source, id: e.Identity, published: true, run: s.c.Run}
			if e.Total > 0 {
				c.marks = []mark{e.d.mark()}
			}
			all = append(all, c.encode()...)
		}
	}
	if s.syncDir(s.c.Stage) == nil {
		f.WriteAt(all, 0)
		f.Datasync()
	}
	f.Close()
}

// Left reports whether an earlier run left anything of NAME on the stage, or
// that this cannot be known: then it is a matter for Target.
func (s *Stage) Left(name string) bool {
	names, err := s.left()
	return names[name] || err != nil
}

// left looks once at what earlier runs left, by NAME.
func (s *Stage) left() (map[string]bool, error) {
	if s.names != nil {
		return s.names, nil
	}
	list, err := s.fs.Names(s.c.Stage)
	if err != nil {
		return nil, diskError("list", s.c.Stage, err)
	}
	s.names, s.late = map[string]bool{}, map[string]*late{}
	tmp := map[uint32]bool{}
	var journals []string
	for _, n := range list {
		i := len(n) - len(".00000000.jnl")
		if i < 0 || n[i] != '.' {
			continue
		}
		num, err := strconv.ParseUint(n[i+1:i+9], 16, 32)
		switch {
		case err != nil:
			continue
		case i > 0:
			s.names[n[:i]] = true
			continue
		case n[9:] == journalSuffix:
			journals = append(journals, s.c.Stage+"/"+n)
		default:
			tmp[uint32(num)] = true
		}
		s.next = max(s.next, uint32(num))
	}
	for _, path := range journals {
		s.recallAll(path, tmp)
	}
	if len(list) > 1 {
		// A run that was killed may have left names that no sync has seen; and
		// a journal that names rubbish might come back.
		s.syncDir(s.c.Stage)
	}
	for num, rubbish := range tmp {
		if rubbish {
			s.fs.Remove(s.batchPath(num, tmpSuffix))
		}
	}
	return s.names, nil
}

// late is a file that a journal says was published.
type late struct {
	c    *cursor
	path string
	more *int // how many of that journal have no receipt
}

// recallAll reads a journal.
func (s *Stage) recallAll(path string, tmp map[uint32]bool) {
	b := make([]byte, mostBatch*slotSize)
	f, err := s.fs.Open(path, os.O_RDONLY)
	if err == nil {
		var n int
		if n, err = f.ReadAt(b, 0); err == io.EOF {
			err = nil
		}
		b = b[:n]
		f.Close()
	}
	if err != nil { // who knows what is in it: all stays as it is
		for num := range tmp {
			tmp[num] = false
		}
		return
	}
	more := 0
	for {
		c, ok := decodeCursor(b)
		if !ok {
			break
		}
		b = b[binary.LittleEndian.Uint32(b[len(magic):])+32:]
		if _, ok := tmp[c.gen]; ok {
			tmp[c.gen] = false // not published, and known by it as long as the journal is there
			continue
		}
		s.names[c.name] = true
		if o := s.late[c.name]; o != nil { // of two the later one is told
			s.told(o.path, o.more)
		}
		s.late[c.name] = &late{c, path, &more}
		more++
	}
	if more == 0 {
		more = 1
		s.told(path, &more)
	}
}

// told counts a file of a journal that has its receipt, and removes the journal
// with the last of them.
func (s *Stage) told(path string, more *int) error {
	if *more--; *more > 0 {
		return nil
	}
	s.untidy = true
	return diskError("remove", path, s.fs.Remove(path))
}
