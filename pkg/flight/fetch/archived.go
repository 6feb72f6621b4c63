package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strconv"
	"strings"

	"payload-ipc/pkg/flight/archive"
	"payload-ipc/pkg/flight/date"
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
	awaited int64 // what it has, and will have of small files, as the listing has them
	weakest int   // of the members, for proof
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
	a := j.archived
	a.lines += perLine + int64(len(a.top+i.Name))
	m := a.in[i.Name]
	switch {
	case m != nil && m.Type == i.Type && m.Target == i.Target && (i.Type != "file" || m.Size == i.Size && seconds(m) == seconds(i)):
		m.MTime, m.Mode, m.tries = i.MTime, i.Mode, 1
	case m != nil:
		a.counts.Changed++
		m.Reason, m.tries = "it changed on the server after it was taken: "+i.Type+", "+itoa(i.Size)+" bytes, "+i.MTime, 1
		i.Type = "" // or, now a directory, it would be listed, below what is none in the archive
	case i.Type == "file":
		return false, nil
	case i.Type == "directory", i.Type == "symlink":
		err = r.append(ctx, j, i, nil, 0)
	default:
		i.Reason = "it is no file: this line is all there is of it"
		a.others = append(a.others, i)
	}
	return true, err
}

// fits reports that --max-bytes has room for a file, behind held bytes of others.
// The manifest has to do with half of it.
func (r *run) fits(j *job, held int64, i *item) bool {
	room := r.room(j) - 4*archive.BlockSize
	return held+i.Size+min(j.lines, room/2) <= room
}

// append writes a member, which is whole, and declares it proven. If a sync
// failed before, what is lost with it is asked for again.
func (r *run) append(ctx context.Context, j *job, i *item, src io.ReaderAt, size int64) error {
	h := archive.Header{Name: j.top + i.Name, Linkname: i.Target, Size: size, ModTime: seconds(i), Mode: 0o644, Type: archive.File}
	if mode, err := strconv.ParseUint(i.Mode, 8, 12); err == nil {
		h.Mode = int64(mode)
	}
	switch {
	case i.Type == "directory":
		// What comes behind it is to be put into it, also by tar programs that do
		// not wait with the mode, as GNU's and busybox.
		h.Name, h.Type, h.Mode = h.Name+"/", archive.Dir, h.Mode|0o700
	case i.Type == "symlink":
		h.Type = archive.Symlink
	case i.Verified != outbox.VerifiedDigest:
		h.Comment = string(i.Verified)
	}
	b := archive.AppendHeader(make([]byte, 0, 4*archive.BlockSize), h)
	if i.Size = size; !r.fits(j, j.cur.held+int64(len(b)), i) {
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
				return errRebuilt
			}
		}
	}
	if err == nil {
		i.tries = 1 // the listing has it
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
			b = archive.AppendZeros(b, archive.Padding(size))
		}
	}
	if err == nil {
		i.SHA256 = hexOf(sum.Sum(nil))
		err = g.part.Prove()
		g.sync()
	}
	return err
}

// seconds is the time of an item, 0 if it is not known.
func seconds(i *item) int64 {
	t, ok := date.ParseRFC3339(i.MTime)
	if !ok {
		return 0
	}
	return t.Unix()
}
