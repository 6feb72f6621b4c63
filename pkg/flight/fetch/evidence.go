package fetch

import "payload-ipc/pkg/flight/outbox"

// evidence is what speaks for the bytes of a version, and against them.
type evidence struct {
	answers     int  // that brought bytes
	validated   bool // there was an answer that could tell a validator
	noValidator bool // of several answers one had none: a change between them shows in the overlaps alone
	noDigest    bool // some of it came without a digest
	reread      bool // both ends were read again after the last byte, and equal
	twice       bool // all of it was
	unconfirmed bool // taken for what it is although reading again was not possible
	marked      bool // the end was marked, though no length was told (chunked)
	wholeDigest bool // the server's digest of all of it is that of what is held
	witnessed   bool // ... was asked for, with whatever result
	written     bool // the path's validator is another one by now
	generated   bool // at each request anew: nothing but a whole answer makes sense of it
	suspect     bool // unproven bytes may be of another version
	refuted     bool // ... and are
	unproven    bool // published although nothing proves it
}

// verified is what a receipt may claim. told: the peer told the length;
// complete: of all bytes; some: there are any.
func (e *evidence) verified(told, complete, some bool) outbox.Verified {
	switch {
	case e.unproven:
		return outbox.VerifiedNone
	case e.wholeDigest, !e.noDigest && !e.noValidator && some:
		return outbox.VerifiedDigest
	case e.twice, e.reread && !e.noValidator, !complete && !e.unconfirmed && !e.noValidator && some:
		return outbox.VerifiedOverlap
	case told, e.marked:
		return outbox.VerifiedLength
	}
	return outbox.VerifiedNone
}

// verified is the same of a version.
func (v *version) verified() outbox.Verified {
	return v.evidence.verified(v.told >= 0, v.id.Complete, v.proven > v.id.Base)
}
