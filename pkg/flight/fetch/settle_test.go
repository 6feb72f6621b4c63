package fetch

import (
	"fmt"
	"testing"

	"payload-ipc/pkg/flight/peer"
)

const snapshotURL = "/f?snapshot=1"

// ver makes a version of which [0, held) came and [0, proven) is proven.
func ver(s state, held, proven, total int64, more ...func(*version)) version {
	v := blank(manner{}).version
	v.state, v.held, v.proven, v.next = s, held, proven, held
	v.id.Total, v.told, v.seen = total, total, total
	v.validated, v.id.Validator, v.answers = true, `"1"`, 1
	for _, m := range more {
		m(&v)
	}
	return v
}

func snap(v *version)                { v.id.Snapshot = snapshotURL }
func rotated(v *version)             { v.rotatedPath = "/f.1" }
func missing(v *version)             { v.gone = 1 }
func twice(v *version)               { v.failed = 2 }
func vain(v *version)                { v.refused = true }
func undigested(v *version)          { v.noDigest = true }
func plain(v *version)               { v.noRanges = true }
func capAt(n int64) func(*version)   { return func(v *version) { v.cap = n } }
func limitAt(n int64) func(*version) { return func(v *version) { v.limit = n } }
func pieceOf(start, end, got int64) func(*version) {
	return func(v *version) {
		v.pieces = append(v.pieces, &piece{start: start, end: end, got: got, has: true})
		v.next = end
	}
}

func status(n int, final bool) *peer.Fault {
	return &peer.Fault{Class: fmt.Sprint("status ", n), Status: n, Final: final}
}

var faults = []*peer.Fault{errChanged, errRangeMismatch, errDigest, errSlow, errDoubt, peer.ErrShort, {Class: "reset"}, {Class: "reset", Closed: true},
	status(404, false), status(410, false), status(503, false), status(403, true), status(416, true)}

