package fetch

import (
	"context"
	"time"
)

const (
	progressEvery = 200 * time.Millisecond
	slowAfter     = 5 * time.Second
)

// speed is how fast the present connection is.
type speed struct {
	since  time.Time
	from   int64
	waited time.Duration // until then, for the disk: the connection is not slower for it
	tried  bool          // a fresh connection
}

// checkProgress is called often while bytes come. It reports progress, and gives up a
// connection that is too slow for the time left; once, for if the next is no
// better it is the link.
func (r *run) checkProgress(j *job, g *generation) error {
	now := r.f.Window.Mono()
	if now.Sub(r.checked) < progressEvery {
		return nil
	}
	r.checked = now
	r.tell(Progress, j, g.held-g.id.Base, g.id.Total-g.id.Base)
	if err := g.part.Err(); err != nil {
		return err
	}
	if !r.f.Window.Ends() {
		return nil
	}
	if r.speed.since.IsZero() {
		r.speed = speed{now, r.peer.Received(), r.waited, r.speed.tried}
	}
	took := now.Sub(r.speed.since) - (r.waited - r.speed.waited)
	if took < slowAfter || g.id.Total < 0 || g.noRanges {
		return nil
	}
	rate := float64(r.peer.Received()-r.speed.from) / took.Seconds()
	r.speed = speed{now, r.peer.Received(), r.waited, r.speed.tried}
	need := float64(g.end()-g.held) / max(r.left().Seconds(), 0.1)
	if rate < need && !r.speed.tried && r.left() > 2*time.Second {
		r.speed.tried = true
		return errSlow
	}
	return nil
}

// heed keeps the disk from falling behind: while it has more to sync than it
// takes in about a second nothing is read, so that the line waits, and it goes
// on when a sync returns. Near the end less may be waiting, so that publishing
// fits; the work is over when not even a disk with nothing to sync has time.
func (r *run) heed(ctx context.Context, g *generation) error {
	began := r.f.Window.Mono()
	for waits := false; ; waits = true {
		synced := r.stage.Synced()
		behind, dirty := r.stage.Behind()
		late := r.publishing() > r.left()
		if err := g.part.Err(); err != nil || !behind && !late {
			if waits {
				r.waited += r.f.Window.Mono().Sub(began)
			}
			return err
		}
		if late && !dirty {
			r.stop()
			return ctx.Err()
		}
		for _, o := range r.jobs {
			if o.cur.part != nil && o.published == nil {
				o.cur.part.Press()
			}
		}
		g.part.Press()
		select {
		case <-synced:
		case <-ctx.Done():
			r.waited += r.f.Window.Mono().Sub(began)
			return ctx.Err()
		}
	}
}

// publishing is what publishing would take now beyond the reserve, as far as
// the disk has shown it.
func (r *run) publishing() time.Duration {
	cost := time.Duration(0)
	for _, o := range r.jobs {
		if o.cur.part != nil && o.published == nil {
			cost += o.cur.part.Cost()
		}
	}
	for _, o := range r.jobs {
		if d := o.directory; d != nil && (d.batch != nil || d.busy != nil) {
			cost += 2*r.stage.BatchCost() + r.stage.Cost()
		}
	}
	cost += r.stage.SignCost(len(r.jobs))
	return margin + cost + cost/2 - r.f.Reserve
}
