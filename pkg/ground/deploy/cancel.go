package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Selection says which windows to cancel: those with one of the IDs, of one of
// the Runs, or if both are empty all of ours that are not over.
type Selection struct {
	IDs, Runs []string
}

func (s Selection) empty() bool { return len(s.IDs)+len(s.Runs) == 0 }

// Cancelled is what came of it on one satellite.
type Cancelled struct {
	Satellite string         `json:"satellite"`
	Windows   []WindowStatus `json:"windows"`    // chosen
	Partners  []string       `json:"left_alone"` // of the same run, and not chosen
	Err       error          `json:"-"`
}

// Choose finds the windows on each satellite; it only asks. Named windows may
// be anybody's, all others are ours, and none that is over.
func (g *Ground) Choose(ctx context.Context, satellites []string, sel Selection) ([]Cancelled, error) {
	all := g.look(ctx, satellites, nil, nil, 1)
	found := map[string]bool{}
	out := make([]Cancelled, len(all))
	for i, s := range all {
		c := Cancelled{Satellite: s.Satellite, Windows: []WindowStatus{}, Partners: []string{}, Err: s.Err}
		chosen := map[string]bool{}
		for _, w := range s.Windows {
			byID, byRun := slices.Contains(sel.IDs, w.ID), w.Run != "" && slices.Contains(sel.Runs, w.Run)
			found[w.ID] = found[w.ID] || byID
			found[w.Run] = found[w.Run] || byRun
			if (byID || byRun || sel.empty() && w.Ours) && !w.Over(s.Now) {
				c.Windows = append(c.Windows, w)
				chosen[w.ID] = true
			}
		}
		for _, o := range s.Windows {
			half := slices.ContainsFunc(c.Windows, func(w WindowStatus) bool { return w.Run != "" && w.Run == o.Run })
			if half && !chosen[o.ID] && !o.Over(s.Now) {
				c.Partners = append(c.Partners, o.ID)
			}
		}
		out[i] = c
	}
	for _, name := range slices.Concat(sel.IDs, sel.Runs) {
		if !found[name] && !slices.ContainsFunc(all, func(s Status) bool { return s.Err != nil }) {
			return nil, &Unknown{fmt.Sprintf("no window or run %s on %s; ground status lists what there is", name, plan.List(satellites))}
		}
	}
	return out, nil
}

// Cancel deletes the chosen windows and looks whether they are gone, since how
// DELETE names a window is not documented.
func (g *Ground) Cancel(ctx context.Context, chosen []Cancelled) {
	names := make([]string, len(chosen))
	for i, c := range chosen {
		names[i] = c.Satellite
	}
	g.each(names, func(i int, sat string) {
		c := &chosen[i]
		if c.Err == nil && len(c.Windows) > 0 {
			c.Err = g.cancel(ctx, c)
		}
	})
}

func (g *Ground) cancel(ctx context.Context, c *Cancelled) error {
	var errs []error
	for _, w := range c.Windows {
		if ctx.Err() != nil {
			errs = append(errs, ErrInterrupted)
			break
		}
		if err := g.API.DeleteWindow(ctx, w.ID); err != nil {
			errs = append(errs, interrupted(ctx, err))
		}
	}
	left, err := g.gone(ctx, c)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, w := range c.Windows {
		if !slices.ContainsFunc(left, func(l tasking.Window) bool { return l.ID == w.ID }) {
			g.tell(c.Satellite, "cancelled window %s, %s at %s", w.ID, w.Type, plan.Stamp(w.Start))
		}
	}
	if len(left) == 0 {
		return nil
	}
	var words []string
	open := 0
	for _, l := range left {
		words = append(words, fmt.Sprintf("%s (%s)", l.ID, l.State))
		if now := g.API.Now(); !l.Start.After(now) && l.End().After(now) {
			open++
			words[len(words)-1] = fmt.Sprintf("%s (open until %s)", l.ID, plan.Stamp(l.End()))
		}
	}
	if open == len(left) {
		return fmt.Errorf("not cancelled on %s, for it has begun: window %s; it ends by itself", c.Satellite, plan.List(words))
	}
	err = fmt.Errorf("still scheduled on %s: window %s; try again, or ask the operator", c.Satellite, plan.List(words))
	if len(errs) > 0 {
		err = fmt.Errorf("%w: %w", err, errs[0])
	}
	return err
}

// gone looks until none of the chosen windows is listed, or the listing had the
// time to catch up, and returns those that still are.
func (g *Ground) gone(ctx context.Context, c *Cancelled) ([]tasking.Window, error) {
	hold := g.hold(ctx)
	until := time.Now().Add(g.API.ListingLag())
	for {
		have, err := g.API.Windows(hold, c.Satellite)
		if err != nil {
			return nil, err
		}
		left := slices.DeleteFunc(have, func(h tasking.Window) bool {
			return !tasking.Live(h.State) || !slices.ContainsFunc(c.Windows, func(w WindowStatus) bool { return w.ID == h.ID })
		})
		if len(left) == 0 || !time.Now().Before(until) || tasking.Pause(ctx, g.API.ListingLag()/15) != nil {
			return left, nil
		}
	}
}
