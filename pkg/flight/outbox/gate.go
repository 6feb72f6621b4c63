package outbox

import (
	"errors"
	"slices"
	"strings"
	"sync"
)

// A Gate is passed by every change of a disk (Config.Gate). A run that gives
// up on a disk in the middle of a call closes it, and says what stands in the
// outbox: that stays true, for what was left behind changes nothing more when
// its call returns. The zero value is open.
type Gate struct {
	mu     sync.Mutex
	closed bool
	next   Given // what the next names are given to
	given  []Given
}

// Given is a name in the outbox, as this run gave it.
type Given struct {
	Name    string
	Size    int64
	Receipt bool
	Exit    int  // that the receipt tells; -1 if it is that of an earlier run
	Pending bool // the call that gives or takes the name has not returned
}

// errGate is what a step meets behind the declared end of its run.
var errGate = errors.New("the run was given up before")

// Close shuts the gate for good, without waiting, and returns what has a name.
func (g *Gate) Close() []Given {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.given
}

// Closed reports whether Close was called.
func (g *Gate) Closed() bool { return g.pass() != nil }

func (g *Gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errGate
	}
	return nil
}

// naming says what the next names are given to.
func (g *Gate) naming(n Given) {
	if g != nil {
		g.mu.Lock()
		g.next = n
		g.mu.Unlock()
	}
}

// gated is a file system behind a Gate. Names in the outbox are given from one
// goroutine at a time.
type gated struct {
	FS
	g      *Gate
	outbox string
}

// give tells of the name to from before do gives it on.
func (d gated) give(from, to string, do func(from, to string) error) error {
	g := d.g
	name, in := strings.CutPrefix(to, d.outbox+"/")
	in = in && name != probe
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errGate
	}
	source := strings.TrimPrefix(from, d.outbox+"/")
	for i := range g.given {
		g.given[i].Pending = g.given[i].Name == source
	}
	if in {
		n := g.next
		n.Name, n.Pending = name, true
		g.given = append(g.given, n)
	}
	g.mu.Unlock()
	err := do(from, to)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !in || g.closed {
		return err
	}
	last := len(g.given) - 1
	n := g.given[last]
	if g.given = g.given[:last]; err == nil {
		n.Pending = false
		g.forget(name, source)
		g.given = append(g.given, n)
	}
	return err
}

// forget takes names off what was given; the lock is held.
func (g *Gate) forget(names ...string) {
	g.given = slices.DeleteFunc(g.given, func(n Given) bool { return slices.Contains(names, n.Name) })
}

func (d gated) Rename(from, to string) error { return d.give(from, to, d.FS.Rename) }
func (d gated) Link(from, to string) error   { return d.give(from, to, d.FS.Link) }

func (d gated) Remove(name string) error {
	if err := d.g.pass(); err != nil {
		return err
	}
	err := d.FS.Remove(name)
	if name, in := strings.CutPrefix(name, d.outbox+"/"); in && err == nil {
		d.g.mu.Lock()
		if !d.g.closed {
			d.g.forget(name)
		}
		d.g.mu.Unlock()
	}
	return err
}

func (d gated) MkdirAll(name string) error {
	if err := d.g.pass(); err != nil {
		return err
	}
	return d.FS.MkdirAll(name)
}

func (d gated) SyncDir(name string) error {
	if err := d.g.pass(); err != nil {
		return err
	}
	return d.FS.SyncDir(name)
}

func (d gated) Open(name string, flag int) (File, error) {
	if err := d.g.pass(); err != nil {
		return nil, err
	}
	f, err := d.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return gatedFile{f, d.g}, nil
}

type gatedFile struct {
	File
	g *Gate
}

func (f gatedFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.g.pass(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f gatedFile) Truncate(size int64) error {
	if err := f.g.pass(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f gatedFile) Datasync() error {
	if err := f.g.pass(); err != nil {
		return err
	}
	return f.File.Datasync()
}
