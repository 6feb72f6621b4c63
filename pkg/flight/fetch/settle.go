package fetch

import (
	"slices"

	"payload-ipc/pkg/flight/peer"
)

const maxUnsure = 3 // attempts to confirm an end

// came is what came of a question: an answer to its end, a fault, or a stretch
// of its way.
type came struct {
	fault  *peer.Fault
	body   bool  // an answer was admitted, and nothing more comes of it
	off    int64 // ... the next byte of the file that did not come
	all    bool  // ... its framing has told an end
	marked bool  // ... which a cut does not look the same as
	match  match // ... the digest of it, or of its piece, or of the whole
	other  bool  // of HEAD: the validator is another one

	seam bool // the bytes held ran into new ones
	last bool // the connection is asked for nothing more
	over bool // the run stops: nothing is decided
}

// match is the result of comparing a digest.
type match uint8

const (
	unknown match = iota
	right
	wrong
)

// A decision is what follows for the run.
type decision struct {
	fault    *peer.Fault // to be reported and counted
	when     when        // to ask again
	bad      bool        // a piece did not match its digest, ...
	badAt    int64       // ... which begins here
	replaced bool        // the path means something else: to be reported
	aside    bool        // the version is left to itself, another one begins
}

type when uint8

const (
	now when = iota
	later
	never
)

// settle is the step from what came of a question to the next one: how far the
// version is now, how many bytes of it are kept (held) and proven, what is
// reported and when it goes on. It depends on its arguments alone, and changes
// nothing but the version.
func (v *version) settle(q *question, m *place, c came, f *facts) (w decision) {
	switch {
	case c.seam:
		v.prove(m.compare)
		return w
	case q.Whole:
		return v.witness(q, &c, f)
	case q.Target == "" && v.state == ended:
		v.accept()
		return w
	case q.Target == "":
		c.fault = peer.ErrShort
	}
	confirming := v.state == ended
	if c.body {
		c.fault = v.took(q, m, &c, &w)
	}
	if q.Unranged && c.fault != errEmptyNow {
		v.once = false
	}
	if c.fault == nil && !c.last {
		return w // more is asked for on this connection
	}
	v.disconnect()
	if !q.only || c.fault != nil {
		v.todo, v.round = nil, false
	}
	v.arrive()
	if c.fault == nil || c.over {
		return w
	}
	if confirming {
		if v.unsure++; c.fault == errChanged {
			v.suspect, v.refuted = true, true
		} else if !v.refuted && (v.unsure >= maxUnsure || c.fault.Final) {
			// The peer may be gone for good: what came is all that can come.
			v.unconfirmed = true
			v.accept()
			return w
		}
	}
	w.fault = c.fault
	v.judge(f, &w)
	if q.Unranged && w.when == later {
		v.refused = false // the try without Range told nothing
	}
	return w
}

// took settles what an answer has proven of which nothing more comes.
func (v *version) took(q *question, m *place, c *came, w *decision) (fault *peer.Fault) {
	if fault = c.fault; fault == nil && !c.over {
		v.gone = 0
	}
	if m.only {
		if fault == nil && !c.over {
			fault = v.compared(q, m, c)
		}
		return fault
	}
	if v.state == ended && v.held > m.compare {
		v.state = growing
	}
	v.answers++
	if m.was != nil && c.off >= m.compare && fault != errChanged {
		v.state = growing // it is the file that an earlier run began
	}
	proven := false
	switch {
	case fault != nil || c.over:
	case m.piece != nil:
		fault = v.endPiece(m, c, w)
	default:
		proven, fault = v.endBody(q, m, c, w)
	}
	switch {
	case m.piece != nil || proven || v.held <= m.compare:
	case v.keyed:
		v.drop()
	default:
		v.noDigest = true
		v.suspect = fault == nil && !c.over && c.off >= m.to
	}
	if m.was != nil && v.state == held {
		v.id, v.told = m.was.id, m.was.told
	}
	if m.doubt && fault == nil {
		v.suspect, fault = false, errDoubt
	}
	if q.Unranged && v.refused && c.off > m.compare {
		v.whole = v.failed < 2
		v.noRanges, v.refused = v.whole, fault != nil // it was of use, and may be again
	}
	return fault
}

