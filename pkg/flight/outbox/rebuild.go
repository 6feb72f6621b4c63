package outbox

import "slices"

// Rebuild copies what can be proven of a dead part (ErrDead) to a new inode,
// synced, and goes on there. If there is no room for that, the part is cut back
// to what was durable before, and can only be published or closed. Proven may
// be less afterwards; unproven bytes are dropped. A part that is not dead is
// copied whole or not at all. If it fails the part stays as
// it was; Discard it and begin at 0 with Target.New.
func (p *Part) Rebuild() error {
	if p.closed {
		return ErrClosed
	}
	p.rec.halt()
	p.rec.catchUp() // or as far as the old inode can still be read
	q, err := p.t.copyOf(p)
	if err != nil {
		if p.shared || !p.dead() || !p.retreat() {
			return err
		}
		return nil
	}
	p.remove()
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.proven < p.proven {
		q.id.Complete = false
	}
	p.gen, p.data, p.cur, p.slot, p.rec = q.gen, q.data, q.cur, q.slot, q.rec
	p.rec.p = p
	p.held, p.proven, p.noted, p.durable = q.held, q.proven, q.proven, q.durable
	p.changed, p.id = p.id != q.id, q.id
	// The old one's names have to be gone before this one's claim is made that
	// it was published.
	p.shared, p.fresh, p.err = false, true, nil
	return nil
}

// copyOf makes a new part of what p's marks prove, durable.
func (t *Target) copyOf(p *Part) (*Part, error) {
	q, err := t.create(p.id)
	if err != nil {
		return nil, err
	}
	d, marks, rerr, err := prove(p.data, p.rec.marks, t.s.c.Piece, q.data)
	if err == nil && d.size < p.proven && !p.dead() {
		// Only a dead part may lose bytes, for only its caller looks.
		if err = rerr; err == nil {
			err = errShorter
		}
	}
	if err == nil {
		err = q.data.Truncate(d.size)
	}
	if err != nil {
		q.remove()
		return nil, diskError("write", q.path(dataSuffix), err)
	}
	q.held, q.proven = d.size, d.size
	q.rec.d, q.rec.marks = d, slices.Clone(marks)
	q.add(d.size)
	if err := q.settle(); err != nil {
		q.remove()
		return nil, err
	}
	return q, nil
}

// retreat gives up all but what was synced before the inode died. These bytes
// have not been written since, so they are on the disk, whatever became of
// the rest; truncation takes the rest out of the way.
func (p *Part) retreat() bool {
	n := 0
	for n < len(p.rec.marks) && p.rec.marks[n].end <= p.durable {
		n++
	}
	if n == 0 {
		return false
	}
	d, marks, _, _ := prove(p.data, p.rec.marks[:n], p.t.s.c.Piece, nil)
	// This sync is about the length alone: the data has nothing dirty left.
	if len(marks) < n || p.data.Truncate(d.size) != nil || p.data.Datasync() != nil {
		return false
	}
	p.rec.d, p.rec.marks = d, marks
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id.Complete = p.id.Complete && p.proven == d.size
	p.held, p.proven, p.noted, p.durable = d.size, d.size, d.size, d.size
	p.retired, p.err = true, nil
	return true
}
