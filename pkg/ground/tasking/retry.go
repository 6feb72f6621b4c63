package tasking

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// retry is the waiting of one call over all its tries.
type retry struct {
	c    *Client
	b    backoff.BackOff
	till time.Time
	n    int
}

func (c *Client) retry() *retry {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = or(c.MinWait, 500*time.Millisecond)
	b.MaxInterval = or(c.MaxWait, 15*time.Second)
	b.MaxElapsedTime = 0 // the limit is till; the library's own is 15 silent minutes
	b.Reset()
	return &retry{c: c, b: b, till: time.Now().Add(c.patience())}
}

// wait sleeps before another try and reports whether there is one. Retry-After
// is obeyed as long as patience lasts.
func (r *retry) wait(ctx context.Context, err error) bool {
	r.n++
	e := asError(err)
	if e == nil || !e.temporary() || ctx.Err() != nil {
		return false
	}
	d := max(r.b.NextBackOff(), e.after)
	if time.Now().Add(d).After(r.till) {
		e.tries = r.n
		return false
	}
	if r.c.OnRetry != nil {
		r.c.OnRetry(e, d)
	}
	return Pause(ctx, d) == nil
}

// idempotent repeats r until it is answered or patience ends.
func (c *Client) idempotent(ctx context.Context, r request) ([]byte, error) {
	again := c.retry()
	for {
		data, err := c.send(ctx, r)
		if err == nil || !again.wait(ctx, err) {
			return data, err
		}
	}
}
