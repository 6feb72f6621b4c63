package flash

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

const sector = 512

// A luck is what is left of things that were not synced.
type luck int

const (
	each luck = iota // chance decides for each
	all
	none
)

// draw makes all and none likelier than by chance for each: a journal that was
// just written has all names, of files whose bytes are still in memory.
func draw(r *rand.Rand, parts ...luck) luck { return parts[r.IntN(len(parts))] }

// survives decides for one thing.
func (l luck) survives(r *rand.Rand) bool { return l == all || l == each && r.IntN(2) == 0 }

// cut takes from the file system what a power cut takes: for every change that
// no sync has made durable, chance decides.
func (f *FS) cut(r *rand.Rand) {
	names := draw(r, each, each, all, all, none)
	blocked := map[key]bool{}
	var undo []*op
	for _, o := range f.log {
		lives := names.survives(r)
		for _, c := range *o {
			lives = lives && !blocked[key{c.dir, c.name}]
		}
		if lives {
			continue
		}
		undo = append(undo, o)
		for _, c := range *o {
			blocked[key{c.dir, c.name}] = true
		}
	}
	for _, o := range slices.Backward(undo) {
		for _, c := range slices.Backward(*o) {
			set(c, c.before)
		}
	}
	f.log = nil
	for _, n := range slices.SortedFunc(maps.Values(f.inodes), func(a, b *inode) int { return cmp.Compare(a.id, b.id) }) {
		n.cut(r)
	}
}

// cut takes from a file what was not synced, the latest first.
func (n *inode) cut(r *rand.Rand) {
	kept := map[int64]bool{}
	pages := draw(r, each, each, each, none, none, all)
	size, settled := n.size, false
	revert := func(old map[int64][]byte, always bool) {
		for _, p := range slices.Sorted(maps.Keys(old)) {
			if kept[p] {
				continue
			}
			switch {
			case !always && pages.survives(r):
				kept[p] = true
			case always || pages == none || r.IntN(2) == 0:
				n.put(p, old[p], r)
			default: // torn: the old sectors up to somewhere, or from there on
				now := make([]byte, page)
				copy(now, n.at(p))
				n.put(p, old[p], r)
				at := (1 + r.IntN(page/sector-1)) * sector
				if r.IntN(2) == 0 {
					copy(n.make(p)[:at], now[:at])
				} else {
					copy(n.make(p)[at:], now[at:])
				}
				kept[p] = true
			}
		}
	}
	for _, l := range slices.Backward(n.layers) {
		revert(l.pages, false)
		if settled || l.size == size {
			continue
		}
		switch r.IntN(4) {
		case 0, 1:
			settled = true
		case 2:
			if l.size < size { // so far the blocks had been counted
				size = min(size, (l.size+r.Int64N(size-l.size))/page*page+page)
				settled = true
				break
			}
			fallthrough
		default:
			size = l.size
		}
	}
	revert(n.lost, true)
	n.layers, n.lost = nil, nil
	n.size = size
	n.mend()
}

// put gives a page what it was before. Where the flash had nothing, a block may
// show what was in it long ago.
func (n *inode) put(p int64, before []byte, r *rand.Rand) {
	b := n.make(p)
	clear(b)
	copy(b, before)
	if before == nil && r.IntN(4) == 0 {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}
}

// mend clears what lies behind the end.
func (n *inode) mend() {
	if n.host != nil || !n.regular() {
		return
	}
	if p := n.at(n.size / page); p != nil {
		clear(p[n.size%page:])
	}
	n.drop(n.size/page + 1)
}
