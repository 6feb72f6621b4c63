package fetch

import (
	"fmt"
	"testing"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

// TestJudge enumerates what can be held of a version by what can go wrong.
func TestJudge(t *testing.T) {
	names := [...]string{askLater: "wait", unranged: "unranged", replaced: "replaced", goneFor: "gone", unsnapped: "unsnapped"}
	status := func(n int, final bool) *peer.Fault {
		return &peer.Fault{Class: fmt.Sprint("status ", n), Status: n, Final: final}
	}
	closed := &peer.Fault{Class: "reset", Closed: true}
	reset := &peer.Fault{Class: "reset"}
	faults := []*peer.Fault{errChanged, errPlace, errDigest, errSlow, errDoubt, peer.ErrShort, reset, closed,
		status(404, false), status(410, false), status(503, false), status(403, true), status(416, true)}
	//                       changed place digest slow doubt short reset closed 404 410 503 403 416
	for _, c := range []struct {
		c    circumstances
		want string // a letter a fault: wait, unranged, replaced, gone, snapshotless
	}{
		{circumstances{state: fresh}, "wuwww wwwww www"},
		{circumstances{state: fresh, tried: true}, "wwwww wwwww www"},
		{circumstances{state: fresh, mayRefuse: true}, "wuwww wwuuu uuu"},
		{circumstances{state: held}, "ruwww wwwww www"},
		{circumstances{state: held, snapshot: true}, "ruwww wwwww www"},
		{circumstances{state: held, mayRefuse: true, tried: true}, "rwwww wwuuu uuu"},
		{circumstances{state: growing}, "ruwww wwwww www"},
		{circumstances{state: growing, tried: true}, "rwwww wwwww www"},
		{circumstances{state: growing, snapshot: true}, "ruwww wwwww wss"},
		{circumstances{state: growing, snapshot: true, missing: 1}, "ruwww wwwrr wss"},
		{circumstances{state: growing, snapshot: true, rotated: true}, "ggwww wwwgg wgg"},
		{circumstances{state: growing, rotated: true, mayRefuse: true}, "ggwww wwwgg wgg"},
		{circumstances{state: ended}, "ruwww wwwww www"},
		{circumstances{state: ended, snapshot: true, missing: 1}, "ruwww wwwrr wss"},
		{circumstances{state: ended, rotated: true}, "ggwww wwwgg wgg"},
	} {
		got := ""
		for i, f := range faults {
			if i == 5 || i == 10 {
				got += " "
			}
			letter := names[c.c.judge(f)][:1]
			switch c.c.judge(f) {
			case unsnapped:
				letter = "s"
			}
			got += letter
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.c, got, c.want)
		}
	}
}

// TestState: what follows from what is held and known.
func TestState(t *testing.T) {
	d := tempDir(t)
	s, err := outbox.Open(outbox.Config{Stage: d + "/stage", Outbox: d})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	target, err := s.Target("f", "/f")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		bytes, good int64
		g           generation
		want        state
	}{
		{"of an earlier run", 100, 100, generation{id: outbox.Identity{Total: 200}, limit: unlimited}, held},
		{"... and whole", 100, 100, generation{id: outbox.Identity{Total: 100, Complete: true}, limit: unlimited}, held},
		{"more to come", 100, 100, generation{mine: true, id: outbox.Identity{Total: 200}, limit: unlimited}, growing},
		{"length unknown", 100, 0, generation{mine: true, id: outbox.Identity{Total: -1}, limit: unlimited}, growing},
		{"a piece waits for its digest", 100, 0, generation{mine: true, id: outbox.Identity{Total: 100}, limit: unlimited, pieces: []*piece{{end: 100}}}, growing},
		{"all there, nothing proven", 100, 0, generation{mine: true, weak: true, id: outbox.Identity{Total: 100}, limit: unlimited}, ended},
		{"all proven, some without a digest", 100, 100, generation{mine: true, weak: true, id: outbox.Identity{Total: 100}, limit: unlimited}, ended},
		{"... and read again", 100, 100, generation{mine: true, weak: true, whole: true, id: outbox.Identity{Total: 100}, limit: unlimited}, complete},
		{"all with digests", 100, 100, generation{mine: true, id: outbox.Identity{Total: 100}, limit: unlimited}, complete},
		{"the connection's end for the file's", 100, 0, generation{mine: true, closed: true, id: outbox.Identity{Total: -1}, limit: unlimited}, ended},
		{"--max-bytes, nothing proven", 100, 0, generation{mine: true, id: outbox.Identity{Total: 200}, limit: 100}, ended},
		{"--max-bytes, proven", 100, 100, generation{mine: true, id: outbox.Identity{Total: 200}, limit: 100}, complete},
		{"--max-bytes, length unknown", 100, 100, generation{mine: true, id: outbox.Identity{Total: -1}, limit: 100}, complete},
		{"empty", 0, 0, generation{mine: true, id: outbox.Identity{Total: 0}, limit: unlimited}, complete},
		{"gone from the peer", 100, 100, generation{mine: true, id: outbox.Identity{Total: 200, Sealed: true}, limit: unlimited}, sealed},
	} {
		p, err := target.New(c.g.id)
		if err != nil {
			t.Fatal(err)
		}
		p.Append(make([]byte, c.bytes))
		p.ProveTo(c.good)
		c.g.part = p
		if got := c.g.state(); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
		p.Discard()
	}
	if (*generation)(nil).state() != fresh {
		t.Error("nothing is not fresh")
	}
}
