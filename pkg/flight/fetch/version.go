package fetch

import (
	"hash"
	"math"
	"slices"

	"payload-ipc/pkg/flight/outbox"
)

// How much is read again to prove a continuation: a share of what is held,
// within these bounds (fetch cases: 1 KiB up to 64 KiB).
const (
	minOverlap = 1 << 10
	maxOverlap = 64 << 10
)

const unlimited = math.MaxInt64

// A state is how far a version of a file has come. It decides what is asked
// next (ask), and is changed by what comes of that (settle).
type state uint8

const (
	fresh    state = iota // nothing is held of it
	held                  // by an earlier run; this one has had no answer about it
	growing               // a stretch of it is missing, or waits for its digest
	ended                 // the last byte is held, or so it seems, and not all is confirmed
	complete              // nothing is missing or unproven, of what --max-bytes allows
	sealed                // the peer has it no more
)

// A version is what is known of one content of a file: what the path meant
// until it was rotated or truncated. There is no disk, no clock and no network
// behind it. Offsets are in the file on the peer.
type version struct {
	state  state
	id     outbox.Identity // the part begins at its Base
	held   int64           // up to here it is on the stage
	proven int64           // up to here it is proven
	limit  int64           // --max-bytes ends it here
	told   int64           // its length, as the peer told it; -1 unknown
	seen   int64           // the length that the last answer told, -1 unknown

	rotatedPath string // where rotation may have moved it, when the path means something else
	other       string // ... and the tag of that

	evidence
	manner

	todo     []stretch // to be compared before this round asks for more
	round    bool      // todo counts
	pieces   []*piece  // asked for of the snapshot and not verified, in order
	next     int64     // the next piece begins here
	cap      int64     // the shortest range that came where more was asked for, 0 none
	noRanges bool      // the peer answers every range with everything
	gone     int       // how often in a row the snapshot was not found
	cuts     int       // how often an answer without a length ended too early
	unsure   int       // how often the end could not be confirmed
}

// manner is how the path is asked, whatever version it means.
type manner struct {
	once    bool  // the next request goes without Range
	refused bool  // ... as a range was refused, in whatever way; and that is all that is tried, unless it is of use
	whole   bool  // all requests go without
	changes int   // how often the path has come to mean something else
	failed  uint8 // how often since the last progress an answer brought nothing
	keyed   bool  // nothing is kept but what matched a digest that was signed
}

// A stretch of a version is read again and compared; up to at it was.
type stretch struct{ from, to, at int64 }

// A piece is a stretch with one digest. What was received of it before the
// connection broke counts: the digest proves it together with the rest.
type piece struct {
	start, end int64
	got        int64     // bytes received and in sum
	sum        hash.Hash // nil as long as nothing was received
	want       [32]byte
	has        bool // want is known
	bad        int  // how often it did not match
	sent       bool // asked for on this connection
}

// reset forgets all but how the path is asked.
func (v *version) reset() {
	*v = version{id: outbox.Identity{Total: -1}, told: -1, seen: -1, limit: unlimited, manner: v.manner}
}

// end is where fetching ends, as far as it is known.
func (v *version) end() int64 {
	if v.id.Total < 0 {
		return v.limit
	}
	return min(v.id.Total, v.limit)
}

// capped reports that --max-bytes ends it before its end.
func (v *version) capped() bool {
	return v.held >= v.limit && (v.id.Total < 0 || v.id.Total > v.limit)
}

// done reports that nothing is missing, nor unproven.
func (v *version) done() bool {
	return v.id.Complete || v.id.Total >= 0 && v.proven >= v.id.Total && (!v.noDigest || v.reread)
}

// endKnown reports that what has ended has not only been cut off.
func (v *version) endKnown() bool { return v.id.Total >= 0 || v.capped() }

// confirmedThisRun reports that this run has had an answer about it, which settled its length.
func (v *version) confirmedThisRun() bool { return v.state != fresh && v.state != held }

// overlap is how much is read again. Where the server caps its ranges (RFC
// 9110 section 15.3.7) at so many bytes, little of each is spent on it.
func (v *version) overlap() int64 {
	n := v.held - v.id.Base
	k := min(n, max(minOverlap, min(n/64, maxOverlap)))
	if v.cap > 0 {
		k = min(k, max(v.cap/8, 1))
	}
	return k
}

// prove declares proven what precedes every unverified piece.
func (v *version) prove(to int64) {
	if len(v.pieces) > 0 {
		to = min(to, v.pieces[0].start)
	}
	v.proven = max(v.proven, to)
}

// drop forgets what is not proven.
func (v *version) drop() {
	v.pieces = nil
	v.held, v.next = v.proven, v.proven
}

// unpiece goes over to proofs without digests. Bytes that wait for theirs are
// forgotten, unless they are all there is and none is known to be bad.
func (v *version) unpiece() {
	v.disconnect()
	if len(v.pieces) > 0 && (v.keyed || v.proven > v.id.Base || v.spoilt()) {
		v.drop()
	}
	if len(v.pieces) > 0 {
		v.pieces, v.noDigest = nil, true
	}
}

// spoilt reports that a piece among the unproven did not match its digest.
func (v *version) spoilt() bool {
	for _, p := range v.pieces {
		if p.bad > 0 {
			return true
		}
	}
	return false
}

// plan is the next piece to ask the snapshot for: first one that was bad or
// broken off, then a new one of at most size bytes; nil if there is none.
func (v *version) plan(size int64) *piece {
	for _, p := range v.pieces {
		if !p.sent {
			return p
		}
	}
	next := max(v.next, v.held)
	if next >= v.end() {
		return nil
	}
	if v.cap > 0 {
		size = min(size, v.cap)
	}
	return &piece{start: next, end: min(next+size, v.end())}
}

// asked notes that a piece is asked for.
func (v *version) asked(p *piece) {
	if p.sent = true; !slices.Contains(v.pieces, p) {
		v.pieces = append(v.pieces, p)
		v.next = p.end
	}
}

// split ends the piece p at at; what is behind it is a piece of its own.
func (v *version) split(p *piece, at int64) {
	i := slices.Index(v.pieces, p)
	if i == len(v.pieces)-1 && v.next == p.end {
		v.next = at
	} else {
		v.pieces = append(v.pieces, nil)
		copy(v.pieces[i+2:], v.pieces[i+1:])
		v.pieces[i+1] = &piece{start: at, end: p.end}
	}
	p.end = at
}

// disconnect prepares the pieces for another connection.
func (v *version) disconnect() {
	keep := v.pieces[:0]
	v.next = v.held
	for _, p := range v.pieces {
		p.sent = false
		if p.got > 0 && !p.has && p.bad == 0 {
			v.noDigest = true // received, and no digest will come for it
			continue
		}
		if p.got > 0 || p.bad > 0 {
			keep = append(keep, p)
			v.next = max(v.next, p.end)
		}
	}
	v.pieces = keep
}
