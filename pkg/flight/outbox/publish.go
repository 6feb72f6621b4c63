package outbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
)

// Publish gives the proven bytes the name NAME in the outbox, synced,
// replacing the file of an earlier run atomically, and ends the part: nothing
// of it is left on the stage. A dead part is rebuilt once; if that loses bytes,
// Publish fails with ErrDead and PublishPart is what is left. If a NAME.part of
// an earlier run holds nothing but a prefix of these bytes it is withdrawn.
//
// After an error the part is on the stage as it was, and publishing may be
// tried again; only if Published.Name is set it stands in the outbox, but may
// not survive a power cut. ctx is looked at between copied blocks (another file
// system): a sync cannot be interrupted.
func (p *Part) Publish(ctx context.Context) (Published, error) {
	return p.publish(ctx, p.t.name, nil, false)
}

// PublishPart gives the proven bytes the name NAME.part (n <= 1) or
// NAME.n.part and ends the use of the part. A sealed part leaves the stage;
// any other stays there, durable, to be continued by the next run. Errors as
// with Publish, but a part that lost bytes in a rebuild is published too:
// Published.Size tells. What is published has end behind these bytes, which is
// no part of what the next run continues.
func (p *Part) PublishPart(ctx context.Context, n int, end ...byte) (Published, error) {
	return p.publish(ctx, partName(p.t.name, n), end, !p.Identity().Sealed)
}

func (p *Part) publish(ctx context.Context, name string, end []byte, keep bool) (Published, error) {
	if p.closed {
		return Published{}, ErrClosed
	}
	p.rec.halt()
	want := p.proven
	if err := p.final(end); err != nil {
		return Published{}, err
	}
	if p.proven < want && name == p.t.name {
		return Published{}, deadError(p.path(dataSuffix), errShorter)
	}
	if keep {
		// The cursor first: what was published as a part is to be continued.
		if err := p.settle(); err != nil {
			return Published{}, err
		}
	}
	whole := name == p.t.name
	if whole {
		// Or the next run would know nothing of a file that has its name and
		// no receipt.
		p.publishing = true
		if err := p.settle(); err != nil {
			return Published{}, err
		}
	}
	d := p.rec.d
	if len(end) > 0 && !p.retired {
		d = d.clone()
		d.write(end)
	}
	pub := d.published(name)
	p.t.s.c.Gate.naming(Given{Size: pub.Size})
	if err := p.expose(ctx, pub, keep); err != nil {
		return Published{}, err
	}
	p.t.published[name] = true
	err := diskError("sync", p.t.s.c.Outbox, p.t.s.syncDir(p.t.s.c.Outbox))
	if name == p.t.name && err == nil {
		p.withdraw()
	}
	if keep {
		p.shut()
		return pub, err
	}
	if whole && err == nil { // else the name may not last, and the next run must not count on it
		p.t.receiptless = append(p.t.receiptless, p.path(cursorSuffix))
		p.cleaned(p.written)
		p.data.Close()
		p.cur.Close()
		p.t.s.fs.Remove(p.path(dataSuffix))
	} else {
		p.remove()
	}
	p.closed = true
	if !p.t.s.same && err == nil {
		// Or a power cut brings the part back, and the next run takes it
		// for something still to be sent.
		err = diskError("sync", p.t.s.c.Stage, p.t.s.syncDir(p.t.s.c.Stage))
	}
	return pub, err
}

var errShorter = errors.New("what is left is shorter than what was proven")

// final makes the file on the stage exactly the proven bytes, hashed, and the
// end behind them, synced.
func (p *Part) final(end []byte) error {
	for rebuilt := false; ; {
		if p.dead() {
			if rebuilt {
				return p.Err()
			}
			rebuilt = true
			if err := p.Rebuild(); err != nil {
				return err
			}
		}
		if err := p.cut(); err != nil {
			return err
		}
		if err := p.rec.catchUp(); err != nil {
			return err
		}
		if p.retired {
			return nil // only what was synced before is left
		}
		if len(end) > 0 {
			if p.shared {
				if err := p.Rebuild(); err != nil {
					return err
				}
			}
			if _, err := p.data.WriteAt(end, p.proven); err != nil {
				return diskError("write", p.path(dataSuffix), err)
			}
			p.add(int64(len(end)))
		}
		err := p.datasync()
		if err == nil {
			return nil
		}
		p.fail(err)
	}
}

