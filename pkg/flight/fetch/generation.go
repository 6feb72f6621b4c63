package fetch

import (
	"hash"
	"math"
	"slices"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// How much is read again to prove a continuation: a share of what is held,
// within these bounds (fetch cases: 1 KiB up to 64 KiB).
const (
	minOverlap = 1 << 10
	maxOverlap = 64 << 10
)

// A generation is one content of a file: what the path meant until it was
// rotated or truncated. Offsets are in the file on the peer; the part begins
// at id.Base.
type generation struct {
	part  *outbox.Part
	id    outbox.Identity
	told  int64 // the length as the peer told it, -1 unknown
	limit int64 // where --max-bytes ends it

	mine    bool // this run has had an answer about it, which settled its length
	via     string
	keyed   bool  // nothing is kept of it but what matched a digest that was signed
	weak    bool  // some of it came without a digest
	whole   bool  // head and tail were read again after the last byte, and equal
	twice   bool  // all of it was
	bare    bool  // taken for what it is although reading again was not possible
	seen    int64 // the length that the last answer told, -1 unknown
	answers int   // that brought bytes
	asked   bool  // there was an answer that could tell a validator
	blind   bool  // of several answers one had no validator: a change between them shows in the overlaps alone
	proof   bool  // the server's digest of all of it is that of what is held
	closed  bool  // the connection ended where the length was unknown
	marked  bool  // the end was marked, though no length was told (chunked)
	fixed   bool  // nothing but a whole answer makes sense of it

	cap      int64    // the shortest range that came where more was asked for, 0 none
	noRanges bool     // the peer answers every range with everything
	suspect  bool     // unproven bytes may be of another generation
	refuted  bool     // ... and are
	loose    bool     // published although nothing proves it
	pieces   []*piece // asked for and not verified, in order
	next     int64    // where the next piece begins
	gone     int      // how often in a row the snapshot was not found
	cuts     int      // how often an answer without a length ended too early
	unsure   int      // how often the end could not be confirmed
}

// A piece is a stretch with one digest. What was received of it before the
// connection broke counts: the digest proves it together with the rest.
type piece struct {
	start, end int64
	got        int64 // bytes received and hashed
	sum        hash.Hash
	want       [32]byte
	has        bool // want is known
	bad        int  // how often it did not match
	sent       bool // asked for on this connection
}

func (g *generation) held() int64   { return g.id.Base + g.part.Held() }
func (g *generation) proven() int64 { return g.id.Base + g.part.Proven() }

// end is where fetching ends, as far as it is known.
func (g *generation) end() int64 {
	if g.id.Total < 0 {
		return g.limit
	}
	return min(g.id.Total, g.limit)
}

// capped reports that --max-bytes ends it before its end.
func (g *generation) capped() bool {
	return g.held() >= g.limit && (g.id.Total < 0 || g.id.Total > g.limit)
}

// complete reports that nothing is missing, nor unproven.
func (g *generation) complete() bool {
	return g.id.Complete || g.id.Total >= 0 && g.proven() >= g.id.Total && (!g.weak || g.whole)
}

// overlap is how much is read again. Where the server caps its ranges (RFC
// 9110 section 15.3.7) at so many bytes, little of each is spent on it.
func (g *generation) overlap() int64 {
	n := g.held() - g.id.Base
	k := min(n, max(minOverlap, min(n/64, maxOverlap)))
	if g.cap > 0 {
		k = min(k, max(g.cap/8, 1))
	}
	return k
}

// identify holds what an answer says of the file against what others said. A
// shorter file, or another validator with the same length, is another
// generation. Another validator with a greater length is growth, and the
// overlap has to prove it.
func (g *generation) identify(a *peer.Answer, x extent) error {
	v := a.Validator()
	switch {
	case x.total >= 0 && x.total < g.seen:
		return errChanged
	case v == "" || g.id.Validator == "":
		g.blind = g.blind || g.asked
	case v != g.id.Validator && x.total == g.seen && x.total >= 0:
		return errChanged
	case v != g.id.Validator && x.total < 0:
		g.blind = true
	}
	if v != "" {
		g.id.Validator = v
	}
	g.asked, g.seen = true, max(x.total, g.seen)
	return nil
}

func (g *generation) verified() outbox.Verified {
	switch {
	case g.loose:
		return outbox.VerifiedNone
	case g.proof, !g.weak && !g.blind && g.proven() > g.id.Base:
		return outbox.VerifiedDigest
	case g.twice, g.whole && !g.blind, !g.id.Complete && !g.bare && !g.blind && g.proven() > g.id.Base:
		return outbox.VerifiedOverlap
	case g.told >= 0, g.marked:
		return outbox.VerifiedLength
	}
	return outbox.VerifiedNone
}

// describe keeps with the bytes what is known of them.
func (g *generation) describe() {
	g.id.Verified = g.verified()
	g.part.Describe(g.id)
}

// prove declares proven what precedes every unverified piece.
func (g *generation) prove() error {
	to := g.held()
	if len(g.pieces) > 0 {
		to = min(to, g.pieces[0].start)
	}
	return g.part.ProveTo(to - g.id.Base)
}

// drop forgets what is not proven.
func (g *generation) drop() {
	g.pieces = nil
	g.part.Drop()
	g.next = g.held()
}

// unpiece goes over to proofs without digests. Bytes that wait for theirs are
// forgotten, unless they are all there is and none is known to be bad.
func (g *generation) unpiece() {
	g.broken()
	if len(g.pieces) > 0 && (g.keyed || g.proven() > g.id.Base || g.spoilt()) {
		g.drop()
	}
	if len(g.pieces) > 0 {
		g.pieces, g.weak = nil, true
	}
}

// plan returns the next piece to ask for from the snapshot: first those that
// were bad or broken off, then a new one of at most size bytes.
func (g *generation) plan(size int64) *piece {
	for _, p := range g.pieces {
		if !p.sent {
			return p
		}
	}
	g.next = max(g.next, g.held())
	if g.next >= g.end() {
		return nil
	}
	if g.cap > 0 {
		size = min(size, g.cap)
	}
	p := &piece{start: g.next, end: min(g.next+size, g.end()), sum: newSHA256()}
	g.next = p.end
	g.pieces = append(g.pieces, p)
	return p
}

// split ends p at at; what is behind it is a piece of its own.
func (g *generation) split(p *piece, at int64) {
	i := slices.Index(g.pieces, p)
	if i == len(g.pieces)-1 && g.next == p.end {
		g.next = at
	} else {
		g.pieces = slices.Insert(g.pieces, i+1, &piece{start: at, end: p.end, sum: newSHA256()})
	}
	p.end = at
}

// broken prepares the pieces for another connection.
func (g *generation) broken() {
	keep := g.pieces[:0]
	g.next = g.held()
	for _, p := range g.pieces {
		p.sent = false
		if p.got > 0 && !p.has && p.bad == 0 {
			g.weak = true // received, and no digest will come for it
			continue
		}
		if p.got > 0 || p.bad > 0 {
			keep = append(keep, p)
			g.next = max(g.next, p.end)
		}
	}
	g.pieces = keep
}

func (g *generation) remove(p *piece) {
	for i, q := range g.pieces {
		if q == p {
			g.pieces = append(g.pieces[:i], g.pieces[i+1:]...)
			return
		}
	}
}

const unlimited = math.MaxInt64
