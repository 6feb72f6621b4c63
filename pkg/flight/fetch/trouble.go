package fetch

import (
	"payload-ipc/pkg/flight/peer"
)

// trouble turns what went wrong in a step into a new state, or into a fault
// that ends this turn.
func (r *run) trouble(j *job, g *generation, err error) error {
	if isDisk(err) {
		return err
	}
	f := peer.AsFault(err)
	v := r.circumstances(j, g).judge(f)
	if v != askLater && !f.Counted {
		r.peer.Blame(&j.tally, f)
	}
	switch v {
	case unranged:
		if f == errPlace {
			j.retried = true
		} else {
			j.refused = true
		}
		j.once = true
		return nil
	case goneFor:
		return r.changedAgain(j, r.seal(j, g))
	case replaced:
		return r.changedAgain(j, r.changed(j, g))
	case unsnapped:
		g.unpiece()
		g.id.Snapshot = ""
		return nil
	}
	if g != nil && (f.Status == 404 || f.Status == 410) && g.id.Snapshot != "" && g.mine {
		g.gone++
	}
	j.retried = false
	return f
}

func (r *run) circumstances(j *job, g *generation) circumstances {
	c := circumstances{state: g.state(), tried: j.retried, mayRefuse: r.mayRefuse(j)}
	if g != nil {
		c.snapshot, c.rotated, c.missing = g.id.Snapshot != "", g.via != "", g.gone
	}
	return c
}

// spliced throws away what is of no one generation.
func (r *run) spliced(j *job, g *generation) error {
	r.f.Events(Event{Kind: Changed, Path: j.Path.Path, Done: g.held()})
	j.cur = nil
	j.changes++
	if err := g.part.Discard(); err != nil {
		return err
	}
	return errChanged
}

// changedAgain makes a file that keeps changing wait.
func (r *run) changedAgain(j *job, err error) error {
	if err == nil && j.changes > 1 && j.cur == nil {
		return errCounted
	}
	return err
}
