package outbox

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
)

const (
	blockSize = 256 << 10 // bytes read at once
	nulRun    = 16        // zero bytes in a row that are worth a word
)

// digest is everything that is learned by reading a part once from its start.
type digest struct {
	size   int64
	sum    hash.Hash
	grid   int64 // bytes per piece
	piece  hash.Hash
	pieces [][32]byte // whole ones; nil for good once there are too many
	many   bool
	line   int64 // behind the last '\n'
	run    int64 // zero bytes at the end so far
	nuls   NULs
}

func newDigest(grid int64) *digest {
	return &digest{sum: sha256.New(), grid: grid, piece: sha256.New()}
}

func (d *digest) clone() *digest {
	c := *d
	c.sum, c.piece = cloneHash(d.sum), cloneHash(d.piece)
	c.pieces = append([][32]byte(nil), d.pieces...)
	return &c
}

// cloneHash: sha256 can clone itself (hash.Cloner, go1.25); anything else would
// be our bug.
func cloneHash(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic(err)
	}
	return c
}

func (d *digest) mark() mark { return mark{d.size, sumOf(d.sum)} }

func sumOf(h hash.Hash) (s [32]byte) {
	h.Sum(s[:0])
	return s
}

func (d *digest) write(b []byte) {
	d.sum.Write(b)
	d.writePieces(b)
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		d.line = d.size + int64(i) + 1
	}
	d.writeNULs(b)
	d.size += int64(len(b))
}

func (d *digest) writePieces(b []byte) {
	at := d.size
	for len(b) > 0 && !d.many {
		if at == d.grid*MaxPieces {
			d.many, d.pieces = true, nil
			return
		}
		n := min(int64(len(b)), d.grid-at%d.grid)
		d.piece.Write(b[:n])
		at, b = at+n, b[n:]
		if at%d.grid == 0 {
			d.pieces = append(d.pieces, sumOf(d.piece))
			d.piece.Reset()
		}
	}
}

func (d *digest) writeNULs(b []byte) {
	for at := 0; at < len(b); {
		if d.run == 0 {
			i := bytes.IndexByte(b[at:], 0)
			if i < 0 {
				return
			}
			at += i
		}
		n := 0
		for at+n < len(b) && b[at+n] == 0 {
			n++
		}
		before := d.run
		d.run += int64(n)
		switch {
		case before >= nulRun:
			d.nuls.Bytes += int64(n)
		case d.run >= nulRun:
			if d.nuls.Runs == 0 {
				d.nuls.First = d.size + int64(at) - before
			}
			d.nuls.Runs++
			d.nuls.Bytes += d.run
		}
		at += n
		if at < len(b) {
			d.run = 0
		}
	}
}

// published is what the digest knows about its bytes.
func (d *digest) published(name string) Published {
	p := Published{Name: name, Size: d.size, SHA256: sumOf(d.sum), PieceSize: d.grid, LineEnd: d.line, NULs: d.nuls}
	if !d.many {
		p.Pieces = append(p.Pieces, d.pieces...)
		if d.size%d.grid != 0 {
			p.Pieces = append(p.Pieces, sumOf(d.piece))
		}
	}
	return p
}

// prove reads src from its start and returns the digest of the longest prefix
// that agrees with a mark, and the marks up to it. Reading ends at the first
// mark that differs, for a wrong prefix makes every longer one wrong. With a
// sink, what is read is written there too, and more than the prefix may be.
// rerr is a failed read, not a file that is too short; werr one of the sink.
func prove(src File, marks []mark, grid int64, sink File) (d *digest, good []mark, rerr, werr error) {
	d = newDigest(grid)
	if len(marks) == 0 {
		return d, marks, nil, nil
	}
	buf := make([]byte, min(blockSize, marks[len(marks)-1].end))
	for i, m := range marks {
		e := d.clone()
		for e.size < m.end {
			b := buf[:min(int64(len(buf)), m.end-e.size)]
			if n, err := src.ReadAt(b, e.size); n < len(b) {
				if err == io.EOF {
					err = nil
				}
				return d, marks[:i], err, nil
			}
			if sink != nil {
				if _, err := sink.WriteAt(b, e.size); err != nil {
					return d, marks[:i], nil, err
				}
			}
			e.write(b)
		}
		if e.mark() != m {
			return d, marks[:i], nil, nil
		}
		d = e
	}
	return d, marks, nil, nil
}

// Sum is the SHA-256 of all proven bytes, as the file has them.
func (p *Part) Sum() ([32]byte, error) {
	if p.closed {
		return [32]byte{}, ErrClosed
	}
	p.rec.halt()
	err := p.rec.catchUp()
	return sumOf(p.rec.d.sum), err
}
