package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/desk/sandbox"
	"payload-ipc/pkg/flight/outbox"
)

// right is a pass that went well: one window, the whole log, its receipt.
func right(t *testing.T) *pass {
	t.Helper()
	j, err := newJournal(filepath.Join(t.TempDir(), "log"), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.f.Close() })
	if err := j.rotate(5_000, 0); err != nil {
		t.Fatal(err)
	}
	p := &pass{Schedule: Schedule{Rate: 1e6, Size: 10_000}, contender: contenders[0], journal: j}
	now := time.Now()
	f := &overlapResult{
		Overlap: Overlap{SDR: Span{0, 8 * time.Second}, Fetch: Span{0, 8 * time.Second}},
		run:     "pass-1-1", opened: now, closed: now.Add(8 * time.Second), deadline: now.Add(7 * time.Second),
		up: [][2]time.Time{{now, now.Add(8 * time.Second)}}, linked: [][2]time.Time{{now, now.Add(8 * time.Second)}},
		ended: sandbox.Outcome{End: sandbox.Exited, After: 100 * time.Millisecond}, files: map[string][]byte{},
	}
	p.results = []*overlapResult{f}
	f.deliver(logName, j.gens[1].body, "complete", 0)
	return p
}

// deliver puts a file and its receipt into the outbox.
func (f *overlapResult) deliver(name string, body []byte, status string, exit int) {
	total := int64(len(body))
	sum := sha256.Sum256(body)
	text := hex.EncodeToString(sum[:])
	r := receipt{Status: status, Size: total, Total: &total, SHA256: &text, Exit: exit, Name: logName, Run: f.run}
	f.files[name] = body
	f.sign(r)
	f.exit = exit
}

func (f *overlapResult) sign(r receipt) {
	f.files[logName+".receipt.json"], _ = json.Marshal(r)
}

// change makes the receipt say something else.
func (f *overlapResult) change(how func(*receipt)) {
	var r receipt
	json.Unmarshal(f.files[logName+".receipt.json"], &r)
	how(&r)
	f.sign(r)
}

