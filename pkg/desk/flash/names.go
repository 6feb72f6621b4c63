package flash

import (
	"slices"
	"time"
)

// A change gives a name another inode; nil is none.
type change struct {
	dir           *inode
	name          string
	before, after *inode
}

// An op is the changes that happen together or not at all.
type op []change

type key struct {
	dir  *inode
	name string
}

// do makes changes that processes see at once and the flash with the next sync
// of a directory.
func (f *FS) do(changes ...change) {
	o := op(changes)
	for i := range o {
		c := &o[i]
		c.before = c.dir.names[c.name]
		set(*c, c.after)
		for _, n := range []*inode{c.before, c.after, c.dir} {
			if n != nil {
				n.logged++
			}
		}
		c.dir.mtime = time.Now()
	}
	f.log = append(f.log, &o)
}

// set gives the name to, counting links.
func set(c change, to *inode) {
	if old := c.dir.names[c.name]; old != nil {
		old.links--
	}
	if to == nil {
		delete(c.dir.names, c.name)
		return
	}
	to.links++
	c.dir.names[c.name] = to
}

// touching lists what a sync of dir brings to the flash: every op on a name in
// it, and what must come before those: earlier ops on names that they touch.
func (f *FS) touching(in func(*inode) bool) (ops []*op) {
	need := map[key]bool{}
	for _, o := range slices.Backward(f.log) {
		hit := false
		for _, c := range *o {
			hit = hit || in(c.dir) || need[key{c.dir, c.name}]
		}
		if !hit {
			continue
		}
		for _, c := range *o {
			need[key{c.dir, c.name}] = true
		}
		ops = append(ops, o)
	}
	return ops
}

// commit makes ops durable.
func (f *FS) commit(ops []*op) {
	f.log = slices.DeleteFunc(f.log, func(o *op) bool {
		if !slices.Contains(ops, o) {
			return false
		}
		for _, c := range *o {
			f.unlog(c)
		}
		return true
	})
}

func (f *FS) unlog(c change) {
	for _, n := range []*inode{c.before, c.after, c.dir} {
		if n != nil {
			n.logged--
			f.forget(n)
		}
	}
}

// forget drops an inode that nothing leads to any more. Its room is free as soon
// as no process can reach it; its bytes are kept as long as a cut may bring it
// back.
func (f *FS) forget(n *inode) {
	if n.links > 0 || n.lookups > 0 || n == f.root {
		return
	}
	if !n.freed {
		n.freed = true
		f.used -= n.size
	}
	if n.logged > 0 {
		return
	}
	delete(f.inodes, n.id)
	n.chunks, n.layers, n.lost = nil, nil, nil
	if n.host != nil {
		n.host.Close()
		n.host = nil
	}
}
