package fetch

import "payload-ipc/pkg/flight/peer"

const (
	firstPiece = 64 << 10 // of a file nothing is known of
	minPiece   = 16 << 10
	maxWhole   = 1 << 20  // what is read again whole where the server has no ranges
	largeWhole = 32 << 20 // bytes of which the digest is not asked without a reason
)

// A question is what is asked next about a version: a target, a range of it or
// all, and whether a digest is wanted (Request), and how far the answer is to
// be compared with what is held. With no Target there is nothing to ask.
type question struct {
	peer.Request
	compare   int64     // what comes before it is held, and is compared
	only      bool      // nothing behind it is wanted
	rest      []stretch // with only: what is to be compared then, this stretch first
	beginning bool      // that it still begins as it did is known
	piece     *piece    // that is asked for, if it is one
	piped     bool      // behind another one
}

// facts is what a question, and what comes of an answer, depend on beside the
// version.
type facts struct {
	target            string // of the path, escaped
	size, piece, tail int64  // of the next piece; of the largest; --tail
	room              int64  // what --max-bytes leaves for the path
	ranges            bool   // the peer has given a range, of whatever
	empty             bool   // a file that is empty is looked at again
	member            bool   // it goes into an archive
	time              bool   // there is time for the digest of the whole
}

// ask decides what is asked next. It begins with the stretches that
// are to be compared; what follows is proven by a snapshot's URL, or by an
// overlap with what is held.
func (v *version) ask(f *facts) question {
	q := v.question(f)
	if q.Target == "" {
		return q
	}
	q.Brief = q.Ranged() && v.mayRefuse(f, false)
	if (v.once || v.whole) && q.Ranged() {
		q.Request, q.Brief = q.WithoutRange(), true
	}
	return q
}

func (v *version) question(f *facts) (q question) {
	q.compare, q.Target = v.held, f.target
	snapshot := v.id.Snapshot != "" && v.rotatedPath == ""
	switch {
	case v.rotatedPath != "":
		q.Target = v.rotatedPath
	case snapshot && v.state >= growing:
		q.Target = v.id.Snapshot
	}
	if v.state == fresh {
		q.first(f)
		return q
	}
	if v.state == complete {
		return v.digestOfAll(f, snapshot)
	}
	todo := v.todo
	if !v.round {
		todo = v.stretches()
	}
	n := f.piece
	switch {
	case len(todo) > 0:
		s := todo[0]
		q.First, q.Last = s.at, s.to-1
		q.compare, q.only, q.rest = s.to, true, todo
		return q
	case v.state == growing && snapshot:
		return v.askPiece(f.size)
	case v.state == ended && v.endKnown(), v.state == sealed:
		return question{}
	case v.state == held:
		n = firstPiece
	}
	k := v.overlap()
	q.beginning = v.round || v.state == ended || k == v.held-v.id.Base
	q.First, q.Last, q.Digest = v.held-k, v.held+n-1, true
	if v.state == growing {
		q.Last = min(q.Last, v.end()-1)
	}
	return q
}

// mayRefuse reports that a failure may be about the range that was asked for:
// of this peer no range has been had, or it is final, and of this path none was
// left out.
func (v *version) mayRefuse(f *facts, final bool) bool {
	return (final || !f.ranges) && !v.refused && !v.whole
}

// first asks for a path of which nothing is held.
func (q *question) first(f *facts) {
	q.Last, q.Digest = min(firstPiece, f.piece)-1, true
	if f.tail > firstPiece {
		q.Last = 0 // to learn the length
	} else {
		q.Suffix = f.tail
	}
}

// askPiece asks the snapshot for a piece, or the rest of one.
func (v *version) askPiece(size int64) (q question) {
	if p := v.plan(size); p != nil {
		q.piece, q.Target = p, v.id.Snapshot
		q.First, q.Last, q.Digest = p.start+p.got, p.end-1, true
	}
	return q
}

// digestOfAll asks for the digest of a whole snapshot that came in several
// answers, if there is time: it costs the peer no bytes, and shows every
// splice, also of a file that is rewritten in place. Of a large file, which
// the peer reads for some of the window's seconds, only if its validator says
// that it was written to.
func (v *version) digestOfAll(f *facts, snapshot bool) (q question) {
	if v.witnessed || !snapshot || v.id.Base > 0 || v.answers < 2 || !v.done() || !f.time {
		return q
	}
	if q.Target = v.id.Snapshot; v.id.Total > largeWhole && v.id.Validator != "" && !v.written {
		q.Target = f.target
	}
	q.Last, q.Whole = -1, true
	return q
}

// stretches is what is compared before a round asks for more, or before the
// end is believed: the beginning, and of what has ended the end as well. What
// came with digests needs neither, nor does what has a snapshot's URL.
func (v *version) stretches() []stretch {
	k, base := v.overlap(), v.id.Base
	begin := stretch{base, base + k, base}
	switch {
	case v.state == ended && v.endKnown():
		switch {
		case !v.noDigest, v.generated && v.noRanges, v.held == base:
			return nil // or generated at each request: there is nothing to compare it with
		case v.held-base <= 2*k, v.once, v.noRanges && v.held <= maxWhole:
			return []stretch{{base, v.held, base}}
		}
		return []stretch{begin, {v.held - k, v.held, v.held - k}}
	case v.state == ended, v.noRanges, v.once, v.held-base <= k, v.state == growing && v.id.Snapshot != "" && v.rotatedPath == "":
		return nil
	}
	return []stretch{begin}
}
