package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"payload-ipc/pkg/flight/archive"
	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

const (
	manifestName = "MANIFEST.jsonl"
	perLine      = 256 // bytes of a line of the manifest beside the name, about
)

// An archived directory comes as one file: what is in it, and what is not.
// The archive on the stage is proven up to the end of a member, always.
type archived struct {
	top     string  // the directory that all is in
	members []*item // in their order
	in      map[string]*item
	others  []*item // that are missing, or no files
	counts  outbox.Archive
	resumed bool  // it begins with what an earlier run had
	lines   int64 // bytes that the manifest will have, about
	weakest int   // of the members, for proof
}

// openArchive takes up the archive that an earlier run began.
func (r *run) openArchive(j *job) {
	j.archived = &archived{top: baseOf(j.Path.Path) + "/", in: map[string]*item{}, weakest: 3}
	if j.out, j.err = r.stage.Target(j.Name, j.Path.Path+"?tar"); j.err != nil {
		j.done = true
		r.diskError(j, j.err)
		return
	}
	r.missing(j)
	for _, p := range j.out.Parts() {
		if j.cur.part != nil {
			j.cur.part.Discard()
		}
		j.cur = &generation{part: p, version: version{state: growing, id: p.Identity(), limit: unlimited, told: -1}}
	}
	if g := j.cur; g.part != nil {
		if j.resumed = r.readArchive(j) == nil; !j.resumed {
			j.discard(j.cur) // it is none that can go on
			j.in = map[string]*item{}
			j.members = nil
			return
		}
		r.f.Events(Event{Kind: Resuming, Path: j.Path.Path, Done: g.held, Total: -1})
	}
}

// readArchive learns what is in the archive on the stage.
func (r *run) readArchive(j *job) error {
	p := j.cur.part
	j.in = map[string]*item{}
	j.members = nil
	j.cur.sync()
	buf := make([]byte, 64<<10)
	for off := int64(0); off < p.Proven(); {
		h, at, err := archive.Read(p, off)
		if err != nil {
			return err
		}
		if h.Name == manifestName {
			return r.cutArchive(j, off)
		}
		i := &item{Listed: outbox.Listed{
			Type: "file", Size: h.Size, Target: h.Linkname, Verified: outbox.Verified(h.Comment), Mode: strconv.FormatInt(h.Mode, 8),
			Name: strings.TrimSuffix(strings.TrimPrefix(h.Name, j.top), "/"), MTime: time.Unix(h.ModTime, 0).UTC().Format(time.RFC3339),
		}}
		switch {
		case h.Type == archive.Dir:
			i.Type = "directory"
		case h.Type == archive.Symlink:
			i.Type = "symlink"
		case h.Comment == "":
			i.Verified = outbox.VerifiedDigest
		}
		sum := sha256.New()
		for end := at + h.Size; at < end; {
			n, err := p.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
			if n == 0 {
				return err
			}
			sum.Write(buf[:n])
			at += int64(n)
		}
		i.SHA256 = hexOf(sum.Sum(nil))
		j.enroll(i)
		off = at + archive.Padding(h.Size)
	}
	return nil
}

// cutArchive copies what precedes the manifest of an archive that could not be
// published.
func (r *run) cutArchive(j *job, end int64) error {
	old := j.cur.part
	if err := j.create(); err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	for off := int64(0); off < end; {
		n, err := old.ReadAt(b[:min(int64(len(b)), end-off)], off)
		if n == 0 {
			return err
		}
		if err := j.cur.part.Append(b[:n]); err != nil {
			return err
		}
		off += int64(n)
	}
	old.Discard()
	err := j.cur.part.Prove()
	j.cur.sync()
	return err
}

func (a *archived) enroll(i *item) {
	if i.Type != "file" {
		i.Verified, i.SHA256 = "", ""
	} else if i.Size > 0 {
		a.weakest = min(a.weakest, strings.IndexByte("nlod", i.Verified[0]))
	}
	a.in[i.Name] = i
	a.members = append(a.members, i)
}

