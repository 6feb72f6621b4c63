package outbox

import (
	"errors"
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
	given  []*Given
}

// Given is a name in the outbox, as this run gave it.
type Given struct {
	Name    string
	Size    int64
	Receipt bool
	Exit    int  // that the receipt tells; -1 if it is that of an earlier run
	Pending bool // the call that gives or takes the name has not returned
	Gone    bool // the name is another one by now, or was taken away
}

// errGate is what a step meets behind the declared end of its run.
var errGate = errors.New("the run was given up before")

// Close shuts the gate for good, without waiting, and returns the names that
// were given.
func (g *Gate) Close() []*Given {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.given
}

// Closed reports whether Close was called.
func (g *Gate) Closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
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

// give counts a name as given from before do gives it, unless do fails.
func (d *gated) give(from, to string, do func(from, to string) error) error {
	g := d.g
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errGate
	}
	n, taken := g.next, ""
	n.Name, n.Pending = strings.TrimPrefix(to, d.outbox+"/"), true
	if n.Name != to && n.Name != probe {
		g.given = append(g.given, &n)
	}
	if source := strings.TrimPrefix(from, d.outbox+"/"); source != from {
		taken = source
		g.mark(taken, func(o *Given) { o.Pending = true })
	}
	g.mu.Unlock()
	err := do(from, to)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return err
	}
	g.mark(taken, func(o *Given) { o.Pending, o.Gone = false, o.Gone || err == nil })
	g.mark(n.Name, func(o *Given) { o.Gone = o.Gone || err == nil })
	n.Pending, n.Gone = false, err != nil
	return err
}

// mark changes what is known of the names that are called so.
func (g *Gate) mark(name string, change func(*Given)) {
	for _, o := range g.given {
		if o.Name == name {
			change(o)
		}
	}
}

func (d *gated) Rename(from, to string) error { return d.give(from, to, d.FS.Rename) }
func (d *gated) Link(from, to string) error   { return d.give(from, to, d.FS.Link) }

func (d *gated) Remove(name string) error {
	return d.give(name, "", func(name, _ string) error { return d.FS.Remove(name) })
}

func (d *gated) SyncDir(name string) error {
	if d.g.Closed() {
		return errGate
	}
	return d.FS.SyncDir(name)
}

func (d *gated) Open(name string, flag int) (File, error) {
	if d.g.Closed() {
		return nil, errGate
	}
	f, err := d.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return &gatedFile{f, d.g}, nil
}

type gatedFile struct {
	File
	g *Gate
}

func (f *gatedFile) WriteAt(b []byte, off int64) (int, error) {
	if f.g.Closed() {
		return 0, errGate
	}
	return f.File.WriteAt(b, off)
}

func (f *gatedFile) Truncate(size int64) error {
	if f.g.Closed() {
		return errGate
	}
	return f.File.Truncate(size)
}

func (f *gatedFile) Datasync() error {
	if f.g.Closed() {
		return errGate
	}
	return f.File.Datasync()
}
