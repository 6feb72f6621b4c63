package outbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

const (
	dataSuffix   = ".dat"
	cursorSuffix = ".cur"
	tmpSuffix    = ".tmp" // a file on its way to the outbox; rubbish in the next run
)

// stageName is NAME and the number of a generation; with a suffix it is as
// long as NAME.receipt.json.
func stageName(name string, gen uint32) string { return fmt.Sprintf("%s.%08x", name, gen) }

// Target is one NAME and its generations.
type Target struct {
	s           *Stage
	name        string
	source      string
	parts       []*Part
	next        uint32          // number of the next generation
	published   map[string]bool // names in the outbox that are this run's
	receiptless []string        // cursors of what was published, until there is a receipt
	unreceipted *Unreceipted
	earlier     *Published // NAME as an earlier run of this window left it
}

// Target opens what earlier runs left of NAME (see CheckName) from this
// source. Source is opaque here, at most MaxText bytes; pkg/flight/fetch puts the path
// on the peer into it, not the address, for candidates are one machine. A dot
// before a NAME is for what has its place on the stage alone.
//
// Every part is read and proven again before Target returns. Parts of another
// source, without a valid cursor, or without one proven byte are removed; parts
// that cannot be read for a reason that may pass are left alone. Errors: a name
// or source that cannot be, or an *Error of the directory itself.
func (s *Stage) Target(name, source string) (*Target, error) {
	if err := CheckName(strings.TrimPrefix(name, ".")); err != nil {
		return nil, err
	}
	if len(source) > MaxText {
		return nil, fmt.Errorf("source too long for the cursor: got %d bytes, want at most %d", len(source), MaxText)
	}
	if _, err := s.left(); err != nil {
		return nil, err
	}
	names, err := s.fs.Names(s.c.Stage)
	if err != nil {
		return nil, diskError("list", s.c.Stage, err)
	}
	t := &Target{s: s, name: name, source: source, next: 1, published: map[string]bool{}}
	have := map[uint32]int{} // 1: cursor, 2: data
	var gens []uint32
	for _, n := range names { // sorted, so generations come in order
		gen, suffix, ok := parseStageName(name, n)
		if !ok {
			continue
		}
		if suffix == tmpSuffix {
			s.fs.Remove(s.c.Stage + "/" + n)
			continue
		}
		if have[gen] == 0 {
			gens = append(gens, gen)
		}
		if suffix == cursorSuffix {
			have[gen] |= 1
		} else {
			have[gen] |= 2
		}
		t.next = max(t.next, gen+1)
	}
	for _, gen := range gens {
		if have[gen] != 3 {
			base := s.c.Stage + "/" + stageName(name, gen)
			if have[gen] == 1 && t.recall(base+cursorSuffix, gen) {
				continue
			}
			s.fs.Remove(base + cursorSuffix)
			s.fs.Remove(base + dataSuffix)
			continue
		}
		if p := t.load(gen); p != nil {
			if n := len(t.parts) - 1; n >= 0 && p.id.Snapshot != "" && t.parts[n].id == p.id && t.parts[n].proven <= p.proven {
				t.parts[n].Discard() // what p is a copy of: a snapshot's URL names one content
				t.parts = t.parts[:n]
			}
			t.parts = append(t.parts, p)
		}
	}
	if l := s.late[name]; l != nil {
		t.recalled(l.c, l.path)
		t.unreceipted.more = l.more
		delete(s.late, name)
	}
	// What a crash left between linking and renaming (putLink) is still on
	// the stage, or the next publishing makes it anew.
	for _, n := range []string{name, partName(name, 1), name + receiptSuffix} {
		s.fs.Remove(s.c.Outbox + "/" + newName(n))
	}
	t.earlier = t.look(name)
	return t, nil
}

func parseStageName(name, file string) (gen uint32, suffix string, ok bool) {
	rest, ok := strings.CutPrefix(file, name+".")
	if !ok || len(rest) != 12 {
		return 0, "", false
	}
	g, err := strconv.ParseUint(rest[:8], 16, 32)
	suffix = rest[8:]
	ok = err == nil && (suffix == dataSuffix || suffix == cursorSuffix || suffix == tmpSuffix)
	return uint32(g), suffix, ok
}

// load opens and proves a part of an earlier run; nil if there is nothing to
// go on with.
func (t *Target) load(gen uint32) *Part {
	p := t.part()
	p.gen = gen
	if p.openBoth(0) != nil {
		return nil
	}
	leave := func() *Part { p.shut(); return nil }
	reject := func() *Part { p.remove(); return nil }
	c, err := readCursor(p.cur)
	if err != nil {
		return leave()
	}
	if c == nil || c.gen != gen || c.name != t.name || c.source != t.source {
		return reject()
	}
	size, links, err := p.data.Stat()
	if err != nil {
		return leave()
	}
	d, marks, rerr, _ := prove(p.data, c.marks, t.s.c.Piece, nil)
	p.id = c.id
	p.id.Complete = c.id.Complete && d.size == c.proven()
	if d.size == 0 && !p.id.Complete {
		if rerr != nil {
			return leave()
		}
		return reject()
	}
	p.held, p.proven, p.noted, p.durable = d.size, d.size, d.size, min(c.durable, d.size)
	p.slot = c.slot
	p.rec = &recorder{p: p, d: d, marks: marks, seq: c.seq}
	p.add(p.proven - p.durable + 1)
	// A file that has a name in the outbox, or a place that cannot be read,
	// is copied before it is changed.
	p.shared = links > 1 || rerr != nil
	if !p.shared && (size > d.size && p.data.Truncate(d.size) != nil || p.rewrite() != nil) {
		return leave()
	}
	return p
}