// expose gives the file on the stage, which is final, its name in the outbox.
func (p *Part) expose(ctx context.Context, pub Published, keep bool) error {
	s := p.t.s
	to := s.c.Outbox + "/" + pub.Name
	if s.same && !keep {
		err := s.fs.Rename(p.path(dataSuffix), to)
		if !elsewhere(err) {
			return diskError("publish", to, err)
		}
	}
	if s.same && keep && p.link(to) {
		return nil
	}
	return s.put(ctx.Err, pub.Name, p.path(tmpSuffix), p.data, pub.Size)
}

// elsewhere reports that the stage cannot be renamed from, being on another
// file system, gone or closed: then what the open file has is copied.
func elsewhere(err error) bool {
	switch kindOf(err) {
	case Unsupported, Missing, ReadOnly, Denied:
		return true
	}
	return false
}

// link publishes a further name of the inode, for salvage at the last moment
// costs nothing then. link(2) cannot replace, so it goes by a second name on
// the stage. False: this file system has no links, or whatever; copying tells.
func (p *Part) link(to string) bool {
	fs, tmp := p.t.s.fs, p.path(tmpSuffix)
	fs.Remove(tmp)
	if fs.Link(p.path(dataSuffix), tmp) != nil {
		return false
	}
	err := fs.Rename(tmp, to)
	// Also after success: rename(2) leaves both names if `to` was this very
	// inode already.
	fs.Remove(tmp)
	return err == nil
}

// withdraw removes the NAME.part of an earlier run if all its bytes are in
// what was just published.
func (p *Part) withdraw() {
	if !p.t.published[partName(p.t.name, 1)] {
		p.t.s.withdraw(p.t.name, p.data, p.proven)
	}
}

// Withdraw removes the NAME.part of an earlier run, of which the caller knows
// that all of it is in the NAME that was published.
func (t *Target) Withdraw() {
	if name := partName(t.name, 1); !t.published[name] && t.published[t.name] {
		t.s.fs.Remove(t.s.c.Outbox + "/" + name)
	}
}

// withdraw removes NAME.part if it is no more than a prefix of src; whatever
// else it is stays.
func (s *Stage) withdraw(name string, src io.ReaderAt, most int64) {
	path := s.c.Outbox + "/" + partName(name, 1)
	f, err := s.fs.Open(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW)
	if err != nil {
		return
	}
	defer f.Close()
	size, _, err := f.Stat()
	if err != nil || size > most {
		return
	}
	a, b := make([]byte, min(blockSize, size)), make([]byte, min(blockSize, size))
	for off := int64(0); off < size; {
		n := min(int64(len(a)), size-off)
		if k, _ := f.ReadAt(a[:n], off); int64(k) < n {
			return
		}
		if k, _ := src.ReadAt(b[:n], off); int64(k) < n || !bytes.Equal(a[:n], b[:n]) {
			return
		}
		off += n
	}
	s.fs.Remove(path)
}

// PublishReceipt publishes r alone (Slip, Sign).
func (t *Target) PublishReceipt(r *Receipt) error { return t.s.signOne(t.Slip(r)) }

func (s *Stage) signOne(p *Slip) error {
	s.Sign([]*Slip{p})
	return p.Err
}

// Unreceipted is a whole file that an earlier run published, and of whose
// receipt the stage does not know: the run was cut off before it, or its note
// of it could not be written.
type Unreceipted struct {
	Run      string
	Identity Identity
	Size     int64
	SHA256   [32]byte
	path     string
	more     *int // how many files at path have no receipt
}

// Unreceipted is what is known of such a file, nil if there is none.
func (t *Target) Unreceipted() *Unreceipted { return t.unreceipted }

// PublishMissing publishes the receipt r of that file as
// NAME.RUN.receipt.json, RUN being the earlier run, once.
func (t *Target) PublishMissing(r *Receipt) error {
	u := t.unreceipted
	q := *r
	q.Run = u.Run
	p := NewSlip(t.name, &q)
	p.exit, p.sheet.name = -1, lateName(t.name, u.Run)+receiptSuffix
	if err := t.s.signOne(p); err != nil {
		return err
	}
	return t.s.told(u.path, u.more)
}

// lateName is NAME.RUN, for the receipt that a later run writes.
func lateName(name, run string) string {
	if run == "" {
		run = "earlier"
	}
	return EscapeName(name + "." + run)
}

// PublishReceipt leaves a receipt where no Stage could be opened. It uses
// nothing but c.Outbox, its parent and c.FS.
func PublishReceipt(c Config, name string, r *Receipt) error {
	if err := CheckName(name); err != nil {
		return err
	}
	c = c.withDefaults()
	return (&Stage{c: c, fs: c.FS, names: map[string]bool{}}).signOne(NewSlip(name, r))
}
