package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// cleanUp is how long taking back may last before its result is told.
const cleanUp = 2 * time.Minute

// ErrInterrupted: the user stopped it, and it was taken back.
var ErrInterrupted = errors.New("interrupted")

// Orphaned is a failure that left something behind: Left says what, Commands
// are the commands that remove it by hand.
type Orphaned struct {
	Satellite string
	Err       error    // what failed first
	Left      []string // sentences
	Commands  []string
}

func (e *Orphaned) Unwrap() error { return e.Err }

func (e *Orphaned) Error() string {
	return fmt.Sprintf("%v; LEFT BEHIND on %s: %s; remove it by hand: %s",
		e.Err, e.Satellite, strings.Join(e.Left, "; "), strings.Join(e.Commands, " ; "))
}

// Carry does what p says is missing: uploads first, then both windows or none.
// It fills in the ids. If it fails, no window of the pair is scheduled, or the
// error is an *Orphaned.
func (g *Ground) Carry(ctx context.Context, p *plan.Plan) error {
	sat := p.Satellite
	if err := g.upload(ctx, p); err != nil {
		if ctx.Err() != nil {
			err = ErrInterrupted
		}
		return fmt.Errorf("%w (no window was scheduled)", err)
	}
	for _, id := range p.Remove {
		g.tell(sat, "removing window %s, which an earlier run left alone", id)
		if err := g.API.DeleteWindow(ctx, id); err != nil {
			if ctx.Err() != nil {
				err = ErrInterrupted
			}
			return &Orphaned{sat, err, []string{"window " + id + " is scheduled alone"}, []string{g.command("cancel", sat+" --window "+id)}}
		}
	}
	if p.Scheduled() {
		return nil
	}
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		g.tell(sat, "interrupted: waiting for the answer that is due, then taking back (once more to leave at once)")
	})
	defer func() {
		if !stop() {
			<-told
		}
	}()
	asked := []tasking.WindowRequest{request(p, p.Windows[0]), request(p, p.Windows[1])}
	for i := range p.Windows {
		w := &p.Windows[i]
		if w.ID != "" {
			continue
		}
		if ctx.Err() != nil {
			return g.takeBack(ctx, p, asked, i-1, ErrInterrupted)
		}
		id, err := g.API.CreateWindow(ctx, g.hold(ctx), asked[i])
		if err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("%w (%w)", ErrInterrupted, err)
			}
			return g.takeBack(ctx, p, asked, i, err)
		}
		w.ID = id
		g.tell(sat, "scheduled %s at %s, id %s", w.Type, plan.Stamp(w.Start), id)
	}
	return g.verify(ctx, p, asked)
}

func request(p *plan.Plan, w plan.Window) tasking.WindowRequest {
	return tasking.WindowRequest{
		Type: w.Type, Satellite: p.Satellite, Start: w.Start, Duration: w.Duration,
		Executable: w.Executable, Args: w.Args, DownlinkBudget: p.Spec.DownlinkBudget,
	}
}

func (g *Ground) upload(ctx context.Context, p *plan.Plan) error {
	for i := range p.Uploads {
		u := &p.Uploads[i]
		if u.Status != "" {
			continue
		}
		g.tell(p.Satellite, "sending %s, %s bytes", u.Program, plan.Grouped(u.Size))
		moved := func(n int64) {
			if g.Tell != nil {
				g.Tell(Event{Satellite: p.Satellite, What: u.Program, Moved: n, Total: u.Size})
			}
		}
		id, err := g.API.Upload(ctx, tasking.UploadRequest{
			Satellite: p.Satellite, Payload: u.Payload, Destination: u.Destination,
			Executable: true, ITAR: p.Spec.ITAR, File: u.File, Size: u.Size,
		}, moved)
		if err != nil {
			return err
		}
		u.Status = "PENDING"
		g.tell(p.Satellite, "sent %s, upload %s", u.Program, id)
	}
	return nil
}