// TestFaults enumerates what can be held of a version by what can go wrong.
func TestFaults(t *testing.T) {
	//                                           changed place digest slow doubt short reset closed 404 410 503 403 416
	for _, c := range []struct {
		name  string
		v     version
		fresh bool // no range was had of this peer
		want  string
		// A letter a fault: it waits, or gives up; at once, it goes on without
		// Range, from where rotation has moved it, without the snapshot; it
		// takes what is held; another version begins, the old one being sealed
		// or left to itself.
	}{
		{name: "fresh", v: blank(manner{}).version, want: "rrwwg wwwww wrr"},
		{name: "fresh, tried", v: blank(manner{refused: true}).version, want: "wwwwg wwwww wgg"},
		{name: "fresh, no range was had", v: blank(manner{}).version, fresh: true, want: "rrrrg rrrrr rrr"},
		{name: "held", v: ver(held, 50, 50, 99), want: "rrwwg wwwww wrr"},
		{name: "held, of a snapshot", v: ver(held, 50, 50, 99, snap), want: "rrwwg wwwww wrr"},
		{name: "held, no range was had, tried", v: ver(held, 50, 50, 99, vain), fresh: true, want: "lwwwg wwwww wgg"},
		{name: "growing", v: ver(growing, 50, 50, 99), want: "rrwwg wwwww wrr"},
		{name: "growing, and two answers brought nothing", v: ver(growing, 50, 50, 99, twice), want: "rrrrg rrrrr rrr"},
		{name: "growing, of a snapshot, and two answers brought nothing", v: ver(growing, 50, 50, 99, snap, twice), want: "rrwwg wwwww wnn"},
		{name: "growing, of a snapshot, and four answers brought nothing", v: ver(growing, 50, 50, 99, snap, func(v *version) { v.failed = 4 }), want: "rrrrg rrrrr rrr"},
		{name: "growing, all without Range", v: ver(growing, 50, 50, 99, func(v *version) { v.whole = true }), want: "mwwwg wwwww wgg"},
		{name: "growing, without Range in vain", v: ver(growing, 50, 50, 99, twice, vain), want: "mwwwg wwwww wgg"},
		{name: "growing, nothing held", v: ver(growing, 0, 0, 99), want: "rrwwg wwwww wrr"},
		{name: "growing, of a snapshot", v: ver(growing, 50, 50, 99, snap), want: "rrwwg wwwww wnn"},
		{name: "growing, of a snapshot that was not found", v: ver(growing, 50, 50, 99, snap, missing), want: "rrwwg wwwrr wnn"},
		{name: "... and without Range neither", v: ver(growing, 50, 50, 99, snap, missing, vain), want: "mwwwg wwwmm wnn"},
		{name: "growing, rotated", v: ver(growing, 50, 50, 99, snap, rotated), want: "sswwg wwwss wss"},
		{name: "growing, rotated, no range was had", v: ver(growing, 50, 50, 99, rotated), fresh: true, want: "sswwg wwwss wss"},
		{name: "ended", v: ver(ended, 99, 50, 99, undigested), want: "rrwwt wwwww wtt"},
		{name: "ended, unsure twice", v: ver(ended, 99, 50, 99, undigested, func(v *version) { v.unsure = 2 }), want: "rtttt ttttt ttt"},
		{name: "ended, unsure twice, and not what it was", v: ver(ended, 99, 50, 99, undigested, func(v *version) { v.unsure, v.refuted = 2, true }), want: "rrwwg wwwww wrr"},
		{name: "... without Range neither", v: ver(ended, 99, 50, 99, undigested, vain, func(v *version) { v.unsure, v.refuted = 2, true }), want: "mwwwg wwwww wgg"},
		{name: "ended, of a snapshot that was not found", v: ver(ended, 99, 99, 99, snap, undigested, missing), want: "rrwwt wwwrr wtt"},
		{name: "ended, rotated", v: ver(ended, 99, 99, 99, rotated, undigested), want: "sswwt wwwss wtt"},
	} {
		got := ""
		for i, fault := range faults {
			v, f := c.v, facts{target: "/f", size: 64, piece: 64, ranges: !c.fresh}
			q := v.ask(&f)
			w := v.settle(&q, &place{}, came{fault: fault, last: true}, &f)
			letter := "?"
			switch {
			case w.aside && v.state == sealed:
				letter = "s"
			case w.aside && w.replaced:
				letter = "l"
			case w.when == later:
				letter = "w"
			case w.when == never:
				letter = "g"
			case v.state == complete && v.unconfirmed:
				letter = "t"
			case w.replaced && v.rotatedPath != "":
				letter = "m"
			case v.once && v.refused:
				letter = "r"
			case c.v.id.Snapshot != "" && v.id.Snapshot == "":
				letter = "n"
			}
			if i == 5 || i == 10 {
				got += " "
			}
			got += letter
			if w.fault != fault && letter != "t" {
				t.Errorf("%s, %v: reported as %v", c.name, fault, w.fault)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestArrive: what follows from what is held and known.
func TestArrive(t *testing.T) {
	for _, c := range []struct {
		name string
		v    version
		want state
	}{
		{"of an earlier run", ver(held, 100, 100, 200), held},
		{"... and whole", ver(held, 100, 100, 100), held},
		{"more to come", ver(growing, 100, 100, 200), growing},
		{"length unknown", ver(growing, 100, 0, -1), growing},
		{"a piece waits for its digest", ver(growing, 100, 0, 100, pieceOf(0, 100, 100)), growing},
		{"all there, nothing proven", ver(growing, 100, 0, 100, undigested), ended},
		{"all proven, some without a digest", ver(growing, 100, 100, 100, undigested), ended},
		{"... and read again", ver(growing, 100, 100, 100, undigested, func(v *version) { v.reread = true }), complete},
		{"all with digests", ver(growing, 100, 100, 100), complete},
		{"the connection's end for the file's", ver(ended, 100, 0, -1), ended},
		{"... and it is longer by now", ver(ended, 100, 0, 200), growing},
		{"--max-bytes, nothing proven", ver(growing, 100, 0, 200, limitAt(100)), ended},
		{"--max-bytes, proven", ver(growing, 100, 100, 200, limitAt(100)), complete},
		{"--max-bytes, length unknown", ver(growing, 100, 100, -1, limitAt(100)), complete},
		{"empty", ver(growing, 0, 0, 0), complete},
		{"gone from the peer", ver(sealed, 100, 100, 200), sealed},
		{"nothing", blank(manner{}).version, fresh},
	} {
		if c.v.arrive(); c.v.state != c.want {
			t.Errorf("%s: got %d, want %d", c.name, c.v.state, c.want)
		}
	}
}

// say is a question in words.
func say(q question) string {
	s := q.Target
	if q.Whole {
		s = "HEAD " + s
	}
	if q.Suffix > 0 {
		s += fmt.Sprintf(" -%d", q.Suffix)
	} else if q.Target != "" && q.Ranged() {
		s += fmt.Sprintf(" %d-%d", q.First, q.Last)
	}
	for _, w := range []struct {
		on   bool
		word string
	}{{q.Digest, " digest"}, {q.only, " compare"}, {q.piece != nil, " piece"}, {q.Unranged, " unranged"}, {q.Brief, " brief"}} {
		if w.on {
			s += w.word
		}
	}
	return s
}

// TestAsk: what each version has asked next.
func TestAsk(t *testing.T) {
	base := facts{target: "/f", size: 2000, piece: 4000, ranges: true, time: true}
	with := func(change func(*facts)) facts { f := base; change(&f); return f }
	compared := func(v *version) { v.round = true }
	for _, c := range []struct {
		name string
		v    version
		f    facts
		want string
	}{
		{"nothing is known", blank(manner{}).version, base, "/f 0-3999 digest"},
		{"nothing is known, of the peer neither", blank(manner{}).version, with(func(f *facts) { f.ranges = false }), "/f 0-3999 digest brief"},
		{"a short tail", blank(manner{}).version, with(func(f *facts) { f.tail = 100 }), "/f -100 digest"},
		{"a long tail: its length first", blank(manner{}).version, with(func(f *facts) { f.tail = 1 << 20 }), "/f 0-0 digest"},
		{"a range was refused", blank(manner{once: true}).version, base, "/f digest unranged brief"},
		{"ranges are refused", blank(manner{whole: true}).version, base, "/f digest unranged brief"},
		{"of an earlier run, short", ver(held, 900, 900, 5000), base, "/f 0-66435 digest"},
		{"of an earlier run: the beginning", ver(held, 5000, 5000, 9000, snap), base, "/f 0-1023 compare"},
		{"... and then the end", ver(held, 5000, 5000, 9000, snap, compared), base, "/f 3976-70535 digest"},
		{"... of a server without ranges", ver(held, 5000, 5000, 9000, plain), base, "/f 3976-70535 digest"},
		{"of a snapshot", ver(growing, 5000, 5000, 9000, snap), base, snapshotURL + " 5000-6999 digest piece"},
		{"... its last piece", ver(growing, 8000, 8000, 9000, snap), base, snapshotURL + " 8000-8999 digest piece"},
		{"... a piece that was cut", ver(growing, 5500, 5000, 9000, snap, pieceOf(5000, 7000, 500)), base, snapshotURL + " 5500-6999 digest piece"},
		{"... capped", ver(growing, 5000, 5000, 9000, snap, capAt(700)), base, snapshotURL + " 5000-5699 digest piece"},
		{"without a snapshot: the beginning", ver(growing, 5000, 4000, 9000), base, "/f 0-1023 compare"},
		{"... and then the end", ver(growing, 5000, 4000, 9000, compared), base, "/f 3976-8999 digest"},
		{"... capped", ver(growing, 5000, 4000, 9000, compared, capAt(800)), base, "/f 4900-8999 digest"},
		{"... up to --max-bytes", ver(growing, 5000, 4000, 9000, compared, limitAt(6000)), base, "/f 3976-5999 digest"},
		{"... where rotation has moved it", ver(growing, 5000, 4000, 9000, compared, snap, rotated), base, "/f.1 3976-8999 digest"},
		{"the end told by the connection", ver(ended, 5000, 4000, -1, undigested), base, "/f 3976-8999 digest"},
		{"all there: the beginning", ver(ended, 5000, 4000, 5000, undigested), base, "/f 0-1023 compare"},
		{"... of a snapshot", ver(ended, 5000, 4000, 5000, undigested, snap), base, snapshotURL + " 0-1023 compare"},
		{"... short: all of it", ver(ended, 2000, 1000, 2000, undigested), base, "/f 0-1999 compare"},
		{"... of a server without ranges: all of it", ver(ended, 5000, 4000, 5000, undigested, plain), base, "/f 0-4999 compare"},
		{"... all with digests", ver(ended, 5000, 4000, 5000), base, ""},
		{"... generated at each request", ver(ended, 5000, 4000, 5000, undigested, plain, func(v *version) { v.generated = true }), base, ""},
		{"complete", ver(complete, 5000, 5000, 5000), base, ""},
		{"complete, one answer of a snapshot", ver(complete, 5000, 5000, 5000, snap), base, ""},
		{"complete, answers of a snapshot", ver(complete, 5000, 5000, 5000, snap, several), base, "HEAD " + snapshotURL},
		{"... no time", ver(complete, 5000, 5000, 5000, snap, several), with(func(f *facts) { f.time = false }), ""},
		{"... asked before", ver(complete, 5000, 5000, 5000, snap, several, func(v *version) { v.witnessed = true }), base, ""},
		{"... large: was it written to?", ver(complete, 40<<20, 40<<20, 40<<20, snap, several), base, "HEAD /f"},
		{"... large, and written to", ver(complete, 40<<20, 40<<20, 40<<20, snap, several, func(v *version) { v.written = true }), base, "HEAD " + snapshotURL},
		{"... large, of a server without validators", ver(complete, 40<<20, 40<<20, 40<<20, snap, several, func(v *version) { v.id.Validator = "" }), base, "HEAD " + snapshotURL},
	} {
		if got := say(c.v.ask(&c.f)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func several(v *version) { v.answers = 3 }

// TestAdmit: what the head of an answer says of what is held.
func TestAdmit(t *testing.T) {
	full := func(total int64, validator string) head {
		return head{status: 200, extent: extent{end: total, total: total}, validator: validator}
	}
	part := func(start, end, total int64, validator string) head {
		return head{status: 206, ranged: true, last: 8999, extent: extent{start: start, end: end, total: total}, validator: validator}
	}
	gone := status(416, true)
	some, again := ver(growing, 5000, 4000, 9000), ver(held, 5000, 5000, 9000)
	some.round, again.round = true, true
	for _, c := range []struct {
		name  string
		v     version
		h     head
		fault *peer.Fault
		want  string // where the body goes
	}{
		{"the rest", some, part(3976, 9000, 9000, `"1"`), nil, "3976-9000, 5000 compared"},
		{"less than the rest", some, part(3976, 6000, 9000, `"1"`), nil, "3976-6000, 5000 compared"},
		{"more than was asked for", some, part(0, 9000, 9000, `"1"`), nil, "0-9000, 5000 compared"},
		{"nothing of what is held", some, part(5000, 9000, 9000, `"1"`), errRangeMismatch, ""},
		{"behind what is held", some, part(6000, 9000, 9000, `"1"`), errRangeMismatch, ""},
		{"all of it", some, full(9000, `"1"`), nil, "0-9000, 5000 compared"},
		{"shorter than it was", some, full(8000, `"1"`), errChanged, ""},
		{"shorter than what is held", some, full(4000, ""), errChanged, ""},
		{"another validator, as long", some, part(3976, 9000, 9000, `"2"`), errChanged, ""},
		{"another validator, as long, but all of it", some, full(9000, `"2"`), nil, "0-9000, 5000 compared"},
		{"another validator, and longer: it grew", some, full(9500, `"2"`), nil, "0-9000, 5000 compared"},
		{"no validator", some, full(9000, ""), nil, "0-9000, 5000 compared"},
		{"what is held is not there", some, head{status: 416, fault: gone, extent: extent{total: 4000}}, errChanged, ""},
		{"what is held is not there, by an answer that contradicts itself", some, head{status: 416, fault: gone, extent: extent{total: 9000}}, gone, ""},
		{"a range is refused", some, head{status: 416, fault: gone, extent: extent{total: -1}}, gone, ""},
		{"a 200 that is a part", some, head{status: 200, extent: extent{end: 9000, total: -1, doubt: true}}, errDoubt, ""},
		{"of an earlier run: the rest, and more", again, part(3976, 9500, 9500, `"2"`), nil, "3976-9500, 5000 compared"},
		{"of an earlier run: shorter than it was", again, part(3976, 8000, 8000, `"1"`), errChanged, ""},
	} {
		f := facts{target: "/f", size: 2000, piece: 4000, room: 1 << 30, ranges: true}
		q := c.v.ask(&f)
		m, fault := c.v.admit(&q, &c.h, &f)
		got := ""
		if fault == nil {
			got = fmt.Sprintf("%d-%d, %d compared", m.from, m.end, m.compare)
		}
		if fault != c.fault || got != c.want {
			t.Errorf("%s: got %q, %v, want %q, %v", c.name, got, fault, c.want, c.fault)
		}
	}
}

// TestCuts: an answer without a length that ends before what is held is a cut,
// the third time it is shorter by now; at once where the end is marked.
func TestCuts(t *testing.T) {
	short := came{body: true, off: 100, all: true, last: true}
	f := facts{target: "/f", size: 2000, piece: 4000, ranges: true}
	v := ver(growing, 5000, 4000, -1, plain)
	m := place{to: unlimited, end: unlimited, compare: 5000, full: true}
	for i, want := range []*peer.Fault{peer.ErrShort, peer.ErrShort, errChanged} {
		q := v.ask(&f)
		if w := v.settle(&q, &m, short, &f); w.fault != want {
			t.Errorf("%d: got %v, want %v", i, w.fault, want)
		}
	}
	v, short.marked = ver(growing, 5000, 4000, -1, plain), true
	q := v.ask(&f)
	if w := v.settle(&q, &m, short, &f); w.fault != errChanged {
		t.Errorf("marked: got %v", w.fault)
	}
}

// TestWitness: what the digest of the whole says, and a validator before it.
func TestWitness(t *testing.T) {
	f := facts{target: "/f", time: true}
	for _, c := range []struct {
		name   string
		size   int64
		c      came
		want   string // what is asked next
		fault  *peer.Fault
		proven bool
	}{
		{"the same", 9000, came{match: right}, "", nil, true},
		{"another", 9000, came{match: wrong}, "", errChanged, false},
		{"none", 9000, came{}, "", nil, false},
		{"no answer", 9000, came{fault: peer.ErrShort}, "", nil, false},
		{"large, and as it was", 40 << 20, came{}, "", nil, false},
		{"large, and no answer", 40 << 20, came{fault: peer.ErrShort}, "", nil, false},
		{"large, and written to", 40 << 20, came{other: true}, "HEAD " + snapshotURL, nil, false},
	} {
		v := ver(complete, c.size, c.size, c.size, snap, several)
		q := v.ask(&f)
		c.c.last = true
		w := v.settle(&q, &place{}, c.c, &f)
		if w.fault != c.fault || v.wholeDigest != c.proven {
			t.Errorf("%s: got %v, %v", c.name, w.fault, v.wholeDigest)
		}
		if got := say(v.ask(&f)); c.fault == nil && got != c.want || c.fault != nil && (v.state != fresh || w.when != later) {
			t.Errorf("%s: then %q, want %q", c.name, got, c.want)
		}
	}
}
