package fetch

import (
	"context"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/peer"
)

// check reads the stretch of target from from up to to again, which is held,
// and compares; in several answers where the server caps its ranges.
func (r *run) check(ctx context.Context, j *job, g *generation, target string, from, to int64) error {
	for from < to {
		a, err := r.ask(ctx, j, peer.Request{Target: target, First: from, Last: to - 1})
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
		case x.start > from || x.end >= 0 && x.end <= from:
			err = errPlace
		case x.doubt:
			err = errDoubt
		case target == j.target || target == g.via:
			err = g.identify(a, x)
		}
		var m *message
		if err == nil {
			g.noRanges = g.noRanges || a.Status == 200
			m, err = r.message(g, a, x)
		}
		if err != nil {
			a.Drop()
			return err
		}
		m.has, m.end, m.quiet = false, min(to, m.to), true
		if err = r.take(ctx, j, g, a, m); err != nil {
			return err
		}
		if m.off <= from || a.Status == 200 && m.off < to {
			return peer.ErrShort
		}
		from = m.off
	}
	return nil
}

// confirm settles a file of which the last byte is held, but not everything
// came with a Digest: was it truncated and written again while it was sent, so
// that the right number of bytes is a splice of two generations? Its head and
// its tail, read again, say so. And was a connection that ended without a
// length the end?
func (r *run) confirm(ctx context.Context, j *job, g *generation) error {
	err := r.reread(ctx, j, g)
	switch {
	case err == errChanged:
		g.suspect, g.refuted = true, true
		return err
	case err == nil, ctx.Err() != nil, isDisk(err):
		return err
	default:
		f := peer.AsFault(err)
		// The peer may be gone for good: what came is all that can come.
		if g.unsure++; g.unsure < maxUnsure && !f.Final {
			return err
		}
	}
	g.bare = true
	return r.accept(g)
}

func (r *run) reread(ctx context.Context, j *job, g *generation) error {
	target := g.target(j)
	if g.id.Snapshot != "" && g.via == "" {
		target = g.id.Snapshot
	}
	k, base, held := g.overlap(), g.id.Base, g.held()
	if g.closed {
		return r.findEnd(ctx, j, g, target)
	}
	if !g.weak {
		return r.accept(g)
	}
	if g.fixed && g.noRanges || held == base {
		return r.accept(g) // generated at each request: there is nothing to compare it with
	}
	to := base + k
	if held-base <= 2*k || g.noRanges && held <= maxWhole {
		to = held
	}
	if err := r.check(ctx, j, g, target, base, to); err != nil {
		return err
	}
	if to < held {
		if g.noRanges {
			g.bare = true
			return r.accept(g) // the head alone: not more than its length is known
		}
		if err := r.check(ctx, j, g, target, held-k, held); err != nil {
			return err
		}
	}
	g.whole, g.twice = true, to == held
	return r.accept(g)
}

// findEnd asks whether there is anything behind an end that only the end of
// the connection told, which a cut looks the same as.
func (r *run) findEnd(ctx context.Context, j *job, g *generation, target string) error {
	before := g.held()
	q := peer.Request{Target: target, First: before - g.overlap(), Last: before + r.f.Piece - 1, Digest: true}
	a, err := r.ask(ctx, j, q)
	if err != nil {
		return err
	}
	g.closed = false
	err = r.goOn(ctx, j, g, a, true)
	switch {
	case err == nil && g.closed && g.held() == before:
		return r.accept(g) // the same end twice
	case err != nil && !g.closed:
		g.closed = g.held() == before && g.id.Total < 0
	}
	return err
}

// accept takes what is held for the whole, or for all that --max-bytes allows.
func (r *run) accept(g *generation) error {
	g.closed = false
	if g.id.Total < 0 && g.held() < g.limit {
		g.id.Total = g.held()
	}
	if err := g.prove(); err != nil {
		return err
	}
	g.id.Complete = g.id.Total >= 0 && g.proven() >= g.id.Total
	g.describe()
	return nil
}

// witness asks for the digest of a whole snapshot that came in several pieces,
// if there is time: it costs the peer no bytes, and shows every splice, also
// of a file that is rewritten in place. Of a large file, which the peer reads
// for some of the window's seconds, only if its validator says that it was
// written to. False: it is not what is held.
func (r *run) witness(ctx context.Context, j *job, g *generation) bool {
	if g.proof || g.id.Snapshot == "" || g.via != "" || g.id.Base > 0 || g.answers < 2 || !g.complete() || r.left() < peer.FirstClock {
		return true
	}
	if g.id.Total > largeWitness && g.id.Validator != "" {
		a, err := r.peer.Ask(ctx, &j.tally, peer.Request{Target: j.target, Last: -1, Whole: true})
		if err != nil {
			return true
		}
		same := a.Status == 200 && a.Validator() == g.id.Validator
		if a.Finish(); same {
			return true
		}
	}
	a, err := r.peer.Ask(ctx, &j.tally, peer.Request{Target: g.id.Snapshot, Last: -1, Whole: true})
	if err != nil {
		return true
	}
	want, has, err := http1.ParseDigest(a.Header, "Repr-Digest")
	ok := a.Status == 200 && err == nil && has
	a.Finish()
	if !ok {
		return true
	}
	sum, err := g.part.Sum()
	g.proof = err == nil && sum == want
	return g.proof || err != nil
}
