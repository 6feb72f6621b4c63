package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// verify looks whether both windows of a pass are there, each once: a POST that
// was slow, or whose answer was lost, may have taken effect twice, and somebody
// may have removed one.
func (a *application) verify(ctx context.Context, pass int, doubtful bool) error {
	hold, cancel := context.WithTimeout(a.hold(ctx), a.API.ListingLag()+cleanUp)
	defer cancel()
	p := &a.out.Passes[pass]
	until := time.Now().Add(a.API.ListingLag())
	for {
		have, err := a.API.Windows(hold, a.plan.Satellite)
		if err != nil {
			a.out.Warnings = append(a.out.Warnings, "both windows are scheduled, but the listing could not be read again: "+err.Error())
			return nil
		}
		seen, err := a.once(hold, p, have)
		if err != nil {
			return err
		}
		late := !time.Now().Before(until)
		switch {
		case seen == [2]bool{true, true} && (!doubtful || late):
			return nil
		case late && seen == [2]bool{false, true}: // the listing knows the later one
			gone := p.Windows[0]
			p.Windows[0].ID = ""
			return fmt.Errorf("window %s (%s at %s) is gone from the listing: somebody removed it", gone.ID, gone.Type, plan.Stamp(gone.Start))
		case late:
			for i, w := range p.Windows {
				if !seen[i] {
					a.out.Warnings = append(a.out.Warnings, fmt.Sprintf("the API gave id %s for %s but does not list it (yet); look again with ground status", w.ID, w.Type))
				}
			}
			return nil
		}
		if tasking.Pause(ctx, a.API.ListingLag()/15) != nil {
			return ErrInterrupted
		}
	}
}

// once removes what of a pass is there twice. Of several the one with the lowest
// id stays, so that two deployments of the same spec keep the same one.
func (a *application) once(ctx context.Context, p *plan.Pass, have []tasking.Window) (seen [2]bool, err error) {
	for i := range p.Windows {
		w := &p.Windows[i]
		var same []tasking.Window
		for _, h := range have {
			if h.Is(a.request(*w)) && tasking.Live(h.State) && h.ID != "" {
				same = append(same, h)
			}
		}
		slices.SortStableFunc(same, func(a, b tasking.Window) int { return compareIDs(a.ID, b.ID) })
		for n, h := range same {
			if n == 0 {
				seen[i] = true
				w.ID, w.State = h.ID, h.State
				continue
			}
			a.tell(a.plan.Satellite, "removing window %s, which is there twice", h.ID)
			if err := a.API.DeleteWindow(ctx, h.ID); err != nil {
				return seen, &Orphaned{a.plan.Satellite, err, []string{"window " + h.ID + " is there twice"}, []string{a.cancelCommand(a.plan.Satellite, "--window "+h.ID)}}
			}
		}
	}
	return seen, nil
}

// compareIDs orders ids as numbers where they are.
func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
