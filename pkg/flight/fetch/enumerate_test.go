package fetch

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// clone is v with pieces of its own.
func clone(v version) version {
	v.pieces = slices.Clone(v.pieces)
	for i, p := range v.pieces {
		q := *p
		v.pieces[i] = &q
	}
	v.todo = slices.Clone(v.todo)
	return v
}

type named[T any] struct {
	name string
	is   T
}

// allVersions are all kinds of what can be held; 5,000 bytes of 9,000 mostly.
func allVersions() (all []named[version]) {
	add := func(name string, v version) { all = append(all, named[version]{name, v}) }
	add("fresh", blank(manner{}).version)
	add("fresh, without Range once", blank(manner{once: true, refused: true}).version)
	add("fresh, without Range", blank(manner{whole: true, refused: true}).version)
	add("fresh, changed before", blank(manner{changes: 1}).version)
	unvalidated := func(v *version) { v.id.Validator, v.validated = "", false }
	for _, s := range []struct {
		name string
		more []func(*version)
	}{
		{"", nil}, {", snapshot", []func(*version){snap}}, {", rotated", []func(*version){snap, rotated}}, {", no ranges", []func(*version){plain}},
		{", capped ranges", []func(*version){capAt(700)}}, {", no validator", []func(*version){unvalidated}}, {", no digests", []func(*version){undigested}},
		{", snapshot, no digests", []func(*version){snap, undigested}}, {", changed before", []func(*version){func(v *version) { v.changes = 1 }}},
		{", a snapshot that was not found", []func(*version){snap, missing}}, {", tried without Range", []func(*version){vain}},
		{", generated", []func(*version){plain, undigested, func(v *version) { v.generated = true }}},
		{", a limit", []func(*version){limitAt(6000)}}, {", suspect", []func(*version){undigested, func(v *version) { v.suspect = true }}},
		{", the beginning compared", []func(*version){func(v *version) { v.round = true }}},
	} {
		for _, total := range []int64{9000, -1} {
			t := fmt.Sprint(" of ", total)
			add("held"+t+s.name, ver(held, 5000, 5000, total, s.more...))
			add("growing"+t+s.name, ver(growing, 5000, 4000, total, s.more...))
			add("growing, nothing proven"+t+s.name, ver(growing, 5000, 0, total, s.more...))
			add("growing, nothing held"+t+s.name, ver(growing, 0, 0, total, s.more...))
		}
		if s.name == ", the beginning compared" {
			continue
		}
		add("held, all of it"+s.name, ver(held, 9000, 9000, 9000, append(s.more, func(v *version) { v.id.Complete = true })...))
		add("ended"+s.name, ver(ended, 9000, 8000, 9000, append(s.more, undigested)...))
		add("ended, unsure"+s.name, ver(ended, 9000, 8000, 9000, append(s.more, undigested, func(v *version) { v.unsure = 2 })...))
		add("ended, half compared"+s.name, ver(ended, 9000, 8000, 9000, append(s.more, undigested, func(v *version) {
			v.round, v.todo = true, []stretch{{7976, 9000, 8000}}
		})...))
		add("ended by the connection"+s.name, ver(ended, 5000, 4000, -1, append(s.more, undigested)...))
		add("complete"+s.name, ver(complete, 9000, 9000, 9000, append(s.more, several)...))
	}
	for _, p := range []struct {
		name string
		more func(*version)
	}{{"a piece that was cut", pieceOf(4000, 6000, 1000)}, {"a bad piece", pieceOf(4000, 5000, 0)}} {
		v := ver(growing, 5000, 4000, 9000, snap, p.more)
		v.pieces[0].bad = 1
		if v.pieces[0].got > 0 {
			v.pieces[0].bad = 0
		} else {
			v.pieces[0].has = false
		}
		add("growing, "+p.name, v)
	}
	v := ver(growing, 6000, 4000, 9000, snap, pieceOf(4000, 5000, 0), pieceOf(5000, 6000, 500))
	v.pieces[0].sent, v.pieces[0].bad = true, 1
	add("growing, two pieces", v)
	return all
}

