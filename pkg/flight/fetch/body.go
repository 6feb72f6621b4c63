package fetch

import (
	"bytes"
	"context"
	"hash"
	"time"

	"payload-ipc/pkg/flight/peer"
)

const maxAhead = 3 // requests sent beyond the answer that is being read

// A body is that of one answer on its way into a version.
type body struct {
	place
	off   int64 // the next byte of the file
	sum   hash.Hash
	began time.Time
}

func (r *run) body(m place) *body {
	b := &body{place: m, off: m.from, began: r.f.Window.Mono(), sum: newSHA256()}
	if p := m.piece; p != nil {
		if p.got == 0 {
			p.sum = b.sum
		}
		b.sum = p.sum
	}
	return b
}

// came is what came of b so far; all: to the end of the answer, so that its
// framing has told one.
func (b *body) came(a *peer.Answer, all bool) came {
	c := came{body: true, off: b.off, all: all, marked: a.Body.ProvenEnd()}
	want, known := b.digest, b.digested
	if p := b.piece; p != nil {
		want, known = p.want, p.has
	}
	if known {
		if c.match = right; [32]byte(b.sum.Sum(nil)) != want {
			c.match = wrong
		}
	}
	return c
}

// broken is what came of b when err ended it; a fault is for the version to
// settle, anything else ends the work.
func (b *body) broken(err error) (came, error) {
	c := came{body: true, last: true, off: b.off}
	if f, ok := err.(*peer.Fault); ok {
		c.fault = f
		return c, nil
	}
	c.over = true
	return c, err
}

// read places the body of a, and then those of the pieces that are asked for
// on the same connection while it comes. It returns when the connection has
// nothing more to bring, or with what went wrong. Whatever it returns, held
// bytes are accounted for.
func (r *run) read(ctx context.Context, j *job, g *generation, q question, a *peer.Answer, m place, f *facts) (decision, error) {
	in := r.peer.Read(ctx, &j.tally, a)
	in.Probes = !g.noRanges // else all would have to come again
	var queue []question
	defer func() { in.Done(len(queue)) }()
	piped := m.piece != nil
	var unsent *peer.Fault // why nothing more is asked for on this connection
	b := r.body(m)
	for {
		for piped && !a.Close && len(queue) < maxAhead {
			next := g.askPiece(r.size)
			if next.piece == nil {
				break
			}
			if err := in.Send(next.Request); err != nil {
				unsent, piped = peer.AsFault(err), false
				break // what was received before may still be read
			}
			g.asked(next.piece)
			next.piped = true
			queue = append(queue, next)
		}
		c, err := came{fault: unsent, last: true}, error(nil)
		switch {
		case b != nil:
			c, err = r.readBody(ctx, j, g, &q, in, a, b, f)
		case len(queue) == 0 || a.Close || unsent == peer.ErrShort:
		default:
			bl := in.Next()
			if bl.Err != nil {
				if c.over = ctx.Err() != nil; c.over {
					err = ctx.Err()
				}
				c.fault = peer.AsFault(bl.Err)
				break
			}
			a, q = bl.Head, queue[0]
			a.Request = q.Request
			h, end := headOf(a, r.f.Window.Now()), q.piece.end
			if m, c.fault = g.admit(&q, &h, f); c.fault != nil {
				break
			}
			if queue = queue[1:]; q.piece.end < end && len(queue) > 0 {
				unsent, piped = peer.ErrShort, false // what was asked for behind it would leave a hole
			}
			b = r.body(m)
			continue
		}
		b = nil
		w, e := r.settled(j, g, &q, &m, c, f)
		if err == nil {
			err = e
		}
		if err != nil || w.fault != nil || c.last {
			return w, err
		}
	}
}

// readBody places a body up to the end of what is wanted of it.
func (r *run) readBody(ctx context.Context, j *job, g *generation, q *question, in *peer.Stream, a *peer.Answer, b *body, f *facts) (came, error) {
	for {
		bl := in.Next()
		switch {
		case bl.Err != nil && ctx.Err() != nil:
			return b.broken(ctx.Err())
		case bl.Err != nil:
			return b.broken(bl.Err)
		case bl.End:
			in.Settle()
			r.pace(b)
			return b.came(a, true), nil
		}
		at, n, err := r.place(j, g, q, b, bl.Bytes, f)
		more := err == nil && b.off >= b.end && b.end < b.to
		if more && g.keyed {
			n, more = int64(len(bl.Bytes)), false // the digest is that of all of it
		}
		in.Add(b.sum, at, n)
		if more {
			// More than was wanted: the length is what the first answer said.
			in.Settle()
			r.pace(b)
			c := b.came(a, false)
			c.last = true
			return c, nil
		}
		if err == nil {
			err = r.heed(ctx, g)
		}
		if err == nil {
			err = r.checkProgress(j, g)
		}
		if err != nil {
			return b.broken(err)
		}
	}
}

// place compares p with what is held, and appends or replaces the rest. What
// is placed of it ends at n; from the offset at on it belongs to the digest.
func (r *run) place(j *job, g *generation, q *question, b *body, p []byte, f *facts) (at, n int64, err error) {
	size := min(int64(len(p)), b.end-b.off)
	at = min(max(b.hashed-b.off, 0), size)
	for n < size {
		c := p[n:size]
		switch base := g.id.Base; {
		case b.off < base:
			c = c[:min(int64(len(c)), base-b.off)]
		case b.off < b.compare:
			c = c[:min(int64(len(c)), b.compare-b.off)]
			err = r.compare(g, c, b.off-base)
		case b.off < g.held:
			c = c[:min(int64(len(c)), g.held-b.off)]
			err = g.part.Rewrite(c, b.off-base)
		default:
			began := r.f.Window.Mono()
			err = g.part.Append(c)
			r.waited += r.f.Window.Mono().Sub(began)
			g.sync()
		}
		if err != nil {
			return min(at, n), n, err
		}
		n += int64(len(c))
		b.off += int64(len(c))
		if b.off > b.hashed {
			b.hashed = b.off
			if b.piece != nil {
				b.piece.got = b.hashed - b.piece.start
			}
		}
		if b.piece == nil && !b.only && b.off == b.compare && b.compare > g.proven {
			// The held bytes ran into the new ones without a seam.
			if _, err := r.settled(j, g, q, &b.place, came{seam: true}, f); err != nil {
				return at, n, err
			}
		}
	}
	return at, n, nil
}

func (r *run) compare(g *generation, b []byte, off int64) error {
	for len(b) > 0 {
		c := r.scratch[:min(len(b), len(r.scratch))]
		if _, err := g.part.ReadAt(c, off); err != nil {
			return err
		}
		if !bytes.Equal(c, b[:len(c)]) {
			return errChanged
		}
		b = b[len(c):]
		off += int64(len(c))
	}
	return nil
}

// pace chooses the size of the next pieces: short ones while little is known
// and on a slow link, so that little is unverified when the window ends.
func (r *run) pace(b *body) {
	n := b.off - b.from
	switch took := r.f.Window.Mono().Sub(b.began); {
	case took < 250*time.Millisecond:
		r.size = max(r.size, min(4*n, r.f.Piece))
	case took > time.Second:
		r.size = min(r.size, max(n/4, min(minPiece, r.f.Piece)))
	}
}
