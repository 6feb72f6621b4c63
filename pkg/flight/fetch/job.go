package fetch

import (
	"errors"
	"time"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// A job is one path on its way into the outbox.
type job struct {
	Path
	target string // escaped, after redirects
	server string // as the peer names itself
	tally  peer.Tally

	*directory       // of a Path that ends in a slash
	from       *job  // that of the directory that brought it up
	item       *item // ... and what its listing says

	out      *outbox.Target
	cur      *generation   // what the path means now
	previous []*generation // what it meant before

	done    bool // nothing more is to be tried
	failing bool // the last attempt brought nothing
	turn    int  // when it was last tried
	after   time.Duration
	most    int64 // the furthest that was reached
	rebuilt bool

	before    *outbox.Unreceipted // published by an earlier run, and not told by it
	unchanged bool                // it is still what that run published
	kept      int64               // bytes on the stage that were not published
	err       error               // why it is done, if it is not complete
	published *outbox.Published   // of cur
	partial   bool
	sealed    []outbox.Published
	verified  outbox.Verified
	told      int64
	token     string
}

// reach is how far the present generation has come.
func (j *job) reach() int64 {
	if j.cur.part == nil {
		return 0
	}
	return j.cur.part.Held()
}

func (r *run) job(p Path) *job {
	return &job{Path: p, cur: blank(manner{keyed: r.f.Key != nil}), tally: peer.Tally{Path: p.Path}, target: string(http1.AppendEscaped(nil, p.Path)), told: -1}
}

// open finds what earlier runs left of a file or an archive.
func (r *run) open(j *job) {
	source := j.Path.Path
	if j.dir() {
		j.anew(0)
	}
	switch {
	case j.Archive():
		source += "?tar"
	case j.dir():
		return
	case r.f.Tail > 0:
		source += "?tail" // begins elsewhere: another file
	}
	if j.out, j.err = r.stage.Target(j.Name, source); j.err != nil {
		j.done = true
		r.diskError(j, j.err)
		return
	}
	if r.missing(j); j.dir() {
		r.openArchive(j)
		return
	}
	for _, p := range j.out.Parts() {
		id := p.Identity()
		g := &generation{part: p, version: version{state: held, manner: j.cur.manner, id: id, told: id.Total, seen: id.Total, limit: unlimited}}
		g.evidence = evidence{validated: true, answers: 1, noDigest: id.Verified != outbox.VerifiedDigest}
		g.sync()
		g.next = g.held
		if j.cur.part != nil {
			j.previous = append(j.previous, j.cur)
			j.cur = blank(g.manner)
		}
		if id.Sealed {
			g.state = sealed
			j.previous = append(j.previous, g)
		} else {
			j.cur = g
		}
	}
	if g := j.cur; g.part != nil {
		if g.limit = g.id.Base + r.room(j); g.held > g.limit {
			j.discard(g) // --max-bytes has been lowered since
		}
	}
}

// missing writes the receipt of a file that an earlier run published, and that
// is not known to have one.
func (r *run) missing(j *job) {
	u := j.out.Unreceipted()
	if u == nil {
		return
	}
	now := r.f.Window.Now()
	rec := &outbox.Receipt{
		Source: "http://" + r.peer.Source() + j.target, Status: "complete", Size: u.Size, SHA256: hexOf(u.SHA256[:]),
		Total: u.Identity.Total, Verified: u.Identity.Verified, Generation: tokenOf(u.Identity), Started: now, Finished: now,
		Reason: "complete: " + itoa(u.Size) + " bytes; no receipt of that run is known to this stage, so a later one wrote this",
	}
	if err := j.out.PublishMissing(rec); err != nil {
		r.diskError(j, err)
		return
	}
	r.f.Events(Event{Kind: Receipted, Path: j.Path.Path, Name: j.Name, Err: errors.New(rec.Reason)})
	if u.Identity.Complete {
		j.before = u
	}
}

// still reports that h is about the very file that an earlier run published:
// the same snapshot, or the same validator and length.
func (j *job) still(h *head) bool {
	if j.before == nil || h.doubt {
		return false
	}
	id := j.before.Identity
	if h.snapshot != "" || id.Snapshot != "" {
		return h.snapshot == id.Snapshot
	}
	return id.Validator != "" && h.validator == id.Validator && h.total == id.Total
}

// room is how much --max-bytes leaves for j.
func (r *run) room(j *job) int64 {
	n := r.f.MaxBytes
	for _, o := range r.jobs {
		for _, p := range o.sealed {
			n -= p.Size
		}
		switch {
		case o.published != nil:
			n -= o.published.Size
		case o == j || o.cur.part == nil || o.member():
		case o.cur.id.Total >= 0:
			n -= o.cur.end() - o.cur.id.Base
		default:
			n -= o.cur.part.Held()
		}
	}
	return max(n, 0)
}
