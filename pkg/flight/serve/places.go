package serve

import (
	"net"
	"net/netip"
	"time"
)

const (
	// maxRefusing is how many connections are turned away politely at a time;
	// the rest are reset.
	maxRefusing = 16

	// freshTime is how long a new connection keeps its place without a word:
	// as long as those are asked to wait that find none.
	freshTime = time.Second
)

// admit gives nc a goroutine, if there is room and its peer may connect.
func (r *run) admit(nc net.Conn) {
	c := newConn(r, nc)
	r.mu.Lock()
	addr := c.peer.Addr()
	if len(r.clients) < maxClients && addr.IsValid() {
		r.clients[addr] = struct{}{}
	}
	status, reason := 0, ""
	switch {
	case !r.allowed(addr):
		status, reason = 403, "address not allowed"
	case r.serving == r.MaxConns && !r.evict():
		status, reason = 503, "too many connections"
	}
	if status != 0 {
		r.sum.Refused++
		if r.refusing == maxRefusing {
			r.mu.Unlock()
			r.event(Event{Kind: Refused, Peer: c.peer, Err: reason})
			c.abort()
			return
		}
		r.refusing++
		c.refused = status
	} else {
		r.serving++
	}
	r.conns[c] = struct{}{}
	r.wg.Add(1)
	r.mu.Unlock()
	if status != 0 {
		r.event(Event{Kind: Refused, Peer: c.peer, Status: status, Err: reason})
	}
	go c.run()
}

func (r *run) allowed(a netip.Addr) bool {
	for _, p := range r.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return len(r.Allow) == 0
}

// forget takes c, whose goroutine ends, off the list.
func (r *run) forget(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	switch {
	case c.evicted:
	case c.refused != 0:
		r.refusing--
	default:
		r.serving--
	}
	r.wg.Done()
}

// rest notes that c waits for a request.
func (r *run) rest(c *conn, now time.Time, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.idle, c.fresh = now, fresh
}

// rise notes that c does not any more. It returns whether c has its place still.
func (r *run) rise(c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.idle = time.Time{}
	return !c.evicted
}

// evict closes the connection that has waited longest for a request, to make
// room, and returns whether there is one. r.mu is held. A new connection has a
// moment to say what it wants.
func (r *run) evict() bool {
	var longest *conn
	now := r.Window.Mono()
	for c := range r.conns {
		if c.idle.IsZero() || c.fresh && now.Sub(c.idle) < freshTime || c.count(fionread) > 0 {
			continue
		}
		if longest == nil || c.idle.Before(longest.idle) {
			longest = c
		}
	}
	if longest == nil {
		return false
	}
	longest.idle, longest.evicted = time.Time{}, true
	longest.nc.Close()
	r.serving--
	return true
}

// abortAll ends every connection: one in the middle of an answer by a reset,
// which no client can take for the end of the body, the others by closing.
func (r *run) abortAll() {
	close(r.over)
	for _, c := range r.all() {
		if c.isBusy() {
			c.abort()
		} else {
			c.nc.Close()
		}
	}
}

// abandon reports the answers whose goroutines did not come back in time.
func (r *run) abandon() {
	for _, c := range r.all() {
		c.done(Cut, "window over, held in a system call")
	}
}

func (r *run) all() []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*conn, 0, len(r.conns))
	for c := range r.conns {
		all = append(all, c)
	}
	return all
}
