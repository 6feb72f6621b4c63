package fetch

import (
	"context"
	"math"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// A run is one Fetcher at work. All but the flows happens in one goroutine.
type run struct {
	f          *Fetcher
	peer       *peer.Client
	ranges     bool // a range has been had
	gate       *outbox.Gate
	stage      *outbox.Stage
	jobs       []*job
	names      outbox.Names // that are taken
	started    time.Time
	size       int64 // of the next pieces
	scratch    []byte
	turns      int
	connFailed bool // the connection failed, not only what was asked for
	stop       context.CancelFunc
	checked    time.Time // the progress
	empty      time.Time // until then a file that is empty is looked at again
	speed      speed
	waited     time.Duration // for the disk
	result     Result
}

func newRun(f *Fetcher, gate *outbox.Gate) *run {
	r := &run{f: f, names: outbox.Names{}, gate: gate, size: min(firstPiece, f.Piece), scratch: make([]byte, 16<<10), started: f.Window.Now()}
	r.peer = peer.New(peer.Config{From: f.From, Window: f.Window, Left: r.left, Key: f.Key, Dial: f.Dial, Observe: r.observe})
	for _, n := range f.Reserved {
		r.names[n] = true
	}
	for _, p := range f.Paths {
		r.jobs = append(r.jobs, r.job(p))
		if !p.dir() || p.Archive() {
			r.names.Add(p.Label())
		}
	}
	return r
}

// observe tells of what the peer does.
func (r *run) observe(e peer.Event) {
	kind := [...]Kind{peer.Trying: Trying, peer.Answered: Answered, peer.Failed: Failed, peer.Waiting: Waiting}[e.Kind]
	f := Event{Kind: kind, From: e.From, Path: e.Path, Status: e.Status, Wait: e.Wait}
	if e.Fault != nil {
		f.Class, f.Err = e.Fault.Class, e.Fault
	}
	r.f.Events(f)
}

// left is the time until work must turn to publishing.
func (r *run) left() time.Duration {
	if !r.f.Window.Ends() {
		return math.MaxInt64
	}
	return r.f.Window.Remaining() - r.f.Reserve
}

func (r *run) run(ctx context.Context) {
	stage, err := outbox.Open(r.config())
	if err != nil {
		r.unstaged(err)
		return
	}
	r.stage = stage
	work, cancel := r.f.Window.Context(ctx, r.f.Reserve)
	r.stop = cancel
	for _, j := range r.jobs {
		r.open(j)
	}
	over := r.left() <= 0 // before anything was asked
	if !over {
		r.work(work)
	}
	r.peer.Drop()
	r.f.Events(Event{Kind: Ending})
	// Publishing is not stopped by a signal, which is when it is needed most.
	r.finish(context.WithoutCancel(ctx), over || ctx.Err() != nil || work.Err() != nil)
	cancel()
}

func (r *run) config() outbox.Config {
	return outbox.Config{Stage: r.f.Stage, Outbox: r.f.Outbox, Run: r.f.RunID, Piece: r.f.Piece, Now: r.f.Window.Mono, FS: r.f.FS, Gate: r.gate}
}

func (r *run) work(ctx context.Context) {
	for ctx.Err() == nil {
		j := r.pick()
		if j == nil {
			break
		}
		if j.failing || r.connFailed {
			r.peer.Pause(ctx, &j.tally, j.after)
			r.connFailed = false
			if ctx.Err() != nil {
				return
			}
		}
		r.turns++
		j.turn = r.turns
		j.tally.Again = j.failing
		err := r.advance(ctx, j)
		if ctx.Err() != nil {
			return
		}
		if r.conclude(j, err); j.done {
			r.childDone(j)
		}
	}
	for _, j := range r.jobs {
		if j.published != nil {
			r.finishPrevious(ctx, j)
		}
	}
}

// pick chooses what to try next: what has not failed, else what has waited
// longest. So all files share one budget of retries.
func (r *run) pick() *job {
	var next *job
	for _, j := range r.jobs {
		switch {
		case j.done:
		case next == nil, next.failing && !j.failing,
			next.failing && j.failing && j.turn < next.turn:
			next = j
		}
	}
	if next == nil || next.failing {
		if j := r.spawn(); j != nil {
			return j
		}
	}
	return next
}

// advance brings j on until it is done or something fails.
func (r *run) advance(ctx context.Context, j *job) error {
	if j.dir() {
		return r.bring(ctx, j)
	}
	return r.follow(ctx, j)
}

// conclude decides what becomes of j after a turn.
func (r *run) conclude(j *job, err error) {
	if err == nil {
		j.failing, j.done = false, true
		return
	}
	f := peer.AsFault(err)
	switch {
	case isDisk(err):
		j.err, j.done = err, true
		r.diskError(j, err)
		return
	case !f.Counted:
		r.peer.Blame(&j.tally, f)
	}
	if f.Final {
		j.err, j.done = f, true
		r.trouble(Refused, j.Path.Path, f)
		return
	}
	j.failing, j.after = true, f.After
	r.connFailed = f.Status == 0 && f.Class != errEmptyNow.Class && f.Class != errChanged.Class
}

func isDisk(err error) bool {
	_, ok := outbox.KindOf(err)
	return ok
}
