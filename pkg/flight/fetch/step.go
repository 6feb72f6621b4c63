package fetch

import (
	"context"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

const (
	firstPiece = 64 << 10 // of a file nothing is known of
	minPiece   = 16 << 10
	maxAhead   = 3       // requests sent beyond the answer that is being read
	maxHops    = 3       // redirects
	maxWhole   = 1 << 20 // what is read again whole for the want of ranges
	maxUnsure  = 3       // attempts to confirm an end

	largeWitness = 32 << 20 // bytes of which the digest is not asked without a reason
)

// step asks the next question about g and takes the answer. It returns nil
// after every bit of progress.
func (r *run) step(ctx context.Context, j *job, g *generation) error {
	switch g.state() {
	case fresh:
		return r.begin(ctx, j)
	case held:
		return r.resume(ctx, j, g)
	case ended, complete:
		return r.confirm(ctx, j, g)
	}
	if g.id.Snapshot != "" && g.via == "" {
		return r.more(ctx, j, g)
	}
	return r.overlap(ctx, j, g)
}

// ask follows redirects and sorts out refusals.
func (r *run) ask(ctx context.Context, j *job, q peer.Request) (*peer.Answer, error) {
	q = j.clean(q)
	q.Brief = q.Ranged() && r.mayRefuse(j) || q.Unranged
	for hops := 0; ; hops++ {
		a, err := r.peer.Ask(ctx, &j.tally, q)
		if err != nil {
			return nil, err
		}
		if j.server == "" {
			j.server, _ = a.Header.Get("Server")
		}
		switch a.Status {
		case 200, 206:
			r.ranges = r.ranges || a.Status == 206
			j.whole = j.whole || q.Unranged && j.refused
			return a, nil
		case 416:
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
			if q.Target == j.target {
				j.target = to
			}
			q.Target = to
			continue
		}
		f := a.Refusal(r.f.Window.Now())
		a.Finish()
		return nil, f
	}
}

// begin asks for a file of which nothing is held.
func (r *run) begin(ctx context.Context, j *job) error {
	q := peer.Request{Target: j.target, Last: min(firstPiece, r.f.Piece) - 1, Digest: true}
	tail, probe := r.f.Tail, false
	if tail > 0 && tail <= firstPiece {
		q.Suffix = tail
	} else if tail > 0 {
		q.Last, probe = 0, true // to learn the length
	}
	a, err := r.ask(ctx, j, q)
	if err != nil {
		return err
	}
	var x extent
	if a.Status == 416 {
		v, _ := a.Header.Get("Content-Range")
		if cr, ok := http1.ParseContentRange(v); !ok || !cr.Unsatisfied || cr.Total != 0 {
			err = a.Refusal(r.f.Window.Now()) // although the file begins at 0
		}
	} else {
		x, err = extentOf(a)
	}
	if err == nil && j.still(a, x) {
		a.Drop()
		j.unchanged, j.done = true, true
		return nil
	}
	id := outbox.Identity{Snapshot: snapshotOf(a), Total: x.total}
	switch {
	case tail > 0 && x.total >= 0:
		id.Base = max(0, x.total-tail)
	case a.Request.Suffix > 0:
		id.Base = x.start
	}
	if err == nil && x.start > id.Base {
		err = errPlace
	}
	if now := r.f.Window.Mono(); err == nil && x.total == 0 && r.left() > emptyFor {
		if r.empty.IsZero() {
			r.empty = now.Add(emptyFor)
		}
		if now.Before(r.empty) {
			a.Finish()
			return errEmptyNow
		}
	}
	generated := a.Header.HasToken("Cache-Control", "no-store") && id.Snapshot == ""
	if err == nil && generated && a.Status == 206 && (x.start > 0 || x.end != x.total) {
		// The next stretch would be one of something else.
		j.whole = true
		a.Drop()
		return nil
	}
	var g *generation
	if err == nil {
		g, err = r.generation(j, id)
	}
	if err != nil {
		a.Drop()
		return err
	}
	g.mine, g.told, g.fixed = true, x.total, generated
	g.noRanges = a.Status == 200 && (a.Request.Ranged() || j.whole)
	g.identify(a, x)
	g.capped206(a, x)
	switch {
	case a.Status == 416 || x.total == 0:
		g.id.Total, g.told = 0, 0
		g.describe()
		a.Finish()
		return nil
	case probe && a.Status == 206 && x.end <= max(1, id.Base):
		a.Finish()
		return nil
	}
	err = r.takeFirst(ctx, j, g, a, x)
	if x.doubt && err == nil {
		g.suspect = false
		return errDoubt
	}
	return err
}

// capped206 learns how long a range the server gives at most.
func (g *generation) capped206(a *peer.Answer, x extent) {
	if n := x.end - x.start; a.Status == 206 && a.Request.Suffix == 0 && x.end > g.held() && x.end <= a.Request.Last && x.end != x.total && (g.cap == 0 || n < g.cap) {
		g.cap = n
	}
}

// takeFirst takes an answer that stands by itself: nothing about it depends
// on what is held.
func (r *run) takeFirst(ctx context.Context, j *job, g *generation, a *peer.Answer, x extent) error {
	m, err := r.message(g, a, x)
	if err != nil {
		a.Drop()
		return err
	}
	whole := m.has && x.start >= g.id.Base && m.end == m.to
	if g.id.Snapshot != "" && m.end < unlimited && (whole || !g.keyed) {
		p := &piece{start: max(x.start, g.id.Base), end: m.end, sum: newSHA256(), want: m.want}
		p.has = m.has && p.start == x.start && m.end == m.to
		g.pieces, g.next = append(g.pieces, p), p.end
		m.p, m.sum, m.hashed = p, p.sum, p.start
		p.sent = true
	}
	return r.take(ctx, j, g, a, m)
}

// overlap goes on without a snapshot: the head and the last bytes held are
// read again, and the new ones come with the latter.
func (r *run) overlap(ctx context.Context, j *job, g *generation) error {
	k := g.overlap()
	target := g.target(j)
	far := g.held()-g.id.Base > k
	if far && !g.noRanges {
		if err := r.check(ctx, j, g, target, g.id.Base, g.id.Base+k); err != nil {
			return err
		}
		far = false
	}
	q := peer.Request{Target: target, First: g.held() - k, Last: min(g.held()+r.f.Piece, g.end()) - 1, Digest: true}
	a, err := r.ask(ctx, j, q)
	if err != nil {
		return err
	}
	return r.goOn(ctx, j, g, a, !far)
}

// goOn takes an answer that runs from bytes held into new ones. head: that
// the file still begins as it did is known.
func (r *run) goOn(ctx context.Context, j *job, g *generation, a *peer.Answer, head bool) error {
	if a.Status == 416 {
		a.Finish()
		return errChanged // it was asked for bytes that are held: they are gone
	}
	x, err := extentOf(a)
	snapshot := g.snapshot(a)
	switch {
	case err != nil:
	case a.Status == 206 && (x.start > g.held()-g.overlap() || !head):
		err = errPlace // nothing would prove it
	case x.doubt:
		err = errDoubt
	case x.total >= 0 && (x.total < g.held() || g.via != "" && x.total < g.id.Total):
		err = errChanged
	case !snapshot:
		err = g.identify(a, x)
	}
	if err != nil {
		a.Drop()
		return err
	}
	g.noRanges = a.Status == 200 && (a.Request.Ranged() || j.whole)
	g.capped206(a, x)
	if g.via == "" && x.total >= 0 && g.id.Total < 0 {
		g.id.Total, g.told = x.total, x.total
	}
	m, err := r.message(g, a, x)
	if err != nil {
		a.Drop()
		return err
	}
	before := g.held()
	err = r.take(ctx, j, g, a, m)
	if err == nil && g.id.Total < 0 && a.Status == 206 && g.held() == before {
		g.id.Total = before // there is nothing behind it
	}
	return err
}

// snapshot reports that a is about the snapshot, whose URL proves what a
// validator would.
func (g *generation) snapshot(a *peer.Answer) bool {
	return g.id.Snapshot != "" && a.Request.Target == g.id.Snapshot
}

func (g *generation) target(j *job) string {
	if g.via != "" {
		return g.via
	}
	return j.target
}
