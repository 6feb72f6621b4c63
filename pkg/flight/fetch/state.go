package fetch

import "payload-ipc/pkg/flight/peer"

// A state is how far a version of a file has come. It decides what is asked
// next (run.step).
type state uint8

const (
	fresh    state = iota // nothing is held of it
	held                  // by an earlier run; this one has had no answer about it
	growing               // a stretch of it is missing, or waits for its digest
	ended                 // the last byte is held, or so it seems, and not all is confirmed
	complete              // nothing is missing or unproven, of what --max-bytes allows
	sealed                // the peer has it no more
)

func (g *generation) state() state {
	switch {
	case g == nil:
		return fresh
	case g.id.Sealed:
		return sealed
	case !g.mine:
		return held
	case g.complete(), g.capped() && g.proven() == g.held():
		return complete
	case g.closed, g.held() >= g.end() && len(g.pieces) == 0:
		return ended
	}
	return growing
}

// A decision is what a fault means for a version.
type decision uint8

const (
	askLater  decision = iota // ask again after a while, or never if the fault is final
	unranged                  // ask again at once, without Range
	replaced                  // other content is at the path: look where rotation has moved this
	goneFor                   // this content cannot be had any more: seal it
	unsnapped                 // go on without the snapshot
)

// circumstances is what a decision depends on beside the fault.
type circumstances struct {
	state     state
	snapshot  bool // it is asked for by its snapshot
	rotated   bool // ... or where rotation may have moved it
	missing   int  // how often in a row the snapshot was not found
	tried     bool // without Range, since the last progress
	mayRefuse bool // the range may be what was refused: none has been had, and leaving it out was not tried
}

// judge says what f means; it looks at nothing else.
func (c circumstances) judge(f *peer.Fault) decision {
	lost := f.Status == 404 || f.Status == 410
	begun := c.state == growing || c.state == ended || c.state == complete
	switch {
	case f == errPlace && !c.tried && !c.rotated, c.mayRefuse && (f.Status >= 400 || f.Closed) && !c.rotated:
		return unranged
	case c.state == fresh:
		return askLater
	case c.rotated && (f.Status >= 400 && f.Status < 500 || f == errPlace || f == errChanged):
		return goneFor
	case f == errChanged:
		return replaced
	case lost && c.snapshot && begun:
		// Not in the middle of a rename, if it is so twice.
		if c.missing > 0 {
			return replaced
		}
	case f.Final && f.Status >= 400 && c.snapshot && begun:
		return unsnapped
	}
	return askLater
}
