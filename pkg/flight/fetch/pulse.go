package fetch

import (
	"context"
	"time"
)

const (
	pulseEvery = 200 * time.Millisecond
	slowAfter  = 5 * time.Second
)

// speed is how fast the present connection is.
type speed struct {
	since time.Time
	from  int64
	tried bool // a fresh connection
}

// pulse is called often while bytes come. It reports progress, ends the work
// early where publishing will take long, and gives up a connection that is too
// slow for the time left; once, for if the next is no better it is the link.
func (r *run) pulse(ctx context.Context, j *job, g *generation) error {
	now := r.f.Window.Mono()
	if now.Sub(r.pulsed) < pulseEvery {
		return nil
	}
	r.pulsed = now
	r.f.Events(Event{Kind: Progress, Path: j.Path.Path, Done: g.held() - g.id.Base, Total: g.id.Total - g.id.Base})
	if err := g.part.Err(); err != nil {
		return err
	}
	if !r.f.Window.Ends() {
		return nil
	}
	cost := time.Duration(0)
	for _, o := range r.jobs {
		if o.cur != nil && o.published == nil {
			cost += o.cur.part.Cost()
		}
	}
	if r.left()+r.f.Reserve < margin+cost+cost/2 {
		r.stop()
		return ctx.Err()
	}
	if r.speed.since.IsZero() {
		r.speed.since, r.speed.from = now, r.s.received
	}
	took := now.Sub(r.speed.since)
	if took < slowAfter || g.id.Total < 0 || g.noRanges {
		return nil
	}
	rate := float64(r.s.received-r.speed.from) / took.Seconds()
	r.speed.since, r.speed.from = now, r.s.received
	need := float64(g.end()-g.held()) / max(r.left().Seconds(), 0.1)
	if rate < need && !r.speed.tried && r.left() > 2*time.Second {
		r.speed.tried = true
		return errSlow
	}
	return nil
}
