package campaign

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cutsHere builds both programs, the fetcher with one file changed, and plays
// until there were so many cuts; the test is skipped where no disk can be had.
func cutsHere(t *testing.T, c Cuts, file, old, new string) CutTable {
	t.Helper()
	c.Bin, c.Dir, c.Say = t.TempDir(), filepath.Join(t.TempDir(), "cuts"), io.Discard
	build(t, c.Bin, file, old, new)
	if out, err := exec.Command("go", "build", "-o", c.Bin, "payload-ipc/cmd/sdr-serve").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	table, err := c.Run(t.Context())
	if errors.Is(err, ErrNotHere) && os.Getenv("REQUIRE_PEERS") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Directories come whole and true through SIGKILLs and power cuts.
func TestCuts(t *testing.T) {
	table := cutsHere(t, Cuts{Seed: 1, Cuts: 25, First: 1, Parallel: 4}, "", "", "")
	t.Logf("%d cuts in %d plays", table.Total(), len(table.Plays))
	for _, p := range table.Plays {
		for _, why := range p.Why {
			t.Errorf("bin/campaign --cuts 1 --seed 1 --pass %d: %s", p.Number, why)
		}
	}
	if table.Total() < 25 {
		t.Errorf("%d cuts, want 25", table.Total())
	}
}

// A fetcher that is wrong about the order of what it does to the disk is
// caught: each of these by some play.
func TestCutsPlanted(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of cuts")
	}
	for _, c := range planted {
		t.Run(c.name, func(t *testing.T) {
			// Which cut meets it is chance: they go on until one does.
			for seed := range uint64(4) {
				table := cutsHere(t, Cuts{Seed: 7 + seed, Cuts: 60, First: 1, Parallel: 6}, c.file, c.old, c.new)
				for _, p := range table.Plays {
					for _, why := range p.Why {
						if strings.Contains(why, c.want) {
							t.Logf("seed %d, play %d: %s", 7+seed, p.Number, why)
							return
						}
					}
				}
			}
			t.Errorf("no play is wrong because of %q", c.want)
		})
	}
}

// The meter counts bodies by path, whatever stands between them.
func TestMeter(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", len(r.URL.Path)*1000))
	}))
	defer server.Close()
	m, err := newMeter(server.Listener.Addr().String(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.ln.Close()
	get := func(method, path string) {
		q, _ := http.NewRequest(method, "http://"+m.ln.Addr().String()+path, nil)
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, a.Body)
		a.Body.Close()
	}
	for _, path := range []string{"/a", "/abc", "/a"} {
		get("GET", path)
	}
	get("HEAD", "/abc")
	// The last byte may be with the client before it is counted.
	get("GET", "/")
	sent := m.take()
	if sent["/a"] != 4000 || sent["/abc"] != 4000 {
		t.Errorf("got %v", sent)
	}
}

// The judge of archives takes no other.
func TestUnpack(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"whole", "tar -cf a.tar f MANIFEST.jsonl", ""},
		{"cut", "tar -cf b.tar f MANIFEST.jsonl; head -c 1024 b.tar >a.tar", "no manifest"},
		{"without an end", "tar -cf b.tar f MANIFEST.jsonl; head -c 2048 b.tar >a.tar", "no end"},
		{"the manifest first", "tar -cf a.tar MANIFEST.jsonl f", "not the last"},
		{"twice", "tar -cf b.tar f; tar -cf a.tar f MANIFEST.jsonl; (head -c 1024 b.tar; cat a.tar) >c.tar; mv c.tar a.tar", "twice"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"f": "x", "MANIFEST.jsonl": "{}\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", c.script)
		if cmd.Dir = dir; cmd.Run() != nil {
			t.Skip("no tar")
		}
		body, err := os.ReadFile(filepath.Join(dir, "a.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := unpack(body); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// planted are faults in the order of what is done to the disk, and what is said
// of some play with each. What these cuts meet too rarely is planted in the disk
// of pkg/flight/outbox, where every call is one.
var planted = []struct{ name, file, old, new, want string }{
	{"the journal not synced", "batch.go", "\t\tf.Datasync()\n", "", "no receipt of that run ever did"},
	{"the journal removed before the receipts", "../fetch/finish.go", "\tif r.stage.Sign(slips) {\n", "\tr.stage.EndBatches()\n\tif r.stage.Sign(slips) {\n", "no receipt of that run ever did"},
	{"a file named without a note", "publish.go", "\t\tp.publishing = true\n", "", "no receipt of that run ever did"},
	{"the data synced after the cursor", "recorder.go", "if err := p.datasync(); err != nil {\n\t\treturn err\n\t}", "defer p.datasync()", "a durable cursor claims"},
}
