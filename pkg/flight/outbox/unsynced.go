package outbox

import "time"

// wrote counts bytes that are to be synced, and has it done if it is time.
func (p *Part) wrote(n int64) {
	if p.add(n) {
		p.rec.nudge()
	}
}

// add counts bytes that are to be synced; a new length counts as one. It
// reports whether it is time to do so.
func (p *Part) add(n int64) bool {
	p.mu.Lock()
	p.written += n
	p.mu.Unlock()
	return p.t.s.pace.wrote(n)
}

// Press has what was written synced at once, proven or not, and not at the
// pace of the stage. It does not wait.
func (p *Part) Press() {
	if p.closed {
		return
	}
	p.mu.Lock()
	p.pressed = true
	p.mu.Unlock()
	p.rec.nudge()
}

// pressing reports that a sync shall begin now.
func (p *Part) pressing() bool {
	urgent := p.t.s.urgent()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written > 0 && (urgent || p.pressed)
}

// anew reports that the swift slot does not tell what is proven.
func (p *Part) anew() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noted < p.proven || p.fresher
}

// unchanged reports that c says nothing that is not durable already.
func (p *Part) unchanged(c *cursor) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.durable == c.proven() && !p.changed && !p.fresh && !c.published
}

// datasync makes what is written durable, and tells the pace. What was synced
// before and not written to since is not synced again.
func (p *Part) datasync() error {
	s := p.t.s
	p.mu.Lock()
	n := p.written
	p.pressed = false
	p.mu.Unlock()
	if n == 0 {
		return nil
	}
	start := s.now()
	err := p.data.Datasync()
	if err == nil {
		s.pace.saw(n, s.now().Sub(start))
		if n >= little {
			s.try(p.data)
		}
	}
	p.cleaned(n)
	if err != nil {
		return deadError(p.path(dataSuffix), err)
	}
	return nil
}

func (p *Part) cleaned(n int64) {
	p.mu.Lock()
	p.written -= n
	p.mu.Unlock()
	p.t.s.pace.cleaned(n)
}

// Cost estimates how long PublishPart and the receipt would take if called
// now, as far as the syncs and copies of this stage have shown it: bytes, and
// six syncs, which are one of the cursor that is under way, cursor, outbox,
// receipt, outbox and one of the log; with bytes two more, of what is being
// synced and of what came meanwhile.
func (p *Part) Cost() time.Duration {
	p.mu.Lock()
	bytes := p.written
	p.mu.Unlock()
	s := p.t.s
	syncs := 6.0
	if bytes > 0 {
		syncs = 8
	}
	cost := s.pace.cost(bytes, syncs)
	if !s.same {
		c := s.copies.cost(p.held, 0)
		if c == 0 { // not known
			c = s.pace.cost(p.held, 0)
		}
		cost += c
	}
	return cost
}
