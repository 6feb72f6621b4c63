package deploy

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

const (
	searchStep = 24 * time.Hour      // one availability call; longer spans are undocumented
	searchDays = 14                  // days after the earliest start that are searched
	farAway    = 10 * 365 * plan.Day // times beyond are a slip of the pen
)

// Draft makes the plan of one satellite: what is aboard and scheduled already,
// and the first time at which what is missing fits. It only asks.
func (g *Ground) Draft(ctx context.Context, f *Fleet, spec plan.Spec, satellite string) (*plan.Plan, error) {
	if err := f.check(satellite); err != nil {
		return nil, err
	}
	windows, err := g.API.Windows(ctx, satellite)
	if err != nil {
		return nil, err
	}
	aboard := f.status(satellite)
	if err := updatable(spec, aboard); err != nil {
		return nil, err
	}
	p := plan.New(spec, satellite, g.API.Now(), aboard)
	pair, alone := ours(p, windows)
	if pair != nil {
		p.Set(pair[0].Start)
		for i, w := range pair {
			p.Windows[i].ID, p.Windows[i].State = w.ID, w.State
			p.Windows[i].Args = args(p.Windows[i].Args, w.Args)
		}
		p.Run = or(plan.RunOf(p.Windows[1].Args), p.Run)
		return p, nil
	}
	if err := p.CheckStart(); err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, others(p, windows, alone)...)
	if ok, err := g.complete(ctx, p, alone); ok || err != nil {
		return p, err
	}
	start, err := g.place(ctx, p)
	if err != nil {
		return nil, err
	}
	p.Set(start)
	return p, nil
}

// updatable refuses an update of a version that is not aboard: the patch would
// have nothing to work on.
func updatable(spec plan.Spec, aboard map[string]string) error {
	for _, a := range spec.Artifacts {
		if a.Base == "" || spec.SkipUpload {
			continue
		}
		switch aboard[a.Payload+" "+a.Base] {
		case "UPLOADED", "listed":
		default:
			return fmt.Errorf("%s is an update of %s, which is not aboard yet; send the whole program, without --update-from", a.Program, a.Base)
		}
	}
	return nil
}

func or(s, fallback string) string {
	if s != "" {
		return s
	}
	return fallback
}

// args are those that the listing tells, else those that were meant.
func args(meant, told []string) []string {
	if told != nil {
		return told
	}
	return meant
}

// OnPaper makes the plan of one satellite without asking anybody.
func OnPaper(spec plan.Spec, satellite string, now time.Time) (*plan.Plan, error) {
	p := plan.New(spec, satellite, now, nil)
	if err := p.CheckStart(); err != nil {
		return nil, err
	}
	start := spec.Start
	if start.IsZero() {
		start = p.Earliest
	}
	p.Set(start)
	return p, nil
}

// ours finds among windows the pair that p wants, at any time if p leaves it
// open, and else our windows that are alone.
func ours(p *plan.Plan, windows []tasking.Window) (pair []tasking.Window, alone []tasking.Window) {
	meant := p.Spec.Pair(p.Satellite, p.Now)
	var have [2][]tasking.Window
	for _, w := range windows {
		for i, m := range meant {
			if w.Type != m.Type || w.Executable != m.Executable || !tasking.Live(w.State) || w.ID == "" || !w.End().After(p.Now) {
				continue
			}
			if w.Duration != m.Duration || w.Args != nil && !slices.Equal(plan.Wish(w.Args), plan.Wish(m.Args)) {
				continue
			}
			if s := p.Spec.Start; !s.IsZero() && !w.Start.Equal(s.Add(m.Start.Sub(meant[0].Start)).Truncate(time.Second)) {
				continue
			}
			have[i] = append(have[i], w)
		}
	}
	for i := range have {
		sort.SliceStable(have[i], func(a, b int) bool { return have[i][a].Start.Before(have[i][b].Start) })
	}
	used := map[string]bool{}
	for _, a := range have[0] {
		for _, b := range have[1] {
			if b.Start.Equal(a.Start.Add(p.Spec.FetchDelay)) && !used[b.ID] && !used[a.ID] {
				if pair == nil {
					pair = []tasking.Window{a, b}
				}
				used[a.ID], used[b.ID] = true, true
			}
		}
	}
	for i := range have {
		for _, w := range have[i] {
			if !used[w.ID] {
				alone = append(alone, w)
			}
		}
	}
	return pair, alone
}

// others tells of our windows that are there for another wish: another version,
// path or time. They stay, and the user may want to know.
func others(p *plan.Plan, windows, alone []tasking.Window) (notes []string) {
	for _, w := range windows {
		mine := plan.Ours(w.Executable, w.Args) && tasking.Live(w.State) && w.End().After(p.Now)
		if mine && !slices.ContainsFunc(alone, func(a tasking.Window) bool { return a.ID == w.ID }) {
			notes = append(notes, fmt.Sprintf("another deployment stays: window %s, %s at %s", w.ID, w.Type, plan.Stamp(w.Start)))
		}
	}
	return notes
}

