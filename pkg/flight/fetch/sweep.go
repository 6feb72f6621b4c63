package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// maxSwept is how many files are asked for before the first of them is there.
const maxSwept = 16

// sweep brings the small files of a directory, asked for one behind the other
// on one connection, while those that came before become durable. What is not
// whole and proven by one answer is left to a job of its own. It returns when
// there is no more to ask for, or the connection ends.
func (r *run) sweep(ctx context.Context, j *job) error {
	d := j.directory
	a, err := r.peer.Ask(ctx, &j.tally, r.small(j, 0))
	if err != nil {
		return d.failed(err)
	}
	in := r.peer.Read(ctx, &j.tally, a)
	in.Probes, in.Quiet = true, func() {
		if d.batch != nil {
			r.publishBatch(j) // what waits for more is no safer for it
		}
	}
	asked := 1 // of d.small; the first of them is what comes
	defer func() { in.Done(asked) }()
	body, more := make([]byte, 0, outbox.MaxBatched), true
	for {
		for more && !a.Close && asked < min(maxSwept, len(d.small)) {
			if more = in.Send(r.small(j, asked)) == nil; more { // else what was asked for before may still come
				asked++
			}
		}
		b := in.Next()
		switch {
		case b.Err != nil:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return d.failed(b.Err)
		case b.Head != nil:
			a, body = b.Head, body[:0]
			a.Request = r.small(j, 0)
		case b.End:
			i := d.small[0]
			d.small, asked = d.small[1:], asked-1
			if err := r.swept(ctx, j, i, a, body); err != nil || asked == 0 || a.Close || len(d.small) == 0 {
				return err
			}
		default: // of what is too long, not all
			body = append(body, b.Bytes[:min(len(b.Bytes), cap(body)-len(body))]...)
		}
	}
}

func (r *run) small(j *job, n int) peer.Request {
	return peer.Request{Target: r.target(j, j.directory.small[n].Name), Last: outbox.MaxBatched - 1, Digest: true}
}

// failed counts an attempt against the file that it ended at: one that always
// ends the connection must not keep the others.
func (d *directory) failed(err error) error {
	i := d.small[0]
	if i.tries++; i.tries == maxTries {
		d.single, d.small = append(d.single, i), d.small[1:]
	}
	return peer.AsFault(err)
}

// swept takes a file that came with one answer.
func (r *run) swept(ctx context.Context, j *job, i *item, a *peer.Answer, body []byte) error {
	d := j.directory
	h := headOf(a, r.f.Window.Now())
	r.ranges = r.ranges || a.Status == 206
	whole := h.fault == nil && !h.doubt && !h.generated && h.start == 0 && h.extent.end == h.total && h.total == int64(len(body))
	empty := h.total == 0 && i.Size == 0 // also when it was listed
	if whole && !empty && !h.digested {
		// The server tells none: then of all the others neither.
		d.unswept = true
		d.single, d.small = append(d.single, d.small...), nil
	}
	if !whole || !empty && (!h.digested || h.total == 0 || sha256.Sum256(body) != h.digest) || h.total > r.room(j) {
		d.single = append(d.single, i)
		return nil
	}
	r.peer.Progress()
	verified := outbox.VerifiedDigest
	if empty {
		verified = outbox.VerifiedLength
	}
	if d.archived != nil {
		i.Verified = verified
		err := r.append(ctx, j, i, bytes.NewReader(body), h.total)
		if err != nil {
			d.single = append(d.single, i)
		}
		return err
	}
	n := r.child(j, i)
	n.done, n.verified, n.told, n.server = true, verified, h.total, j.server
	n.tally.Attempts, n.tally.Received = 1, h.total
	n.published = &outbox.Published{Size: h.total}
	e := &outbox.Small{Name: n.Name, Source: n.Path.Path, Data: append([]byte(nil), body...)}
	e.Snapshot, e.Validator, e.Verified = h.snapshot, h.validator, verified
	n.token = tokenOf(e.Identity)
	if d.batch == nil {
		d.batch = r.stage.NewBatch()
	}
	d.batch.Add(e)
	if d.jobs = append(d.jobs, n); d.batch.Full() {
		r.publishBatch(j)
	}
	if r.publishing() > r.left() { // what is not published yet needs the time
		r.stop()
	}
	return ctx.Err()
}

// publishBatch begins to publish the batch that is being filled, once the one
// before it is: so the disk has always one to do, and never two.
func (r *run) publishBatch(j *job) {
	r.awaitBatch(j)
	b, busy := j.batch, make(chan bool)
	j.sent, j.sentJobs, j.busy = b, j.jobs, busy
	j.batch, j.jobs = nil, nil
	go func() {
		b.Publish()
		close(busy)
	}()
}

// awaitBatch waits for the batch that is being published.
func (r *run) awaitBatch(j *job) {
	if j.busy == nil {
		return
	}
	began := r.f.Window.Mono()
	<-j.busy
	r.waited += r.f.Window.Mono().Sub(began)
	j.busy = nil
	for k, n := range j.sentJobs {
		e := j.sent.Files[k]
		if n.published, n.err = nil, e.Err; e.Published.Name != "" {
			n.published = &e.Published
		}
	}
}

// endBatch publishes what came, and waits for it.
func (r *run) endBatch(j *job) {
	if j.batch != nil {
		r.publishBatch(j)
	}
	r.awaitBatch(j)
}
