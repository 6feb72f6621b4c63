package mockfm

import (
	"context"
	"time"
)

// live lets satellite time have its effects until ctx ends. Windows it opened
// are joined by Close.
func (m *Mock) live(ctx context.Context) {
	for {
		wait := m.turn(ctx)
		if wait == 0 {
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-m.poke:
		case <-t.C:
		}
		t.Stop()
	}
}

// turn does what is due and returns how long to sleep; 0 after a jump.
func (m *Mock) turn(ctx context.Context) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.now()
	m.step(ctx, now)
	if m.idle != nil && !m.pending() {
		close(m.idle)
		m.idle = nil
	}
	next, any := m.next(now)
	if !any || ctx.Err() != nil {
		return time.Hour
	}
	wait := max(next.Sub(now), time.Millisecond)
	if !m.cfg.Warp || m.open > 0 {
		return wait
	}
	if m.busy > 0 || m.cfg.WarpAfter < 0 && m.idle == nil {
		return wait
	}
	if quiet := time.Until(m.quiet); quiet > 0 {
		return min(wait, quiet)
	}
	m.clock.jump(next)
	return 0
}

// step applies every contact and window start up to now.
func (m *Mock) step(ctx context.Context, now time.Time) {
	for n := m.contacts + 1; !m.contact(n).After(now); n++ {
		m.contacts = n
		m.pass(m.contact(n))
	}
	for _, w := range m.windows {
		if w.phase != waiting || w.start.After(now) {
			continue
		}
		switch {
		case w.state != Synced:
			w.phase, w.outcome = missed, "no contact before its start: the satellite never heard of it"
		case !now.Before(w.end):
			w.phase, w.outcome = missed, "time was put forward past its end"
		default:
			w.phase = running
			m.open++
			m.done.Add(1)
			go func() {
				defer m.done.Done()
				m.runWindow(ctx, w)
			}()
			continue
		}
		m.note("%s %s window %s missed: %s", w.satellite, w.payload.name, w.id, w.outcome)
	}
}

// next is when something will happen by itself, if anything will.
func (m *Mock) next(now time.Time) (at time.Time, any bool) {
	add := func(t time.Time) {
		if !any || t.Before(at) {
			at, any = t, true
		}
	}
	contact := m.contact(m.contacts + 1)
	for _, w := range m.windows {
		if w.phase != waiting {
			continue
		}
		add(w.start)
		if w.state == PendingSync {
			add(contact)
		}
	}
	for _, u := range m.uploads {
		if u.status != Uploaded {
			add(contact)
			break
		}
	}
	if m.files.waiting() > 0 {
		add(contact)
	}
	return at, any
}

// pending says whether anything is still to happen by itself.
func (m *Mock) pending() bool {
	_, any := m.next(m.clock.now())
	return any || m.open > 0
}

// contact is the time of the n-th pass over a ground station.
func (m *Mock) contact(n int64) time.Time {
	return m.epoch.Add(time.Duration(n) * m.cfg.ContactEvery)
}

// uplinkBudget is how many bytes go up to one satellite at a contact.
func (m *Mock) uplinkBudget() int64 {
	return int64(float64(m.cfg.UplinkRate) * m.cfg.ContactEvery.Hours() / 24)
}

// pass is one contact of every satellite: schedules are synchronised, uploads
// go up in their order, outboxes come down.
func (m *Mock) pass(at time.Time) {
	for _, w := range m.windows {
		if w.state == PendingSync && w.phase == waiting && w.asked.Before(at) {
			w.state = Synced
			m.note("%s window %s synced", w.satellite, w.id)
		}
	}
	budget := map[string]int64{}
	for _, s := range m.satellites {
		budget[s.ID] = m.uplinkBudget()
	}
	for _, u := range m.uploads {
		if u.status == Uploaded || !u.asked.Before(at) || budget[u.satellite] == 0 {
			continue
		}
		n := min(u.size-u.sent, budget[u.satellite])
		u.sent += n
		budget[u.satellite] -= n
		u.status = Uploading
		if u.sent == u.size {
			u.status, u.aboard = Uploaded, at
			m.note("%s upload %s (%d bytes) is aboard: %s", u.satellite, u.id, u.size, u.path)
		}
	}
	for _, key := range m.files.land(at) {
		m.note("downlinked %s", key)
	}
}
