package fetch

import (
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// A place is where the body of an answer goes.
type place struct {
	from, to int64 // where the body lies in the file; to: unlimited if unknown
	end      int64 // what is wanted of it ends here
	compare  int64 // what comes before it is compared with what is held
	only     bool  // ... and nothing else is wanted
	hashed   int64 // what precedes it is not of the digest, or was hashed before
	digest   [32]byte
	digested bool // ... is known
	full     bool // a 200
	unread   bool // nothing is wanted of it
	doubt    bool // it proves nothing
	piece    *piece
	was      *memory // of a version of an earlier run: what was known before the answer
}

// memory is what an answer about a version of an earlier run may take back.
type memory struct {
	id   outbox.Identity
	told int64
}

// admit takes the head of the answer to q: what it says of the version, and
// where the body goes. The fault is that it cannot be an answer to q, or is of
// another version.
func (v *version) admit(q *question, h *head, f *facts) (m place, fault *peer.Fault) {
	if q.Unranged && h.snapshot != "" && v.failed < 2 {
		// It has ranges, with digests of them, and may only have been busy.
		v.refused, v.failed, m.unread = false, 2, true
		return m, nil
	}
	switch {
	case v.state == fresh:
		return v.begin(q, h, f)
	case q.piece != nil && (q.piped || h.status != 200):
		return v.admitPiece(q, h)
	case q.piece != nil:
		v.unpiece() // all of it comes, and what is held is compared with it
		q.beginning = true
	}
	var was *memory
	if fault = v.continues(q, h); fault != nil {
		return m, fault
	}
	switch {
	case q.only:
		v.noRanges = v.noRanges || h.status == 200
	case v.state == held:
		if f.tail > 0 && v.held < h.total-f.tail { // the tail that is wanted begins behind what is held
			v.reset()
			m.unread = true
			return m, nil
		}
		was = &memory{v.id, v.told}
		v.id.Total, v.told, v.id.Complete, v.id.Snapshot = h.total, h.total, false, h.snapshot
		v.noRanges = h.status == 200
		v.capped206(h)
	default:
		v.noRanges = h.status == 200 && (h.ranged || v.whole)
		v.capped206(h)
		if v.rotatedPath == "" && h.total >= 0 && v.id.Total < 0 {
			v.id.Total, v.told = h.total, h.total
			if v.state == ended { // by the connection, and perhaps too early
				v.state = growing
			}
		}
	}
	m = v.place(h)
	if m.was = was; q.only {
		m.only, m.digested, m.end = true, false, min(q.compare, m.to)
	}
	return m, nil
}

// place is where the body of an answer goes that stands by itself, or runs
// from bytes held into new ones.
func (v *version) place(h *head) place {
	m := place{from: h.start, to: h.extent.end, compare: v.held, hashed: h.start, digest: h.digest, digested: h.digested,
		full: h.status == 200, doubt: h.doubt}
	if m.to < 0 {
		m.to = unlimited
	}
	m.end = min(m.to, v.end())
	return m
}

// begin takes the first answer about a path of which nothing is held.
func (v *version) begin(q *question, h *head, f *facts) (m place, fault *peer.Fault) {
	id := outbox.Identity{Snapshot: h.snapshot, Total: h.total, Verified: outbox.VerifiedDigest}
	switch {
	case f.tail > 0 && h.total >= 0:
		id.Base = max(0, h.total-f.tail)
	case q.Suffix > 0:
		id.Base = h.start
	}
	switch {
	case h.fault != nil:
		return m, h.fault
	case h.start > id.Base:
		return m, errRangeMismatch
	case h.total == 0 && (f.empty || h.ranged): // it may be no more than a way to refuse a range
		v.once, v.refused, m.unread = true, true, true
		return m, errEmptyNow
	case h.generated && h.status == 206 && (h.start > 0 || h.extent.end != h.total):
		v.manner.whole = true // the next stretch would be one of something else
		m.unread = true
		return m, nil
	}
	v.reset()
	v.state, v.id, v.told, v.limit = growing, id, h.total, id.Base+f.room
	v.held, v.proven, v.next = id.Base, id.Base, id.Base
	v.generated = h.generated
	v.noRanges = h.status == 200 && (h.ranged || v.manner.whole)
	v.identify(h, true)
	v.capped206(h)
	m = v.place(h)
	whole := h.digested && h.start >= id.Base && m.end == m.to // is what the digest is of
	switch {
	case h.total == 0, f.member && h.total > f.room: // what is not whole is nothing to an archive
		v.state, m.unread = complete, true
	case f.tail > firstPiece && h.status == 206 && h.extent.end <= max(1, id.Base): // the length was asked for
		m.unread = true
	case id.Snapshot != "" && m.to < unlimited && (whole || !v.keyed):
		p := &piece{start: max(h.start, id.Base), end: m.end, want: h.digest, has: whole}
		v.asked(p)
		m.piece, m.hashed = p, p.start
	}
	return m, nil
}

// continues holds the head of an answer against what is held.
func (v *version) continues(q *question, h *head) *peer.Fault {
	k := v.overlap()
	if v.rotatedPath == "" {
		v.other = h.tag()
	}
	switch {
	case v.rotatedPath != "" && h.validator != "" && h.tag() == v.other: // a server that has one file for every path
		return errChanged
	case h.status == 416 && uint64(h.total) < uint64(v.held): // bytes that are held are gone
		return errChanged
	case h.fault != nil:
		return h.fault
	case h.total >= 0 && (h.total < v.held || !q.only && v.rotatedPath != "" && h.total < v.id.Total):
		return errChanged
	case h.start > v.held,
		q.only && (h.start > q.rest[0].at || h.extent.end >= 0 && h.extent.end <= q.rest[0].at),
		!q.only && h.status == 206 && (h.start > v.held-k || !q.beginning): // nothing would prove it
		return errRangeMismatch
	case h.doubt:
		return errDoubt
	case v.state != held && v.id.Snapshot != "" && q.Target == v.id.Snapshot,
		v.state == held && !q.only && v.id.Snapshot != "" && h.snapshot == v.id.Snapshot:
		return nil // that URL proves what a validator would
	case v.state == held && !q.only && h.total >= 0 && h.total < v.seen && k == v.held-v.id.Base:
		v.seen = h.total // shorter, but all that is held is read again
		return nil
	}
	return v.identify(h, h.status == 200 && (!q.only || q.rest[0].at == v.id.Base && q.compare == v.held))
}

// identify holds what an answer says of the file against what others said. A
// shorter file, or another validator with the same length, is another version.
// Another validator with a greater length is growth, and the overlap has to
// prove it. A date says nothing of an ETag, nor that of one path of another's.
func (v *version) identify(h *head, all bool) *peer.Fault {
	switch {
	case h.total >= 0 && h.total < v.seen:
		return errChanged
	case h.validator == "", v.id.Validator == "", (h.validator[0] == '"') != (v.id.Validator[0] == '"'):
		v.noValidator = v.noValidator || v.validated
	case h.validator == v.id.Validator:
	case all: // of one answer, this one
	case h.total == v.seen && h.total >= 0:
		return errChanged
	case h.total < 0, v.rotatedPath != "" && h.total == v.id.Total:
		v.noValidator = true
	}
	if h.validator != "" {
		v.id.Validator = h.validator
	}
	v.validated, v.seen = true, max(h.total, v.seen)
	return nil
}

// capped206 learns how long a range the server gives at most.
func (v *version) capped206(h *head) {
	if n := h.extent.end - h.start; h.status == 206 && h.extent.end > v.held && h.extent.end <= h.last && h.extent.end != h.total && (v.cap == 0 || n < v.cap) {
		v.cap = n
	}
}

// admitPiece sees whether an answer brings a piece of the snapshot, or a part
// of it.
func (v *version) admitPiece(q *question, h *head) (m place, fault *peer.Fault) {
	p := q.piece
	at := p.start + p.got
	switch {
	case h.status == 416, h.status == 200:
		return m, errRangeMismatch
	case h.fault != nil:
		return m, h.fault
	case h.start > at, h.extent.end <= at, h.total >= 0 && h.total != v.id.Total, h.start > v.held:
		return m, errRangeMismatch
	}
	if h.extent.end < p.end && (p.got == 0 || !p.has) { // a shorter piece than asked for
		v.capped206(h)
		v.split(p, h.extent.end)
	}
	if p.got == 0 {
		p.want, p.has = h.digest, h.digested && h.start == p.start && h.extent.end == p.end
	}
	m = v.place(h)
	m.piece, m.hashed = p, at
	m.compare, m.end = min(at, v.held), min(m.to, p.end)
	return m, nil
}
