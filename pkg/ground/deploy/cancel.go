package deploy

import (
	"context"
	"errors"
	"fmt"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Selection says which windows to cancel: those with one of the IDs, of one of
// the Runs, or if both are empty all of ours that are not over.
type Selection struct {
	IDs, Runs []string
}

// Cancelled is what came of it on one satellite.
type Cancelled struct {
	Satellite string         `json:"satellite"`
	Windows   []WindowStatus `json:"windows"` // chosen
	Partners  []string       `json:"left_alone,omitempty"`
	Err       error          `json:"-"`
}

// Choose finds the windows on each satellite; it only asks. Named windows may
// be anybody's, all others are ours, and none that is over.
func (g *Ground) Choose(ctx context.Context, satellites []string, sel Selection) ([]Cancelled, error) {
	all := g.look(ctx, satellites, nil, nil, 1)
	wanted := map[string]bool{}
	for _, id := range append(append([]string{}, sel.IDs...), sel.Runs...) {
		wanted[id] = false
	}
	out := make([]Cancelled, len(all))
	for i, s := range all {
		c := Cancelled{Satellite: s.Satellite, Windows: []WindowStatus{}, Err: s.Err}
		chosen := map[string]bool{}
		for _, w := range s.Windows {
			_, byID := wanted[w.ID]
			byRun := false
			if run := runOf(w, s.Satellite); run != "" {
				_, byRun = wanted[run]
				if byRun {
					wanted[run] = true
				}
			}
			if byID {
				wanted[w.ID] = true
			}
			if !byID && !byRun && (len(wanted) > 0 || !w.Ours) || w.Over(s.Now) {
				continue
			}
			c.Windows = append(c.Windows, w)
			chosen[w.ID] = true
		}
		for _, w := range c.Windows {
			for _, o := range s.Windows {
				if w.Run != "" && o.Run == w.Run && !chosen[o.ID] && !o.Over(s.Now) {
					c.Partners = append(c.Partners, o.ID)
				}
			}
		}
		out[i] = c
	}
	for name, found := range wanted {
		if !found && allAsked(all) {
			return nil, &Unknown{fmt.Sprintf("no window or run %s on %s; ground status lists what there is", name, list(satellites))}
		}
	}
	return out, nil
}

// runOf is the run of w; an SDR window without its partner has the name that
// its start gives it.
func runOf(w WindowStatus, satellite string) string {
	if w.Run == "" && w.Ours && w.Type == plan.SDRWindow {
		return plan.RunID(satellite, w.Start)
	}
	return w.Run
}

func allAsked(all []Status) bool {
	for _, s := range all {
		if s.Err != nil {
			return false
		}
	}
	return true
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
		if c.Err != nil || len(c.Windows) == 0 {
			return
		}
		var errs []error
		for _, w := range c.Windows {
			if err := g.API.DeleteWindow(ctx, w.ID); err != nil {
				errs = append(errs, err)
			}
		}
		have, err := g.API.Windows(ctx, sat)
		if err != nil {
			c.Err = errors.Join(append(errs, err)...)
			return
		}
		var left []string
		for _, h := range have {
			for _, w := range c.Windows {
				if h.ID == w.ID && tasking.Live(h.State) {
					left = append(left, fmt.Sprintf("%s (%s)", h.ID, h.State))
				}
			}
		}
		if len(left) > 0 {
			c.Err = fmt.Errorf("still scheduled on %s: window %s; try again, or ask the operator", sat, list(left))
			if len(errs) > 0 {
				c.Err = fmt.Errorf("%w: %w", c.Err, errs[0])
			}
			return
		}
		for _, w := range c.Windows {
			g.tell(sat, "cancelled window %s, %s at %s", w.ID, w.Type, plan.Stamp(w.Start))
		}
	})
}
