package fetch

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

// A block is the next thing on a connection: the head of an answer, bytes of
// its body, its end, or an error behind which there is nothing.
type block struct {
	head *answer
	b    []byte
	end  bool
	err  error
}

// A flow reads the answers of one connection ahead of the disk, and hashes
// what has been placed, each in a goroutine of its own: receiving, writing and
// hashing overlap.
type flow struct {
	s      *session
	c      *conn
	ctx    context.Context
	knocks bool // in a silence, see wait
	stop   func() bool
	blocks chan block
	more   chan struct{} // one for each request that was sent after the first
	last   *answer
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

// flow begins with a, whose body has not been read. The caller must call done.
func (s *session) flow(ctx context.Context, a *answer) *flow {
	fl := &flow{s: s, c: a.c, ctx: ctx, blocks: make(chan block, ringBlocks), more: make(chan struct{}, 16), last: a}
	fl.stop = context.AfterFunc(ctx, func() { a.c.Close() })
	fl.sums, fl.hashed = make(chan portion, ringBlocks), make(chan struct{})
	go fl.read(a)
	go fl.hash()
	return fl
}

func (fl *flow) hash() {
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

// settle waits until the sums have all that was sent to them.
func (fl *flow) settle() {
	done := make(chan struct{})
	fl.sums <- portion{done: done}
	<-done
}

// send asks for more on the same connection; at most 16 at a time.
func (fl *flow) send(q query) error {
	if err := fl.c.send(q); err != nil {
		return network(err, false)
	}
	fl.more <- struct{}{}
	return nil
}

func (fl *flow) read(a *answer) {
	defer close(fl.blocks)
	for {
		for {
			b := fl.s.ring.get()
			n, err := a.body.Read(b)
			if n > 0 {
				fl.blocks <- block{b: b[:n]}
			} else {
				fl.s.ring.free <- b
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				fl.blocks <- block{err: network(err, false)}
				return
			}
		}
		fl.blocks <- block{end: true}
		if _, ok := <-fl.more; !ok {
			return
		}
		var err error
		if a, err = fl.c.receive("GET"); err != nil {
			fl.blocks <- block{err: err}
			return
		}
		fl.blocks <- block{head: a}
	}
}

// wait waits for the next block. After an outage a connection stays silent for
// up to as long again, for the peer's TCP sends again after pauses that double
// (RFC 6298 section 5.5). So a silence has the network asked: a connection that
// could not be had and then can be takes the place of the silent one. One that
// can be had at once only says that the peer takes its time.
func (fl *flow) wait() (b block, ok bool) {
	t := time.NewTimer(quietAfter)
	defer t.Stop()
	select {
	case b, ok = <-fl.blocks:
		return b, ok
	case <-t.C:
	}
	if !fl.knocks {
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
			return block{err: errSilent}, true
		}
		b, ok = <-fl.blocks
	}
	return b, ok
}

// next returns what comes next; recycle its bytes.
func (fl *flow) next() block {
	b, ok := fl.wait()
	switch {
	case !ok:
		return block{err: errShort}
	case b.head != nil:
		fl.last, fl.whole = b.head, false
	case b.end:
		fl.whole = true
	}
	fl.s.received += int64(len(b.b))
	fl.s.stats.received += int64(len(b.b))
	return b
}

func (fl *flow) recycle(b block) {
	if b.b != nil {
		fl.s.ring.free <- b.b[:cap(b.b)]
	}
}

// add sends what is from the offset at on in b into sum, and then recycles b.
func (fl *flow) add(sum hash.Hash, b block, at int64) {
	if at >= int64(len(b.b)) {
		fl.recycle(b)
		return
	}
	fl.sums <- portion{sum: sum, b: b.b[at:], buf: b.b}
}

// done ends the flow. The connection is kept if nothing is left on it.
func (fl *flow) done(pending int) {
	if !fl.whole || pending > 0 {
		fl.c.Close()
	}
	close(fl.more)
	close(fl.sums)
	<-fl.hashed
	for b := range fl.blocks {
		fl.recycle(b)
	}
	if fl.stop() && fl.whole && pending == 0 {
		fl.last.finish()
	}
}
