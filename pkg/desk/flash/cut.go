package flash

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

const sector = 512

// cut takes from the file system what a power cut takes: for every change that
// no sync has made durable, chance decides.
func (f *FS) cut(r *rand.Rand) {
	blocked := map[key]bool{}
	var undo []*op
	for _, o := range f.log {
		lives := r.IntN(2) == 0
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
	size, settled := n.size, false
	revert := func(pages map[int64][]byte, always bool) {
		for _, p := range slices.Sorted(maps.Keys(pages)) {
			if kept[p] {
				continue
			}
			how := r.IntN(4)
			if always {
				how = 1
			}
			switch how {
			case 0:
				kept[p] = true
			case 1, 2:
				n.put(p, pages[p], r)
			default: // torn: the old sectors up to somewhere, or from there on
				now := make([]byte, page)
				copy(now, n.at(p))
				n.put(p, pages[p], r)
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
