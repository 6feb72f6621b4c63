package outbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// swarm is what the windows of a test have in common: small files that come in
// batches of at most lot.
type swarm struct {
	files map[string][]byte
	order []string
	lot   int
	taken map[string]bool // Add has taken it, in a window that was cut off
	safe  map[string]bool // Publish said so
	bad   []string
}

func newSwarm(n, lot int) *swarm {
	g := &swarm{files: map[string][]byte{}, lot: lot, taken: map[string]bool{}, safe: map[string]bool{}}
	src := text(10_000)
	for i := range n {
		name := fmt.Sprintf("f%d", i)
		g.order = append(g.order, name)
		g.files[name] = src[i*100 : i*100+[]int{300, 0, 1, 64, 1000}[i%5]]
	}
	return g
}

func (g *swarm) wrong(f string, a ...any) { g.bad = append(g.bad, fmt.Sprintf(f, a...)) }

func (g *swarm) receipt(e *Entry) *Receipt {
	if want := g.files[e.Name]; e.Size != int64(len(want)) || !e.Earlier && !bytes.Equal(e.sheet.data, want) {
		g.wrong("an entry of other bytes: %+v", e)
	}
	r := &Receipt{Run: "test", Status: "complete"}
	if e.Earlier {
		r.Size = e.Size
	} else {
		r.Bytes(e.Published)
	}
	return r
}

// window brings what the earlier one left to its end, and then all others. It
// says whether all went well.
func (g *swarm) window(c Config) error {
	s, err := Open(c)
	if err != nil {
		return err
	}
	defer s.Close()
	have := map[string]bool{}
	publish := func(b *Batch) {
		for _, e := range b.Entries() {
			if have[e.Name] {
				g.wrong("%s comes twice", e.Name)
			}
			have[e.Name] = true
		}
		e := b.Publish(g.receipt)
		if err == nil {
			err = e
		}
		for _, e := range b.Entries() {
			if e.Err != nil && err == nil {
				err = e.Err
			}
			if e.Err != nil {
				if _, ok := KindOf(e.Err); !ok {
					g.wrong("an error without a kind: %v", e.Err)
				}
			} else if e.unsigned == nil && !e.Earlier {
				g.safe[e.Name] = true
			}
			if e.Err == nil && e.unsigned == nil {
				delete(g.taken, e.Name)
			}
		}
	}
	for _, b := range s.Interrupted("/many/") {
		publish(b)
	}
	for name := range g.taken {
		if !have[name] && c.FS.(*disk).fault == nil {
			g.wrong("%s was taken, and is lost", name)
		}
	}
	b, e := s.NewBatch("/many/")
	if e != nil {
		return e
	}
	for _, name := range g.order {
		if have[name] {
			continue
		}
		if e := b.Add(&Entry{Name: name, Stamp: "stamp of " + name, Identity: Identity{Verified: VerifiedDigest}}, g.files[name]); e != nil {
			if err == nil {
				err = e
			}
			continue
		}
		g.taken[name] = true
		if b.Len() == g.lot {
			publish(b)
			if b, e = s.NewBatch("/many/"); e != nil {
				return e
			}
		}
	}
	if b.Len() > 0 {
		publish(b)
	}
	b.Close()
	return err
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
		case receipt && out[base] == nil:
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
	for _, b := range s.Interrupted("/many/") {
		for _, e := range b.Entries() {
			known[e.Name] = true
			if e.Earlier && out[e.Name] == nil {
				g.wrong("%s: %s is said to be published, and is not", where, e.Name)
			}
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
// one (loose). Then the disk is well again, and the next window must converge:
// nothing that was taken is lost by a SIGKILL, nothing that was published by a
// power cut, and nothing is told that is not.
func TestBatchEachCallFails(t *testing.T) {
	var runs atomic.Int64
	t.Cleanup(func() { t.Logf("%d windows with a fault each", runs.Load()) })
	for _, geo := range geometries {
		for _, mode := range []string{"once", "from then on", "kill", "power", "power, loose"} {
			t.Run(geo.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				for _, before := range []string{"", "kill", "power"} {
					for n := 1; ; n++ {
						runs.Add(1)
						d := newDisk(uint64(n), geo.same)
						d.noTmp, d.noLink, d.loose = geo.noTmp, geo.noLink, mode == "power, loose"
						if geo.up {
							d.mounts["/."] = d.mounts[d.outbox]
						}
						g := newSwarm(5, 3)
						hit := g.trial(d, mode, before, n)
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
// it having been cut off somewhere in another.
func (g *swarm) trial(d *disk, mode, before string, n int) (hit bool) {
	where := fmt.Sprintf("call %d", n)
	if before != "" {
		at := 20 + n*13%100
		where += fmt.Sprintf(" behind a %s at %d", before, at)
		d.failFrom(at, false, true)
		g.window(d.config())
		if d = d.restart(); before == "power" {
			d = d.cut()
			clear(g.taken)
		}
		clear(g.safe)
	}
	failed := d.failFrom(n, mode == "once", mode != "once" && mode != "from then on")
	err := g.window(d.config())
	where += " (" + *failed + ")"
	if *failed != "" && mode == "from then on" && err == nil && k1(*failed) {
		g.wrong("%s: the disk failed from then on, and nobody said so", where)
	}
	if d.open != 0 && !d.off {
		g.wrong("%s: %d descriptors left open", where, d.open)
	}
	// What came before a cut went well; and where files are copied, the stage
	// does not keep them synced for long enough to know.
	well := d.off && d.mounts[d.outbox] == d.mounts["/stage"]
	d = d.restart()
	g.audit(d, where, well)
	switch {
	case strings.HasPrefix(mode, "power"):
		d = d.cut()
		clear(g.taken)
		g.audit(d, where+", after the cut", well && before == "")
		for name := range g.safe {
			if !d.delivered(name) {
				g.wrong("%s: %s was published, and a power cut took it", where, name)
			}
		}
	case mode != "kill":
		clear(g.taken) // a disk that fails may lose what is not published
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
	for name := range img.cache["/stage"] {
		if strings.HasSuffix(name, fileSuffix) {
			g.wrong("%s: a power cut after the end brings %s back", where, name)
		}
	}
	if k := len(d.cache["/stage"]) - 1 + len(d.cache["/."]); k != 0 {
		g.wrong("%s: %d names left on the stage or beside the outbox", where, k)
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
