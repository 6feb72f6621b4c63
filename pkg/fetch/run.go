package fetch

import (
	"context"
	"errors"
	"math"
	"time"

	"payload-ipc/pkg/http1"
	"payload-ipc/pkg/outbox"
)

// A job is one path on its way into the outbox.
type job struct {
	Path
	target string // escaped, after redirects
	server string // as the peer names itself
	stats  stats

	out  *outbox.Target
	cur  *generation   // what the path means now; nil if nothing is held of it
	olds []*generation // what it meant before

	done    bool // nothing more is to be tried
	failing bool // the last attempt brought nothing
	turn    int  // when it was last tried
	after   time.Duration
	changes int
	most    int64 // the furthest that was reached
	gone    int
	once    bool // the next request goes without Range
	whole   bool // all of them do
	rebuilt bool

	err       error             // why it is done, if it is not complete
	published *outbox.Published // of cur
	partial   bool
	sealed    []outbox.Published
	verified  outbox.Verified
	told      int64
	token     string
}

func (j *job) dir() bool { return j.Path.Path[len(j.Path.Path)-1] == '/' }

// reach is how far the present generation has come.
func (j *job) reach() int64 {
	if j.cur == nil {
		return 0
	}
	return j.cur.part.Held()
}

func (j *job) clean(q query) query {
	if j.once || j.whole {
		j.once = false
		return q.whole()
	}
	return q
}

// A run is one Fetcher at work. All but the flows happens in one goroutine.
type run struct {
	f       *Fetcher
	s       *session
	stage   *outbox.Stage
	jobs    []*job
	started time.Time
	size    int64 // of the next pieces
	scratch []byte
	turns   int
	tired   bool // the connection failed, not only what was asked for
	stop    context.CancelFunc
	pulsed  time.Time
	speed   speed
	result  Result
}

func newRun(f *Fetcher) *run {
	r := &run{f: f, size: min(firstPiece, f.Piece), scratch: make([]byte, 16<<10), started: f.Window.Now()}
	r.s = newSession(f, r.left)
	for _, p := range f.Paths {
		r.jobs = append(r.jobs, newJob(p))
	}
	return r
}

func newJob(p Path) *job {
	return &job{Path: p, target: string(http1.AppendEscaped(nil, p.Path)), told: -1}
}

// left is the time until work must turn to publishing.
func (r *run) left() time.Duration {
	if !r.f.Window.Ends() {
		return math.MaxInt64
	}
	return r.f.Window.Left() - r.f.Reserve
}

func (r *run) run(ctx context.Context) {
	stage, err := outbox.Open(r.config())
	if err != nil {
		r.unstaged(err)
		return
	}
	r.stage = stage
	for _, j := range r.jobs {
		r.open(j)
	}
	work, cancel := r.f.Window.Context(ctx, r.f.Reserve)
	r.stop = cancel
	r.work(work)
	r.s.drop()
	r.f.Events(Event{Kind: Ending})
	// Publishing is not stopped by a signal, which is when it is needed most.
	r.finish(context.WithoutCancel(ctx), ctx.Err() != nil || work.Err() != nil)
	cancel()
}

func (r *run) config() outbox.Config {
	return outbox.Config{Stage: r.f.Stage, Outbox: r.f.Outbox, Piece: r.f.Piece, Now: r.f.Window.Mono, FS: r.f.FS}
}

// open finds what earlier runs left of a file.
func (r *run) open(j *job) {
	if j.dir() {
		return
	}
	source := j.Path.Path
	if r.f.Tail > 0 {
		source += "?tail" // begins elsewhere: another file
	}
	if j.out, j.err = r.stage.Target(j.Name, source); j.err != nil {
		j.done = true
		r.f.Events(Event{Kind: DiskError, Path: j.Path.Path, Err: j.err})
		return
	}
	for _, p := range j.out.Parts() {
		id := p.Identity()
		g := &generation{part: p, id: id, told: id.Total, weak: id.Verified != outbox.VerifiedDigest, next: id.Base + p.Held()}
		g.limit = max(unlimited, 0)
		if j.cur != nil {
			j.olds = append(j.olds, j.cur)
			j.cur = nil
		}
		if id.Sealed {
			j.olds = append(j.olds, g)
		} else {
			j.cur = g
		}
	}
	if j.cur != nil {
		j.cur.limit = j.cur.id.Base + r.room(j)
	}
}

// generation begins a new one.
func (r *run) generation(j *job, id outbox.Identity) (*generation, error) {
	id.Verified = outbox.VerifiedDigest
	p, err := j.out.New(id)
	if err != nil {
		return nil, err
	}
	g := &generation{part: p, id: id, next: id.Base, limit: id.Base + r.room(j)}
	j.cur = g
	return g, nil
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
		case o != j && o.cur != nil && o.cur.id.Total >= 0:
			n -= o.cur.end() - o.cur.id.Base
		case o != j && o.cur != nil:
			n -= o.cur.part.Held()
		}
	}
	return max(n, 0)
}

