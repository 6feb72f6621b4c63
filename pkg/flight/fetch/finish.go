package fetch

import (
	"context"
	"errors"
	"time"

	"payload-ipc/pkg/flight/outbox"
)

// maxSealed is how many older generations are published beside a file; one
// that changes all the time must not fill the downlink.
const maxSealed = 3

// deliver publishes a file that has come to its end.
func (r *run) deliver(ctx context.Context, j *job, g *generation) error {
	j.told, j.token = g.told, g.token()
	if g.done() && j.member() {
		j.item.Verified = g.verified()
		err := r.append(ctx, j.from, j.item, g.part, g.part.Proven())
		if err != nil || g.part.Durable() > 0 && j.from.cur.part.Flush() != nil { // then a power cut leaves of it what is here
			return err
		}
		return j.discard(g)
	}
	if !g.done() { // --max-bytes
		g.salvage()
		g.keep()
		j.err = errCapped
		return nil
	}
	g.id.Complete = true
	g.keep()
	j.verified = g.verified()
	p, err := g.part.Publish(context.WithoutCancel(ctx))
	if p.Name != "" { // whatever went wrong behind it: it has its name
		j.published = &p
		r.published(j, &p, j.told)
	}
	return err
}

// finish publishes what can be, then the receipts, which say how it ended.
func (r *run) finish(ctx context.Context, cut bool) {
	if r.f.Window.Ends() {
		// A copy that takes too long must leave time for the receipt.
		last := min(r.f.Window.UntilEnd(), max(r.f.Reserve, r.left()+r.f.Reserve)) - margin
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, last-2*r.stage.Cost())
		defer cancel()
	}
	for _, j := range r.jobs {
		if j.directory != nil && j.archived != nil {
			r.finishArchive(ctx, j)
		} else if j.member() {
			for _, g := range append(j.previous, j.cur) {
				if g.part != nil {
					g.part.Close() // the next run goes on with it
				}
			}
		} else {
			r.salvage(ctx, j)
		}
	}
	exit := r.sign(r.exit(), cut)
	if exit == Complete && (r.result.Files > 1 || r.result.Reason == "") {
		r.result.Reason = "complete: " + itoa(int64(r.result.Files)) + " files"
	}
	if !r.f.Window.Ends() || r.f.Window.UntilEnd() > margin+2*r.stage.Cost() {
		r.stage.Tidy()
	}
	if err := r.stage.Close(); err != nil && exit == Complete {
		exit = Local
	}
	r.result.Exit, r.result.Received, r.result.Attempts = exit, r.peer.Received(), r.peer.Attempts()
}

// sign publishes all receipts, and returns the exit code that this leaves.
func (r *run) sign(exit int, cut bool) int {
	var slips []*outbox.Slip
	var of []*job
	var reasons []string
	for _, j := range r.jobs {
		if j.member() || j.brought() || j.out == nil && j.from == nil && !j.dir() {
			continue
		}
		rec, label := r.receipt(j, exit, cut), j.Label()
		if j.out == nil && j.from == nil && r.names[label] {
			label = outbox.EscapeName(baseOf(j.Path.Path) + "/") // a file in it is called as the directory is
		}
		p := outbox.NewSlip(label, rec)
		if j.out != nil {
			p = j.out.Slip(rec)
		}
		slips, of, reasons = append(slips, p), append(of, j), append(reasons, rec.Reason)
	}
	if r.stage.Sign(slips) {
		r.stage.EndBatches()
	}
	for k, p := range slips {
		e := Event{Kind: Receipted, Path: of[k].Path.Path, Name: of[k].Label(), Status: exit, Err: p.Err}
		if p.Err != nil {
			exit, r.result.Reason = Local, p.Err.Error()
			e.Kind, e.Name = DiskError, ""
		} else {
			e.Err = errors.New(reasons[k])
		}
		r.f.Events(e)
	}
	return exit
}

