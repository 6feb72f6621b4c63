package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// The test's own program is what runs aboard in a bare program's place.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "supervisor" {
		if err := Supervise(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// build compiles the fetcher into dir, with one file of pkg/flight/outbox, or
// of a package beside it, changed.
func build(t *testing.T, dir, file, old, new string) {
	t.Helper()
	args := []string{"build", "-o", filepath.Join(dir, "sabertooth-fetch")}
	if file != "" {
		path, err := filepath.Abs(filepath.Join("../../flight/outbox", file))
		if err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(body), old) != 1 {
			t.Fatalf("%s: the place to spoil is there %d times, want once", file, strings.Count(string(body), old))
		}
		spoilt := filepath.Join(dir, filepath.Base(file))
		overlay, _ := json.Marshal(map[string]map[string]string{"Replace": {path: spoilt}})
		err = errors.Join(os.WriteFile(spoilt, []byte(strings.Replace(string(body), old, new, 1)), 0o644), os.WriteFile(spoilt+".json", overlay, 0o644))
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay", spoilt+".json")
	}
	if out, err := exec.Command("go", append(args, "payload-ipc/cmd/sabertooth-fetch")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A fetcher that is wrong about its disk is caught by what a power cut leaves:
// each of these for itself, and the right one by nothing of the kind.
func TestPlantedFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("windows take their time")
	}
	if err := possibleHere(t.TempDir()); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	// Files that come faster than the disk takes them, in one window that the
	// power ends, while the data's one sync is under way, while the data of a
	// longer file is synced again and again, and long after all is over.
	publishing := Schedule{Size: 3e5, Rate: 6e6, Overlaps: []Overlap{{Disk: Flash{Rate: 3e5, Sync: 20 * time.Millisecond}}}}
	fetching := Schedule{Size: 6e6, Rate: 2e6, Overlaps: []Overlap{{Disk: Flash{Rate: 3e6, Sync: 20 * time.Millisecond}}}}
	failing := Schedule{Size: 5e6, Rate: 1.2e6, Overlaps: []Overlap{{Disk: Flash{Error: &flash.Error{Op: flash.Sync, Errno: syscall.EIO}}}}}
	done := Schedule{Size: 5e4, Rate: 6e6, Overlaps: []Overlap{{}}}
	cuts := []struct {
		s        Schedule
		from, to time.Duration
		passes   int
	}{{publishing, 600 * time.Millisecond, 1400 * time.Millisecond, 16}, {fetching, 1500 * time.Millisecond, 3 * time.Second, 12}, {done, 2 * time.Second, 3 * time.Second, 6}, {failing, 0, 0, 6}}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	slots := make(chan struct{}, 12)
	for _, c := range []struct {
		name           string
		file, old, new string
		cut            int    // of which
		want           string // is in what is said of some pass; of none without
	}{
		{name: "the fetcher as it is"},
		{"no sync before the rename", "unsynced.go", "err := p.data.Datasync()", "err := error(nil)", 2, "is not one"},
		{"the data synced after the cursor", "recorder.go", "if err := p.datasync(); err != nil {\n\t\treturn err\n\t}", "defer p.datasync()", 1, "a durable cursor claims"},
		{"renamed before the sync has returned", "unsynced.go", "err := p.data.Datasync()", "go p.data.Datasync()\n\terr := error(nil)", 1, "is not one|a durable cursor claims"},
		{"the directory's sync forgotten", "fs.go", "func (osFS) SyncDir(dir string) error {", "func (osFS) SyncDir(dir string) error {\n\treturn nil", 2, "without a receipt"},
	} {
		bin := bins{Dir: filepath.Join(dir, slug(c.name)), Self: exe}
		if err := os.Mkdir(bin.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		build(t, bin.Dir, c.file, c.old, c.new)
		if out, err := exec.Command("go", "build", "-o", bin.Dir, "payload-ipc/cmd/sdr-serve").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var wg sync.WaitGroup
			seen, wrong := []string{}, 0
			found := func() bool {
				said := strings.Join(seen, "\n")
				return slices.ContainsFunc(strings.Split(c.want, "|"), func(w string) bool { return strings.Contains(said, w) })
			}
			// What is planted shows at some moments only, and when they come is
			// the machine's business: cuts are tried until one meets them, later
			// ones each time.
			rounds := 1
			if c.want != "" {
				rounds = 6
			}
			for round := 0; round < rounds && (round == 0 || !found()); round++ {
				for i, cut := range cuts {
					if c.want != "" && i != c.cut {
						continue
					}
					from, to := cut.from+time.Duration(round)*100*time.Millisecond, min(cut.to+time.Duration(round)*400*time.Millisecond, 4500*time.Millisecond)
					for n := range cut.passes {
						wg.Go(func() {
							slots <- struct{}{}
							defer func() { <-slots }()
							s := cut.s
							s.Seed, s.Pass = uint64(i), round*100+n
							o := s.Overlaps[0]
							o.SDR, o.Fetch = Span{0, 6 * time.Second}, Span{0, 5 * time.Second}
							o.Power = from + (to-from)*time.Duration(n)/time.Duration(cut.passes)
							if e := o.Disk.Error; e != nil { // the syncs of a file under way
								o.Disk.Error = &flash.Error{Op: e.Op, Errno: e.Errno, Nth: 6 + n}
							}
							s.Overlaps = []Overlap{o}
							p, err := play(t.Context(), s, contenders[0], filepath.Join(dir, fmt.Sprintf("%s-%d-%d-%d", slug(c.name), i, round, n)), bin)
							mu.Lock()
							defer mu.Unlock()
							if err != nil {
								t.Error(err)
								return
							}
							v := p.judge()
							seen = append(seen, v.Why...)
							if v.Outcome == Lie || v.Outcome == Lost {
								wrong++
								if c.want == "" {
									t.Errorf("%s", p.tell(v))
								}
							}
						})
					}
				}
				wg.Wait()
			}
			t.Logf("%d passes are wrong", wrong)
			if c.want != "" && !found() {
				t.Errorf("%d passes are wrong, and none because of %q: %q", wrong, c.want, seen)
			}
		})
	}
}
