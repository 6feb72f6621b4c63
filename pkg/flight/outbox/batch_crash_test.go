package outbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// swarm is what the windows of a test have in common: small files that come in
// batches of at most lot.
type swarm struct {
	files map[string][]byte
	order []string
	lot   int
	safe  map[string]bool // Publish said so
	bad   []string

	unsynced bool // a directory's sync failed, which receipts tell of
}

func newSwarm(n, lot int) *swarm {
	g := &swarm{files: map[string][]byte{}, lot: lot, safe: map[string]bool{}}
	src := text(10_000)
	for i := range n {
		name := fmt.Sprintf("f%d", i)
		g.order = append(g.order, name)
		g.files[name] = src[i*100 : i*100+[]int{300, 0, 1, 64, 1000}[i%5]]
	}
	return g
}

func (g *swarm) wrong(f string, a ...any) { g.bad = append(g.bad, fmt.Sprintf(f, a...)) }

// window writes the receipts that are missing, and brings all files. It says
// whether all went well.
func (g *swarm) window(c Config) (first error) {
	failed := func(err error) {
		if err == nil {
			return
		}
		if _, ok := KindOf(err); !ok {
			g.wrong("an error without a kind: %v", err)
		}
		if first == nil {
			first = err
		}
	}
	s, err := Open(c)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, name := range lateNames(s, "/many/") {
		tg, err := s.Target(name, "/many/"+name)
		if err != nil {
			failed(err)
			continue
		}
		if u := tg.Unreceipted(); u.SHA256 != sha256.Sum256(g.files[name]) || u.Size != int64(len(g.files[name])) {
			g.wrong("a receipt is missing of %+v", u)
		}
		failed(tg.PublishMissing(&Receipt{Status: "complete"}))
	}
	var slips []*Slip
	for order := g.order; len(order) > 0; {
		b := s.NewBatch()
		for ; len(order) > 0 && len(b.Files) < g.lot; order = order[1:] {
			name := order[0]
			if s.Left(name) && s.names == nil {
				_, err := s.Target(name, "/many/"+name)
				failed(err)
			}
			b.Add(&Small{Name: name, Source: "/many/" + name, Identity: Identity{Verified: VerifiedDigest}, Data: g.files[name]})
		}
		b.Publish()
		for _, e := range b.Files {
			if failed(e.Err); e.Published.Name != "" {
				r := &Receipt{Run: "test", Status: "complete"}
				r.Bytes(e.Published)
				slips = append(slips, NewSlip(e.Name, r))
			}
		}
	}
	if s.Sign(slips) {
		s.EndBatches()
	}
	for _, p := range slips {
		if failed(p.Err); p.Err == nil {
			g.safe[strings.TrimSuffix(p.sheet.name, receiptSuffix)] = true
		}
	}
	return first
}

// audit looks into the outbox as a downlink would find it, and at what the
// stage would have the next run believe. noted: it must know of each file that
// has no receipt.
func (g *swarm) audit(d *disk, where string, noted bool) {
	out := d.cache[d.outbox]
	for name, i := range out {
		base, receipt := strings.CutSuffix(strings.TrimSuffix(name, newSuffix), receiptSuffix)
		base = strings.TrimSuffix(base, ".earlier")
		var told struct {
			Name, Status string
			Size         int64
		}
		switch want, ok := g.files[base]; {
		case !ok:
			g.wrong("%s: %s does not belong there", where, name)
		case !receipt && !bytes.Equal(i.data, want):
			g.wrong("%s: %s is not final: %d bytes", where, name, len(i.data))
		case receipt && json.Unmarshal(i.data, &told) != nil:
			g.wrong("%s: %s is no receipt", where, name)
		case receipt && out[base] == nil && !g.unsynced:
			g.wrong("%s: %s has no file", where, name)
		}
	}
	for _, b := range d.bad {
		g.wrong("%s: %s", where, b)
	}
	d.bad = nil
	s, err := Open(d.clone().config())
	if err != nil {
		return
	}
	known := map[string]bool{}
	for _, name := range lateNames(s, "/many/") {
		known[name] = true
		if out[name] == nil {
			g.wrong("%s: %s is said to be published, and is not", where, name)
		}
	}
	for name := range out {
		if g.files[name] != nil && noted && !d.delivered(name) && !known[name] {
			g.wrong("%s: %s has no receipt, and nobody knows", where, name)
		}
	}
}

// clone is the disk as the next process sees it.
func (d *disk) clone() *disk {
	n := newDisk(1, true)
	n.mounts, n.noTmp, n.noLink = d.mounts, d.noTmp, d.noLink
	for dir, names := range d.cache {
		for name, i := range names {
			j := &inode{data: bytes.Clone(i.data), stable: bytes.Clone(i.data), dirty: map[int]bool{}, links: 1, shown: i.shown}
			n.cache[dir][name], n.stable[dir][name] = j, j
		}
	}
	return n
}