// salvage publishes what j has that is not yet.
func (r *run) salvage(ctx context.Context, j *job) {
	n := 1
	if g := j.cur; g.part != nil && j.published == nil {
		if !g.confirmedThisRun() && g.done() && !isDisk(j.err) {
			// An earlier run had it all, and could only not publish it.
			if err := r.deliver(ctx, j, g); err != nil {
				j.err = err
			}
		}
		if j.published == nil && r.confirmNow(ctx, j, g) {
			// The last byte is held: as many as were told.
			g.unconfirmed = !g.reread
			g.accept()
			if err := g.keep(); err == nil && g.done() {
				err = r.deliver(ctx, j, g)
				j.err = err
			}
		}
		if j.published == nil {
			g.salvage()
			g.keep()
			if g.confirmedThisRun() || j.told < 0 {
				j.told, j.token = g.told, g.token()
			}
			j.verified = g.verified()
			if p := r.part(ctx, j, g, n); p != nil {
				j.published, j.partial = p, true
				n++
			}
		}
	}
	for i := len(j.previous) - 1; i >= 0; i-- {
		g := j.previous[i]
		if len(j.sealed) == maxSealed {
			g.part.Discard()
			continue
		}
		if !g.id.Sealed {
			// Complete, and gone from the peer: published once, not each window.
			g.id.Sealed = g.done()
			g.salvage()
			g.keep()
		}
		if r.room(nil) < g.part.Proven() {
			g.part.Close()
			continue
		}
		if p := r.part(ctx, j, g, n); p != nil {
			j.sealed = append(j.sealed, *p)
			n++
		}
	}
}

// confirmNow tries, for a moment, to prove what has come without a digest. It
// reports whether that is all of the file, and nothing speaks against it.
func (r *run) confirmNow(ctx context.Context, j *job, g *generation) bool {
	if !g.confirmedThisRun() || len(g.pieces) > 0 || g.refuted || g.rotatedPath != "" {
		return false
	}
	all := g.id.Total >= 0 && g.held >= g.id.Total && g.held > g.id.Base
	if !r.peer.Heard() || g.held == g.proven || r.f.NoSalvage {
		return all
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(min(400*time.Millisecond, r.f.Reserve/4), cancel).Stop()
	begin, end := g.ends()
	err := r.again(ctx, j, g, begin, end)
	if g.reread = err == nil; g.reread {
		g.prove(g.held)
		g.keep()
	}
	r.peer.Drop()
	return all && err != errChanged
}

// part publishes g as NAME.part, or keeps it on the stage.
func (r *run) part(ctx context.Context, j *job, g *generation, n int) *outbox.Published {
	if r.f.NoSalvage || g.proven == g.id.Base {
		j.kept = max(j.kept, g.part.Proven())
		if err := g.part.Close(); err != nil && j.err == nil {
			j.err = err
		}
		return nil
	}
	p, err := g.part.PublishPart(ctx, n)
	if err != nil {
		j.err = err
		r.diskError(j, err)
	}
	if p.Name == "" {
		j.kept = max(j.kept, g.part.Proven())
		g.part.Close()
		return nil
	}
	r.published(j, &p, g.told)
	return &p
}

// exit sums up the jobs (docs/contract.md, "sabertooth-fetch").
func (r *run) exit() int {
	exit, some := Complete, false
	for _, j := range r.jobs {
		if j.member() {
			continue
		}
		some = some || j.published != nil || len(j.sealed) > 0
		r.result.Parts += len(j.sealed)
		switch {
		case isDisk(j.err) && j.published == nil:
			exit = Local
			r.result.Failed++
		case j.brought(), j.unchanged:
		case j.published == nil:
			r.result.Failed++
		case j.partial:
			r.result.Parts++
		default:
			r.result.Files++
		}
		if isDisk(j.err) {
			exit = Local
		}
		if j.published != nil {
			r.result.Bytes += j.published.Size
		}
		if exit == Complete && (j.published == nil || j.partial || j.directory != nil && j.archived != nil && j.counts.Missing+j.counts.LeftOut > 0) && !j.unchanged && !j.brought() {
			exit = Partial
		}
	}
	if exit == Partial && !some {
		exit = Nothing
	}
	return exit
}

// unstaged is a run that has no stage to work on.
func (r *run) unstaged(err error) {
	r.result = Result{Exit: Local, Failed: len(r.jobs), Reason: err.Error()}
	if errors.Is(err, outbox.ErrLocked) && !errors.Is(err, outbox.ErrOtherOutbox) {
		return // the other instance writes the receipts
	}
	for _, j := range r.jobs {
		r.diskError(j, err)
		j.err = err
		if err := outbox.PublishReceipt(r.config(), j.Label(), r.receipt(j, Local, false)); err != nil {
			r.diskError(j, err)
		}
	}
}