func TestJudge(t *testing.T) {
	cases := []struct {
		name string
		do   func(p *pass, f *overlapResult)
		want string
		why  string
	}{
		{"right", func(p *pass, f *overlapResult) {}, Complete, ""},
		{"honest part", func(p *pass, f *overlapResult) {
			delete(f.files, logName)
			f.deliver(logName+".part", p.journal.gens[1].body[:1000], "partial", 3)
		}, Partial, ""},
		{"honest nothing", func(p *pass, f *overlapResult) {
			delete(f.files, logName)
			f.sign(receipt{Status: "failed", Exit: 4, Run: f.run})
			f.exit = 4
		}, Nothing, ""},
		{"killed before any word", func(p *pass, f *overlapResult) { clear(f.files); f.killed = true }, Nothing, ""},
		{"two generations in one file", func(p *pass, f *overlapResult) {
			f.deliver(logName, slices.Concat(p.journal.gens[0].body[:5000], p.journal.gens[1].body[5000:]), "complete", 0)
		}, Lie, "no one generation"},
		{"a byte off", func(p *pass, f *overlapResult) {
			body := bytes.Clone(p.journal.gens[1].body)
			body[77] ^= 1
			f.deliver(logName, body, "complete", 0)
		}, Lie, "no one generation"},
		{"a part under the whole's name", func(p *pass, f *overlapResult) {
			f.deliver(logName, p.journal.gens[1].body[:1000], "complete", 0)
		}, Lie, "name of a whole file"},
		{"the middle as if it were the beginning", func(p *pass, f *overlapResult) {
			delete(f.files, logName)
			f.deliver(logName+".part", p.journal.gens[1].body[1000:2000], "partial", 3)
		}, Lie, "begins at byte 1000"},
		{"wrong sha256", func(p *pass, f *overlapResult) {
			f.change(func(r *receipt) { s := strings.Repeat("0", 64); r.SHA256 = &s })
		}, Lie, "sha256"},
		{"wrong size", func(p *pass, f *overlapResult) { f.change(func(r *receipt) { r.Size++; *r.Total++ }) }, Lie, "bytes, the receipt says"},
		{"a receipt for no file", func(p *pass, f *overlapResult) { delete(f.files, logName) }, Lie, "not there"},
		{"a file of no receipt", func(p *pass, f *overlapResult) { f.files[logName+".tmp"] = p.journal.gens[1].body }, Lie, "no receipt speaks"},
		{"no receipt at all", func(p *pass, f *overlapResult) { delete(f.files, logName+".receipt.json") }, Lie, "without a receipt"},
		{"receipt of another run", func(p *pass, f *overlapResult) { f.change(func(r *receipt) { r.Run = "x" }) }, Lie, "receipt of run"},
		{"exit and receipt disagree", func(p *pass, f *overlapResult) { f.exit = 3 }, Lie, "process exit 3"},
		{"complete with exit 1", func(p *pass, f *overlapResult) { f.exit = 1; f.change(func(r *receipt) { r.Exit = 1 }) }, Lie, "status complete with exit 1"},
		{"complete with exit 1 on a disk that failed", func(p *pass, f *overlapResult) {
			f.exit, f.Disk.Error = 1, &flash.Error{}
			f.change(func(r *receipt) { r.Exit = 1 })
		}, Complete, ""},
		{"complete with exit 3", func(p *pass, f *overlapResult) { f.exit = 3; f.change(func(r *receipt) { r.Exit = 3 }) }, Lie, "status complete with exit 3"},
		{"alive at the end", func(p *pass, f *overlapResult) { f.fetchLate = 500 * time.Millisecond }, Overrun, "fetcher was alive 500ms"},
		{"held in a sync", func(p *pass, f *overlapResult) {
			f.fetchLate = 500 * time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: time.Second, Held: true}}
		}, Held, "in a sync of 1s"},
		{"held, and nothing came", func(p *pass, f *overlapResult) {
			delete(f.files, logName)
			f.sign(receipt{Status: "failed", Exit: 4, Run: f.run})
			f.exit, f.fetchLate = 4, 500*time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: time.Second}}
		}, Held, "in a sync of 1s"},
		{"a sync that was over in time", func(p *pass, f *overlapResult) {
			f.fetchLate = 500 * time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: 600 * time.Millisecond}}
		}, Overrun, "fetcher was alive"},
		{"a sync that was begun too late", func(p *pass, f *overlapResult) {
			f.fetchLate = 500 * time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-300 * time.Millisecond), For: time.Second, Held: true}}
		}, Overrun, "fetcher was alive"},
		{"no receipt, for the disk does not answer", func(p *pass, f *overlapResult) {
			clear(f.files)
			f.exit = 1
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: time.Second, Held: true}}
		}, Held, "did not answer"},
		{"a receipt that disagrees, on a disk that did not answer", func(p *pass, f *overlapResult) {
			f.exit = 1
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: 300 * time.Millisecond}}
		}, Lie, "the process exit 1"},
		{"no receipt, and the disk had answered", func(p *pass, f *overlapResult) {
			clear(f.files)
			f.exit = 1
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-2 * time.Second), For: time.Second}}
		}, Lie, "without a receipt"},
		{"held in one sync after the other", func(p *pass, f *overlapResult) {
			f.fetchLate = 800 * time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: 600 * time.Millisecond}, {At: f.deadline.Add(-410 * time.Millisecond), For: 500 * time.Millisecond}}
		}, Held, "in a sync of 600ms"},
		{"a sync, a pause and another", func(p *pass, f *overlapResult) {
			f.fetchLate = 800 * time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: 600 * time.Millisecond}, {At: f.deadline.Add(-300 * time.Millisecond), For: 500 * time.Millisecond}}
		}, Overrun, "fetcher was alive"},
		{"a lie, and held", func(p *pass, f *overlapResult) {
			f.exit, f.fetchLate = 3, 500*time.Millisecond
			f.ended.Syncs = []flash.Wait{{At: f.deadline.Add(-time.Second), For: time.Second}}
		}, Lie, "process exit 3"},
		{"a durable cursor of nothing", func(p *pass, f *overlapResult) { p.torn = []string{"a durable cursor claims"} }, Lost, "a durable cursor claims"},
		{"server alive too long", func(p *pass, f *overlapResult) { f.serverLate = time.Second }, Overrun, "server was alive"},
		{"what the stage held is gone", func(p *pass, f *overlapResult) {
			p.claims = []claim{{p.journal.gens[0], 0, 9000}}
		}, Lost, "held 9000 bytes of generation 1"},
		{"what the stage held is still there", func(p *pass, f *overlapResult) {
			p.claims = []claim{{p.journal.gens[0], 0, 9000}}
			p.held = []claim{{p.journal.gens[0], 0, 9000}}
		}, Complete, ""},
		{"what the stage held came down", func(p *pass, f *overlapResult) {
			p.claims = []claim{{p.journal.gens[1], 0, 4000}}
		}, Complete, ""},
		{"the stage claims what never was", func(p *pass, f *overlapResult) { p.held = []claim{{nil, 0, 10}} }, Lost, "no one generation"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := right(t)
			c.do(p, p.results[0])
			v := p.judge()
			if v.Outcome != c.want {
				t.Errorf("got %s %q, want %s", v.Outcome, v.Why, c.want)
			}
			if c.why != "" && !strings.Contains(strings.Join(v.Why, "\n"), c.why) {
				t.Errorf("got %q, want %q in it", v.Why, c.why)
			}
		})
	}
}

