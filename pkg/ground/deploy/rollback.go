package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// cleanUp is how long rolling back may last before its result is told.
const cleanUp = 2 * time.Minute

// Orphaned is a failure that left a window behind: Left says what, Commands are
// the commands that remove it by hand.
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

// fail ends an application that went wrong: the windows of the pass that failed
// are removed, in the reverse of their order; after an interruption those of
// every pass.
func (a *application) fail(cause error) error {
	var orphan *Orphaned
	if errors.As(cause, &orphan) && !errors.Is(cause, ErrInterrupted) {
		return cause
	}
	var undo []made
	for _, m := range slices.Backward(a.made) {
		if errors.Is(cause, ErrInterrupted) || m.pass == a.made[len(a.made)-1].pass {
			undo = append(undo, m)
		}
	}
	return a.rollBack(undo, cause)
}

// stands says which passes of several are scheduled after one failed.
func (a *application) stands(undo []made) string {
	var runs []string
	for i, p := range a.out.Passes {
		if p.Scheduled() && !slices.ContainsFunc(undo, func(m made) bool { return m.pass == i }) {
			runs = append(runs, p.Run)
		}
	}
	if len(runs) == 0 {
		return ""
	}
	return "; scheduled, and staying: " + plan.List(runs)
}

// rollBack removes the windows in undo, of which those without an id may or may
// not be there, and says what could not be removed. It is not stopped by the
// interruption that may have caused it.
func (a *application) rollBack(undo []made, cause error) error {
	rest := a.stands(undo) + a.stays()
	none := fmt.Errorf("%w (no window of the pair is scheduled)%s", cause, rest)
	if len(undo) == 0 {
		return none
	}
	ctx, cancel := context.WithTimeout(a.hold(context.Background()), a.API.ListingLag()+cleanUp)
	defer cancel()
	sat := a.plan.Satellite
	a.tell(sat, "rolling back: %v", cause)

	undo = a.spare(ctx, undo)
	lost := false
	for _, m := range undo {
		lost = lost || m.id == ""
		// Its result matters less than whether the window is still listed.
		if m.id != "" && a.API.DeleteWindow(ctx, m.id) == nil {
			a.tell(sat, "removed window %s", m.id)
		}
	}
	left, err := a.settle(ctx, undo, lost)
	if err == nil && len(left) == 0 && !(lost && tasking.StatusOf(cause) == 409) {
		a.forget(undo)
		return none
	}
	return a.orphaned(fmt.Errorf("%w%s", cause, rest), undo, left, err)
}

// settle deletes what of undo the listing shows, until it shows none, or had
// the time to catch up. With lost it waits that long in any case.
func (a *application) settle(ctx context.Context, undo []made, lost bool) (left []tasking.Window, err error) {
	tried := map[string]bool{}
	for _, m := range undo {
		tried[m.id] = true
	}
	until := time.Now().Add(a.API.ListingLag())
	for {
		if left, err = a.left(ctx, undo); err != nil {
			return nil, err
		}
		for _, w := range left {
			if !tried[w.ID] {
				tried[w.ID] = true
				if a.API.DeleteWindow(ctx, w.ID) == nil {
					a.tell(a.plan.Satellite, "removed window %s", w.ID)
				}
			}
		}
		late := !time.Now().Before(until)
		if len(left) == 0 && !lost || late {
			return left, nil
		}
		if err := tasking.Pause(ctx, a.API.ListingLag()/15); err != nil {
			return left, err
		}
	}
}

// spare takes out of undo what belongs to a complete pair by now: another
// deployment may have found our window alone and completed it.
func (a *application) spare(ctx context.Context, undo []made) []made {
	have, err := a.API.Windows(ctx, a.plan.Satellite)
	if err != nil {
		return undo
	}
	ours := map[string]bool{}
	for _, m := range undo {
		ours[m.id] = true
	}
	pairs, _ := plan.SortPairs(have)
	return slices.DeleteFunc(undo, func(m made) bool {
		for _, p := range pairs {
			both := [2]tasking.Window{p.Serve, p.Fetch}
			if both[m.half].ID == m.id && !ours[both[1-m.half].ID] && !both[1-m.half].Is(a.request(a.plan.Passes[m.pass].Windows[1-m.half])) {
				a.tell(a.plan.Satellite, "window %s stays: another deployment has completed the pair", m.id)
				return true
			}
		}
		return false
	})
}

// left are the windows of undo that the API lists.
func (a *application) left(ctx context.Context, undo []made) ([]tasking.Window, error) {
	have, err := a.API.Windows(ctx, a.plan.Satellite)
	if err != nil {
		return nil, err
	}
	var out []tasking.Window
	for _, w := range have {
		if tasking.Live(w.State) && slices.ContainsFunc(undo, func(m made) bool { return w.Is(m.asked) }) {
			out = append(out, w)
		}
	}
	return out, nil
}

// forget takes the ids of windows that are gone out of the outcome.
func (a *application) forget(undo []made) {
	for _, m := range undo {
		a.out.Passes[m.pass].Windows[m.half].ID = ""
	}
}

// orphaned says what of undo stays, or may.
func (a *application) orphaned(cause error, undo []made, left []tasking.Window, err error) error {
	sat := a.plan.Satellite
	o := &Orphaned{Satellite: sat, Err: cause}
	for _, w := range left {
		o.Left = append(o.Left, fmt.Sprintf("window %s (%s at %s, %s)", w.ID, w.Type, plan.Stamp(w.Start), w.State))
		o.Commands = append(o.Commands, a.cancelCommand(sat, "--window "+w.ID))
	}
	for _, m := range undo {
		at := fmt.Sprintf("%s at %s", m.asked.Type, plan.Stamp(m.asked.Start))
		switch {
		case m.id == "" && len(left) == 0:
			o.Left = append(o.Left, fmt.Sprintf("a window (%s) may be scheduled, id unknown", at))
			o.Commands = append(o.Commands, a.cancelCommand(sat, "--run "+a.out.Passes[m.pass].Run))
		case m.id != "" && err != nil:
			o.Left = append(o.Left, fmt.Sprintf("window %s (%s) may still be scheduled", m.id, at))
			o.Commands = append(o.Commands, a.cancelCommand(sat, "--window "+m.id))
		}
	}
	return o
}
