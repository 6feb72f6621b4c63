package fetch

import (
	"context"
	"strings"

	"payload-ipc/pkg/flight/peer"
)

// resume looks whether the file on the peer still is what an earlier run began
// to fetch: its head and the last bytes held are read again. It may have
// grown; then this run fetches it up to its new length.
func (r *run) resume(ctx context.Context, j *job, g *generation) error {
	r.f.Events(Event{Kind: Resuming, Path: j.Path.Path, Done: g.held() - g.id.Base, Total: g.id.Total})
	k := g.overlap()
	far := g.held()-g.id.Base > k
	if far && !g.noRanges {
		if err := r.check(ctx, j, g, j.target, g.id.Base, g.id.Base+k); err != nil {
			return err
		}
		far = false
	}
	a, err := r.ask(ctx, j, peer.Request{Target: j.target, First: g.held() - k, Last: g.held() + firstPiece - 1, Digest: true})
	if err != nil {
		return err
	}
	if a.Status == 416 {
		a.Finish()
		return errChanged
	}
	x, err := extentOf(a)
	switch {
	case err != nil:
	case x.total >= 0 && x.total < g.held():
		err = errChanged
	case a.Status == 206 && (x.start > g.held()-k || far):
		err = errPlace
	case x.doubt:
		err = errDoubt
	case g.id.Snapshot != "" && snapshotOf(a) == g.id.Snapshot:
	case x.total >= 0 && x.total < g.seen && k == g.held()-g.id.Base:
		g.seen = x.total // shorter, but all that is held is read again
	default:
		err = g.identify(a, x)
	}
	if err == nil && r.f.Tail > 0 && g.held() < x.total-r.f.Tail {
		a.Drop() // the tail that is wanted begins behind what is held
		j.cur = nil
		return g.part.Discard()
	}
	if err != nil {
		a.Drop()
		return err
	}
	old, told := g.id, g.told
	g.id.Total, g.told, g.id.Complete = x.total, x.total, false
	g.id.Snapshot = snapshotOf(a)
	g.noRanges = a.Status == 200
	g.capped206(a, x)
	m, err := r.message(g, a, x)
	if err != nil {
		g.id, g.told = old, told
		a.Drop()
		return err
	}
	err = r.take(ctx, j, g, a, m)
	if m.off >= m.compare && err != errChanged {
		g.mine = true
	} else {
		g.id, g.told = old, told
	}
	g.describe()
	return err
}

// changed deals with a file of which the peer has another generation now. What
// this run began is finished from where rotation has moved it, if it can be
// found there. Otherwise it is sealed, and the new one begins at 0.
func (r *run) changed(j *job, g *generation) error {
	r.f.Events(Event{Kind: Changed, Path: j.Path.Path, Done: g.held()})
	g.unpiece()
	switch {
	case !g.mine:
		// Of an earlier run: what this one was asked for comes first.
		j.olds = append(j.olds, g)
		j.cur = nil
		return nil
	case g.via == "" && g.held() > g.id.Base && !g.fixed && !strings.Contains(j.target, "?"):
		g.via = j.target + ".1" // as logrotate names it
		g.unsure, g.noRanges, g.closed = 0, false, false
		g.id.Validator, g.seen, g.asked = "", -1, false
		return nil
	}
	return r.seal(j, g)
}

// seal ends a generation that cannot be continued.
func (r *run) seal(j *job, g *generation) error {
	if j.cur == g {
		j.cur = nil
		if j.changes++; j.changes == 1 {
			j.most = 0
		}
	}
	// A receipt tells of an older content no more than its size and hash, so
	// bytes whose digest was told and could not be compared are not published.
	for _, p := range g.pieces {
		if p.has {
			g.drop()
			break
		}
	}
	g.settle()
	g.id.Sealed = true
	g.describe()
	if g.proven() == g.id.Base {
		return g.part.Discard()
	}
	for _, o := range j.olds {
		if o == g {
			return nil
		}
	}
	j.olds = append(j.olds, g)
	return nil
}

// settle decides what of g may be published: what is proven. Where nothing is,
// what came is better than nothing, and the receipt says that nothing proves
// it; but not what may be a splice.
func (g *generation) settle() {
	if !g.keyed && g.proven() == g.id.Base && g.held() > g.id.Base && !g.suspect && !g.spoilt() {
		g.pieces, g.weak, g.loose = nil, true, true
		g.part.ProveTo(g.held() - g.id.Base)
		return
	}
	g.drop()
}

// spoilt reports that a piece among the unproven did not match its digest.
func (g *generation) spoilt() bool {
	for _, p := range g.pieces {
		if p.bad > 0 {
			return true
		}
	}
	return false
}

// finishOlds completes what earlier runs began and rotation has moved since.
// Best effort: stop at the first error.
func (r *run) finishOlds(ctx context.Context, j *job) {
	for _, g := range j.olds {
		if g.id.Sealed {
			continue
		}
		if g.id.Total < 0 || g.complete() {
			r.seal(j, g) // there is nothing to go on with
			continue
		}
		g.limit = min(g.id.Total, g.held()+r.room(j))
		g.mine = true
		// The snapshot tells generations apart by little (docs/wire.md), and
		// that this one has changed is known.
		k := g.overlap()
		if g.id.Snapshot == "" || r.check(ctx, j, g, g.id.Snapshot, g.id.Base, g.id.Base+k) != nil ||
			r.check(ctx, j, g, g.id.Snapshot, g.held()-k, g.held()) != nil {
			g.via = j.target + ".1"
		}
		for idle := 0; idle < 3 && !g.complete() && !g.capped() && ctx.Err() == nil; {
			before := g.held()
			err := r.step(ctx, j, g)
			if f := peer.AsFault(err); err != nil && f.Status >= 400 {
				err = errChanged
			}
			if err == errChanged && g.via == "" {
				g.via, err = j.target+".1", nil
			}
			if err == errChanged {
				r.seal(j, g)
			}
			if err != nil {
				break
			}
			if idle++; g.held() > before {
				idle = 0
			}
		}
		if g.complete() {
			r.seal(j, g)
		}
	}
}
