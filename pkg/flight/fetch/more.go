package fetch

import (
	"context"

	"payload-ipc/pkg/flight/peer"
)

func (r *run) pieceQuery(g *generation, p *piece) peer.Request {
	return peer.Request{Target: g.id.Snapshot, First: p.start + p.got, Last: p.end - 1, Digest: p.got == 0}
}

// more asks the snapshot for the next pieces. The URL proves the continuation.
func (r *run) more(ctx context.Context, j *job, g *generation) error {
	p := g.plan(r.size)
	if p == nil {
		return peer.ErrShort
	}
	q := r.pieceQuery(g, p)
	p.sent = true
	a, err := r.ask(ctx, j, q)
	if err != nil {
		g.broken()
		return err
	}
	if a.Status == 200 {
		g.unpiece()
		return r.goOn(ctx, j, g, a, true)
	}
	m, err := r.matchPiece(g, p, a)
	if err != nil {
		g.broken()
		a.Drop()
		return err
	}
	return r.take(ctx, j, g, a, m)
}

// matchPiece sees whether a brings p of the snapshot.
func (r *run) matchPiece(g *generation, p *piece, a *peer.Answer) (*message, error) {
	switch {
	case a.Status == 416:
		return nil, errPlace
	case a.Status != 206:
		f := a.Refusal(r.f.Window.Now())
		if a.Status == 200 {
			f = errPlace
		}
		return nil, f
	}
	x, err := extentOf(a)
	if err != nil {
		return nil, err
	}
	at := p.start + p.got
	if x.start > at || x.end <= at || x.total >= 0 && x.total != g.id.Total {
		return nil, errPlace
	}
	m, err := r.message(g, a, x)
	if err != nil {
		return nil, err
	}
	if x.end < p.end && (p.got == 0 || !p.has) { // a shorter piece than asked for
		g.capped206(a, x)
		g.split(p, x.end)
	}
	if p.got == 0 {
		p.want, p.has = m.want, m.has && x.start == p.start && x.end == p.end
	}
	m.p, m.sum, m.hashed = p, p.sum, at
	m.compare, m.end = min(at, g.held()), min(m.to, p.end)
	return m, nil
}