// heads are all kinds of heads of an answer to q.
func heads(v version, q question) (all []named[head]) {
	add := func(name string, h head) {
		h.ranged, h.last = q.Ranged(), q.Last
		for _, validator := range []string{`"1"`, `"2"`, ""} {
			h.validator = validator
			for _, digested := range []bool{false, true} {
				h.digested = digested
				all = append(all, named[head]{fmt.Sprintf("%s, validator %s, digest %v", name, validator, digested), h})
			}
		}
	}
	for _, total := range []int64{9000, 12000, 4500, 100, 0} {
		t := fmt.Sprint(" of ", total)
		add("200"+t, head{status: 200, extent: extent{end: total, total: total}})
		if !q.Ranged() || total == 0 || q.First >= total {
			continue
		}
		last := min(q.Last+1, total)
		add("206"+t, head{status: 206, snapshot: v.id.Snapshot, extent: extent{q.First, last, total, false}})
		add("206, less"+t, head{status: 206, extent: extent{q.First, min(q.First+500, last), total, false}})
		add("206, elsewhere"+t, head{status: 206, extent: extent{min(q.First+1, last-1), last, total, false}})
	}
	if q.Ranged() {
		add("206 of *", head{status: 206, extent: extent{q.First, q.Last + 1, -1, false}})
		add("206 to the end of *", head{status: 206, extent: extent{q.First, max(v.held, 1), -1, false}})
	}
	add("200, no length", head{status: 200, extent: extent{end: -1, total: -1}})
	add("200, no-store", head{status: 200, generated: true, extent: extent{end: 9000, total: 9000}})
	add("206, no-store", head{status: 206, generated: true, extent: extent{q.First, q.Last + 1, 9000, false}})
	add("200, a part", head{status: 200, extent: extent{end: 9000, total: -1, doubt: true}})
	add("200, misplaced", head{status: 200, fault: errRangeMismatch})
	add("416, empty", head{status: 416})
	add("416", head{status: 416, fault: status(416, true)})
	add("coded", head{status: 200, fault: peer.Protocol("coded")})
	return all
}

// outcomes is what can come of an answer that goes to m.
func outcomes(m place) (all []named[came]) {
	add := func(name string, c came) { c.body = true; all = append(all, named[came]{name, c}) }
	end := m.end
	if m.to == unlimited {
		end = min(max(m.compare, m.from)+1000, m.end)
	}
	matches := []match{unknown}
	if m.digested || m.piece != nil && m.piece.has {
		matches = []match{right, wrong}
	}
	for _, match := range matches {
		for _, all := range []bool{true, false} {
			if m.to == unlimited && all || end == m.to || !all {
				add(fmt.Sprintf("all of it %v, match %d, marked", all, match), came{off: end, all: all, marked: true, match: match, last: true})
				add(fmt.Sprintf("all of it %v, match %d", all, match), came{off: end, all: all, match: match, last: true})
			}
		}
	}
	if m.to == unlimited {
		add("an end before what is held", came{off: min(m.from+10, end), all: true, last: true})
		add("a marked end before what is held", came{off: min(m.from+10, end), all: true, marked: true, last: true})
	}
	for _, off := range []int64{m.from, min(m.from+1, end), min(max(m.compare, m.from), end), (m.from + end) / 2, end} {
		for _, fault := range faults[:8] {
			if fault != errChanged || off < m.compare {
				add(fmt.Sprintf("%s at %d", fault.Text, off), came{off: off, fault: fault, last: true})
			}
		}
		add(fmt.Sprint("the run stops at ", off), came{off: off, over: true, last: true})
	}
	return all
}

