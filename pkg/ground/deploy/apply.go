package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// ErrInterrupted: the user stopped it, and it was rolled back.
var ErrInterrupted = errors.New("interrupted")

// Outcome is what came of a plan's actions.
type Outcome struct {
	Passes   []plan.Pass // as planned, with the ids of what is scheduled now
	Sent     []Sent
	Warnings []string // found while it was carried out
	Err      error    // with what it left behind; *Orphaned if a window may stay
}

// Sent is an upload that this run took up. It stays, whatever fails later.
type Sent struct {
	plan.Upload
	ID    string
	Maybe bool // nobody knows whether it was taken
}

// Scheduled reports whether all windows of all passes are.
func (o Outcome) Scheduled() bool {
	return !slices.ContainsFunc(o.Passes, func(p plan.Pass) bool { return !p.Scheduled() })
}

// application is one Apply.
type application struct {
	*Ground
	plan     *plan.Plan
	out      Outcome
	made     []made // windows that this run scheduled, in their order
	sending  atomic.Bool
	doubtful bool
}

// made is a window that this run scheduled.
type made struct {
	pass, half int
	asked      tasking.WindowRequest
	id         string
}

// Apply carries out p's actions: uploads first, then for each pass both windows
// or none. An interruption, once it was told of, is always obeyed: what this run
// scheduled is rolled back.
func (g *Ground) Apply(ctx context.Context, p *plan.Plan) Outcome {
	a := &application{Ground: g, plan: p, out: Outcome{Passes: slices.Clone(p.Passes)}}
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		if a.sending.Load() {
			g.tell(p.Satellite, "interrupted: stopping the upload; what the API has taken stays (once more to leave at once)")
			return
		}
		g.tell(p.Satellite, "interrupted: waiting for the answer that is due, then rolling back (once more to leave at once)")
	})
	err := a.run(ctx)
	if !stop() {
		<-told
		switch {
		case err == nil:
			err = ErrInterrupted
		case !errors.Is(err, ErrInterrupted):
			err = fmt.Errorf("%w (%w)", ErrInterrupted, err)
		}
	}
	if err != nil {
		a.out.Err = a.fail(err)
	}
	return a.out
}

// run does the actions in their order, and after each pass looks whether it is
// there once.
func (a *application) run(ctx context.Context) error {
	actions := a.plan.Actions()
	for i, action := range actions {
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		switch x := action.(type) {
		case plan.Send:
			if err := a.send(ctx, x.Upload); err != nil {
				return err
			}
		case plan.Remove:
			if err := a.remove(ctx, x.ID); err != nil {
				return err
			}
		case plan.Schedule:
			doubtful, err := a.schedule(ctx, x)
			if err != nil {
				return err
			}
			last := true
			if i+1 < len(actions) {
				next, ok := actions[i+1].(plan.Schedule)
				last = !ok || next.Pass != x.Pass
			}
			if last {
				if err := a.verify(ctx, x.Pass, doubtful); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// interrupted is err, and says so if the user was the cause.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ErrInterrupted
	}
	if ctx.Err() != nil && !errors.Is(err, ErrInterrupted) {
		return fmt.Errorf("%w (%w)", ErrInterrupted, err)
	}
	return err
}

func (a *application) remove(ctx context.Context, id string) error {
	a.tell(a.plan.Satellite, "removing window %s, which an earlier run left alone", id)
	if err := a.API.DeleteWindow(ctx, id); err != nil {
		return &Orphaned{a.plan.Satellite, interrupted(ctx, err), []string{"window " + id + " is scheduled alone"}, []string{a.cancelCommand(a.plan.Satellite, "--window "+id)}}
	}
	return nil
}

func (a *application) request(w plan.Window) tasking.WindowRequest {
	return tasking.WindowRequest{
		Type: w.Type, Satellite: a.plan.Satellite, Start: w.Start, Duration: w.Duration,
		Executable: w.Executable, Args: w.Args, DownlinkBudget: a.plan.Spec.DownlinkBudget,
	}
}

// schedule makes one window. doubtful: it, or an earlier one of the same pass,
// may be there twice.
func (a *application) schedule(ctx context.Context, x plan.Schedule) (doubtful bool, err error) {
	m := made{x.Pass, x.Half, a.request(x.Window), ""}
	c, err := a.API.CreateWindow(ctx, a.hold(ctx), m.asked)
	if err != nil {
		if tasking.IsLost(err) {
			a.made = append(a.made, m) // it may be there, without an id
		}
		return false, interrupted(ctx, err)
	}
	m.id = c.ID
	a.made = append(a.made, m)
	pass := &a.out.Passes[x.Pass]
	pass.Windows[x.Half].ID = c.ID
	a.tell(a.plan.Satellite, "scheduled %s at %s, id %s", x.Window.Type, plan.Stamp(x.Window.Start), c.ID)
	a.doubtful = a.doubtful || c.Doubtful
	return a.doubtful, nil
}

func uploadRequest(p *plan.Plan, u plan.Upload) tasking.UploadRequest {
	return tasking.UploadRequest{
		Satellite: p.Satellite, Payload: u.Payload, Destination: u.Destination,
		Executable: true, ITAR: p.Spec.ITAR, File: u.File, Size: u.Size,
	}
}

// send takes one artifact up.
func (a *application) send(ctx context.Context, u plan.Upload) error {
	a.sending.Store(true)
	defer a.sending.Store(false)
	sat := a.plan.Satellite
	a.tell(sat, "sending %s, %s bytes", u.Program, plan.Grouped(u.Size))
	var moved atomic.Int64
	r := uploadRequest(a.plan, u)
	c, err := a.API.Upload(ctx, r, func(n int64) {
		moved.Store(n)
		if a.Tell != nil {
			a.Tell(Event{Satellite: sat, What: u.Program, Moved: n, Total: u.Size})
		}
	})
	if err == nil {
		u.Status = "PENDING"
		a.out.Sent = append(a.out.Sent, Sent{Upload: u, ID: c.ID})
		a.tell(sat, "sent %s, upload %s", u.Program, c.ID)
		return nil
	}
	if tasking.IsLost(err) && moved.Load() >= u.Size {
		// All of it was on its way: the listing knows what became of it.
		s := Sent{Upload: u, Maybe: true}
		if id := a.uploaded(ctx, r); id != "" {
			s.ID, s.Maybe = id, false
		}
		a.out.Sent = append(a.out.Sent, s)
	}
	return interrupted(ctx, err)
}

// uploaded finds an upload whose answer was lost, as long as the user waits.
func (a *application) uploaded(ctx context.Context, r tasking.UploadRequest) (id string) {
	ctx, cancel := context.WithTimeout(a.hold(ctx), a.API.ListingLag())
	defer cancel()
	for {
		have, err := a.API.Uploads(ctx)
		for _, u := range have {
			if u.Same(r) {
				return u.ID
			}
		}
		if err != nil || tasking.Pause(ctx, a.API.ListingLag()/15) != nil {
			return ""
		}
	}
}

// stays says which uploads an end without windows leaves, with what they cost.
func (a *application) stays() string {
	var out []string
	for _, s := range a.out.Sent {
		how := fmt.Sprintf("the upload of %s (%s) stays", s.Program, s.Cost(a.plan.Rate))
		if s.Maybe {
			how = fmt.Sprintf("the upload of %s (%s) may have been taken, and then stays", s.Program, s.Cost(a.plan.Rate))
		}
		out = append(out, how)
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, ", ") + ": no call takes it back, and the next deploy uses it"
}
