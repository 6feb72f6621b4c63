package outbox

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// recorder is the one goroutine of a part: it hashes what was proven, notes it
// in the swift slot at once, and lets it be synced at the pace of the stage. It
// runs from the first nudge to the next halt. While it is halted its fields
// and methods belong to the goroutine of the part.
type recorder struct {
	p     *Part
	d     *digest
	marks []mark
	seq   uint64
	buf   []byte

	wake chan struct{} // nil: halted
	quit chan struct{}
	done chan struct{}
}

// nudge tells of new proven bytes or a new identity.
func (r *recorder) nudge() {
	if r.wake == nil {
		r.wake, r.quit, r.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
		go r.run()
	}
	select {
	case r.wake <- struct{}{}:
	default: // it has not looked yet, and will see both
	}
}

// halt returns when neither the recorder nor a sync runs any more.
func (r *recorder) halt() {
	if r.wake == nil {
		return
	}
	close(r.quit)
	<-r.done
	r.wake, r.quit = nil, nil
}

func (r *recorder) run() {
	defer close(r.done)
	tick := time.NewTicker(r.p.t.s.c.Pace)
	defer tick.Stop()
	// A sync of slow flash takes longer than the pace and must not keep the
	// hash waiting, or a SIGKILL would cost that long. It has a thread of its
	// own, for each that blocks would cost the scheduler another one.
	work, synced := make(chan *cursor), make(chan error, 1)
	defer close(work)
	go func() {
		runtime.LockOSThread()
		for c := range work {
			synced <- r.sync(c)
		}
		runtime.UnlockOSThread() // the thread is kept for the next file, where the end of this would end it
	}()
	busy, dirty := false, false
	begin := func() {
		if !busy && r.p.Err() == nil {
			dirty, busy = false, true
			tick.Reset(r.p.t.s.c.Pace)
			work <- r.state()
		}
	}
	for {
		select {
		case <-r.wake:
			if r.p.anew() {
				if err := r.catchUp(); err != nil {
					r.p.fail(err)
				}
				dirty = true
				r.swift()
			}
			if r.p.pressing() {
				begin()
			}
		case <-tick.C:
			if dirty {
				begin()
			}
		case err := <-synced:
			busy = false
			if err != nil {
				r.p.fail(err)
			}
			if r.p.pressing() {
				begin()
			}
		case <-r.quit:
			if busy {
				if err := <-synced; err != nil {
					r.p.fail(err)
				}
			}
			return
		}
	}
}

// catchUp hashes up to what is proven, from the file, not from memory: what is
// named later is what the file says.
func (r *recorder) catchUp() error {
	n := r.p.Proven()
	if r.d.size >= n {
		return nil
	}
	if want := min(blockSize, n-r.d.size); int64(len(r.buf)) < want {
		r.buf = make([]byte, want)
	}
	for r.d.size < n {
		b := r.buf[:min(int64(len(r.buf)), n-r.d.size)]
		if k, err := r.p.data.ReadAt(b, r.d.size); k < len(b) {
			return diskError("read", r.p.path(dataSuffix), err)
		}
		r.d.write(b)
	}
	r.marks = addMark(r.marks, r.d.mark())
	return nil
}

// state is the cursor of this moment. Complete is told only of all the bytes.
func (r *recorder) state() *cursor {
	r.seq++
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	c := &cursor{
		seq: r.seq, gen: r.p.gen, name: r.p.t.name, source: r.p.t.source,
		id: r.p.id, marks: slices.Clone(r.marks), published: r.p.publishing,
	}
	if c.published {
		c.run = r.p.t.s.c.Run
		c.run = c.run[:min(len(c.run), maxRun)]
	}
	c.id.Complete = c.id.Complete && r.d.size == r.p.proven
	return c
}

// swift writes the slot that is never waited for. Its failure is no news: the
// durable slots meet the same disk within the pace, and tell.
func (r *recorder) swift() {
	r.p.cur.WriteAt(r.state().encode(), slotSwift*slotSize)
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.p.noted, r.p.fresher = r.d.size, false
	r.p.news.Broadcast()
}

// sync makes c durable: the data, the first time the names of it and of the
// cursor, for a cursor that lost it says that it was published, and then a slot
// that claims it.
func (r *recorder) sync(c *cursor) error {
	p := r.p
	s := p.t.s
	if err := p.datasync(); err != nil {
		return err
	}
	if p.unchanged(c) {
		return nil // only bytes that are not proven
	}
	select {
	case <-r.quit:
		return nil // what halts it has more to say (settle), and little time
	default:
	}
	start := s.now()
	if p.fresh {
		if err := s.syncDir(s.c.Stage); err != nil {
			return deadError(s.c.Stage, err)
		}
		// Without it the pace of a file that nothing proves knows of one sync
		// alone, and so of none.
		s.pace.saw(0, s.now().Sub(start))
		start = s.now()
		p.fresh = false
	}
	// Alternate: the slot that holds is never the one that is written.
	slot := int64(p.slot % 2)
	if _, err := p.cur.WriteAt(c.encode(), slot*slotSize); err != nil {
		return diskError("write", p.path(cursorSuffix), err)
	}
	if err := p.cur.Datasync(); err != nil {
		return deadError(p.path(cursorSuffix), err)
	}
	s.pace.saw(0, s.now().Sub(start))
	p.slot++
	p.mu.Lock()
	defer p.mu.Unlock()
	p.durable = c.proven()
	p.changed = p.id != c.id
	return nil
}

func deadError(path string, err error) error {
	return &Error{Op: "sync", Path: path, Kind: kindOf(err), Err: fmt.Errorf("%w: %w", ErrDead, err)}
}