// TestSettle enumerates what is held by what may be answered and by what may
// go wrong, and holds each step against what must never be.
func TestSettle(t *testing.T) {
	t.Parallel()
	rows, states := 0, map[string]int{}
	check := func(name string, before, after version, q question, m place, c came, w decision) {
		t.Helper()
		rows++
		states[fmt.Sprint(before.state, "->", after.state)]++
		bad := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s: %s\nbefore %+v\nasked %+v\nplace %+v\ncame %+v\nafter %+v\nthen %+v", name, fmt.Sprintf(format, args...), before, q, m, c, after, w)
		}
		base := after.id.Base
		switch {
		case after.proven > after.held || after.proven < base:
			bad("%d of %d bytes are proven, from %d", after.proven, after.held, base)
		case after.state == fresh:
		case after.state == complete && after.proven != after.held:
			bad("complete, and not proven")
		case after.state == complete && after.held < min(after.end(), after.limit):
			bad("complete with %d of %d bytes", after.held, after.id.Total)
		case after.id.Complete && after.told >= 0 && after.held < after.told && before.state != held && after.state != sealed:
			bad("complete with less than was told")
		}
		// What is proven beyond what was: by a digest, by a snapshot's URL, by
		// reading again what was held, or taken as the whole at the end.
		if n := after.proven; after.state != fresh && n > max(before.proven, base) && !after.unproven {
			byDigest := c.body && c.match == right
			bySnapshot := m.piece != nil && c.fault == nil
			byOverlap := (c.seam || c.body) && c.off >= m.compare && n <= m.compare
			if !byDigest && !bySnapshot && !byOverlap && after.state != complete {
				bad("%d bytes are proven by nothing", n)
			}
			if c.match == wrong && (m.digested || m.piece != nil) && n > m.compare {
				bad("proven, although the digest did not match")
			}
			if c.fault == errChanged && before.state != ended {
				bad("proven, although it is not what is held")
			}
		}
		if c.body && !m.only && m.piece == nil && c.match != right && after.held > m.compare && after.state != fresh && after.verified() == outbox.VerifiedDigest && !after.wholeDigest {
			bad("verified by a digest that was not there")
		}
		if after.state == complete && before.state == ended && !after.reread && !after.unconfirmed && before.noDigest && before.id.Total >= 0 && !after.generated && !before.capped() {
			bad("believed without a reason")
		}
		if m.only && c.body && c.fault == nil && !c.over && w.fault == nil && !after.unconfirmed && (c.off <= q.rest[0].at || m.full && c.off < q.rest[0].to) {
			bad("a comparison that brought too little goes on")
		}
		if m.piece != nil && after.proven > m.piece.start && m.piece.got < m.piece.end-m.piece.start {
			bad("a piece is proven of which not all came")
		}
		if len(after.pieces) > 0 && after.proven > max(before.proven, after.pieces[0].start) {
			bad("proven beyond a piece that is not verified")
		}
		if before.state == held && after.confirmedThisRun() && after.state != sealed && c.body && c.off < m.compare {
			bad("taken for what an earlier run began, and not all of that was compared")
		}
		if m.doubt && c.body && c.fault == nil && !c.over && w.fault == nil {
			bad("a part is taken for the whole")
		}
		// Forward, or wait.
		moved := !reflect.DeepEqual(before, after) || w.aside
		if w.when == now && !c.over && w.fault != nil && !moved {
			bad("again at once, and nothing is different")
		}
		if w.when == now && c.last && !moved && !m.unread && q.Target != "" && !c.over && !c.body {
			bad("nothing changed, and it goes on")
		}
		if w.when == never && !w.fault.Final || w.when == later && w.fault.Final {
			bad("when does not agree with the fault")
		}
		if after.state == sealed && (!w.aside || len(after.pieces) > 0 || after.held != after.proven) {
			bad("sealed, and not settled")
		}
		if c.last && (len(after.todo) > 0 && (!q.only || c.fault != nil) || slices.ContainsFunc(after.pieces, func(p *piece) bool { return p.sent })) {
			bad("something of the connection is left")
		}
	}
	least, every := 10_000, 1
	if testing.Short() { // what another processor does
		least, every = 1000, 7
	}
	for n, v := range allVersions() {
		if n%every != 0 {
			continue
		}
		for i, f := range []facts{
			{target: "/f", size: 2000, piece: 4000, room: 1 << 30, ranges: true, time: true},
			{target: "/f", size: 2000, piece: 4000, room: 6000},
			{target: "/f?q", size: 500, piece: 500, room: 1 << 30, tail: 1000, ranges: true},
			{target: "/f", size: 2000, piece: 4000, room: 1 << 30, tail: 1 << 20, empty: true},
		} {
			if i > 0 && v.is.state > held {
				break // room, --tail and emptiness are asked about at the beginning
			}
			q := v.is.ask(&f)
			step := func(name string, before version, q question, m place, c came) version {
				f := f
				after := clone(before)
				if q.piece != nil {
					q.piece = after.piece(q.piece)
				}
				if m.piece != nil {
					m.piece = after.piece(m.piece)
				}
				w := after.settle(&q, &m, c, &f)
				check(v.name+" / "+name, before, after, q, m, c, w)
				return after
			}
			if q.Target == "" {
				if v.is.state == ended {
					step("nothing to ask", v.is, q, place{}, came{last: true})
				}
				continue
			}
			for _, fault := range faults {
				step(fault.Text+fault.Class, v.is, q, place{}, came{fault: fault, last: true})
			}
			if q.Whole {
				for _, m := range []match{unknown, right, wrong} {
					for _, other := range []bool{true, false} {
						step(fmt.Sprint("digest ", m, other), v.is, q, place{}, came{match: m, other: other, last: true})
					}
				}
				continue
			}
			for _, h := range heads(v.is, q) {
				asked, q := clone(v.is), q
				if q.piece != nil {
					p := *q.piece
					if q.piece = asked.piece(&p); q.piece == &p {
						asked.asked(q.piece)
					}
				}
				m, fault := asked.admit(&q, &h.is, &f)
				if fault != nil || m.unread {
					step(h.name, asked, q, m, came{fault: fault, last: true})
					continue
				}
				if at := asked.held - asked.overlap(); q.only && m.from > q.rest[0].at || m.piece == nil && !q.only && h.is.status == 206 && m.from > at && v.is.state != fresh {
					t.Fatalf("%s, %s: nothing proves where %+v lies", v.name, h.name, m)
				}
				if m.from > asked.held || m.end > asked.end() && !m.only || m.compare > asked.held {
					t.Fatalf("%s, %s: %+v has no place in %+v", v.name, h.name, m, asked)
				}
				if !m.only && m.piece == nil && m.compare > asked.proven {
					step(h.name+", seam", asked, q, m, came{seam: true, off: m.compare})
				}
				for _, c := range outcomes(m) {
					before := clone(asked)
					if !m.only && c.is.off > before.held {
						before.held = c.is.off // as it was placed
					}
					m := m
					if m.piece != nil {
						m.piece = before.piece(m.piece)
						m.piece.got = max(c.is.off-m.piece.start, 0)
					}
					step(h.name+", "+c.name, before, q, m, c.is)
				}
			}
		}
	}
	t.Logf("%d rows: %v", rows, states)
	if rows < least {
		t.Errorf("only %d rows", rows)
	}
}

// piece is the piece of v that begins where p does, else p.
func (v *version) piece(p *piece) *piece {
	for _, q := range v.pieces {
		if q.start == p.start {
			return q
		}
	}
	return p
}
