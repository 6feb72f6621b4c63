package outbox

import (
	"bytes"
	"sync"
	"time"
)

// Bounds of a batch.
const (
	// MaxBatched is the size in bytes of the largest file that can be in one.
	MaxBatched = 64 << 10

	batchBytes  = 1 << 20
	leastBatch  = 16  // files, and syncs at a time
	mostBatch   = 128 // files, of which each holds a descriptor
	swiftCommit = 300 * time.Millisecond
	slowCommit  = time.Second
)

// A Batch is many small files on their way into the outbox together, so that
// they share the syncs of what is not theirs alone: two for each file, its own
// and its receipt's, many of them at a time, and four for all: the stage, the
// journal, the outbox with the files, the outbox with the receipts.
//
// What Add has taken a SIGKILL leaves, and after Publish a power cut does. In
// between a batch is held by three bounds: files, bytes and Config.Pace.
type Batch struct {
	s       *Stage
	source  string
	entries []*Entry
	bytes   int64
	began   time.Time
	journal journal
}

// Entry is a file of a batch.
type Entry struct {
	Name  string
	Stamp string // tells this content from a later one; kept, not interpreted
	Identity

	// Run is that which brought the file. Earlier: it gave it its name too, so
	// that only the receipt is missing, and there are no bytes any more.
	Run     string
	Earlier bool
	Size    int64
	SHA256  [32]byte

	// Published is set by Batch.Publish; with Err too if the name may not
	// survive a power cut. Without a Name, Err is why.
	Published Published
	Err       error

	num      uint32
	sheet    sheet
	slip     sheet // its receipt
	unsigned error // why it has none
}

// NewBatch begins a batch of files of one source, by which Interrupted finds
// it. The error is about a stage that cannot be listed.
func (s *Stage) NewBatch(source string) (*Batch, error) {
	if err := s.scan(); err != nil {
		return nil, err
	}
	return &Batch{s: s, source: source}, nil
}

// Add takes a whole and proven file of at most MaxBatched bytes; data is kept.
// e.Identity.Total and e.Size are set to its length. After an error, an *Error,
// the batch is as it was.
func (b *Batch) Add(e *Entry, data []byte) error {
	s := b.s
	if len(b.entries) == 0 {
		b.began = s.now()
	}
	if err := b.journal.create(b); err != nil {
		return err
	}
	d := newDigest(s.c.Piece)
	d.write(data)
	e.Published = d.published(e.Name)
	e.Size, e.SHA256, e.Total, e.Complete = d.size, e.Published.SHA256, d.size, true
	e.num, e.Run = s.number(), s.c.Run
	e.sheet = s.sheetOf(e, data)
	err := e.sheet.write(s)
	if err == nil {
		err = b.journal.add(e)
	}
	if err != nil {
		e.sheet.shut()
		s.fs.Remove(e.sheet.tmp)
		return err
	}
	if !s.same {
		e.sheet.shut() // it will be copied
	}
	b.entries = append(b.entries, e)
	b.bytes += e.Size
	return nil
}

// Len is the number of files.
func (b *Batch) Len() int { return len(b.entries) }

// Full reports that it is time to publish, by any of the bounds.
func (b *Batch) Full() bool {
	return len(b.entries) > 0 && (len(b.entries) >= b.s.pace.batch() || b.bytes >= batchBytes || b.s.now().Sub(b.began) >= b.s.c.Pace)
}

// Publish makes all files durable, then gives them their names, replacing
// those of earlier runs, and then the receipts that receipt returns for what
// has a name. Each Entry says what became of it; the first error of a receipt,
// or of the stage, is returned. Nothing else may be published meanwhile. What could not be
// published stays on the stage, for Interrupted of the next run.
func (b *Batch) Publish(receipt func(*Entry) *Receipt) error {
	s := b.s
	start := s.now()
	b.settle()
	b.name()
	err := b.sign(receipt)
	if e := b.clear(); err == nil {
		err = e
	}
	s.pace.committed(len(b.entries), s.now().Sub(start))
	return err
}

// Close leaves the batch to the next run.
func (b *Batch) Close() {
	for _, e := range b.entries {
		e.sheet.shut()
	}
	b.journal.close()
}

