package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/ground/plan"
)

// paired is a receipt with its object, and with the file that it vouches for.
type paired struct {
	file
	r      *Receipt
	key    string // of the file with the very bytes, if it came down
	unread error  // why a file of this size could not be checked
	sealed []sealedPart
}

// late reports a receipt that a later run wrote, in the place of one that the
// stage does not know of: NAME.RUN.receipt.json. Its times and its clock are not
// those of its run.
func (p *paired) late() bool {
	return p.file.name == outbox.EscapeName(p.r.Name+"."+orElse(p.r.Run, "earlier"))+receiptSuffix
}

// fits reports whether a file of this name may be what p vouches for.
func (p *paired) fits(name string) bool {
	return name == p.r.Name || p.r.Status == "partial" && partOf(name, p.r.Name)
}

// about reports that p and q speak of the same name of the same run.
func (p *paired) about(q *paired) bool {
	return p.satellite == q.satellite && p.r.Run == q.r.Run && p.r.Name == q.r.Name
}

// same reports that p and q vouch for the same bytes.
func (p *paired) same(q *paired) bool {
	return p.r.SHA256 != nil && q.r.SHA256 != nil && p.r.Size == q.r.Size && strings.EqualFold(*p.r.SHA256, *q.r.SHA256)
}

// pair gives each receipt its file, and makes an item of each that says
// something of its own. Every receipt finds the very bytes that it vouches for
// before any is given a file of the same name; whole files come first, since a
// partial receipt must not take the file of another run, late receipts behind the
// runs' own, and those that vouch for another run's file last.
func (v *viewer) pair(ctx context.Context, good []paired) {
	order := func(p paired) int {
		switch {
		case p.r.Unchanged != nil:
			return 2
		case p.late():
			return 1
		}
		return 0
	}
	slices.SortStableFunc(good, func(a, b paired) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.r.Status, b.r.Status)) // complete, failed, partial
	})
	for i := range good {
		if p := &good[i]; !p.late() || !slices.ContainsFunc(good[:i], func(q paired) bool { return q.key != "" && q.about(p) && q.same(p) }) {
			v.vouch(ctx, p)
		}
	}
	kept := spoken(good)
	for i := range kept {
		p := &kept[i]
		it := v.item(p)
		it.ReceiptKey, it.stamp = p.file.Key, p.stamp
		if p.late() {
			it.stamp = v.stampOf(p.key)
		}
		v.add(p.file, p.r.Run, it)
	}
	for _, p := range kept {
		if r := v.runs[[2]string{p.satellite, p.r.Run}]; r.Last.IsZero() {
			r.Last = p.stamp // nothing else tells when it was
		}
	}
}

// stampOf is when the outbox with a key was taken, zero without a key.
func (v *viewer) stampOf(key string) time.Time {
	for _, f := range v.files {
		if f.Key == key {
			return f.stamp
		}
	}
	return time.Time{}
}

// spoken leaves of several receipts for a name of a run, late ones among them,
// the one whose file is there, else the run's own, else a late one. Runs without
// a name may be several: theirs are one only where they vouch for the same bytes.
func spoken(good []paired) (kept []paired) {
	for i := range good {
		p := &good[i]
		if !slices.ContainsFunc(good, func(q paired) bool { return q.r.Unchanged == nil && q.about(p) && q.instead(p) }) &&
			(!p.late() || !slices.ContainsFunc(kept, func(q paired) bool { return q.late() && q.key == "" && q.about(p) && (p.r.Run != "" || q.same(p)) })) {
			kept = append(kept, *p)
		}
	}
	return kept
}

// instead reports that q makes p, of the same name and run, say nothing more.
func (q *paired) instead(p *paired) bool {
	switch {
	case p.key != "" || p.r.Unchanged != nil || q.r.Run == "" && !q.same(p):
		return false
	case p.late():
		return !q.late() || q.key != ""
	}
	return q.late() && q.key != ""
}

