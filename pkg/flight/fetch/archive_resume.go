package fetch

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/flight/archive"
	"payload-ipc/pkg/flight/outbox"
)

// anew begins a directory of which nothing is known, with an archive in which
// nothing is, if it comes as one.
func (j *job) anew(open int) {
	j.directory = &directory{folders: []*item{{}}, open: open, listing: sha256.New()}
	if j.Archive() {
		j.archived = &archived{top: baseOf(j.Path.Path) + "/", in: map[string]*item{}, weakest: 3}
	}
}

// openArchive takes up the archive that an earlier run began.
func (r *run) openArchive(j *job) {
	for _, p := range j.out.Parts() {
		if j.cur.part != nil {
			j.cur.part.Discard()
		}
		j.cur.part, j.cur.state, j.cur.id = p, growing, p.Identity()
	}
	if g := j.cur; g.part != nil {
		if r.readArchive(j) != nil {
			j.discard(j.cur) // it is none that can go on
			j.anew(0)
			return
		}
		r.f.Events(Event{Kind: Resuming, Path: j.Path.Path, Done: g.held, Total: -1})
	}
}

// readArchive learns what is in the archive on the stage.
func (r *run) readArchive(j *job) error {
	p := j.cur.part
	j.anew(j.open)
	j.resumed = true
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
		name, _ := strings.CutSuffix(strings.TrimPrefix(h.Name, j.top), "/")
		i := &item{Listed: outbox.Listed{
			Type: "file", Size: h.Size, Target: h.Linkname, Verified: outbox.Verified(h.Comment), Mode: strconv.FormatInt(h.Mode|0o10000, 8)[1:],
			Name: name, MTime: time.Unix(h.ModTime, 0).UTC().Format(time.RFC3339),
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
		j.awaited = off
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
	err := r.content(context.Background(), j, nil, old, &item{}, end)
	if err == nil {
		old.Discard()
	}
	return err
}
