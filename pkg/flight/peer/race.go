package peer

import (
	"context"
	"time"
)

// A report is what an attempt of a race has to say.
type report struct {
	to        *candidate
	old       bool // on a connection that was there before
	connected bool // there is a connection, on which the attempt
	goesOn    bool
	a         *Answer
	err       error
}

// A race sends one query to the candidates until there is an answer. Attempts
// are goroutines that end with it.
type race struct {
	s       *Client
	q       Request
	t       *Tally
	ctx     context.Context
	reports chan report
	running int
	began   time.Time
	worst   *Fault  // the last attempt that failed
	met     bool    // a new connection was had
	closed  bool    // an attempt ended without an answer, which is enough
	poor    *Answer // the best answer so far that is not good
	until   time.Time
}

// Ask sends q and returns the first good answer: a file, a part of one, or a
// word about ranges. Where candidates only refuse, it returns a refusal. The
// body must be finished or closed by the caller.
//
// As long as nothing at all has answered it does not return but for ctx, and
// the candidates are tried again and again: the peer boots, or its window has
// not begun. Afterwards each candidate gets one attempt, the one that was good
// before with a head start.
func (s *Client) Ask(ctx context.Context, t *Tally, q Request) (*Answer, error) {
	rctx, cancel := context.WithCancel(ctx)
	r := &race{s: s, q: q, t: t, ctx: rctx, reports: make(chan report), began: s.Window.Mono()}
	a, err := r.run()
	cancel()
	for r.running > 0 {
		if p := <-r.reports; !p.goesOn {
			r.running--
			if p.a != nil {
				p.a.c.Close()
			}
		}
	}
	if r.poor != nil && r.poor != a {
		r.poor.c.Close()
	}
	return a, err
}

func (r *race) run() (*Answer, error) {
	s := r.s
	for _, c := range s.cands {
		c.next, c.dialing, c.waiting, c.tried = r.began, 0, 0, false
		if s.winner != nil && c != s.winner {
			c.next = r.began.Add(otherAfter)
		}
	}
	if c := s.idle; c != nil {
		s.idle = nil
		c.from.next = r.began.Add(besideAfter)
		r.start(c.from, c)
	}
	for {
		if r.ctx.Err() != nil {
			return nil, r.ctx.Err()
		}
		wake, ok := r.launch()
		if !ok && r.running == 0 || r.closed {
			if r.poor != nil {
				return r.poor, nil
			}
			f := *r.worst
			f.Counted, f.Met = true, r.met
			return nil, &f
		}
		if r.poor != nil {
			wake = r.until
		}
		t := time.NewTimer(max(wake.Sub(s.Window.Mono()), 0))
		select {
		case p := <-r.reports:
			if a := r.take(p); a != nil {
				t.Stop()
				return a, nil
			}
		case <-t.C:
			if r.poor != nil {
				return r.poor, nil
			}
		case <-r.ctx.Done():
		}
		t.Stop()
	}
}

// launch starts the attempts that are due and returns when the next will be;
// ok is false when there will be none.
func (r *race) launch() (wake time.Time, ok bool) {
	now := r.s.Window.Mono()
	wake = now.Add(time.Minute)
	for _, c := range r.s.cands {
		again := !r.s.heard && c.dialing < maxDialing && c.waiting < maxWaiting
		if c.tried && !again || r.poor != nil {
			continue
		}
		if !c.next.After(now) {
			r.start(c, nil)
			c.next = now.Add(aheadEvery)
			if c.tried = true; r.s.heard {
				continue
			}
		}
		ok = true
		if c.next.Before(wake) {
			wake = c.next
		}
	}
	return wake, ok
}

func (r *race) start(to *candidate, on *conn) {
	r.running++
	to.dialing++
	if on == nil || r.t.Again {
		r.s.attempts++
		r.t.Attempts++
	} else if r.t.Attempts == 0 {
		r.t.Attempts = 1 // on a connection that another file opened
	}
	r.t.Again = false
	if on == nil {
		r.s.Observe(Event{Kind: Trying, From: to.addr, Path: r.t.Path})
	}
	go func() {
		p := report{to: to, old: on != nil}
		c := on
		if c == nil {
			if c, p.err = r.s.dial(r.ctx, to, connectClock); p.err != nil {
				r.reports <- p
				return
			}
		}
		stop := context.AfterFunc(r.ctx, func() { c.Close() })
		p.connected = true
		r.reports <- report{to: to, connected: true, goesOn: true}
		// An answer may be there although the request could not be sent to its
		// end: the peer had answered before, and closed.
		sent := c.send(r.q)
		if p.a, p.err = c.receive(r.q.method()); p.err == nil {
			p.a.Request = r.q
		} else if sent != nil {
			p.err = network(sent, true)
		}
		if !stop() && p.err == nil {
			p.a, p.err = nil, r.ctx.Err()
		}
		if p.err != nil {
			c.Close()
		}
		r.reports <- p
	}()
}

// take digests a report; it returns an answer that ends the race.
func (r *race) take(p report) *Answer {
	s := r.s
	now := s.Window.Mono()
	if p.goesOn {
		p.to.dialing--
		p.to.waiting++
		p.to.next = now.Add(besideAfter)
		return nil
	}
	r.running--
	if p.connected {
		p.to.waiting--
	} else {
		p.to.dialing--
	}
	if p.err == nil {
		s.heard, p.to.heard = true, true
		p.a.c.used = true
		s.Observe(Event{Kind: Answered, From: p.to.addr, Path: r.t.Path, Status: p.a.Status})
		switch p.a.Status {
		case 200, 206, 416:
			s.winner = p.to
			return p.a
		}
		if s.winner == p.to || r.running == 0 {
			return p.a
		}
		// The other candidates may know better, but not for long.
		if r.poor == nil {
			r.poor, r.until = p.a, now.Add(otherAfter)
		} else {
			p.a.c.Close()
		}
		return nil
	}
	f := AsFault(p.err)
	switch {
	case p.old && (f.Closed || f.Class == "reset" || f.Class == "protocol"):
		// The peer closed an idle connection, or sent more than it had said on
		// it: no failure, and no wait.
		p.to.next = now
		return nil
	case r.ctx.Err() != nil:
		return nil
	case f.began:
		s.heard = true
	}
	s.blame(r.t, p.to, f)
	r.worst, r.met = f, r.met || p.connected && !p.old
	r.closed = r.closed || (f.Closed || f == errFirst) && r.q.Brief && p.connected
	if soon := now.Add(redialEvery); soon.Before(p.to.next) { // never later than it was due
		p.to.next = soon
	}
	if s.winner == p.to { // the others need not wait any longer
		for _, c := range s.cands {
			if !c.tried {
				c.next = now
			}
		}
	}
	return nil
}
