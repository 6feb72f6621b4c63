package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// A Recording is every write to a disk, and every flush of its drive's cache,
// in their order (Machine.Record; the format is that of the kernel's
// dm-log-writes, Documentation/admin-guide/device-mapper/log-writes.rst).
type Recording struct {
	f      *os.File
	sector int64
	writes []write
}

type write struct {
	at, sectors int64 // on the disk
	flags       uint64
	data        int64 // in the log
}

// Flags of a write, and the log's first bytes.
const (
	flagFlush   = 1 // all that was written before is on the medium
	flagFUA     = 2 // this write is on the medium when it is done
	flagDiscard = 4 // no data
	logMagic    = 0x6a736677736872
	logHead     = 28 // magic, version, number of entries, size of a sector
	entryHead   = 32 // sector, number of sectors, flags, length of data
)

// NewRecording makes the file that a machine writes its recording to, sparse:
// what a minute writes fits many times over.
func NewRecording(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(1<<30), f.Close())
}

// OpenRecording reads a recording that its machine has ended. Close it.
func OpenRecording(file string) (r *Recording, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	r = &Recording{f: f}
	le := binary.LittleEndian
	head := make([]byte, logHead)
	if _, err := f.ReadAt(head, 0); err != nil || le.Uint64(head) != logMagic {
		return nil, fmt.Errorf("%s: not a recording: %w", file, errors.Join(err, errors.New("it begins otherwise")))
	}
	if r.sector = int64(le.Uint32(head[24:])); r.sector < logHead+4 {
		return nil, fmt.Errorf("%s: not a recording: sectors of %d bytes", file, r.sector)
	}
	// The number of entries in the head is written seldom: the log ends at the first empty entry.
	for pos := r.sector; ; {
		e := make([]byte, entryHead)
		if _, err := f.ReadAt(e, pos); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		w := write{at: int64(le.Uint64(e)), sectors: int64(le.Uint64(e[8:])), flags: le.Uint64(e[16:]), data: pos + r.sector}
		if w.at == 0 && w.sectors == 0 && w.flags == 0 {
			break
		}
		r.writes = append(r.writes, w)
		if pos += r.sector; w.flags&flagDiscard == 0 {
			pos += w.sectors * r.sector
		}
	}
	return r, nil
}

// Close closes the recording's file.
func (r *Recording) Close() error { return r.f.Close() }

// Len is how many writes there are, flushes not counted.
func (r *Recording) Len() (n int) {
	for _, w := range r.writes {
		if w.sectors > 0 {
			n++
		}
	}
	return n
}

// Remains counts the writes that no flush had followed at a cut, by what became of them.
type Remains struct {
	Kept, Torn, Dropped int
}

// A Fate says of a write of that many sectors, which no flush has followed, how
// many of the leading ones reach the medium.
type Fate func(sectors int64) int64

// Keep is the Fate of a drive whose cache survives a cut.
func Keep(sectors int64) int64 { return sectors }

// Drop is the Fate of a drive that loses all of its cache.
func Drop(int64) int64 { return 0 }

// Volatile is the Fate of a drive that has written some of its cache, in any
// order; how much, rnd decides once for each Fate.
func Volatile(rnd *rand.Rand) Fate {
	part := float64(rnd.IntN(5)) / 4
	return func(sectors int64) int64 {
		switch {
		case rnd.Float64() < part:
			return sectors
		case rnd.Float64() < 0.25:
			return rnd.Int64N(sectors)
		}
		return 0
	}
}

// Cut makes of the disk to, a copy of the disk that the recording began with,
// what a power cut right behind the n-th write leaves.
func (r *Recording) Cut(to string, n int, fate Fate) (left Remains, err error) {
	flushed, end := 0, 0
	for seen := 0; end < len(r.writes) && seen < n; end++ {
		if r.writes[end].flags&flagFlush != 0 {
			flushed = end + 1
		}
		if r.writes[end].sectors > 0 {
			seen++
		}
	}
	disk, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	for i, w := range r.writes[:end] {
		if w.sectors == 0 || w.flags&flagDiscard != 0 {
			continue
		}
		sectors := w.sectors
		if i >= flushed && w.flags&flagFUA == 0 {
			switch sectors = fate(w.sectors); sectors {
			case w.sectors:
				left.Kept++
			case 0:
				left.Dropped++
			default:
				left.Torn++
			}
		}
		body := make([]byte, sectors*r.sector)
		if _, err := r.f.ReadAt(body, w.data); err != nil {
			return left, err
		}
		if _, err := disk.WriteAt(body, w.at*r.sector); err != nil {
			return left, err
		}
	}
	return left, nil
}
