package fetch

import (
	"bytes"
	"context"
	"hash"
	"time"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/peer"
)

// A message is the body of one answer on its way into a generation.
type message struct {
	from, off int64 // where it begins in the file, and the next byte of it
	to        int64 // where it ends; unlimited if unknown
	end       int64 // what is wanted of it ends here
	sum       hash.Hash
	hashed    int64 // what precedes this offset is not of the digest, or in sum already
	want      [32]byte
	has       bool
	p         *piece
	compare   int64 // bytes before it are compared with what is held
	quiet     bool  // it only compares
	ok        bool  // its digest was right
	began     time.Time
}

func (r *run) message(g *generation, a *peer.Answer, x extent) (*message, error) {
	m := &message{from: x.start, off: x.start, to: x.end, compare: g.held(), began: r.f.Window.Mono(), sum: newSHA256()}
	if x.end < 0 {
		m.to = unlimited
	}
	if x.start > g.held() {
		return nil, errPlace
	}
	m.end = min(m.to, g.end())
	m.hashed = x.start
	var err error
	if m.want, m.has, err = http1.ParseDigest(a.Header, "Content-Digest"); err != nil {
		m.has = false // as good as none
	}
	return m, nil
}

// take places the body of a, and then those of the pieces that are asked for
// on the same connection while it comes. It returns when the connection has
// nothing more to bring, or with what went wrong. Whatever it returns, held
// bytes are accounted for.
func (r *run) take(ctx context.Context, j *job, g *generation, a *peer.Answer, m *message) (err error) {
	fl := r.peer.Read(ctx, &j.tally, a)
	fl.Knocks = !g.noRanges // else all would have to come again
	var queue []*piece
	defer func() {
		fl.Done(len(queue))
		if !m.quiet {
			g.answers++
		}
		if m.p == nil && !m.quiet && !m.ok && g.held() > m.compare {
			if g.keyed {
				g.drop()
			} else {
				g.weak = true
				g.suspect = err == nil && m.off >= m.to
			}
		}
		g.broken()
		g.describe()
	}()
	piped, between := m.p != nil, false
	var unsent error // why nothing more is asked for on this connection
	for {
		for piped && !a.Close && len(queue) < maxAhead {
			p := g.plan(r.size)
			if p == nil {
				break
			}
			if unsent = fl.Send(r.pieceQuery(g, p)); unsent != nil {
				piped = false // what was received before may still be read
				break
			}
			p.sent = true
			queue = append(queue, p)
		}
		if between && (len(queue) == 0 || a.Close || unsent == peer.ErrShort) {
			return unsent
		}
		b := fl.Next()
		switch {
		case b.Err != nil && ctx.Err() != nil:
			return ctx.Err()
		case b.Err != nil:
			return b.Err
		case b.Head != nil:
			a, between = b.Head, false
			a.Request = r.pieceQuery(g, queue[0])
			end := queue[0].end
			next, err := r.matchPiece(g, queue[0], a)
			if err != nil {
				return err
			}
			if m, queue = next, queue[1:]; m.p.end < end && len(queue) > 0 {
				unsent, piped = peer.ErrShort, false // what was asked for behind it would leave a hole
			}
			g.answers++
		case b.End:
			fl.Settle()
			if err := r.ended(j, g, a, m, true); err != nil {
				return err
			}
			between = true
		default:
			at, n, err := r.place(g, m, b.Bytes)
			more := m.off >= m.end && m.end < m.to
			if more && g.keyed {
				n, more = int64(len(b.Bytes)), false // the digest is that of all of it
			}
			fl.Add(m.sum, at, n)
			if err != nil {
				return err
			}
			if more {
				// More than was wanted: the length is what the first answer said.
				fl.Settle()
				return r.ended(j, g, a, m, false)
			}
			if err := r.heed(ctx, g); err != nil {
				return err
			}
		}
		if err := r.pulse(ctx, j, g); err != nil {
			return err
		}
	}
}

// place compares b with what is held, and appends or replaces the rest. What
// is placed of it ends at n; from the offset at on it belongs to the digest.
func (r *run) place(g *generation, m *message, b []byte) (at, n int64, err error) {
	size := min(int64(len(b)), m.end-m.off)
	at = min(max(m.hashed-m.off, 0), size)
	for n < size {
		c := b[n:size]
		switch held := g.held(); {
		case m.off < g.id.Base:
			c = c[:min(int64(len(c)), g.id.Base-m.off)]
		case m.off < m.compare:
			c = c[:min(int64(len(c)), m.compare-m.off)]
			err = r.compare(g, c, m.off-g.id.Base)
		case m.off < held:
			c = c[:min(int64(len(c)), held-m.off)]
			err = g.part.Rewrite(c, m.off-g.id.Base)
		default:
			err = g.part.Append(c)
		}
		if err != nil {
			return min(at, n), n, err
		}
		n += int64(len(c))
		m.off += int64(len(c))
		if m.off > m.hashed {
			m.hashed = m.off
			if m.p != nil {
				m.p.got = m.hashed - m.p.start
			}
		}
		if m.p == nil && !m.quiet && m.off == m.compare && m.compare > g.proven() {
			// The held bytes ran into the new ones without a seam.
			if err := g.prove(); err != nil {
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

// ended decides what a message has proven of which all that is wanted came;
// all: and all there is, so that its framing has told an end.
func (r *run) ended(j *job, g *generation, a *peer.Answer, m *message, all bool) error {
	g.gone = 0
	r.pace(m)
	switch {
	case m.quiet:
		return nil
	case m.p != nil:
		return r.endedPiece(j, g, m)
	}
	if m.to == unlimited && all && m.off < m.compare {
		// It ends before what is held does: shorter now, or cut again.
		if g.cuts++; a.Body.ProvenEnd() || g.cuts > 2 {
			return errChanged
		}
		return peer.ErrShort
	}
	if m.to == unlimited && all {
		g.closed = !a.Body.ProvenEnd()
		if !g.closed {
			g.id.Total, g.marked = g.held(), true
		}
	}
	if m.has && (m.off >= m.to || (m.to == unlimited || g.keyed) && all) {
		if [32]byte(m.sum.Sum(nil)) != m.want {
			r.f.Events(Event{Kind: BadPiece, Path: j.Path.Path, Done: m.from})
			g.drop()
			return errDigest
		}
		m.ok = true
		return g.prove()
	}
	return nil
}

func (r *run) endedPiece(j *job, g *generation, m *message) error {
	p := m.p
	if p.start+p.got < p.end {
		return peer.ErrShort // a shorter range than asked for
	}
	switch {
	case !p.has:
		g.weak = true
	case [32]byte(p.sum.Sum(nil)) != p.want:
		r.f.Events(Event{Kind: BadPiece, Path: j.Path.Path, Done: p.start})
		p.bad++
		p.got, p.has, p.sent = 0, false, false
		p.sum.Reset()
		if p.bad%3 == 0 {
			return errDigest // another connection, and not at once
		}
		j.tally.Count("digest")
		return nil
	}
	g.remove(p)
	return g.prove()
}

// pace chooses the size of the next pieces: short ones while little is known
// and on a slow link, so that little is unverified when the window ends.
func (r *run) pace(m *message) {
	n := m.off - m.from
	switch took := r.f.Window.Mono().Sub(m.began); {
	case took < 250*time.Millisecond:
		r.size = max(r.size, min(4*n, r.f.Piece))
	case took > time.Second:
		r.size = min(r.size, max(n/4, min(minPiece, r.f.Piece)))
	}
}