// complete plans the missing half of a window that an earlier run left alone,
// if there is still a place for it; else that window is to be removed. All but
// the first such window are removed in any case.
func (g *Ground) complete(ctx context.Context, p *plan.Plan, alone []tasking.Window) (bool, error) {
	done := false
	for _, w := range alone {
		start := w.Start
		i := 0
		if w.Type == plan.SabertoothWindow {
			i, start = 1, start.Add(-p.Spec.FetchDelay)
		}
		if done || start.Before(p.Earliest) && p.Held == "the uplink" {
			p.Remove = append(p.Remove, w.ID)
			continue
		}
		pair := p.Spec.Pair(p.Satellite, start)
		other := pair[1-i]
		fits := false
		if other.Opens().After(p.Now) {
			free, err := g.free(ctx, p.Satellite, other.Type, other.Opens(), other.Closes().Sub(other.Opens()))
			if err != nil {
				return false, err
			}
			for _, f := range free {
				fits = fits || !f.Start.After(other.Start) && !f.End.Before(other.End())
			}
		}
		// A window whose arguments name another time or run cannot be adopted.
		if w.Args != nil && !slices.Equal(w.Args, pair[i].Args) {
			fits = false
		}
		if !fits {
			p.Remove = append(p.Remove, w.ID)
			continue
		}
		p.Set(start)
		p.Asked = true
		p.Windows[i].ID, p.Windows[i].State = w.ID, w.State
		p.Notes = append(p.Notes, fmt.Sprintf("an earlier run left window %s (%s) alone; its other half is added", w.ID, w.Type))
		done = true
	}
	if len(p.Remove) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("left alone by an earlier run, to be removed: window %s", list(p.Remove)))
	}
	return done, nil
}

// place finds the start: the user's, if it is free, or the earliest. It looks
// for room for the buffers too; whether the API's availability means them is
// not documented, so where only the bare windows fit, they are taken with a
// warning, and the API may still say no.
func (g *Ground) place(ctx context.Context, p *plan.Plan) (time.Time, error) {
	spec, want := p.Spec, p.Spec.Start
	p.Asked = true
	earliest := p.Earliest
	if !want.IsZero() {
		earliest = want.UTC()
	}
	if earliest.Sub(p.Now) > farAway {
		return time.Time{}, &plan.NoSlot{Why: fmt.Sprintf("a start on %s is years away; give an earlier --start or a higher --uplink-rate", plan.Stamp(earliest))}
	}
	ends := func(t time.Time, opens bool) time.Time {
		out := t
		for _, w := range spec.Pair(p.Satellite, t) {
			if opens && w.Opens().Before(out) {
				out = w.Opens()
			} else if !opens && w.Closes().After(out) {
				out = w.Closes()
			}
		}
		return out
	}
	free := map[string][]plan.Interval{}
	from := ends(earliest, true)
	extra := ends(earliest, false).Sub(from) // so that a pair at the end of a day is seen whole
	var bare time.Time
	for day := range searchDays {
		span := searchStep
		if day == 0 {
			span += extra
		}
		for _, typ := range []string{plan.SDRWindow, plan.SabertoothWindow} {
			got, err := g.free(ctx, p.Satellite, typ, from, span)
			if err != nil {
				return time.Time{}, err
			}
			free[typ] = join(free[typ], got)
		}
		from = from.Add(span)
		start, ok := spec.Fit(p.Satellite, earliest, free, true)
		if ok && (want.IsZero() || start.Equal(earliest)) {
			return start, nil
		}
		if t, fits := spec.Fit(p.Satellite, earliest, free, false); fits && bare.IsZero() {
			bare = t
		}
		if !want.IsZero() {
			if bare.Equal(earliest) {
				break
			}
			why := fmt.Sprintf("%s is not free for both windows", plan.Stamp(want))
			if ok {
				return time.Time{}, &plan.NoSlot{Why: why + "; the next time that is: --start " + start.Format(time.RFC3339)}
			}
			return time.Time{}, &plan.NoSlot{Why: why + ", and neither is the day after; leave --start out to search further"}
		}
	}
	if !bare.IsZero() {
		p.Warnings = append(p.Warnings, "the windows fit into what is available, their buffers do not; the API may refuse them")
		return bare, nil
	}
	return time.Time{}, &plan.NoSlot{Why: fmt.Sprintf("no time in the %d days after %s is free for both windows; try shorter windows, or a later --start", searchDays, plan.Stamp(earliest))}
}

func (g *Ground) free(ctx context.Context, satellite, typ string, from time.Time, span time.Duration) ([]plan.Interval, error) {
	got, err := g.API.Availability(ctx, satellite, typ, from, span)
	if err != nil {
		return nil, err
	}
	out := make([]plan.Interval, len(got))
	for i, f := range got {
		out[i] = plan.Interval(f)
	}
	return out, nil
}

// join adds the intervals of a further search.
func join(a, b []plan.Interval) []plan.Interval {
	var all []tasking.Interval
	for _, i := range append(a, b...) {
		all = append(all, tasking.Interval(i))
	}
	var out []plan.Interval
	for _, i := range tasking.Join(all) {
		out = append(out, plan.Interval(i))
	}
	return out
}