func TestJudgeOld(t *testing.T) {
	for name, c := range map[string]struct {
		body func(*journal) []byte
		want string
	}{
		"whole":       {func(j *journal) []byte { return j.gens[1].body }, Complete},
		"cut":         {func(j *journal) []byte { return j.gens[1].body[:100] }, Lie},
		"empty":       {func(j *journal) []byte { return []byte{} }, Nothing},
		"to the brim": {func(j *journal) []byte { return j.gens[2].body }, Lie},
		"splice":      {func(j *journal) []byte { return slices.Concat(j.gens[0].body[:500], j.gens[1].body[500:]) }, Lie},
	} {
		t.Run(name, func(t *testing.T) {
			p := right(t)
			p.contender = contenders[1]
			p.results[0].Outbox = 4 * 4096
			if err := p.journal.rotate(4*4096+100, 0); err != nil {
				t.Fatal(err)
			}
			p.journal.gens[2].body = p.journal.gens[2].body[:4*4096]
			p.results[0].files = map[string][]byte{logName: c.body(p.journal)}
			// The second generation began before the window.
			p.results[0].opened = time.Now().Add(time.Second)
			if v := p.judge(); v.Outcome != c.want {
				t.Errorf("got %s %q, want %s", v.Outcome, v.Why, c.want)
			}
		})
	}
}

// A perfect client has just enough time, or just not.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		name        string
		do          func(p *pass, f *overlapResult)
		could, must bool
	}{
		{"all the time", func(*pass, *overlapResult) {}, true, true},
		{"no server", func(p *pass, f *overlapResult) { f.up = nil }, false, false},
		{"no line", func(p *pass, f *overlapResult) { f.linked = nil }, false, false},
		{"a line too slow", func(p *pass, f *overlapResult) { p.Rate = 500 }, false, false},
		{"enough for one that loses no moment", func(p *pass, f *overlapResult) {
			f.up = [][2]time.Time{{f.opened, f.opened.Add(200 * time.Millisecond)}}
		}, true, false},
		{"two halves make a whole", func(p *pass, f *overlapResult) {
			p.Rate = 2_000 // 2.5 s for 5,000 bytes
			f.up = [][2]time.Time{{f.opened, f.opened.Add(1500 * time.Millisecond)}, {f.opened.Add(2 * time.Second), f.opened.Add(3200 * time.Millisecond)}}
		}, true, false},
		{"no room", func(p *pass, f *overlapResult) { f.Outbox = 16 << 10 }, false, false},
		{"killed at once", func(p *pass, f *overlapResult) { f.Kill = 2 * time.Millisecond }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := right(t)
			c.do(p, p.results[0])
			b := p.bound()
			if b.could != c.could || b.must != c.must {
				t.Errorf("got could %v must %v (%s), want %v %v", b.could, b.must, b.spare, c.could, c.must)
			}
		})
	}
}

