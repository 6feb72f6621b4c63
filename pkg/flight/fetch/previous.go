package fetch

import "context"

// finishPrevious completes what earlier runs began and rotation has moved
// since. Best effort: stop at the first error.
func (r *run) finishPrevious(ctx context.Context, j *job) {
	for _, g := range j.previous {
		if g.state == sealed {
			continue
		}
		if g.id.Total >= 0 && !g.done() {
			r.finishOne(ctx, j, g)
		}
		if g.state != sealed && (g.id.Total < 0 || g.done()) {
			g.seal() // there is nothing to go on with
		}
		g.keep()
		if g.state == sealed && g.proven == g.id.Base {
			g.part.Discard()
		}
	}
}

// finishOne asks for a version from its snapshot, or where rotation has moved it.
func (r *run) finishOne(ctx context.Context, j *job, g *generation) {
	g.limit, g.state = min(g.id.Total, g.held+r.room(j)), growing
	// The snapshot tells versions apart by little (docs/wire.md), and that this
	// one has changed is known.
	begin, end := g.ends()
	if g.id.Snapshot == "" || r.again(ctx, j, g, begin, end) != nil {
		g.move(j.target)
	}
	for idle := 0; idle < 3 && !g.done() && !g.capped() && g.state != sealed && ctx.Err() == nil; idle++ {
		before := g.held
		f := r.facts(j)
		w, err := r.exchange(ctx, j, g, g.ask(&f), &f)
		switch {
		case err != nil:
			return
		case w.fault == nil || w.when == now:
		case w.fault.Status >= 400 && g.rotatedPath == "":
			g.move(j.target)
		default:
			return
		}
		if g.held > before {
			idle = -1
		}
	}
}
