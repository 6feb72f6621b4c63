package peer

import (
	"context"
	"hash"
	"io"
	"time"
)

const (
	blockSize  = 128 << 10
	poolBlocks = 6
)

// A bufferPool lends out the buffers between the wire and the disk, and so bounds
// what a run holds in memory.
type bufferPool struct {
	free chan []byte
	made int
}

func newBufferPool() bufferPool { return bufferPool{free: make(chan []byte, poolBlocks)} }

// get is called from one goroutine at a time: one Stream runs after the other.
func (r *bufferPool) get() []byte {
	select {
	case b := <-r.free:
		return b
	default:
	}
	if r.made < poolBlocks {
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
	// Quiet is called, if it is set, when nothing has come for half a second.
	Quiet func()

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
	sums   chan hashJob
	hashed chan struct{} // closed when the last hashJob is in its sum
}

// A hashJob is bytes on their way into a sum. done is closed when all that was
// sent before is in.
type hashJob struct {
	sum  hash.Hash
	b    []byte
	buf  []byte
	done chan struct{}
}

// Read begins with a, whose body has not been read. The caller must call Done.
func (s *Client) Read(ctx context.Context, t *Tally, a *Answer) *Stream {
	st := &Stream{s: s, t: t, c: a.c, ctx: ctx, blocks: make(chan Block, poolBlocks), more: make(chan struct{}, maxPending-1), last: a}
	st.stop = context.AfterFunc(ctx, func() { a.c.Close() })
	st.sums, st.hashed = make(chan hashJob, poolBlocks), make(chan struct{})
	go st.read(a)
	go st.hash()
	return st
}

func (st *Stream) hash() {
	defer close(st.hashed)
	for p := range st.sums {
		if p.done != nil {
			close(p.done)
			continue
		}
		p.sum.Write(p.b)
		st.s.pool.free <- p.buf[:cap(p.buf)]
	}
}

// Settle waits until the sums have all that was sent to them.
func (st *Stream) Settle() {
	done := make(chan struct{})
	st.sums <- hashJob{done: done}
	<-done
}

// maxPending is how many requests may wait for their answers on one connection.
const maxPending = 17

// Send asks for more on the same connection; at most 16 at a time.
func (st *Stream) Send(q Request) error {
	if err := st.c.send(q); err != nil {
		return AsFault(err)
	}
	st.more <- struct{}{}
	return nil
}

func (st *Stream) read(a *Answer) {
	defer close(st.blocks)
	for {
		for {
			b := st.s.pool.get()
			n, err := a.Body.Read(b)
			if n > 0 {
				a.proof.add(b[:n])
				st.blocks <- Block{Bytes: b[:n]}
			} else {
				st.s.pool.free <- b
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				st.blocks <- Block{Err: AsFault(err)}
				return
			}
		}
		if a.proof.fails() {
			st.blocks <- Block{Err: errProof}
			return
		}
		st.blocks <- Block{End: true}
		if _, ok := <-st.more; !ok {
			return
		}
		var err error
		if a, err = st.c.receive("GET"); err != nil {
			st.blocks <- Block{Err: err}
			return
		}
		st.blocks <- Block{Head: a}
	}
}

// wait waits for the next block. After an outage a connection stays silent for
// up to as long again, for the peer's TCP sends again after pauses that double
// (RFC 6298 section 5.5). So a silence has the network asked: a connection that
// could not be had and then can be takes the place of the silent one. One that
// can be had at once only says that the peer takes its time.
func (st *Stream) wait() (b Block, ok bool) {
	t := time.NewTimer(quietAfter)
	defer t.Stop()
	select {
	case b, ok = <-st.blocks:
		return b, ok
	case <-t.C:
	}
	if st.Quiet != nil {
		st.Quiet()
	}
	if !st.Probes {
		b, ok = <-st.blocks
		return b, ok
	}
	ctx, cancel := context.WithCancel(st.ctx)
	defer cancel()
	fresh := make(chan *conn, 1)
	go st.s.probe(ctx, st.c.from, fresh)
	select {
	case b, ok = <-st.blocks:
		cancel()
		if c := <-fresh; c != nil {
			c.Close()
		}
	case c := <-fresh:
		if c != nil {
			st.s.park(c)
			return Block{Err: errOutage}, true
		}
		b, ok = <-st.blocks
	}
	return b, ok
}

// Next returns what comes next.
func (st *Stream) Next() Block {
	st.reuse()
	b, ok := st.wait()
	switch {
	case !ok:
		return Block{Err: ErrShort}
	case b.Head != nil:
		st.last, st.whole = b.Head, false
	case b.End:
		st.whole = true
	}
	st.lent = b.Bytes
	st.s.received += int64(len(b.Bytes))
	st.t.Received += int64(len(b.Bytes))
	return b
}

// reuse takes back the bytes of the last block.
func (st *Stream) reuse() {
	if st.lent != nil {
		st.s.pool.free <- st.lent[:cap(st.lent)]
		st.lent = nil
	}
}

// Add sends a stretch of the bytes of the last block into sum, which has them
// when Settle returns.
func (st *Stream) Add(sum hash.Hash, from, to int64) {
	if from < to {
		st.sums <- hashJob{sum: sum, b: st.lent[from:to], buf: st.lent}
		st.lent = nil
	}
}

// Done ends the stream. The connection is kept if nothing is left on it.
func (st *Stream) Done(pending int) {
	if !st.whole || pending > 0 {
		st.c.Close()
	}
	st.reuse()
	close(st.more)
	close(st.sums)
	<-st.hashed
	for b := range st.blocks {
		st.lent = b.Bytes
		st.reuse()
	}
	if st.stop() && st.whole && pending == 0 {
		st.last.Finish()
	}
}
