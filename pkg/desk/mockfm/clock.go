package mockfm

import (
	"sync"
	"time"
)

// A clock is the satellite's: it runs at the speed of the host's, and can be
// put forward.
type clock struct {
	mu    sync.Mutex
	at    time.Time // satellite time ...
	since time.Time // ... when the host's monotonic clock said this
}

func newClock(at time.Time) *clock {
	return &clock{at: at.UTC(), since: time.Now()}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(time.Since(c.since))
}

// jump puts the clock forward to t; it never goes back.
func (c *clock) jump(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.at.Add(time.Since(c.since))) {
		c.at, c.since = t, time.Now()
	}
}
