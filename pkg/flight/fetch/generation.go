package fetch

import (
	"errors"

	"payload-ipc/pkg/flight/outbox"
)

// A generation is a version and its bytes on the stage. Of a fresh one there
// are none.
type generation struct {
	version
	part *outbox.Part
}

// blank is a path of which nothing is known yet.
func blank(m manner) *generation {
	g := &generation{}
	g.manner = m
	g.reset()
	return g
}

// keep has the disk agree with what is known of the version by now.
func (g *generation) keep() (err error) {
	if g.part == nil || g.state == fresh {
		return nil
	}
	if to := g.proven - g.id.Base; to > g.part.Proven() {
		err = g.part.ProveTo(to)
	}
	if g.held-g.id.Base < g.part.Held() {
		g.part.Drop()
	}
	g.id.Verified = g.verified()
	g.part.Describe(g.id)
	return err
}

// sync learns what the disk has.
func (g *generation) sync() { g.held, g.proven = g.id.Base+g.part.Held(), g.id.Base+g.part.Proven() }

// dead reports that a sync of it has failed.
func (g *generation) dead() bool { return g.part != nil && errors.Is(g.part.Err(), outbox.ErrDead) }

// discard throws it away; what begins then is asked for in the same manner.
func (j *job) discard(g *generation) error {
	if j.cur == g {
		j.cur = blank(g.manner)
	}
	return g.part.Discard()
}

// create begins the part of a version.
func (j *job) create() error {
	p, err := j.out.New(j.cur.id)
	if err == nil {
		j.cur.part = p
	}
	return err
}

// rebuild goes on after a sync that failed: the inode is dead, what can be
// read of it and proven is copied to a new one. Once; then the disk is broken.
func (r *run) rebuild(j *job, g *generation) error {
	err := g.part.Err()
	if j.rebuilt {
		return err
	}
	j.rebuilt = true
	r.diskError(j, err)
	if e := g.part.Rebuild(); e != nil {
		return j.discard(g)
	}
	g.sync()
	g.pieces, g.next = nil, g.held
	if g.confirmedThisRun() {
		g.state = growing
		g.arrive()
	}
	return nil
}