// vouch looks for the file that p vouches for. Of an unchanged one that is any
// with the very bytes, whoever brought it.
func (v *viewer) vouch(ctx context.Context, p *paired) {
	r := p.r
	for _, s := range append(slices.Clone(r.Sealed), deref(r.Earlier)...) {
		if r.Unchanged != nil && r.SHA256 != nil && s.SHA256 == *r.SHA256 {
			continue // it is the file itself, still in the outbox of the run that published it
		}
		if key, _ := v.find(ctx, p.file, func(n string) bool { return n == s.Name }, s.Size, s.SHA256); key != "" {
			p.sealed = append(p.sealed, sealedPart{s, key})
		}
	}
	switch {
	case r.Status == "failed" || r.SHA256 == nil:
	case r.Unchanged == nil:
		p.key, p.unread = v.find(ctx, p.file, p.fits, r.Size, *r.SHA256)
	default:
		var list []file
		for _, f := range v.files {
			if f.satellite == p.satellite && f.name == r.Name {
				list = append(list, f)
			}
		}
		byDistance(list, p.file)
		// What is of the run that is named comes first, then what is nobody's.
		slices.SortStableFunc(list, func(a, b file) int {
			return cmp.Compare(v.whose(a, *r.Unchanged), v.whose(b, *r.Unchanged))
		})
		p.key, p.unread = v.same(ctx, list, r.Size, *r.SHA256)
		if p.key != "" {
			if _, ok := v.owner[p.key]; !ok {
				v.owner[p.key] = *r.Unchanged
			}
			v.used[p.key] = true
		}
		return
	}
	if p.key != "" {
		v.owner[p.key] = r.Run
	}
}

// whose is 0 for a file of run, 1 for one of no run that is known, 2 for another's.
func (v *viewer) whose(f file, run string) int {
	switch owner, ok := v.owner[f.Key]; {
	case ok && owner == run:
		return 0
	case !ok:
		return 1
	}
	return 2
}

// item judges what p says against what came down.
func (v *viewer) item(p *paired) Item {
	r := p.r
	it := Item{Name: r.Name, Receipt: r, Key: p.key, proven: p.key != "", late: p.late(), sealed: p.sealed}
	for _, s := range p.sealed {
		it.Notes = append(it.Notes, fmt.Sprintf("%s beside it, %s bytes, is an older piece and whole as such", s.Name, plan.Grouped(s.Size)))
	}
	switch {
	case p.late():
		it.Notes = append(it.Notes, "a later run of the payload wrote this receipt: its times are not those of the run")
	case r.Clock == "untrusted":
		it.Notes = append(it.Notes, "the payload's clock was not set: its times are not to be believed")
	}
	if n := r.Errors["unsigned"]; n > 0 {
		it.Notes = append(it.Notes, fmt.Sprintf("%s answers were not signed with this run's key, and nothing of them was taken: somebody else answered, or the server has no key or another", plan.Grouped(n)))
	}
	if r.Status == "failed" || r.SHA256 == nil {
		it.Verdict, it.Why = Missing, r.nothing()
		return it
	}
	size := plan.Grouped(r.Size)
	other := ""
	if p.key == "" && p.unread == nil && r.Unchanged == nil && !p.late() {
		other = v.other(p.file, p.fits)
	}
	switch {
	case p.key != "" && r.Unchanged != nil:
		it.Verdict, it.Why = Delivered, fmt.Sprintf("unchanged, came down with %s: %s bytes, sha256 as in the receipt", named(v.owner[p.key]), size)
	case p.key != "" && r.Status == "complete" && r.lacks():
		it.Verdict, it.Why = Partial, fmt.Sprintf("the archive came down whole, %s bytes, sha256 as in the receipt, but not all of the directory is in it: %s", size, r.Reason)
	case p.key != "" && r.Status == "complete":
		it.Verdict, it.Why = Delivered, fmt.Sprintf("whole, %s bytes, sha256 as in the receipt, %s", size, r.proof())
	case p.key != "":
		of := "an unknown total"
		if r.Total != nil {
			of = plan.Grouped(*r.Total)
		}
		it.Verdict, it.Why = Partial, fmt.Sprintf("%s bytes of %s, sha256 as in the receipt: %s", size, of, r.why())
	case p.unread != nil:
		it.Verdict, it.Why = Partial, "a file of this size came down, but "+p.unread.Error()
	case other != "":
		v.used[other] = true
		it.Key, it.Verdict, it.Why = other, Partial, fmt.Sprintf("a file of this name came down, but not the %s bytes that the receipt vouches for", size)
	case v.cut:
		it.Verdict, it.Why = Unknown, "the receipt came down; whether the file has, a whole listing would tell"
	case r.Unchanged != nil:
		it.Verdict, it.Why = Missing, fmt.Sprintf("published by %s, whose file is not here", named(*r.Unchanged))
	default:
		it.Verdict, it.Why = Missing, "the receipt came down, the file has not (yet); a later contact may bring it"
	}
	return it
}

// named is a run as sentences call it.
func named(run string) string {
	if run == "" {
		return "an earlier run without a name"
	}
	return "run " + run
}