func TestDraw(t *testing.T) {
	seen := map[string]int{}
	for n := 1; n <= 300; n++ {
		a, b := Draw(7, n), Draw(7, n)
		if a.String() != b.String() {
			t.Fatalf("pass %d is drawn differently the second time", n)
		}
		for _, f := range a.Faults {
			seen[f]++
		}
		for _, o := range a.Overlaps {
			if o.SDR.For < 3*time.Second || o.Fetch.For < 3*time.Second || o.Fetch.end() > 12*time.Second {
				t.Errorf("pass %d: windows %s and %s", n, o.SDR, o.Fetch)
			}
		}
	}
	if missing := len(faults) - len(seen); missing > 0 {
		t.Errorf("%d faults never happen; those that do: %v", missing, slices.Sorted(maps.Keys(seen)))
	}
}

// Only lateness is given a second try.
func TestStands(t *testing.T) {
	good, late := Row{Verdict: Verdict{Outcome: Complete, Whole: true}}, Row{Verdict: Verdict{Outcome: Overrun}}
	for _, c := range []struct {
		name   string
		row    Row
		timed  bool
		stands bool
	}{
		{"good", good, true, false},
		{"late", late, true, true},
		{"late once", Row{Verdict: late.Verdict, Again: &good}, true, false},
		{"late twice", Row{Verdict: late.Verdict, Again: &late}, true, true},
		{"not complete", Row{Verdict: Verdict{Outcome: Partial, Must: true}}, true, true},
		{"lie", Row{Verdict: Verdict{Outcome: Lie}}, false, true},
		{"lost", Row{Verdict: Verdict{Outcome: Lost}}, false, true},
		{"not played", Row{Err: ErrNotHere}, false, true},
	} {
		if got := c.row.timed(); got != c.timed {
			t.Errorf("%s: timed %v, want %v", c.name, got, c.timed)
		}
		if got := c.row.stands(); got != c.stands {
			t.Errorf("%s: stands %v, want %v", c.name, got, c.stands)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	table := Tally([]Row{{Who: "ours", Schedule: Draw(1, 2), Verdict: Verdict{Outcome: Partial}}, {Who: "ours", Schedule: Draw(1, 1), Err: ErrNotHere}})
	l := newLevels()
	l.add("server: threads", 7)
	l.wrong = []string{"window 3"}
	if err := errors.Join(table.JSON(&b), l.JSON(&b)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for d := json.NewDecoder(&b); d.More(); {
		var x map[string]any
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintln(x["pass"], x["outcome"], x["error"] != nil, x["level"], x["most"], x["wrong"]))
	}
	want := []string{"1  true <nil> <nil> <nil>\n", "2 partial false <nil> <nil> <nil>\n",
		"<nil> <nil> false server: threads 7 <nil>\n", "<nil> <nil> false <nil> <nil> window 3\n"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What the fetcher's own code writes is what is read here without it.
func TestLastMark(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/s", 0o755), os.Mkdir(dir+"/o", 0o755)); err != nil {
		t.Fatal(err)
	}
	st, err := outbox.Open(outbox.Config{Stage: dir + "/s", Outbox: dir + "/o"})
	if err != nil {
		t.Fatal(err)
	}
	target, err := st.Target(logName, logPath)
	if err != nil {
		t.Fatal(err)
	}
	part, err := target.New(outbox.Identity{Snapshot: "a", Validator: "bc", Total: 100})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte{}
	for _, text := range []string{"first", "second", "third"} {
		body = append(body, text...)
		if err := errors.Join(part.Append([]byte(text)), part.Prove(), part.Flush()); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(dir + "/s/*.cur")
		cursor, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		best := int64(0)
		for slot := range 2 {
			if c, _, ok := readSlot(cursor[slot*slotSize : (slot+1)*slotSize]); ok && c.end > best && c.sum == sha256.Sum256(body[:c.end]) {
				best = c.end
			}
		}
		if best != int64(len(body)) {
			t.Errorf("got %d bytes claimed, want %d", best, len(body))
		}
	}
	if err := errors.Join(part.Close(), st.Close()); err != nil {
		t.Error(err)
	}
}
