package fetch

import (
	"context"
	"hash"
	"strings"

	"payload-ipc/pkg/flight/archive"
	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// Bounds of a directory. What is beyond them is left out, and said.
const (
	maxApart   = 1000   // files that come as files of their own
	maxMembers = 10_000 // entries of an archive
	MaxDepth   = 16     // levels of directories
	maxTries   = 3      // for what is not the only thing that is asked for
	maxOpen    = 8      // files that are tried again, at a time
)

// A directory is what a job has to bring whose path ends in a slash.
type directory struct {
	folders []*item   // to be listed; their names end in a slash, or are empty
	small   []*item   // to be asked for on one connection, one behind the other
	single  []*item   // each to be a job of its own
	open    int       // of these, not done
	listed  int64     // entries that are wanted
	left    int64     // beyond the bounds
	listing hash.Hash // SHA-256 of all listings that came, of which some may be incomplete
	clashes int64     // files with names that are taken
	unswept bool      // nothing is proven by one answer: the server has no digests

	batch, sent    *outbox.Batch // that is being filled, and that is being published
	jobs, sentJobs []*job        // of their files
	busy           chan bool     // is closed when that is published

	*archived // nil: the files come as they are
}

// rest is how much is still to be brought.
func (d *directory) rest() int { return len(d.folders) + len(d.small) + len(d.single) + d.open }

// brought reports that all of a directory came that was wanted, or is told of
// by receipts of its own.
func (j *job) brought() bool {
	return j.directory != nil && j.archived == nil && j.done && j.err == nil && j.rest() == j.open
}

// bring lists a directory and what is below it, and brings its small files. It
// returns when the others are left, which are jobs of their own.
func (r *run) bring(ctx context.Context, j *job) (err error) {
	for err == nil && len(j.small)+len(j.folders) > 0 {
		if len(j.small) > 0 {
			err = r.sweep(ctx, j)
		} else if err = r.listFolder(ctx, j); j.before != nil && j.left == 0 && j.rest() == len(j.small)+len(j.single) && j.before.Identity.Validator == hexOf(j.listing.Sum(nil)) {
			// All is as it was when an earlier run published the archive, which
			// had nothing to miss.
			j.unchanged, j.small, j.single = true, nil, nil
			if r.leftovers(j); j.cur.part != nil {
				err = j.discard(j.cur)
			}
			return err
		}
	}
	if r.endBatch(j); err != nil {
		return err
	}
	if j.archived == nil && j.left == 0 {
		r.leftovers(j)
	}
	return j.verdict()
}

// verdict is what there is to say of a directory that was listed; of an archive
// the receipt has it.
func (d *directory) verdict() error {
	f := &peer.Fault{Class: "listing", Final: true}
	switch {
	case d.archived != nil:
		return nil
	case d.left > 0:
		f.Text = itoa(d.left) + " entries of this directory were left out: too many, or in directories that could not be listed"
	case d.clashes > 0:
		f.Text = itoa(d.clashes) + " files of this directory have names that are taken, or that cannot stand in /outbox"
	case d.listed == 0:
		f.Text = "no regular files in this directory"
	default:
		return nil
	}
	return f
}

// listFolder lists the next directory and sorts what is in it.
func (r *run) listFolder(ctx context.Context, j *job) error {
	d, f := j.directory, j.folders[0]
	var items []*item
	over, most := int64(0), int64(maxApart)
	if d.archived != nil {
		most = maxMembers
	}
	seen := map[string]bool{}
	err := r.list(ctx, j, r.target(j, f.Name), func(i *item) {
		switch {
		case seen[i.Name], d.archived == nil && i.Type != "file" && i.Type != "directory":
		case d.listed+int64(len(items)) >= most, len(d.folders) > maxMembers:
			over++
		default:
			seen[i.Name] = true
			i.Name = f.Name + i.Name
			items = append(items, i)
		}
	})
	if err != nil && (ctx.Err() != nil || f.Name == "") {
		return err
	}
	d.folders = d.folders[1:]
	if err != nil { // not the only one: the others come first
		if f.tries++; f.tries < maxTries && !peer.AsFault(err).Final {
			d.folders = append(d.folders, f)
			return err
		}
		if r.trouble(Refused, j.Path.Path+f.Name, err); d.archived != nil {
			f.Reason = err.Error()
			d.others = append(d.others, f)
		}
		d.left++
		return nil
	}
	d.left += over
	for _, i := range items {
		if i.Type == "file" || d.archived != nil {
			if err := r.sort(ctx, j, i); err != nil {
				return err
			}
		}
		if i.Type == "directory" && strings.Count(i.Name, "/")+1 < r.f.Depth {
			d.folders = append(d.folders, &item{Listed: outbox.Listed{Name: i.Name + "/"}})
		}
	}
	r.f.Events(Event{Kind: Listed, Path: j.Path.Path + f.Name, Done: d.listed})
	return nil
}

// sort decides how an entry is brought.
func (r *run) sort(ctx context.Context, j *job, i *item) error {
	d := j.directory
	name, fits := j.nameOf(i.Name), true
	switch {
	case d.archived != nil:
		d.listed++
		if done, err := r.enter(ctx, j, i); done {
			if r.stage.Left(name) {
				r.stage.Target(name, "") // a power cut brought back what it was made of: that goes
			}
			return err
		}
		if fits = i.Size <= 0 || r.fits(j, j.awaited, i); fits && i.Size <= outbox.MaxBatched {
			j.awaited += i.Size + archive.Padding(i.Size) + archive.BlockSize
		}
	case r.names.Add(name) != nil:
		d.clashes++
		return nil
	default:
		d.listed++
	}
	if !fits || i.Size > outbox.MaxBatched || r.f.Tail > 0 || d.unswept || d.archived == nil && r.stage.Left(name) {
		d.single = append(d.single, i)
	} else {
		d.small = append(d.small, i)
	}
	return nil
}

// leftovers deals with what earlier runs left on the stage of files that no
// listing has any more: as much of each as is here comes. Of an archive's
// members, once it is whole, all goes.
func (r *run) leftovers(j *job) {
	for name, source := range r.stage.Sources() {
		i, ok := &item{}, false
		i.Name, ok = strings.CutPrefix(source, j.Path.Path)
		if r.f.Tail > 0 && ok {
			i.Name, ok = strings.CutSuffix(i.Name, "?tail")
		}
		if !ok || j.nameOf(i.Name) != name {
			continue
		}
		switch n := strings.Count(i.Name, "/"); {
		case j.archived != nil:
			r.stage.Target(name, "")
		case n > 0 && n >= r.f.Depth || r.names.Add(name) != nil:
		default:
			n := r.child(j, i)
			if r.open(n); n.cur.part == nil && len(n.previous) == 0 {
				r.jobs = r.jobs[:len(r.jobs)-1] // all there was to do is its receipt
			}
			n.done, n.err = true, errUnlisted
			n.cur.limit, n.cur.id.Sealed = n.cur.held, true // that comes, once
		}
	}
}

// nameOf is the NAME of a file of the directory, or of a member of the archive
// one that no file has: on the stage alone.
func (j *job) nameOf(name string) string {
	if j.Archive() {
		return "." + outbox.EscapeName("_" + j.Name + "/" + name)[1:]
	}
	if j.Name != "" {
		name = j.Name + "_" + name
	}
	return outbox.EscapeName(name)
}

// target is the URL path of something in the directory.
func (r *run) target(j *job, name string) string {
	return string(http1.AppendEscaped([]byte(j.target), name))
}

// child is the job of a file of the directory.
func (r *run) child(j *job, i *item) *job {
	n := r.job(Path{j.Path.Path + i.Name, j.nameOf(i.Name)})
	n.from, n.item = j, i
	r.jobs = append(r.jobs, n)
	return n
}

// spawn makes a job of the next file that needs one; nil if there is none.
func (r *run) spawn() *job {
	for _, j := range r.jobs {
		for d := j.directory; d != nil && len(d.single) > 0 && d.open < maxOpen; {
			i := d.single[0]
			if d.single = d.single[1:]; d.archived != nil && !r.fits(j, j.cur.held, i) {
				j.miss(i, errCapped.Text)
				continue
			}
			d.open++
			n := r.child(j, i)
			if r.open(n); !n.done {
				return n
			}
			r.childDone(n) // the disk has failed
		}
	}
	return nil
}

// childDone takes note that a file of a directory needs nothing more.
func (r *run) childDone(j *job) {
	p := j.from
	if p == nil {
		return
	}
	p.open--
	if p.archived == nil {
		return
	}
	p.tally.Attempts += j.tally.Attempts
	p.tally.Received += j.tally.Received
	if j.err != nil {
		p.miss(j.item, j.err.Error())
		if isDisk(j.err) { // not the server's, so another run can have it
			p.err = j.err
		}
	}
}

// member reports that j is a file that goes into an archive.
func (j *job) member() bool { return j.from != nil && j.from.archived != nil }

// cameReason is what came of a directory.
func (r *run) cameReason(j *job) string {
	n := int64(0)
	for _, o := range r.jobs {
		if o.from == j && (o.published != nil && !o.partial || o.unchanged) {
			n++
		}
	}
	return itoa(n) + " of " + itoa(j.listed) + " files came, each with a receipt of its own"
}

// baseOf is the last part of a directory's path.
func baseOf(path string) string {
	s := strings.TrimRight(path, "/")
	if s = s[strings.LastIndexByte(s, '/')+1:]; s == "" || s == "." || s == ".." {
		return "root"
	}
	return s
}
