package outbox

import (
	"errors"
	"fmt"
	"sync"
)

// Part is one generation of a file: held >= proven >= durable bytes.
// Its methods are for one goroutine at a time.
//
// Appended bytes are in the file at once but count for nothing until Prove.
// Proven bytes are hashed and written into the cursor by the part's own
// goroutine, for a SIGKILL to leave them, and synced, data before cursor, at most every Config.Pace, so that a power cut loses no
// more than that. The network is not kept waiting by any of it.
type Part struct {
	t      *Target
	gen    uint32
	data   File
	cur    File
	held   int64
	shared bool // the inode has a name in the outbox too: it must not change
	fresh  bool // not yet synced: the stage does not durably name these files
	slot   int  // the durable slot to be written next
	// retired: dead, and cut back to what was synced before it died. It can
	// be published or kept, but nothing is written to it again.
	retired bool
	closed  bool
	// publishing: the cursor shall say that the file has its name.
	publishing bool
	rec        *recorder

	mu      sync.Mutex // guards what follows, between the caller, the recorder and its sync
	id      Identity
	proven  int64
	noted   int64      // proven bytes that the swift slot tells of
	news    *sync.Cond // noted or err changed
	durable int64
	changed bool  // the identity is newer than the durable one
	fresher bool  // ... than the one in the swift slot
	pressed bool  // a sync shall not wait for its turn
	written int64 // bytes that are not synced
	err     error
}

// Identity is what New or Describe was given, or the cursor told.
func (p *Part) Identity() Identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// Describe replaces the identity, durable with the next sync. The error is
// about a text longer than MaxText, and changes nothing.
func (p *Part) Describe(id Identity) error {
	if err := id.check(); err != nil {
		return err
	}
	p.mu.Lock()
	same := p.id == id
	p.id, p.changed, p.fresher = id, p.changed || !same, p.fresher || !same
	p.mu.Unlock()
	if !same && !p.closed {
		p.rec.nudge()
	}
	return nil
}

// Held is the number of bytes in the file.
func (p *Part) Held() int64 { return p.held }

// Proven is how many of the held bytes are proven.
func (p *Part) Proven() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.proven
}

// Durable is how many of the proven bytes a power cut leaves.
func (p *Part) Durable() int64 {
	p.mu.Lock()
	n := p.durable
	p.mu.Unlock()
	return n
}

// Err is the first error of the background, sticky: an *Error, with ErrDead in
// its chain where a sync failed.
func (p *Part) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *Part) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.news.Broadcast()
	p.t.s.pace.cleaned(0) // whoever waits for a sync looks again
}

func (p *Part) dead() bool { return errors.Is(p.Err(), ErrDead) }

// Append writes b behind what is held. After an error the unproven bytes are
// dropped, the proven ones stay as they are: the part can still be published
// or closed, unless the error is ErrDead.
func (p *Part) Append(b []byte) error {
	if p.closed {
		return ErrClosed
	}
	if p.retired {
		return deadError(p.path(dataSuffix), errShorter)
	}
	if p.dead() {
		return p.Err()
	}
	if p.shared {
		if err := p.Rebuild(); err != nil {
			return err
		}
	}
	if _, err := p.data.WriteAt(b, p.held); err != nil {
		p.Drop()
		return diskError("write", p.path(dataSuffix), err)
	}
	p.held += int64(len(b))
	p.wrote(int64(len(b)))
	return nil
}

// Rewrite replaces held bytes that are not proven: what a bad piece needs that
// is asked again alone. Where b would reach outside of them nothing changes.
func (p *Part) Rewrite(b []byte, off int64) error {
	switch {
	case p.closed:
		return ErrClosed
	case p.dead():
		return p.Err()
	case off < p.Proven() || off > p.held-int64(len(b)):
		return fmt.Errorf("rewrite outside of the unproven bytes: got %d bytes at %d, want %d to %d", len(b), off, p.Proven(), p.held)
	}
	_, err := p.data.WriteAt(b, off)
	p.wrote(int64(len(b)))
	return diskError("write", p.path(dataSuffix), err)
}

