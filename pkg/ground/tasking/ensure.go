package tasking

import (
	"context"
	"net/http"
	"time"
)

// Created is what a POST made.
type Created struct {
	ID string

	// Doubtful: more than one POST may have taken effect, so the same thing may
	// be listed twice once the listing has caught up.
	Doubtful bool
}

// sighting is what a listing shows of a thing that was asked for.
type sighting struct {
	id       string // "": it does not show it
	inTheWay bool   // it shows something else that would be refused beside it
}

// ensure sends the POST r until it has an id. Where it may have taken effect
// without a readable answer, it looks with find before each further try, until
// a listing shows it or listings had the time to: another POST too early makes
// two of one. An error is Lost if the thing may exist all the same.
func (c *Client) ensure(ctx, hold context.Context, r request, find func(context.Context) (sighting, error)) (Created, error) {
	again := c.retry()
	var out Created
	for {
		data, err := c.send(hold, r)
		if err == nil {
			id, bad := newID(data)
			if bad == nil {
				out.ID = id
				return out, nil
			}
			// It said yes, but not what: only the listing knows the id.
			err = &Error{Call: r.call(), Err: bad, Lost: true}
		}
		e := asError(err)
		conflict := e.Status == http.StatusConflict
		out.Doubtful = out.Doubtful || e.Lost
		if !out.Doubtful && !conflict {
			if !again.wait(ctx, err) {
				return out, err
			}
			continue
		}
		if ctx.Err() != nil { // whoever rolls back looks for itself
			e.Lost = true
			return out, err
		}
		seen, ferr := c.look(ctx, find, conflict && !out.Doubtful)
		switch {
		case ferr != nil:
			e.Lost = true
			if e.Err == nil {
				e.Err = ferr
			}
			return out, err
		case seen.id != "":
			out.ID, out.Doubtful = seen.id, true
			return out, nil
		}
		// Nothing that is listed explains a conflict: our own POST may, which was
		// sent twice on its way, or lost before.
		e.Lost = conflict && !seen.inTheWay
		if conflict || !again.wait(ctx, err) {
			return out, err
		}
	}
}

// look asks the listing until it shows the thing, or has had the time to. With
// brief it stops once the listing explains why the thing was refused.
func (c *Client) look(ctx context.Context, find func(context.Context) (sighting, error), brief bool) (sighting, error) {
	lag := c.ListingLag()
	until := time.Now().Add(lag)
	for {
		seen, err := find(ctx)
		if err != nil || seen.id != "" || brief && seen.inTheWay || !time.Now().Before(until) {
			return seen, err
		}
		if err := Pause(ctx, max(lag/15, time.Millisecond)); err != nil {
			return seen, err
		}
	}
}

// Pause waits for d, or returns the error of ctx.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
