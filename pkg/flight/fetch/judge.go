package fetch

import "strings"

// judge says what a fault means for the version.
func (v *version) judge(f *facts, w *decision) {
	fault := w.fault
	lost := fault.Status == 404 || fault.Status == 410
	snapshot := v.id.Snapshot != "" && v.confirmedThisRun()
	rotated := v.rotatedPath != ""
	changed := fault == errChanged || lost && snapshot && v.gone > 0 // not in the middle of a rename, if it is so twice
	switch {
	case rotated, fault == errDoubt, fault == errEmptyNow:
	case changed && !v.refused && (!v.whole || v.state == ended),
		v.mayRefuse(f, fault == errRangeMismatch || fault.Final && !snapshot || v.failed > 3 || v.failed > 1 && v.id.Snapshot == ""):
		if fault == errRangeMismatch {
			v.failed = 4
		}
		v.once, v.refused = true, true
		return
	}
	switch {
	case v.state == fresh:
	case rotated && (fault.Status >= 400 && fault.Status < 500 || fault == errRangeMismatch || fault == errChanged):
		v.changes++
		v.seal()
		v.giveWay(w)
		return
	case changed:
		v.replace(f, w)
		return
	case lost && snapshot:
		v.gone++
	case fault.Final && snapshot && fault != errDoubt:
		v.unpiece() // go on without it
		v.id.Snapshot = ""
		v.arrive()
		return
	}
	if !fault.Counted || fault.Met {
		v.failed++
	}
	if w.when = later; fault.Final {
		w.when = never
	}
}

// replace deals with a version when the path has come to mean another one.
// What this run began is finished from where rotation has moved it, if it can
// be found there; else it is sealed. The new one begins at 0.
func (v *version) replace(f *facts, w *decision) {
	w.replaced = true
	v.doubt()
	v.unpiece()
	switch {
	case !v.confirmedThisRun():
		w.aside = true // what this run was asked for comes first
	case v.rotatedPath == "" && v.held > v.id.Base && !v.generated && !strings.Contains(f.target, "?"):
		v.move(f.target)
		return
	default:
		v.changes++
		v.seal()
	}
	v.giveWay(w)
}

// move has a version asked for where rotation may have moved it.
func (v *version) move(path string) {
	v.rotatedPath = path + ".1" // as logrotate names it
	v.unsure, v.state, v.seen, v.once = 0, growing, -1, false
	v.arrive()
}

// giveWay lets the next version of the path begin; one that keeps changing has
// to wait.
func (v *version) giveWay(w *decision) {
	w.aside = true
	if v.refused = false; v.changes > 1 {
		w.when = later
	}
}

// seal ends a version that cannot be continued. A receipt tells of an older
// content no more than its size and hash, so bytes whose digest was told and
// could not be compared are not kept.
func (v *version) seal() {
	v.doubt()
	v.salvage()
	v.state, v.id.Sealed = sealed, true
}

// doubt says of bytes that wait for a digest that was told that they may be
// those of another version.
func (v *version) doubt() {
	for _, p := range v.pieces {
		v.suspect = v.suspect || p.has
	}
}

// salvage decides what may be published: what is proven. Where nothing is,
// what came is better than nothing, and the receipt says that nothing proves
// it; but not what may be a splice.
func (v *version) salvage() {
	if !v.keyed && v.proven == v.id.Base && v.held > v.id.Base && !v.suspect && !v.spoilt() {
		v.pieces, v.noDigest, v.unproven, v.proven = nil, true, true, v.held
		return
	}
	v.drop()
}