// Prove declares all held bytes proven. It waits until what was proven before
// is hashed and noted, never for a sync: so hashing overlaps with the network,
// and a SIGKILL costs no more than the piece in flight and the one before it.
// Errors are those of the background, see Err.
func (p *Part) Prove() error { return p.ProveTo(p.held) }

// ProveTo declares the first n held bytes proven, as Prove does all of them.
// What was proven stays so.
func (p *Part) ProveTo(n int64) error {
	if p.closed {
		return ErrClosed
	}
	p.mu.Lock()
	for p.rec.wake != nil && p.noted < p.proven && p.err == nil {
		p.news.Wait()
	}
	p.proven = max(p.proven, min(n, p.held))
	err := p.err
	p.mu.Unlock()
	p.rec.nudge()
	return err
}

// Drop forgets the bytes that were not proven.
func (p *Part) Drop() error {
	if p.closed {
		return ErrClosed
	}
	// Nothing behind proven is ever looked at, so what cannot be cut off here
	// is overwritten by the next Append or cut off before publishing.
	n := p.Proven()
	if p.held == n {
		return nil
	}
	p.held = n
	p.add(1)
	return diskError("truncate", p.path(dataSuffix), p.data.Truncate(n))
}

// ReadAt reads held bytes, for overlap and prefix proofs.
func (p *Part) ReadAt(b []byte, off int64) (int, error) {
	return p.data.ReadAt(b, off)
}

// Flush waits until all proven bytes and the identity are durable.
func (p *Part) Flush() error {
	if p.closed {
		return ErrClosed
	}
	p.rec.halt()
	return p.settle()
}

// Close makes the part durable and leaves it to the next run; unproven bytes
// are dropped, and a part without proven bytes is removed. Closing a closed
// part does nothing.
func (p *Part) Close() error {
	if p.closed {
		return nil
	}
	if p.Proven() == 0 && !p.Identity().Complete {
		return p.Discard()
	}
	p.rec.halt()
	err := p.cut()
	if e := p.settle(); e != nil {
		err = e
	}
	if p.dead() {
		err = p.Rebuild()
	}
	p.shut()
	return err
}

// Discard removes the part. Discarding a closed part does nothing.
func (p *Part) Discard() error {
	if p.closed {
		return nil
	}
	p.rec.halt()
	err := p.remove()
	p.closed = true
	return err
}

// cut makes the file as long as what is proven.
func (p *Part) cut() error {
	p.Drop()
	size, _, err := p.data.Stat()
	if err == nil && size != p.proven {
		if p.shared {
			return p.Rebuild()
		}
		p.add(1)
		err = p.data.Truncate(p.proven)
	}
	return diskError("truncate", p.path(dataSuffix), err)
}

// settle hashes and syncs all there is, with the recorder halted.
func (p *Part) settle() error {
	if p.retired {
		return nil
	}
	if p.dead() {
		return p.Err()
	}
	if err := p.rec.catchUp(); err != nil {
		return err
	}
	if p.durable == p.proven && !p.changed && !p.fresh && !p.publishing {
		return p.err
	}
	err := p.rec.sync(p.rec.state())
	if err != nil {
		p.fail(err)
	}
	return err
}

func (p *Part) shut() {
	if p.rec != nil {
		p.rec.buf = nil // there may be a thousand of them
	}
	p.cleaned(p.written)
	p.data.Close()
	p.cur.Close()
	p.closed = true
}

// remove closes and unlinks both files, the cursor first: bytes without a
// cursor are rubbish to the next run, a cursor without bytes is so too.
func (p *Part) remove() error {
	p.cleaned(p.written)
	p.data.Close()
	p.cur.Close()
	fs := p.t.s.fs
	err := fs.Remove(p.path(cursorSuffix))
	if e := fs.Remove(p.path(dataSuffix)); err == nil {
		err = e
	}
	return diskError("remove", p.path(dataSuffix), err)
}
