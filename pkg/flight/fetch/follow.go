package fetch

import (
	"context"
	"errors"
	"time"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

const maxHops = 3 // redirects

// follow brings a file on until it is published or something fails: what is
// asked next (ask), what comes of it (exchange), and what follows (settle).
func (r *run) follow(ctx context.Context, j *job) error {
	for idle := 0; ; {
		g := j.cur
		f := r.facts(j)
		q, hadHeld, hadProven := g.ask(&f), g.held, g.proven
		if g.state == complete && q.Target == "" {
			return r.deliver(ctx, j, g)
		}
		w, err := r.exchange(ctx, j, g, q, &f)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case j.unchanged:
			return nil
		case g.dead() && errors.Is(err, outbox.ErrDead):
			err = r.rebuild(j, g)
		case err == nil:
			err = r.carryOut(j, g, w, hadHeld)
		}
		// Bytes that came before, in another version, are no progress: a file
		// that changes all the time must not be asked for all the time.
		if h := j.reach(); h > j.most {
			j.most, j.cur.failed = h, 0
			r.peer.Progress()
		}
		if err != nil {
			return err
		}
		// Never round and round with a peer that says nothing new.
		switch {
		case j.cur != g || g.held != hadHeld || g.proven != hadProven:
			idle = 0
		case !q.only:
			idle++
		}
		switch g := j.cur; {
		case idle <= 2:
		case g.refused || g.whole:
			return errNothing
		default: // where ranges end short of what is new, all of it may bring it
			g.once, g.refused, idle = true, true, 0
		}
	}
}

// exchange asks q about g and settles what comes of it.
func (r *run) exchange(ctx context.Context, j *job, g *generation, q question, f *facts) (decision, error) {
	if g.state == held && !g.round {
		r.tell(Resuming, j, g.held-g.id.Base, g.id.Total)
	}
	if q.piece != nil {
		g.asked(q.piece)
	}
	c := came{last: true}
	if q.Target != "" {
		a, err := r.request(ctx, j, q.Request)
		if err == nil {
			return r.answered(ctx, j, g, q, a, f)
		}
		c.fault, c.over = peer.AsFault(err), ctx.Err() != nil
	}
	w, err := r.settled(j, g, &q, &place{}, c, f)
	if c.over {
		err = ctx.Err()
	}
	return w, err
}

// answered takes the answer to q.
func (r *run) answered(ctx context.Context, j *job, g *generation, q question, a *peer.Answer, f *facts) (decision, error) {
	q.Request, f.ranges = a.Request, r.ranges
	h := headOf(a, r.f.Window.Now())
	if q.Whole {
		return r.settled(j, g, &q, &place{}, r.digestOf(g, &h, a), f)
	}
	if g.state == fresh && h.fault == nil && j.still(&h) {
		a.Drop()
		j.unchanged, j.done = true, true
		return decision{}, nil
	}
	m, fault := g.admit(&q, &h, f)
	var err error
	if g.part == nil && g.state != fresh {
		if err = j.create(); err != nil {
			g.reset()
		}
	}
	if err == nil {
		err = g.keep()
	}
	switch {
	case err == nil && fault == nil && !m.unread:
		return r.read(ctx, j, g, q, a, m, f)
	case m.unread:
		a.Finish()
	default:
		a.Drop()
	}
	if err != nil {
		return decision{}, err
	}
	if fault == errEmptyNow && r.empty.IsZero() {
		r.empty = r.f.Window.Mono().Add(emptyFor)
	}
	return r.settled(j, g, &q, &m, came{fault: fault, last: true}, f)
}

// settled settles what came of q, and has the disk agree.
func (r *run) settled(j *job, g *generation, q *question, m *place, c came, f *facts) (decision, error) {
	w := g.settle(q, m, c, f)
	if w.bad {
		r.tell(BadPiece, j, w.badAt, 0)
		if w.fault == nil {
			j.tally.Count(errDigest.Class)
		}
	}
	return w, g.keep()
}