// recall reads a cursor without bytes: is it that of a published file?
func (t *Target) recall(path string, gen uint32) bool {
	f, err := t.s.fs.Open(path, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	c, err := readCursor(f)
	if err != nil || c == nil || !c.published || c.gen != gen || c.name != t.name || len(c.marks) == 0 && c.id.Total != 0 {
		return false
	}
	t.recalled(c, path)
	return true
}

// recalled takes note of a file that was published, as its cursor has it.
func (t *Target) recalled(c *cursor, path string) {
	one := 1
	u := &Unreceipted{Run: c.run, Identity: c.id, Size: c.proven(), path: path, more: &one}
	if n := len(c.marks); n > 0 {
		u.SHA256 = c.marks[n-1].sum
	} else {
		u.SHA256 = sha256.Sum256(nil)
	}
	if c.source != t.source {
		u.Identity = Identity{Total: c.id.Total, Verified: c.id.Verified} // another file's
	}
	if t.unreceipted != nil {
		t.s.fs.Remove(t.unreceipted.path) // of two the later one is told
	}
	t.unreceipted = u
}

// rewrite makes the bytes that no durable slot claims dirty again: a sync of
// them may have failed in a process that was killed, and the kernel says so
// only once.
func (p *Part) rewrite() error {
	buf := make([]byte, min(blockSize, p.proven-p.durable))
	for off := p.durable; off < p.proven; {
		b := buf[:min(int64(len(buf)), p.proven-off)]
		if n, err := p.data.ReadAt(b, off); n < len(b) {
			return err
		}
		if _, err := p.data.WriteAt(b, off); err != nil {
			return err
		}
		off += int64(len(b))
	}
	return nil
}

// look reads a file that is in the outbox already; nil if there is none.
func (t *Target) look(name string) *Published {
	// O_NONBLOCK: whatever stands there, a FIFO too, must not hold us up.
	f, err := t.s.fs.Open(t.s.c.Outbox+"/"+name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW)
	if err != nil {
		return nil
	}
	defer f.Close()
	size, _, err := f.Stat()
	if err != nil {
		return nil
	}
	d := newDigest(t.s.c.Piece)
	buf := make([]byte, min(blockSize, size))
	for d.size < size {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-d.size)], d.size)
		d.write(buf[:n])
		if err != nil {
			return nil
		}
	}
	p := d.published(name)
	return &p
}

// Parts are the generations earlier runs left, oldest first, open. The caller
// ends each of them with Publish, PublishPart, Discard or Close.
func (t *Target) Parts() []*Part { return t.parts }

// New begins a generation at 0.
func (t *Target) New(id Identity) (*Part, error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	return t.create(id)
}

func (t *Target) part() *Part {
	p := &Part{t: t}
	p.news = sync.NewCond(&p.mu)
	return p
}

func (t *Target) create(id Identity) (*Part, error) {
	p := t.part()
	p.id, p.fresh, p.changed = id, true, true
	var err error
	for range 100 { // over what could not be removed
		p.gen = t.next
		t.next++
		err = p.openBoth(os.O_CREATE | os.O_EXCL)
		if errors.Is(err, syscall.ENOENT) && t.s.fs.MkdirAll(t.s.c.Stage) == nil { // the stage was removed
			err = p.openBoth(os.O_CREATE | os.O_EXCL)
		}
		if !errors.Is(err, syscall.EEXIST) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err := p.cur.WriteAt(make([]byte, slots*slotSize), 0); err != nil {
		p.remove()
		return nil, diskError("write", p.path(cursorSuffix), err)
	}
	p.rec = &recorder{p: p, d: newDigest(t.s.c.Piece)}
	p.add(1)
	return p, nil
}

func (p *Part) path(suffix string) string {
	return p.t.s.c.Stage + "/" + stageName(p.t.name, p.gen) + suffix
}

// openBoth opens, or with os.O_CREATE makes, the two files of a part.
func (p *Part) openBoth(flag int) error {
	fs := p.t.s.fs
	var err error
	if p.cur, err = fs.Open(p.path(cursorSuffix), os.O_RDWR|flag); err != nil {
		return diskError("open", p.path(cursorSuffix), err)
	}
	if p.data, err = fs.Open(p.path(dataSuffix), os.O_RDWR|flag); err != nil {
		p.cur.Close()
		return diskError("open", p.path(dataSuffix), err)
	}
	return nil
}