// Each call in turn fails, once or from then on, or is the last before a
// SIGKILL or a power cut, of which also any later name may survive an earlier
// one (loose); or it fails once, and a cut follows within the next forty. Then
// the disk is well again, and the next window must converge:
// nothing that was published is lost by a power cut, what has no receipt is
// known, and nothing is told that is not.
func TestBatchEachCallFails(t *testing.T) {
	var runs atomic.Int64
	every := sweep()
	t.Cleanup(func() { t.Logf("%d windows with a fault each", runs.Load()) })
	for _, geo := range geometries {
		for _, mode := range []string{"once", "from then on", "kill", "power", "power, loose", "once, then kill", "power, loose, after one"} {
			t.Run(geo.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				befores := []string{"", "kill", "power"}
				if strings.Contains(mode, "loose") || strings.Contains(mode, "then kill") { // there is so much more to chance
					befores = []string{"", "", "", "", "", "", "kill", "power"}
				}
				if testing.Short() {
					befores = befores[len(befores)-3:]
				}
				for k, before := range befores {
					for n := 1 + k%every; ; n += every {
						runs.Add(1)
						d := newDisk(uint64(1000*k+n), geo.same)
						d.noTmp, d.noLink, d.loose = geo.noTmp, geo.noLink, strings.Contains(mode, "loose")
						if geo.up {
							d.mounts["/."] = d.mounts[d.outbox]
						}
						g := newSwarm(5, 3)
						hit := g.trial(d, mode, before, n, 1+(n*7+k*5)%40)
						for _, b := range g.bad {
							t.Error(b)
						}
						if !hit || t.Failed() {
							break
						}
					}
				}
			})
		}
	}
}

// trial has call n of a window fail in one of the ways, one that came before
// it having been cut off somewhere in another; behind a failure a cut follows so
// many calls later.
func (g *swarm) trial(d *disk, mode, before string, n, later int) (hit bool) {
	where := fmt.Sprintf("call %d", n)
	if before != "" {
		at := 20 + n*13%100
		where += fmt.Sprintf(" behind a %s at %d", before, at)
		d.failFrom(at, false, true)
		g.window(d.config())
		if d = d.restart(); before == "power" {
			d = d.cut()
		}
		clear(g.safe)
	}
	failed := d.failFrom(n, mode == "once", mode != "once" && mode != "from then on")
	if after := strings.Contains(mode, "then kill") || strings.HasSuffix(mode, "after one"); after {
		failed = d.failFrom(n, true, false)
		once := d.fault
		d.fault = func(k int, op string) error {
			if k >= n+later {
				d.off = true
				return syscall.EIO
			}
			return once(k, op)
		}
	}
	err := g.window(d.config())
	where += " (" + *failed + ")"
	g.unsynced = strings.HasSuffix(mode, "after one") && *failed == "syncdir"
	if *failed != "" && mode == "from then on" && err == nil && k1(*failed) {
		g.wrong("%s: the disk failed from then on, and nobody said so", where)
	}
	if d.open != 0 && !d.off {
		g.wrong("%s: %d descriptors left open", where, d.open)
	}
	// What came before a cut went well; and where files are copied, the stage
	// does not keep them synced for long enough to know.
	well := d.off && d.mounts[d.outbox] == d.mounts["/stage"] && !strings.Contains(mode, "once") && !strings.Contains(mode, "after one")
	d = d.restart()
	g.audit(d, where, well)
	if strings.HasPrefix(mode, "power") {
		d = d.cut()
		g.audit(d, where+", after the cut", well && before == "")
		for name := range g.safe {
			if !d.delivered(name) {
				g.wrong("%s: %s was published, and a power cut took it", where, name)
			}
		}
	}
	if err := g.window(d.config()); err != nil {
		g.wrong("%s: the next window does not converge: %v", where, err)
	}
	g.audit(d, where+", next window", false)
	img := d.cut()
	g.audit(img, where+", after the end", false)
	for _, name := range g.order {
		if !img.delivered(name) {
			g.wrong("%s: a power cut after the end takes %s", where, name)
		}
	}
	// Of a window that failed, what no journal names goes with the next one.
	s, err := Open(d.config())
	if err != nil {
		g.wrong("%s: %v", where, err)
		return true
	}
	s.left()
	s.Close()
	if k := len(d.cache["/stage"]) - 1 + len(d.cache["/."]); k != 0 {
		g.wrong("%s: left on the stage, or beside the outbox: %q %q", where, slices.Sorted(maps.Keys(d.cache["/stage"])), slices.Sorted(maps.Keys(d.cache["/."])))
	}
	for name := range d.cache[d.outbox] {
		if strings.HasSuffix(name, newSuffix) {
			g.wrong("%s: %s is left", where, name)
		}
	}
	return *failed != ""
}

// failFrom makes call n fail, those behind it too if not only once, or be the
// last before the lights go out. It returns what call it was.
func (d *disk) failFrom(n int, once, off bool) *string {
	failed := new(string)
	d.calls = 0
	d.fault = func(k int, op string) error {
		if k < n || k > n && once {
			return nil
		}
		if *failed == "" {
			*failed = op
		}
		d.off = d.off || off
		return errnos[n%len(errnos)]
	}
	return failed
}

// delivered reports that name is in the outbox with a receipt, be it a late one.
func (d *disk) delivered(name string) bool {
	out := d.cache[d.outbox]
	return out[name] != nil && (out[name+receiptSuffix] != nil || out[name+".earlier"+receiptSuffix] != nil)
}

// restart is the disk behind a SIGKILL, and well.
func (d *disk) restart() *disk {
	d.fault, d.off = nil, false
	for _, i := range d.cache["/stage"] {
		i.locked = nil
	}
	return d
}

// lateNames are the files of a source of which a journal says that they were
// published.
func lateNames(s *Stage, prefix string) (names []string) {
	s.left()
	for name, l := range s.late {
		if strings.HasPrefix(l.c.source, prefix) {
			names = append(names, name)
		}
	}
	return names
}