// settle makes the bytes durable, and then the journal, which says so.
func (b *Batch) settle() {
	s := b.s
	for _, e := range b.entries {
		if !e.Earlier && e.Run != s.c.Run {
			e.Run = s.c.Run // of now on it is this run's
			b.journal.add(e)
		}
	}
	together(b.entries, func(e *Entry) {
		if !e.Earlier {
			e.sheet.settle(s)
		}
	})
	// A file that the journal names and the stage has no more was published:
	// so the names on the stage are durable before the journal is complete.
	// Without it the files are published all the same, and a run that is cut
	// off before their receipts leaves them without.
	if s.syncDir(s.c.Stage) == nil {
		b.journal.commit()
	}
}

// name gives every file its name, and makes the names durable.
func (b *Batch) name() {
	s := b.s
	for _, e := range b.entries {
		if e.Earlier {
			continue
		}
		s.c.Gate.naming(Given{Size: e.Size})
		if e.Err = e.sheet.publish(s); e.Err == nil {
			s.withdraw(e.Name, bytes.NewReader(e.sheet.data), e.Size)
		}
	}
	err := diskError("sync", s.c.Outbox, s.syncDir(s.c.Outbox))
	for _, e := range b.entries {
		switch {
		case e.Err != nil:
			e.Published = Published{}
		case !e.Earlier:
			e.Err = err
		}
	}
}

// sign publishes the receipts, of a run that goes on: its exit code is open.
func (b *Batch) sign(receipt func(*Entry) *Receipt) (first error) {
	s := b.s
	var signed []*Entry
	for _, e := range b.entries {
		if !e.Earlier && e.Published.Name == "" {
			continue
		}
		r := *receipt(e)
		r.Name = e.Name
		name := e.Name
		if e.Earlier {
			r.Run = e.Run
			name = lateName(name, e.Run)
		}
		slip := s.batchPath(e.num, slipSuffix)
		e.slip = sheet{name: name + receiptSuffix, tmp: slip, spare: slip, data: r.Encode()}
		signed = append(signed, e)
	}
	together(signed, func(e *Entry) { e.slip.settle(s) })
	for _, e := range signed {
		s.c.Gate.naming(Given{Receipt: true, Exit: -1})
		e.unsigned = e.slip.publish(s)
		e.slip.shut()
	}
	err := diskError("sync", s.c.Outbox, s.syncDir(s.c.Outbox))
	for _, e := range signed {
		if e.unsigned == nil {
			e.unsigned = err
		}
		if first == nil {
			first = e.unsigned
		}
	}
	return first
}

// clear takes from the stage what is published and signed.
func (b *Batch) clear() (err error) {
	s := b.s
	left := false
	for _, e := range b.entries {
		left = left || e.Err != nil || e.unsigned != nil
	}
	if left {
		for _, e := range b.entries {
			// What may not keep its name must not be counted on either.
			if e.Published.Name != "" && e.Err != nil || e.Err == nil && e.unsigned == nil {
				b.journal.void(e)
			}
		}
		b.journal.sync()
	}
	copied := false
	for _, e := range b.entries {
		e.sheet.shut()
		file := s.batchPath(e.num, fileSuffix)
		if e.Published.Name != "" && (!e.sheet.renamed || e.sheet.tmp != file) {
			s.fs.Remove(file)
			copied = true
		}
	}
	if copied {
		// Or a power cut brings the bytes back, to be published once more.
		err = diskError("sync", s.c.Stage, s.syncDir(s.c.Stage))
	}
	if left {
		b.journal.close()
	} else {
		b.journal.remove(s)
	}
	return err
}

// together calls do for all of list, so many at a time that a disk has always
// something to do, and few enough for the threads that wait for it.
func together[T any](list []T, do func(T)) {
	var wg sync.WaitGroup
	work := make(chan T)
	for range min(leastBatch, len(list)) {
		wg.Go(func() {
			for v := range work {
				do(v)
			}
		})
	}
	for _, v := range list {
		work <- v
	}
	close(work)
	wg.Wait()
}