func (r *run) work(ctx context.Context) {
	for ctx.Err() == nil {
		j := r.pick()
		if j == nil {
			break
		}
		if j.failing || r.tired {
			r.s.pause(ctx, j.Path.Path, j.after)
			r.tired, r.speed.since = false, time.Time{}
			if ctx.Err() != nil {
				return
			}
		}
		r.turns++
		j.turn = r.turns
		r.s.stats = &j.stats
		err := r.advance(ctx, j)
		if ctx.Err() != nil {
			return
		}
		r.judge(j, err)
	}
	for _, j := range r.jobs {
		r.s.stats = &j.stats
		if j.published != nil {
			r.finishOlds(ctx, j)
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
	return next
}

// advance brings j on until it is published or something fails.
func (r *run) advance(ctx context.Context, j *job) error {
	if j.dir() {
		return r.list(ctx, j)
	}
	for idle := 0; ; {
		g := j.cur
		if g != nil && g.mine && (g.complete() || g.capped()) {
			return r.deliver(ctx, j, g)
		}
		var held, proven int64
		if g != nil {
			held, proven = g.held(), g.proven()
		}
		err := r.step(ctx, j, g)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		moved := j.cur != g || g != nil && (g.held() != held || g.proven() != proven)
		if errors.Is(err, outbox.ErrDead) {
			err = r.rebuild(j, g)
		} else if err != nil {
			err = r.trouble(j, g, err)
		}
		// Bytes that came before, in another generation, are no progress: a
		// file that changes all the time must not be asked for all the time.
		if h := j.reach(); h > j.most {
			j.most = h
			r.s.backoff.Reset()
		}
		if err != nil {
			return err
		}
		// Never round and round with a peer that says nothing new.
		if idle++; moved {
			idle = 0
		}
		if idle > 3 {
			return protocol("the answers bring nothing new")
		}
	}
}

// trouble turns what went wrong in a step into a new state, or into a fault
// that ends this turn.
func (r *run) trouble(j *job, g *generation, err error) error {
	if isDisk(err) {
		return err
	}
	f := network(err, false)
	lost := f.status == 404 || f.status == 410
	switch {
	case f == errPlace && !j.once && g == nil, f == errPlace && g != nil && g.via == "" && j.gone == 0:
		// One clean try without Range, at once.
		r.s.blame(j.Path.Path, nil, f)
		j.gone++
		j.once = true
		return nil
	case g == nil:
	case g.via != "" && (f.status >= 400 && f.status < 500 || f == errPlace || f == errChanged):
		r.s.blame(j.Path.Path, nil, f)
		return r.changedAgain(j, r.seal(j, g))
	case f == errChanged:
		r.s.blame(j.Path.Path, nil, f)
		return r.changedAgain(j, r.changed(j, g))
	case lost && g.id.Snapshot != "" && g.mine:
		// Not in the middle of a rename, if it is so twice: gone for good.
		if g.gone++; g.gone > 1 {
			r.s.blame(j.Path.Path, nil, f)
			return r.changedAgain(j, r.changed(j, g))
		}
	case f.final && f.status >= 400 && g.id.Snapshot != "" && g.mine:
		g.unpiece()
		g.id.Snapshot = "" // go on without
		return nil
	}
	j.gone = 0
	return f
}

// changedAgain makes a file that keeps changing wait.
func (r *run) changedAgain(j *job, err error) error {
	if err == nil && j.changes > 1 && j.cur == nil {
		return errCounted
	}
	return err
}

// errCounted is a fault that was told and counted before.
var errCounted = &fault{class: "changed", text: "the file keeps changing on the peer"}

// judge decides what becomes of j after a turn.
func (r *run) judge(j *job, err error) {
	if err == nil {
		j.failing, j.done = false, true
		return
	}
	f := network(err, false)
	switch {
	case isDisk(err):
		j.err, j.done = err, true
		r.f.Events(Event{Kind: DiskError, Path: j.Path.Path, Err: err})
		return
	case f != errCounted && !f.counted:
		r.s.blame(j.Path.Path, nil, f)
	}
	if f.final {
		j.err, j.done = f, true
		r.f.Events(Event{Kind: Refused, Path: j.Path.Path, Err: f})
		return
	}
	j.failing, j.after = true, f.after
	r.tired = f.status == 0 && f != errCounted
}

// rebuild goes on after a sync that failed: the inode is dead, what can be
// read of it and proven is copied to a new one. Once; then the disk is broken.
func (r *run) rebuild(j *job, g *generation) error {
	err := g.part.Err()
	if j.rebuilt {
		return err
	}
	j.rebuilt = true
	r.f.Events(Event{Kind: DiskError, Path: j.Path.Path, Err: err})
	if e := g.part.Rebuild(); e != nil {
		j.cur = nil
		return g.part.Discard()
	}
	g.pieces, g.next = nil, g.held()
	return nil
}

func isDisk(err error) bool {
	_, ok := outbox.KindOf(err)
	return ok
}
