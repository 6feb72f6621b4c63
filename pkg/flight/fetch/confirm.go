package fetch

import (
	"context"
)

// check reads the stretch of target from from up to to again, which is held,
// and compares.
func (r *run) check(ctx context.Context, j *job, g *generation, target string, from, to int64) error {
	q := query{target: target, first: from, last: to - 1}
	a, err := r.ask(ctx, j, q)
	if err != nil {
		return err
	}
	if a.status == 416 {
		a.finish()
		return errChanged
	}
	x, err := a.extent()
	switch {
	case err != nil:
	case x.start > from || x.end >= 0 && x.end < to && a.status == 206:
		err = errPlace
	case x.total >= 0 && x.total < g.held():
		err = errChanged
	}
	if err != nil {
		a.c.Close()
		return err
	}
	if a.status == 200 {
		g.noRanges = true
	}
	m, err := r.message(g, a, x)
	if err != nil {
		a.c.Close()
		return err
	}
	m.has, m.end, m.quiet = false, to, true
	err = r.take(ctx, j, g, a, m)
	if err == nil && m.off < to {
		err = errShort
	}
	return err
}

// confirm settles a file of which the last byte is held, but not everything
// came with a digest: was it truncated and written again while it was sent, so
// that the right number of bytes is a splice of two generations? Its head and
// its tail, read again, say so. And was a connection that ended without a
// length the end?
func (r *run) confirm(ctx context.Context, j *job, g *generation) error {
	err := r.reread(ctx, j, g)
	switch {
	case err == errChanged:
		g.suspect = true
		return err
	case err == nil, ctx.Err() != nil, isDisk(err):
		return err
	default:
		f := network(err, false)
		// The peer may be gone for good: what came is all that can come.
		if g.unsure++; g.unsure < maxUnsure && !f.final {
			return err
		}
	}
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
			return r.accept(g) // the head alone: not more than its length is known
		}
		if err := r.check(ctx, j, g, target, held-k, held); err != nil {
			return err
		}
	}
	g.whole = true
	return r.accept(g)
}

// findEnd asks whether there is anything behind an end that only the end of
// the connection told, which a cut looks the same as.
func (r *run) findEnd(ctx context.Context, j *job, g *generation, target string) error {
	before := g.held()
	q := query{target: target, first: before - g.overlap(), last: before + r.f.Piece - 1, digest: true}
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

// accept takes what is held for the whole.
func (r *run) accept(g *generation) error {
	g.closed = false
	if g.id.Total < 0 {
		g.id.Total = g.held()
	}
	if err := g.prove(); err != nil {
		return err
	}
	g.id.Complete = g.proven() >= g.id.Total
	g.describe()
	return nil
}
