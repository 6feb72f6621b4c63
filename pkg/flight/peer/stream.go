package peer

import (
	"context"
	"hash"
	"io"
	"time"
)

const (
	blockSize  = 128 << 10
	ringBlocks = 6
)

// A ring lends out the buffers between the wire and the disk, and so bounds
// what a run holds in memory.
type ring struct {
	free chan []byte
	made int
}

func newRing() ring { return ring{free: make(chan []byte, ringBlocks)} }

// get is called from one goroutine at a time: one flow runs after the other.
func (r *ring) get() []byte {
	select {
	case b := <-r.free:
		return b
	default:
	}
	if r.made < ringBlocks {
		r.made++
		return make([]byte, blockSize)
	}
	return <-r.free
}

// A Block is the next thing on a connection: the head of an answer, bytes of
// its body, its end, or an error behind which there is nothing.
type Block struct {
	Head  *Answer
	Bytes []byte // until the next call of Next
	End   bool
	Err   error
}

// A Stream reads the answers of one connection ahead of the disk, and hashes
// what has been placed, each in a goroutine of its own: receiving, writing and
// hashing overlap.
type Stream struct {
	// Probes: a silence has the network asked for a better connection.
	Probes bool

	s      *Client
	t      *Tally
	c      *conn
	ctx    context.Context
	stop   func() bool
	blocks chan Block
	lent   []byte        // the bytes of the last block, until they are handed on
	more   chan struct{} // one for each request that was sent after the first
	last   *Answer
	whole  bool // the last answer was read to its end
	sums   chan portion
	hashed chan struct{} // closed when the last portion is in its sum
}

// A portion is bytes on their way into a sum. done is closed when all that was
// sent before is in.
type portion struct {
	sum  hash.Hash
	b    []byte
	buf  []byte
	done chan struct{}
}

// Read begins with a, whose body has not been read. The caller must call Done.
func (s *Client) Read(ctx context.Context, t *Tally, a *Answer) *Stream {
	fl := &Stream{s: s, t: t, c: a.c, ctx: ctx, blocks: make(chan Block, ringBlocks), more: make(chan struct{}, maxPending-1), last: a}
	fl.stop = context.AfterFunc(ctx, func() { a.c.Close() })
	fl.sums, fl.hashed = make(chan portion, ringBlocks), make(chan struct{})
	go fl.read(a)
	go fl.hash()
	return fl
}

func (fl *Stream) hash() {
	defer close(fl.hashed)
	for p := range fl.sums {
		if p.done != nil {
			close(p.done)
			continue
		}
		p.sum.Write(p.b)
		fl.s.ring.free <- p.buf[:cap(p.buf)]
	}
}

// Settle waits until the sums have all that was sent to them.
func (fl *Stream) Settle() {
	done := make(chan struct{})
	fl.sums <- portion{done: done}
	<-done
}

// maxPending is how many requests may wait for their answers on one connection.
const maxPending = 17

// Send asks for more on the same connection; at most 16 at a time.
func (fl *Stream) Send(q Request) error {
	if err := fl.c.send(q); err != nil {
		return AsFault(err)
	}
	fl.more <- struct{}{}
	return nil
}

func (fl *Stream) read(a *Answer) {
	defer close(fl.blocks)
	for {
		for {
			b := fl.s.ring.get()
			n, err := a.Body.Read(b)
			if n > 0 {
				a.proof.add(b[:n])
				fl.blocks <- Block{Bytes: b[:n]}
			} else {
				fl.s.ring.free <- b
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				fl.blocks <- Block{Err: AsFault(err)}
				return
			}
		}
		if a.proof.fails() {
			fl.blocks <- Block{Err: errProof}
			return
		}
		fl.blocks <- Block{End: true}
		if _, ok := <-fl.more; !ok {
			return
		}
		var err error
		if a, err = fl.c.receive("GET"); err != nil {
			fl.blocks <- Block{Err: err}
			return
		}
		fl.blocks <- Block{Head: a}
	}
}

// wait waits for the next block. After an outage a connection stays silent for
// up to as long again, for the peer's TCP sends again after pauses that double
// (RFC 6298 section 5.5). So a silence has the network asked: a connection that
// could not be had and then can be takes the place of the silent one. One that
// can be had at once only says that the peer takes its time.
func (fl *Stream) wait() (b Block, ok bool) {
	t := time.NewTimer(quietAfter)
	defer t.Stop()
	select {
	case b, ok = <-fl.blocks:
		return b, ok
	case <-t.C:
	}
	if !fl.Probes {
		b, ok = <-fl.blocks
		return b, ok
	}
	ctx, cancel := context.WithCancel(fl.ctx)
	defer cancel()
	fresh := make(chan *conn, 1)
	go fl.s.knock(ctx, fl.c.from, fresh)
	select {
	case b, ok = <-fl.blocks:
		cancel()
		if c := <-fresh; c != nil {
			c.Close()
		}
	case c := <-fresh:
		if c != nil {
			fl.s.park(c)
			return Block{Err: errOutage}, true
		}
		b, ok = <-fl.blocks
	}
	return b, ok
}

// Next returns what comes next.
func (fl *Stream) Next() Block {
	fl.reuse()
	b, ok := fl.wait()
	switch {
	case !ok:
		return Block{Err: ErrShort}
	case b.Head != nil:
		fl.last, fl.whole = b.Head, false
	case b.End:
		fl.whole = true
	}
	fl.lent = b.Bytes
	fl.s.received += int64(len(b.Bytes))
	fl.t.Received += int64(len(b.Bytes))
	return b
}

// reuse takes back the bytes of the last block.
func (fl *Stream) reuse() {
	if fl.lent != nil {
		fl.s.ring.free <- fl.lent[:cap(fl.lent)]
		fl.lent = nil
	}
}

// Add sends a stretch of the bytes of the last block into sum, which has them
// when Settle returns.
func (fl *Stream) Add(sum hash.Hash, from, to int64) {
	if from < to {
		fl.sums <- portion{sum: sum, b: fl.lent[from:to], buf: fl.lent}
		fl.lent = nil
	}
}

// Done ends the stream. The connection is kept if nothing is left on it.
func (fl *Stream) Done(pending int) {
	if !fl.whole || pending > 0 {
		fl.c.Close()
	}
	fl.reuse()
	close(fl.more)
	close(fl.sums)
	<-fl.hashed
	for b := range fl.blocks {
		fl.lent = b.Bytes
		fl.reuse()
	}
	if fl.stop() && fl.whole && pending == 0 {
		fl.last.Finish()
	}
}