// verify looks once more: a POST that was slow, and was sent a second time, may
// have taken effect twice.
func (g *Ground) verify(ctx context.Context, p *plan.Plan, asked []tasking.WindowRequest) error {
	ctx, cancel := context.WithTimeout(g.hold(ctx), cleanUp)
	defer cancel()
	have, err := g.API.Windows(ctx, p.Satellite)
	if err != nil {
		p.Late = append(p.Late, "both windows are scheduled, but the listing could not be read again: "+err.Error())
		return nil
	}
	for i, r := range asked {
		id := &p.Windows[i].ID
		var same []tasking.Window
		seen := false
		for _, w := range have {
			if w.Is(r) && tasking.Live(w.State) {
				same = append(same, w)
				seen = seen || w.ID == *id
			}
		}
		if !seen && len(same) > 0 { // listed under another id than the POST's
			*id, seen = same[0].ID, true
		}
		for _, w := range same {
			if w.ID == *id {
				p.Windows[i].State = w.State
				continue
			}
			g.tell(p.Satellite, "removing window %s, which is there twice", w.ID)
			if err := g.API.DeleteWindow(ctx, w.ID); err != nil {
				return &Orphaned{p.Satellite, err, []string{"window " + w.ID + " is there twice"}, []string{g.command("cancel", p.Satellite+" --window "+w.ID)}}
			}
		}
		if !seen {
			p.Late = append(p.Late, fmt.Sprintf("the API gave id %s for %s but does not list it (yet); look again with ground status", p.Windows[i].ID, r.Type))
		}
	}
	return nil
}

// takeBack removes what of the pair is there or may be, and says what could not
// be removed. last is the window whose POST was tried last. It is not stopped by
// the interruption that may have caused it.
func (g *Ground) takeBack(ctx context.Context, p *plan.Plan, asked []tasking.WindowRequest, last int, cause error) error {
	ctx, cancel := context.WithTimeout(g.hold(ctx), cleanUp)
	defer cancel()
	known := map[string]bool{}
	for _, w := range p.Windows {
		if w.ID != "" {
			known[w.ID] = true
		}
	}
	if len(known) == 0 && !tasking.IsLost(cause) {
		return fmt.Errorf("%w (no window of the pair is scheduled)", cause)
	}
	g.tell(p.Satellite, "taking back: %v", cause)
	for id := range known {
		// Its result matters less than whether the window is still listed.
		if err := g.API.DeleteWindow(ctx, id); err == nil {
			g.tell(p.Satellite, "removed window %s", id)
		}
	}
	left, err := g.left(ctx, p.Satellite, asked)
	for _, w := range left {
		if !known[w.ID] {
			g.API.DeleteWindow(ctx, w.ID)
		}
	}
	if err == nil && len(left) > 0 {
		left, err = g.left(ctx, p.Satellite, asked)
	}
	if err == nil && len(left) == 0 {
		for i := range p.Windows {
			p.Windows[i].ID = ""
		}
		return fmt.Errorf("%w (no window of the pair is scheduled)", cause)
	}
	o := &Orphaned{Satellite: p.Satellite, Err: cause}
	if err != nil {
		for i, r := range asked {
			id := p.Windows[i].ID
			switch {
			case id != "":
				o.Left = append(o.Left, fmt.Sprintf("window %s (%s at %s) may still be scheduled", id, r.Type, plan.Stamp(r.Start)))
				o.Commands = append(o.Commands, g.command("cancel", p.Satellite+" --window "+id))
			case tasking.IsLost(cause) && i <= last:
				o.Left = append(o.Left, fmt.Sprintf("a %s window at %s may be scheduled, id unknown", r.Type, plan.Stamp(r.Start)))
				o.Commands = append(o.Commands, g.command("cancel", p.Satellite+" --run "+p.Run))
			}
		}
		return o
	}
	for _, w := range left {
		o.Left = append(o.Left, fmt.Sprintf("window %s (%s at %s, %s)", w.ID, w.Type, plan.Stamp(w.Start), w.State))
		o.Commands = append(o.Commands, g.command("cancel", p.Satellite+" --window "+w.ID))
	}
	return o
}

// left are the windows of the pair that the API lists.
func (g *Ground) left(ctx context.Context, satellite string, asked []tasking.WindowRequest) ([]tasking.Window, error) {
	have, err := g.API.Windows(ctx, satellite)
	if err != nil {
		return nil, err
	}
	var out []tasking.Window
	for _, w := range have {
		for _, r := range asked {
			if w.Is(r) && tasking.Live(w.State) {
				out = append(out, w)
			}
		}
	}
	return out, nil
}

func list(ids []string) string { return strings.Join(ids, ", ") }