// miss notes that an entry is not in the archive.
func (a *archived) miss(i *item, reason string) {
	i.Reason = reason
	a.others = append(a.others, i)
	a.counts.Missing++
}

// enter puts what has no content into the archive, and looks whether the rest
// is in it already. done: nothing is to be fetched.
func (r *run) enter(ctx context.Context, j *job, i *item) (done bool, err error) {
	j.lines += perLine + int64(len(j.top+i.Name))
	m := j.in[i.Name]
	switch {
	case m != nil && m.Type == i.Type && m.Target == i.Target && (i.Type != "file" || m.Size == i.Size && seconds(m) == seconds(i)):
		m.MTime, m.tries = i.MTime, 1
	case m != nil:
		j.counts.Changed++
		m.Reason, m.tries = "it changed on the server after it was taken: "+i.Type+", "+itoa(i.Size)+" bytes, "+i.MTime, 1
	case i.Type == "file":
		return false, nil
	case i.Type == "directory", i.Type == "symlink":
		err = r.append(ctx, j, i, nil, 0)
	default:
		i.Reason = "it is no file: this line is all there is of it"
		j.others = append(j.others, i)
	}
	return true, err
}

// enclose puts a file into the archive that is whole and proven.
func (r *run) enclose(ctx context.Context, j *job, i *item, verified outbox.Verified, src io.ReaderAt, size int64) error {
	i.Verified = verified
	return r.append(ctx, j, i, src, size)
}

// append writes a member and declares it proven. If a sync failed before, what
// is lost with it is asked for again.
func (r *run) append(ctx context.Context, j *job, i *item, src io.ReaderAt, size int64) error {
	h := archive.Header{Name: j.top + i.Name, Linkname: i.Target, Size: size, ModTime: seconds(i), Mode: 0o644, Type: archive.File}
	if mode, err := strconv.ParseUint(i.Mode, 8, 12); err == nil {
		h.Mode = int64(mode)
	}
	switch {
	case i.Type == "directory":
		h.Name, h.Type = h.Name+"/", archive.Dir
	case i.Type == "symlink":
		h.Type = archive.Symlink
	case i.Verified != outbox.VerifiedDigest:
		h.Comment = string(i.Verified)
	}
	b := archive.AppendHeader(make([]byte, 0, 4*archive.BlockSize), h)
	if j.cur.held+int64(len(b))+size > r.room(j)-j.lines-4*archive.BlockSize {
		j.miss(i, errCapped.Text)
		return nil
	}
	if j.cur.part == nil {
		j.cur.state, j.cur.id = growing, outbox.Identity{Total: -1, Verified: outbox.VerifiedDigest}
		if err := j.create(); err != nil {
			return err
		}
	}
	g := j.cur
	err := r.content(ctx, j, b, src, i, size)
	if errors.Is(err, outbox.ErrDead) {
		if err = r.rebuild(j, g); err == nil {
			if err = r.readArchive(j); err == nil {
				d := j.directory
				d.folders, d.small, d.single, d.others = []*item{{}}, nil, nil, nil
				d.listed, d.left, d.lines, d.counts = 0, 0, 0, outbox.Archive{}
				return errRebuilt
			}
		}
	}
	if err == nil {
		i.Size = size
		j.enroll(i)
	} else if j.cur.part != nil {
		j.cur.part.Drop()
		j.cur.sync()
	}
	return err
}

var errRebuilt = &peer.Fault{Class: "disk", Text: "a sync failed: what was lost by it is asked for again"}

// content writes the header b of a member, what is in src, and the padding.
func (r *run) content(ctx context.Context, j *job, b []byte, src io.ReaderAt, i *item, size int64) (err error) {
	g, sum := j.cur, sha256.New()
	for off := int64(0); err == nil; {
		if err = g.part.Append(b); err != nil {
			break
		}
		if err = r.heed(ctx, g); err != nil || src == nil || off == size {
			break
		}
		n := 0
		b = make([]byte, min(64<<10, size-off), 64<<10+archive.BlockSize)
		if n, err = src.ReadAt(b, off); n == len(b) {
			err = nil
		}
		sum.Write(b)
		if off += int64(n); off == size {
			b = archive.AppendPadding(b, size)
		}
	}
	if err == nil {
		i.SHA256 = hexOf(sum.Sum(nil))
		err = g.part.Prove()
		g.sync()
	}
	return err
}

