package plan

import (
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
	if s.Start.IsZero() {
		return true
	}
	first := s.Start.Truncate(time.Second)
	if s.Repeat <= 1 {
		return start.Equal(first)
	}
	return !start.Before(first) && start.Before(first.Add(time.Duration(s.Repeat)*s.Every))
}

// wanted finds the listed pairs that are the spec's, in the order of their
// starts: of a single pass the earliest that is not over, of several also those
// that are.
func (d *draft) wanted() (found []ListedPair) {
	meant := d.Spec.Pass(d.Satellite, d.Now).Windows
	for _, p := range d.pairs {
		switch {
		case !meant[0].is(p.Serve), !meant[1].is(p.Fetch):
		case d.Spec.Repeat <= 1 && (!p.Serve.End().After(d.Now) || !p.Fetch.End().After(d.Now)):
		case p.Fetch.Start.Sub(p.Serve.Start) != d.Spec.FetchDelay, !d.Spec.at(p.Serve.Start):
		default:
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b ListedPair) int { return a.Serve.Start.Compare(b.Serve.Start) })
	return found[:min(len(found), max(1, d.Spec.Repeat))]
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
	if d.uploads() != nil { // it also finds what windows run where an update made the program
		return w, false
	}
	if len(d.wanted()) >= max(1, s.Repeat) {
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
		own := slices.ContainsFunc(d.Passes, func(x Pass) bool { return x.Windows[0].ID == p.Serve.ID })
		if !own && (p.Serve.End().After(d.Now) || p.Fetch.End().After(d.Now)) {
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

// complete plans the missing window of each half that is the spec's, up to as
// many passes as it wants, if there is still a place for it; else that half is
// to be removed.
func (d *draft) complete(free Calendar) error {
	for _, w := range d.mine() {
		i, start := d.Spec.half(w)
		pass := d.Spec.Pass(d.Satellite, start)
		other := pass.Windows[1-i]
		ok := len(d.Passes) < max(1, d.Spec.Repeat) && other.Opens().After(d.Now) && !d.tooEarly(pass)
		// A window whose arguments name another time or run cannot be adopted.
		ok = ok && (len(w.Args) == 0 || slices.Equal(w.Args, pass.Windows[i].Args))
		if ok {
			times, err := free(other.Type, other.Opens(), other.Closes().Sub(other.Opens()))
			if err != nil {
				return err
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
	}
	if len(d.Remove) > 0 {
		d.note("left alone by an earlier run, and no time fits the pair any more: window %s will be removed", List(d.Remove))
	}
	return nil
}

// tooEarly reports whether the programs cannot be there when the pass begins.
func (d *draft) tooEarly(p Pass) bool {
	return slices.ContainsFunc(d.Uploads, func(u Upload) bool { return u.soonest.After(p.Windows[0].Start) })
}

// repeat fills up the passes to as many as the spec wants. They count from the
// first that is there, and each is at its time or the first that is free after
// it; one whose time is over cannot be had any more.
func (d *draft) repeat(free Calendar) error {
	n := max(1, d.Spec.Repeat)
	first := d.Spec.Start
	if len(d.Passes) > 0 && first.IsZero() {
		first = d.Passes[0].Windows[0].Start
	}
	s := d.Spec
	taken := map[int]bool{}
	for _, p := range d.Passes {
		if n > 1 {
			taken[int(p.Windows[0].Start.Sub(first)/s.Every)] = true
		}
	}
	after := time.Time{} // no pass before this
	for k := range n {
		if len(d.Passes) >= n {
			break
		}
		if taken[k] {
			after = later(after, first.Add(time.Duration(k)*s.Every+s.apart()))
			continue
		}
		s.Start = time.Time{}
		at := d.Earliest
		if !first.IsZero() {
			at = first.Add(time.Duration(k) * s.Every)
			if n == 1 {
				s.Start = at
			} else if at.Before(d.Earliest) && len(d.Passes) > 0 {
				d.note("pass %d of %d, at %s, cannot be had any more", k+1, n, Stamp(at))
				continue
			}
		}
		got := slot{start: later(at, after)}
		if free != nil { // else a dry run, for which every time is free
			var err error
			if got, err = s.place(d.Satellite, got.start, d.Now, free); err != nil {
				return err
			}
		}
		if got.bare {
			d.warn("the windows at %s fit into what is available, their buffers do not; the API may refuse them", Stamp(got.start))
		}
		if first.IsZero() {
			first = got.start
		}
		after = got.start.Add(s.apart())
		d.Passes = append(d.Passes, s.Pass(d.Satellite, got.start))
	}
	slices.SortStableFunc(d.Passes, func(a, b Pass) int { return a.Windows[0].Start.Compare(b.Windows[0].Start) })
	return nil
}