// compared goes on to what else this round compares. What has ended is whole
// if both of its ends are as they were: it was not truncated and written again
// while it was sent, so that the right number of bytes is a splice.
func (v *version) compared(q *question, m *place, c *came) *peer.Fault {
	s := q.rest[0]
	if c.off <= s.at || m.full && c.off < s.to {
		return peer.ErrShort
	}
	s.at = c.off
	v.todo, v.round = nil, true
	if s.at < s.to {
		v.todo = append(v.todo, s)
	}
	v.todo = append(v.todo, q.rest[1:]...)
	switch {
	case v.state != ended || !v.endKnown() || s.at < s.to:
	case len(v.todo) == 0:
		v.reread, v.twice = true, s.from == v.id.Base && s.to == v.held
		v.accept()
	case v.noRanges && !v.refuted: // the beginning alone: not more than its length is known
		v.unconfirmed = true
		v.accept()
	}
	return nil
}

// endPiece settles a piece that came to its end.
func (v *version) endPiece(m *place, c *came, w *decision) *peer.Fault {
	p := m.piece
	switch {
	case p.start+p.got < p.end:
		return peer.ErrShort // a shorter range than asked for
	case !p.has:
		v.noDigest = true
	case c.match == wrong:
		w.bad, w.badAt = true, p.start
		p.bad++
		p.got, p.has, p.sent, p.sum = 0, false, false, nil
		if p.bad%3 == 0 {
			return errDigest // another connection, and not at once
		}
		return nil
	}
	i := slices.Index(v.pieces, p)
	v.pieces = slices.Delete(v.pieces, i, i+1)
	v.prove(v.held)
	return nil
}

// endBody settles an answer that is no piece. proven: by its own digest.
func (v *version) endBody(q *question, m *place, c *came, w *decision) (proven bool, fault *peer.Fault) {
	ends := m.to == unlimited && c.all
	twice := v.state == ended && v.held == m.compare
	switch {
	case ends && c.off == 0 && q.Ranged(): // as begin has it of a length of 0
		v.once, v.refused = true, true
		return false, errEmptyNow
	case ends && c.off < m.compare:
		// It ends before what is held does: shorter now, or cut again.
		if v.cuts++; c.marked || v.cuts > 2 {
			return false, errChanged
		}
		return false, peer.ErrShort
	case ends && c.marked:
		v.id.Total, v.evidence.marked = v.held, true
	}
	if c.match != unknown && (c.off >= m.to || ends || v.keyed && c.all) {
		if c.match == wrong {
			w.bad, w.badAt = true, m.from
			v.drop()
			return false, errDigest
		}
		proven = true
		v.prove(v.held)
	}
	switch {
	case ends && !c.marked && twice:
		v.accept() // the same end twice
	case ends && !c.marked && v.state == growing:
		v.state = ended
	case v.id.Total < 0 && !m.full && m.was == nil && q.beginning && v.held == m.compare:
		v.id.Total = v.held // there is nothing behind it
	}
	return proven, nil
}

// accept takes what is held for the whole, or for all that --max-bytes allows.
func (v *version) accept() {
	if v.id.Total < 0 && v.held < v.limit {
		v.id.Total = v.held
	}
	v.prove(v.held)
	v.id.Complete = v.id.Total >= 0 && v.proven >= v.id.Total
	v.arrive()
}

// arrive is the step from growing to what comes behind it, or back, by what is
// held and proven.
func (v *version) arrive() {
	switch {
	case v.state != growing && v.state != ended:
	case v.done(), v.capped() && v.proven == v.held:
		v.state = complete
	case v.held >= v.end() && len(v.pieces) == 0:
		v.state = ended
	case v.state == ended && v.id.Total >= 0:
		v.state = growing
	}
}

// witness settles what the server says of the digest of the whole.
func (v *version) witness(q *question, c *came, f *facts) (w decision) {
	switch {
	case q.Target == f.target && c.other:
		v.written = true // since it was fetched: the digest is worth its time
		return w
	case q.Target != f.target && c.match == right:
		v.wholeDigest = true
	case q.Target != f.target && c.match == wrong:
		v.reset() // it is of no one version
		v.changes++
		return decision{fault: errChanged, when: later, replaced: true}
	}
	v.witnessed = true
	return w
}
