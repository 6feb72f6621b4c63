package deploy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// copies puts what is in from/sdr-serve beside it, as the other programs.
func copies(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, plan.Server))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{plan.Fetcher, plan.Both} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What is built tells in which ways it can go up; a plan names the cheapest, and
// aboard what an update of each program costs.
func TestWays(t *testing.T) {
	p := packPrograms(t)
	uplink := filepath.Join(p.dir, "uplink")
	copies(t, uplink, filepath.Join(uplink, "from-old"), filepath.Join(p.dir, "old"))
	os.MkdirAll(filepath.Join(uplink, "from-half"), 0o755)
	os.MkdirAll(filepath.Join(uplink, "from-old.new"), 0o755)
	flags := func(ways []plan.Way) (out []string) {
		for _, w := range ways {
			out = append(out, w.Flags())
		}
		return out
	}
	ways := Ways(uplink, plan.Spec{})
	if got := flags(ways); !slices.Equal(got, []string{"", "--hand-over", "--update-from old", "--hand-over --update-from old"}) {
		t.Fatalf("got %q", got)
	}
	if got := flags(Ways(uplink, plan.Spec{FromPayload: plan.Dexter})); !slices.Equal(got, []string{"", "--update-from old"}) {
		t.Errorf("from DEXTER, which gets whole programs and hands none over: got %q", got)
	}

	// The old pair goes up; then a plan of the new one is asked for.
	b := newBench(t)
	g, _ := b.ground(100 * time.Millisecond)
	pair := func(dir string, change ...func(*plan.Spec)) plan.Spec {
		s := b.spec(change...)
		var err error
		if s.Artifacts, _, err = Artifacts(dir, s); err != nil {
			t.Fatal(err)
		}
		s.Ways = Ways(uplink, s)
		return s
	}
	cheaper := func(r Result) (note string) {
		t.Helper()
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		for _, n := range r.Plan.Notes {
			if strings.Contains(n, "it is cheaper: ") {
				note += n
			}
		}
		return note
	}
	if got := cheaper(draft(t, g, pair(uplink))[0]); !strings.HasPrefix(got, "with --hand-over ") {
		t.Errorf("nothing is aboard: got %q", got)
	}
	if r := run(t, g, pair(filepath.Join(p.dir, "old"))); r.Err != nil {
		t.Fatal(r.Err)
	}
	list := func() []Aboard {
		t.Helper()
		got, err := g.Aboard(context.Background(), []string{"FM1"}, nil, ways, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, a := range list() {
		if u := a.Update; a.Built || u == nil || u.Version != "old" || u.Bytes != ways[2].Artifacts[0].Size || u.Days != float64(u.Bytes)/1000 {
			t.Errorf("%+v, %+v", a, u)
		}
	}
	fleet, err := g.Look(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fleet.uploads {
		fleet.uploads[i].Status = "UPLOADED"
	}
	if got := cheaper(g.DraftAll(context.Background(), fleet, pair(uplink), []string{"FM1"})[0]); !strings.HasPrefix(got, "with --update-from old ") {
		t.Errorf("the old pair is aboard: got %q", got)
	}
}