// finishArchive publishes the archive, whole or as a part, with the manifest.
func (r *run) finishArchive(ctx context.Context, j *job) {
	whole := j.done && j.err == nil && j.rest() == 0
	for _, o := range r.jobs {
		if o.from == j && !o.done {
			j.single = append(j.single, o.item)
		}
	}
	for _, i := range append(j.single, j.small...) {
		j.miss(i, "the window ended before it had come")
	}
	if j.cur.part == nil && (!whole || j.create() != nil) {
		return
	}
	p, end := j.cur.part, r.manifest(j, whole)
	var pub outbox.Published
	var err error
	switch {
	case whole:
		if err = p.Append(end); err == nil {
			p.Prove()
			p.Describe(outbox.Identity{Total: p.Held(), Complete: true, Verified: j.proof()})
			pub, err = p.Publish(ctx)
			j.told = pub.Size
		}
		if err == nil && j.resumed {
			j.out.Withdraw() // it ends in another manifest
		}
	case len(j.members) > 0 && !r.f.NoSalvage:
		j.partial = true
		if pub, err = p.PublishEnded(ctx, end); err != nil && pub.Name == "" {
			pub, err = p.PublishPart(ctx, 1) // there may be no room for the end
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
	j.published, j.verified = &pub, j.proof()
	r.published(j, &pub, j.told)
}

// proof is what the weakest of the members is proven by.
func (a *archived) proof() outbox.Verified {
	return [...]outbox.Verified{outbox.VerifiedNone, outbox.VerifiedLength, outbox.VerifiedOverlap, outbox.VerifiedDigest}[a.weakest]
}

// manifest is the last member, and the end of the archive. all: the listing
// is complete.
func (r *run) manifest(j *job, all bool) []byte {
	var lines []byte
	for n, i := range append(j.members, j.others...) {
		if n < len(j.members) && all && j.resumed && i.tries == 0 && i.Reason == "" {
			i.Reason = "it is not on the server any more"
			j.counts.Changed++
		}
		l, href := i.Listed, ""
		if l.Name = j.top + l.Name; !utf8.ValidString(l.Name) {
			href = string(http1.AppendEscaped(nil, l.Name))
		}
		lines = l.Append(lines, href)
	}
	j.counts.Members, j.counts.LeftOut, j.counts.Manifest = int64(len(j.members)), j.left, sha256.Sum256(lines)
	h := archive.Header{Name: manifestName, Size: int64(len(lines)), ModTime: r.f.Window.Now().Unix(), Mode: 0o644, Type: archive.File}
	b := append(archive.AppendHeader(nil, h), lines...)
	return archive.AppendEnd(archive.AppendPadding(b, h.Size))
}

// seconds is the time of an item, 0 if it is not known.
func seconds(i *item) int64 {
	t, err := time.Parse(time.RFC3339, i.MTime)
	if err != nil {
		return 0
	}
	return t.Unix()
}

// reason is what came of an archive.
func (a *archived) reason(rec *outbox.Receipt) string {
	s := "nothing came"
	switch n := itoa(a.counts.Members) + " members"; rec.Status {
	case "complete":
		s = "complete: " + n + ", by the weakest of them verified by " + string(rec.Verified)
	case "partial":
		s = "incomplete: " + n + " in an archive that is valid as it is; the next run goes on with it"
	}
	for k, n := range []int64{a.counts.Missing, a.counts.Changed, a.counts.LeftOut} {
		if n > 0 {
			s += "; " + itoa(n) + [...]string{" could not be had, the manifest says why", " changed since they were taken", " were left out for their number"}[k]
		}
	}
	return s
}
