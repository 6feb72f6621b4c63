package fetch

import (
	"context"
	"crypto/sha256"
	"unicode/utf8"

	"payload-ipc/pkg/flight/archive"
	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
)

// finishArchive publishes the archive, whole or as a part, with the manifest.
func (r *run) finishArchive(ctx context.Context, j *job) {
	d, a := j.directory, j.archived
	whole := j.done && j.err == nil && d.rest() == 0
	for _, o := range r.jobs {
		if o.from == j && !o.done && a.in[o.item.Name] == nil {
			if o.tally.Last != "" {
				o.item.Reason = "; last trouble: " + o.tally.Last
			}
			d.single = append(d.single, o.item)
		}
	}
	for _, i := range append(d.single, d.small...) {
		a.miss(i, "the run ended before it had come"+i.Reason)
	}
	if j.cur.part == nil && (j.unchanged || !whole || j.create() != nil) {
		return
	}
	p, end := j.cur.part, r.manifest(j, whole && d.left == 0)
	var pub outbox.Published
	var err error
	switch {
	case whole:
		if err = p.Append(end); err == nil {
			p.Prove()
			id := outbox.Identity{Total: p.Held(), Complete: true, Verified: a.proof()}
			if a.counts.Missing+a.counts.Changed+j.left == 0 && a.weakest == 3 { // in /sys what changes is listed as it was
				id.Validator = hexOf(d.listing.Sum(nil))
			}
			p.Describe(id)
			pub, err = p.Publish(ctx)
			j.told = pub.Size
		}
		if err == nil {
			if a.resumed {
				j.out.Withdraw() // it ends in another manifest
			}
			r.leftovers(j)
		}
	case len(a.members) > 0 && !r.f.NoSalvage:
		j.partial = true
		if pub, err = p.PublishPart(ctx, 1, end...); err != nil && pub.Name == "" {
			a.counts.Manifest = [32]byte{} // there may be no room for it
			pub, _ = p.PublishPart(ctx, 1)
		}
	default:
		j.kept = p.Proven()
	}
	if err != nil {
		j.err = err
		r.diskError(j, err)
	}
	if pub.Name == "" {
		p.Close()
		return
	}
	j.published, j.verified = &pub, a.proof()
	r.published(j, &pub, j.told)
}

// proof is what the weakest of the members is proven by.
func (a *archived) proof() outbox.Verified {
	return [...]outbox.Verified{outbox.VerifiedNone, outbox.VerifiedLength, outbox.VerifiedOverlap, outbox.VerifiedDigest}[a.weakest]
}

// manifest is the last member, and the end of the archive. all: the listing
// is complete.
func (r *run) manifest(j *job, all bool) []byte {
	a := j.archived
	var lines []byte
	room := r.room(j) - 4*archive.BlockSize
	for n, i := range append(a.members, a.others...) {
		if n < len(a.members) && all && i.tries == 0 {
			i.Reason = errUnlisted.Text
			a.counts.Changed++
		}
		href := ""
		if i.Name = a.top + i.Name; !utf8.ValidString(i.Name) {
			href = string(http1.AppendEscaped(nil, i.Name))
		}
		if b := i.Append(lines, href); j.cur.held+int64(len(b)) <= room {
			lines = b
		} else if j.left++; i.Reason == errCapped.Text {
			a.counts.Missing--
		}
	}
	a.counts.Members, a.counts.LeftOut, a.counts.Manifest = int64(len(a.members)), j.left, sha256.Sum256(lines)
	h := archive.Header{Name: manifestName, Size: int64(len(lines)), ModTime: r.f.Window.Now().Unix(), Mode: 0o644, Type: archive.File}
	b := append(archive.AppendHeader(nil, h), lines...)
	return archive.AppendZeros(b, archive.Padding(h.Size)+archive.End)
}

// reason is what came of an archive.
func (a *archived) reason(rec *outbox.Receipt) string {
	n := itoa(a.counts.Members) + " members"
	s := "complete: " + n + ", by the weakest of them verified by " + string(rec.Verified)
	if rec.Status == "partial" {
		s = "incomplete: " + n + " in an archive that is valid as it is; the next run goes on with it"
	}
	for k, n := range []int64{a.counts.Missing, a.counts.Changed, a.counts.LeftOut} {
		if n > 0 {
			s += "; " + itoa(n) + [...]string{" could not be had, the manifest says why", " changed since they were taken", " were left out: too many, without room, or in directories that could not be listed"}[k]
		}
	}
	return s
}
