package outbox

import (
	"crypto/sha256"
	"encoding/binary"
)

// A cursor file has three slots of slotSize, all written at creation, so that
// no later cursor needs space that a full disk has not got, and no later write
// changes anything but the bytes of one slot. Slots 0 and 1 are durable: each
// sync of data is followed by a write and a sync of the older of the two, so
// one whole slot survives any torn write. Slot 2 is rewritten without a sync
// whenever bytes are proven. It is what a SIGKILL leaves; a power cut may leave
// in it a claim for bytes that never reached the disk, which is why no claim
// counts before the bytes agree with its marks.
const (
	slotSize  = 8192
	slots     = 3
	slotSwift = 2 // not synced
	maxMarks  = 24
	magic     = "sfc2"
	headSize  = len(magic) + 4 + 8 + 4 // magic, length, sequence, generation
	maxRun    = 500
)

// mark says: the first End bytes have this SHA-256.
type mark struct {
	end int64
	sum [32]byte
}

// cursor is the content of a slot.
type cursor struct {
	seq    uint64 // rises with every write of any slot
	gen    uint32 // that of the file name, so that recycled blocks give themselves away
	name   string
	source string
	id     Identity
	marks  []mark // rising; the last one is what is proven

	// The bytes are whole and get their name next. A cursor that says so and
	// has no bytes beside it is that of a file whose receipt is missing.
	published bool
	run       string // which publishes it; told only where published is

	// Learned by readCursor, not in the slot.
	slot    int   // the durable slot to be written next
	durable int64 // what the durable slots claim
}

func (c *cursor) proven() int64 {
	if len(c.marks) == 0 {
		return 0
	}
	return c.marks[len(c.marks)-1].end
}

// encode gives at most slotSize bytes: MaxName + 3*MaxText + maxMarks*40 + maxRun
// + 100 fit.
func (c *cursor) encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, 2048), magic...)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, c.seq)
	b = le.AppendUint32(b, c.gen)
	for _, s := range []string{c.name, c.source, c.id.Snapshot, c.id.Validator, string(c.id.Verified)} {
		b = le.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	b = le.AppendUint64(b, uint64(c.id.Total))
	b = le.AppendUint64(b, uint64(c.id.Base))
	var flags byte
	if c.id.Complete {
		flags |= 1
	}
	if c.id.Sealed {
		flags |= 2
	}
	if c.published {
		flags |= 4
	}
	b = append(b, flags, byte(len(c.marks)))
	for _, m := range c.marks {
		b = le.AppendUint64(b, uint64(m.end))
		b = append(b, m.sum[:]...)
	}
	if c.published {
		b = append(b, c.run...)
	}
	le.PutUint32(b[len(magic):], uint32(len(b)))
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// decodeCursor reads one slot; false for anything but the exact bytes of encode.
func decodeCursor(b []byte) (*cursor, bool) {
	le := binary.LittleEndian
	if len(b) < headSize || string(b[:len(magic)]) != magic {
		return nil, false
	}
	n := int64(le.Uint32(b[len(magic):]))
	if n < int64(headSize) || n > int64(len(b)-sha256.Size) {
		return nil, false
	}
	sum := sha256.Sum256(b[:n])
	if string(b[n:n+sha256.Size]) != string(sum[:]) {
		return nil, false
	}
	c := &cursor{seq: le.Uint64(b[8:]), gen: le.Uint32(b[16:])}
	r := b[headSize:n]
	text := func() (s string) {
		if len(r) >= 2 && len(r) >= 2+int(le.Uint16(r)) {
			l := 2 + int(le.Uint16(r))
			s, r = string(r[2:l]), r[l:]
		} else {
			r = nil // shorter than the fixed part below
		}
		return s
	}
	c.name, c.source = text(), text()
	c.id.Snapshot, c.id.Validator, c.id.Verified = text(), text(), Verified(text())
	if len(r) < 18 || len(r) < 18+40*int(r[17]) || r[16] > 7 {
		return nil, false
	}
	end := 18 + 40*int(r[17])
	if c.published = r[16]&4 != 0; c.published {
		c.run, r = string(r[end:]), r[:end]
	}
	if len(r) != end {
		return nil, false
	}
	c.id.Total, c.id.Base = int64(le.Uint64(r)), int64(le.Uint64(r[8:]))
	c.id.Complete, c.id.Sealed = r[16]&1 != 0, r[16]&2 != 0
	for r, last := r[18:], int64(0); len(r) > 0; r = r[40:] {
		m := mark{end: int64(le.Uint64(r)), sum: [32]byte(r[8:40])}
		if m.end <= last {
			return nil, false
		}
		last = m.end
		c.marks = append(c.marks, m)
	}
	return c, true
}

// readCursor merges the valid slots of a cursor file: identity and sequence of
// the newest, the marks of all, for thinning may have taken from the newest
// the very mark up to which the data was synced. Nil, nil: no slot is valid.
func readCursor(f File) (*cursor, error) {
	size, _, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var best *cursor
	var all []mark
	var durable int64
	var newest uint64
	next := 0
	for i := range int64(slots) {
		n := min(slotSize, size-i*slotSize)
		if n <= 0 {
			break
		}
		b := make([]byte, n)
		if _, err := f.ReadAt(b, i*slotSize); err != nil {
			return nil, err
		}
		c, ok := decodeCursor(b)
		if !ok || best != nil && (c.gen != best.gen || c.name != best.name || c.source != best.source) {
			continue
		}
		for _, m := range c.marks {
			at := len(all)
			for at > 0 && all[at-1].end > m.end {
				at--
			}
			if at == 0 || all[at-1] != m {
				all = append(all, m)
				copy(all[at+1:], all[at:])
				all[at] = m
			}
		}
		if i != slotSwift && c.seq > newest {
			newest, durable, next = c.seq, c.proven(), int(i+1)%slotSwift
		}
		if best == nil || c.seq > best.seq {
			best = c
		}
	}
	if best == nil {
		return nil, nil
	}
	best.slot, best.durable = next, durable
	best.marks = all
	return best, nil
}

// addMark appends m and, when there are too many, takes out every second one
// of the older: what a torn file can cost stays a fraction of what it holds.
func addMark(marks []mark, m mark) []mark {
	if n := len(marks); n > 0 && marks[n-1].end == m.end {
		return marks
	}
	for len(marks) >= maxMarks {
		kept := marks[:0]
		for i, o := range marks {
			if i%2 == 1 {
				kept = append(kept, o)
			}
		}
		marks = kept
	}
	return append(marks, m)
}
