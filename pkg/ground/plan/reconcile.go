package plan

import (
	"fmt"
	"slices"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// is reports whether w is the window m of this spec, at whatever time: the same
// program for as long, with the same arguments as far as the listing tells them.
func (m Window) is(w tasking.Window) bool {
	return w.Type == m.Type && w.Executable == m.Executable && w.Duration == m.Duration &&
		(len(w.Args) == 0 || slices.Equal(ArgsWithoutTimes(w.Args), ArgsWithoutTimes(m.Args)))
}

// at reports whether the server's start is one that the spec wants.
func (s Spec) at(start time.Time) bool {
	return s.Start.IsZero() || start.Equal(s.Start.Truncate(time.Second))
}

// wanted finds the earliest listed pair that is the spec's and is not over.
func (d *draft) wanted() (found ListedPair, ok bool) {
	meant := d.Spec.Pass(d.Satellite, d.Now).Windows
	for _, p := range d.pairs {
		switch {
		case !meant[0].is(p.Serve), !meant[1].is(p.Fetch):
		case !p.Serve.End().After(d.Now), !p.Fetch.End().After(d.Now):
		case p.Fetch.Start.Sub(p.Serve.Start) != d.Spec.FetchDelay, !d.Spec.at(p.Serve.Start):
		case !ok, p.Serve.Start.Before(found.Serve.Start):
			found, ok = p, true
		}
	}
	return found, ok
}

// listed is p as a pass.
func (d *draft) listed(p ListedPair) Pass {
	pass := d.Spec.Pass(d.Satellite, p.Serve.Start)
	for i, w := range []tasking.Window{p.Serve, p.Fetch} {
		pass.Windows[i].ID, pass.Windows[i].State = w.ID, w.State
		if len(w.Args) > 0 {
			pass.Windows[i].Args = w.Args
		}
	}
	pass.Run = p.Run(d.Satellite)
	return pass
}

// Half is the first window of ours that s could complete, or remove for being
// alone, if there is one. Whether it is really alone only a second listing
// tells, some time later: another deployment may be at work between its two
// windows, or the listing be behind.
func (s Spec) Half(f Facts) (w tasking.Window, ok bool) {
	d := &draft{facts: f, Plan: Plan{Satellite: f.Satellite, Now: f.Now, Spec: s}}
	d.pairs, d.halves = SortPairs(f.Windows)
	if _, found := d.wanted(); found {
		return w, false
	}
	if mine := d.mine(); len(mine) > 0 {
		return mine[0], true
	}
	return w, false
}

// half is which window of the pair w is, and the server's start that it implies.
func (s Spec) half(w tasking.Window) (i int, start time.Time) {
	if w.Type == s.to().Window() {
		return 1, w.Start.Add(-s.FetchDelay)
	}
	return 0, w.Start
}

// mine are the halves that are the spec's. One whose pair should have begun is
// none: its partner may be over, and no longer listed.
func (d *draft) mine() (out []tasking.Window) {
	meant := d.Spec.Pass(d.Satellite, d.Now).Windows
	for _, w := range d.halves {
		i, start := d.Spec.half(w)
		if meant[i].is(w) && w.Start.After(d.Now) && start.After(d.Now) && d.Spec.at(start) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b tasking.Window) int { return a.Start.Compare(b.Start) })
	return out
}

// others tells of our windows that are there for something else: another version,
// path or time. They stay, and the user may want to know.
func (d *draft) others() {
	for _, p := range d.pairs {
		if p.Serve.End().After(d.Now) || p.Fetch.End().After(d.Now) {
			d.note("another deployment stays: windows %s and %s, at %s, run %s", p.Serve.ID, p.Fetch.ID, Stamp(p.Serve.Start), p.Run(d.Satellite))
		}
	}
	mine := d.mine()
	for _, w := range d.halves {
		if w.End().After(d.Now) && !slices.ContainsFunc(mine, func(m tasking.Window) bool { return m.ID == w.ID }) {
			d.note("window %s, %s at %s, is alone and stays: it is of another deployment", w.ID, w.Type, Stamp(w.Start))
		}
	}
}

// complete plans the missing window of a half, if there is still a place for
// it; else that half is to be removed. All but the first half are removed in any
// case.
func (d *draft) complete(free Calendar) (done bool, err error) {
	for _, w := range d.mine() {
		i, start := d.Spec.half(w)
		pass := d.Spec.Pass(d.Satellite, start)
		other := pass.Windows[1-i]
		ok := !done && other.Opens().After(d.Now) && !(start.Before(d.Earliest) && d.Limit.By == ByUplink)
		// A window whose arguments name another time or run cannot be adopted.
		ok = ok && (len(w.Args) == 0 || slices.Equal(w.Args, pass.Windows[i].Args))
		if ok {
			times, err := free(other.Type, other.Opens(), other.Closes().Sub(other.Opens()))
			if err != nil {
				return false, err
			}
			ok = fits(other, times)
		}
		if !ok {
			d.Remove = append(d.Remove, w.ID)
			continue
		}
		pass.Windows[i].ID, pass.Windows[i].State = w.ID, w.State
		d.Passes = append(d.Passes, pass)
		d.note("an earlier run left window %s (%s) alone; its other half is added", w.ID, w.Type)
		done = true
	}
	if len(d.Remove) > 0 {
		d.note("%s", fmt.Sprintf("left alone by an earlier run, and no time fits the pair any more: window %s will be removed", List(d.Remove)))
	}
	return done, nil
}
