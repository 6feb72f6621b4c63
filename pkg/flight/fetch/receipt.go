package fetch

import (
	"sort"
	"strings"
	"time"

	"payload-ipc/pkg/flight/outbox"
)

// token names a version in the receipt.
func (v *version) token() string { return tokenOf(v.id) }

func tokenOf(id outbox.Identity) string {
	if _, t, ok := strings.Cut(id.Snapshot, "?snapshot="); ok {
		return t
	}
	return id.Validator
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	s := make([]byte, 0, 2*len(b))
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return string(s)
}

func (r *run) receipt(j *job, exit int, cut bool) *outbox.Receipt {
	w := r.f.Window
	rec := &outbox.Receipt{
		Run: r.f.RunID, Name: j.Label(), Source: "http://" + r.peer.Source() + j.target, Server: j.server,
		Status: "failed", Total: j.told, Verified: outbox.VerifiedNone, Generation: j.token,
		Attempts: j.tally.Attempts, Errors: j.tally.Errors, BytesReceived: j.tally.Received,
		Started: r.started, Finished: w.Now(), ClockTrusted: w.Trusted(),
		Exit: exit, Sealed: j.sealed,
	}
	if j.published != nil {
		rec.Status, rec.Verified = "complete", j.verified
		if j.partial {
			rec.Status = "partial"
		}
		rec.Bytes(*j.published)
		rec.Offset = j.cur.id.Base
	}
	if j.directory != nil && j.archived != nil && j.published != nil {
		rec.Archive = &j.counts
		rec.NULs = outbox.NULs{} // they are the format's
	}
	if u := j.before; j.unchanged {
		rec.Status, rec.Verified, rec.Generation = "complete", u.Identity.Verified, tokenOf(u.Identity)
		rec.Unchanged = &u.Run
		rec.Size, rec.SHA256, rec.Total = u.Size, hexOf(u.SHA256[:]), u.Identity.Total
		rec.Reason = "complete: unchanged since the run '" + u.Run + "' published it, all " + itoa(u.Size) + " bytes; it was not fetched again, and this run published no file of its own"
		if r.result.Reason == "" {
			r.result.Reason = rec.Reason
		}
		return rec
	}
	rec.Reason = r.reason(j, rec, cut)
	if r.result.Reason == "" || rec.Status != "complete" {
		r.result.Reason = rec.Reason
	}
	return rec
}

// reason is one sentence for an operator who has not read this program.
func (r *run) reason(j *job, rec *outbox.Receipt, cut bool) string {
	s, w := "", r.f.Window.Elapsed()
	switch {
	case rec.Archive != nil:
		s = j.archived.reason(rec)
	case j.directory != nil && j.archived == nil:
		s = r.cameReason(j)
	case rec.Status == "complete":
		s += "complete: " + itoa(rec.Size) + " bytes"
		switch rec.Verified {
		case outbox.VerifiedDigest:
			s += ", every piece matched the server's digest"
			if g := j.cur; g.wholeDigest {
				s += ", and the digest of the whole is the server's"
			} else if g.id.Snapshot != "" && g.answers > 1 {
				s += "; the digest of the whole was not compared"
			}
		case outbox.VerifiedOverlap:
			s += ", not all of it with a digest from the server; head and tail read twice were equal"
		case outbox.VerifiedLength:
			if rec.Total < 0 {
				s += ", to the end that the server marked; nothing else could be checked"
			} else {
				s += ", as many as the server told; nothing else could be checked"
			}
			if j.cur.noValidator {
				s += ": it has no validator that would show a change between two answers"
			}
		default:
			s += "; the server told no length, so the end may be a cut"
		}
	case rec.Status == "partial":
		switch {
		case rec.Total < 0:
			s += "incomplete: " + itoa(rec.Size) + " of an unknown number of bytes"
		case rec.Size == rec.Total-rec.Offset && j.cur.done():
			s += "only as a part: all " + itoa(rec.Size) + " bytes came"
		case rec.Size == rec.Total-rec.Offset:
			s += "unconfirmed: all " + itoa(rec.Size) + " bytes came, perhaps not of one content"
		default:
			s += "incomplete: " + itoa(rec.Size) + " of " + itoa(rec.Total-rec.Offset) + " bytes"
		}
		if rec.Verified == outbox.VerifiedNone {
			s += ", unverified"
		}
	default:
		if j.kept > 0 {
			s += "nothing published; " + itoa(j.kept) + " bytes are kept on the stage for the next run"
		} else if len(rec.Sealed) > 0 {
			s += "nothing came of what the file is now"
		} else {
			s += "nothing came"
		}
	}
	if r.f.Key != nil && rec.Status != "failed" {
		s += ", signed with this run's key"
	}
	if rec.NULs.Runs > 0 {
		s += "; " + itoa(rec.NULs.Bytes) + " NUL bytes in it, as truncation under a writer leaves them"
	}
	if len(rec.Sealed) > 0 {
		s += "; the file changed on the server, the older content is beside it"
	}
	if rec.Status == "complete" {
		if j.err != nil {
			s += "; but " + j.err.Error()
		}
		return s
	}
	switch {
	case j.err != nil:
		s += "; " + j.err.Error()
	case cut && r.peer.Attempts() == 0:
		s += "; the window was over before anything could be asked"
	case !r.peer.Heard():
		s += "; no server answered at " + r.asked()
		if r.f.Key != nil {
			s += " with this run's key"
		}
	case cut && r.waited > w/4:
		s += "; the disk was too slow for this window: reading waited " + itoa(int64(r.waited/time.Second)) + " s for it"
	case cut:
		s += "; the window ended"
	}
	if j.tally.Last != "" && j.err == nil {
		s += "; last trouble: " + j.tally.Last
	}
	if len(j.tally.Errors) > 0 {
		s += " (" + counts(j.tally.Errors) + ")"
	}
	return s
}

func (r *run) asked() string {
	s := ""
	for i, a := range r.f.From {
		if i > 0 {
			s += " or "
		}
		s += a.String()
	}
	return s
}

func counts(m map[string]int64) string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.StringSlice(keys).Sort()
	s := ""
	for i, k := range keys {
		if i > 0 {
			s += ", "
		}
		s += k + " " + itoa(m[k]) + "x"
	}
	return s
}