// carryOut reports what followed from an exchange, and gives place to the
// next version. The error is why the path has to wait.
func (r *run) carryOut(j *job, g *generation, w decision, had int64) (err error) {
	if w.fault != nil {
		r.speed.since = time.Time{} // of another connection
		if !w.fault.Counted {
			r.peer.Blame(&j.tally, w.fault)
		}
	}
	if w.replaced {
		r.tell(Changed, j, had, 0)
	}
	f := w.fault
	switch {
	case g.state == fresh && g.part != nil:
		err = j.discard(g)
	case w.aside:
		if f = errChangedAgain; g.state == sealed && g.changes == 1 {
			j.most = 0
		}
		j.cur = blank(g.manner)
		if g.proven > g.id.Base {
			j.previous = append(j.previous, g)
		} else {
			err = g.part.Discard()
		}
	}
	if err == nil && w.when != now {
		c := *f
		c.Counted = true
		err = &c
	}
	return err
}

// facts is what is asked by, beside the version.
func (r *run) facts(j *job) facts {
	now := r.f.Window.Mono()
	f := facts{target: j.target, size: r.size, piece: r.f.Piece, tail: r.f.Tail, ranges: r.ranges,
		empty: r.left() > emptyFor && (r.empty.IsZero() || now.Before(r.empty)), time: r.left() >= peer.FirstClock}
	if j.cur.state == fresh {
		f.room, f.member = r.room(j), j.member()
	}
	return f
}

// request follows redirects and sorts out refusals.
func (r *run) request(ctx context.Context, j *job, q peer.Request) (*peer.Answer, error) {
	asked := q.Target
	for hops := 0; ; hops++ {
		a, err := r.peer.Ask(ctx, &j.tally, q)
		if err != nil {
			return nil, err
		}
		if j.server == "" {
			j.server, _ = a.Header.Get("Server")
		}
		switch a.Status {
		case 200, 206, 416:
			r.ranges = r.ranges || a.Status == 206
			if asked == j.target {
				j.target = q.Target
			}
			return a, nil
		case 301, 302, 303, 307, 308:
			to, err := a.Moved(q.Target)
			a.Finish()
			switch {
			case err != nil:
				return nil, err
			case to == q.Target+"/":
				return nil, &peer.Fault{Class: "redirect", Text: "this is a directory: ask for it with a slash at its end", Final: true}
			case hops == maxHops:
				return nil, &peer.Fault{Class: "redirect", Text: "more than 3 redirects", Final: true}
			}
			q.Target = to
			continue
		}
		f := a.Refusal(r.f.Window.Now())
		a.Finish()
		return nil, f
	}
}

// digestOf reads what a HEAD says of the whole of g.
func (r *run) digestOf(g *generation, h *head, a *peer.Answer) came {
	want, has, err := http1.ParseDigest(a.Header, "Repr-Digest")
	a.Finish()
	c := came{other: h.status != 200 || h.validator != g.id.Validator}
	if h.status == 200 && has && err == nil {
		if sum, err := g.part.Sum(); err == nil {
			if c.match = right; sum != want {
				c.match = wrong
			}
		}
	}
	return c
}

// again compares what is left to compare of g, and nothing more.
func (r *run) again(ctx context.Context, j *job, g *generation, todo ...stretch) error {
	g.todo, g.round = todo, true
	for len(g.todo) > 0 {
		f := r.facts(j)
		w, err := r.exchange(ctx, j, g, g.ask(&f), &f)
		if err != nil {
			return err
		}
		if w.fault != nil {
			return w.fault
		}
	}
	g.round = false
	return nil
}

// ends are the stretches at the beginning and at the end of what is held.
func (v *version) ends() (begin, end stretch) {
	k := v.overlap()
	return stretch{v.id.Base, v.id.Base + k, v.id.Base}, stretch{v.held - k, v.held, v.held - k}
}
