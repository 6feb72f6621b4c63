package plan

import (
	"errors"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// What an update put aboard is known by its name: as the base of the next
// update, and as the program that is not to be sent again whole.
func TestUpdatesAboard(t *testing.T) {
	const satellite = "FM1"
	old, mid := strings.Repeat("a", 8), strings.Repeat("b", 8)
	spec := func(makes, base string, change ...func(*Spec)) Spec {
		s := tutorial(change...)
		for i := range s.Artifacts {
			a := &s.Artifacts[i]
			if base != "" {
				a.Base, a.Makes, a.SHA256 = binDir+a.Program+"-"+base, makes, "cccccccc"+a.SHA256[8:]
			} else {
				a.SHA256 = makes + a.SHA256[8:]
			}
		}
		return s
	}
	whole := func(s *Spec) { s.Whole = true }
	for _, tt := range []struct {
		name   string
		spec   Spec
		aboard string // of both programs, behind their name
		status string
		sent   int    // programs
		runs   string // behind the server's name; "" if there is no plan
	}{
		{"update of what went up whole", spec(mid, old), old, "UPLOADED", 2, mid + "-cccccccc"},
		{"update of an update", spec(mid, old), old + "-dddddddd", "UPLOADED", 2, mid + "-cccccccc"},
		{"update of what is not aboard", spec(mid, old), mid, "UPLOADED", 0, ""},
		{"update of what is still on its way", spec(mid, old), old + "-dddddddd", "PENDING", 0, ""},
		{"the same update once more", spec(mid, ""), mid + "-cccccccc", "UPLOADED", 0, mid + "-cccccccc"},
		{"whole, and an update made it", spec(mid, ""), mid + "-dddddddd", "UPLOADED", 0, mid + "-dddddddd"},
		{"whole, and an update that makes it is on its way", spec(mid, ""), mid + "-dddddddd", "PENDING", 0, mid + "-dddddddd"},
		{"whole in spite of an update", spec(mid, "", whole), mid + "-dddddddd", "UPLOADED", 2, mid},
		{"whole, and another's name begins alike", spec(mid, ""), mid + "0", "UPLOADED", 2, mid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := Facts{Satellite: satellite, Now: time.Now(), Asked: true}
			for _, a := range tt.spec.Artifacts {
				f.Uploads = append(f.Uploads, tasking.Upload{Satellite: satellite, Payload: a.Payload, Destination: binDir + a.Program + "-" + tt.aboard, Status: tt.status})
			}
			p, err := New(tt.spec, f, nil)
			var absent *Absent
			if tt.runs == "" {
				if !errors.As(err, &absent) {
					t.Errorf("got %v, want a refusal", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := len(p.Missing()); n != tt.sent {
				t.Errorf("sends %d, want %d", n, tt.sent)
			}
			if got := p.First().Windows[0].Executable; got != binDir+Server+"-"+tt.runs {
				t.Errorf("runs %s, want ...-%s", got, tt.runs)
			}
			for _, a := range tt.spec.Artifacts {
				if a.MadeBy != "" {
					t.Error("the spec, which other satellites' plans are made of, was changed")
				}
			}
		})
	}
}

// A window of ours that is alone is known as such where an update made the
// program that it runs: only then it is looked at again before it is touched.
func TestHalfOfAnUpdate(t *testing.T) {
	s := tutorial()
	f := Facts{Satellite: "FM1", Now: now, Asked: true}
	aboard := s
	for _, a := range s.Artifacts {
		f.Uploads = append(f.Uploads, tasking.Upload{Satellite: "FM1", Payload: a.Payload, Destination: a.Whole() + "-dddddddd", Status: "UPLOADED"})
		a.MadeBy = a.Whole() + "-dddddddd"
		aboard.Artifacts = append(aboard.Artifacts[:len(aboard.Artifacts):len(aboard.Artifacts)], a)
	}
	aboard.Artifacts = aboard.Artifacts[len(s.Artifacts):]
	for i, w := range aboard.Pass("FM1", now.Add(48*time.Hour)).Windows {
		f.Windows = []tasking.Window{listedWindow(w, "7")}
		if got, ok := s.Half(f); !ok || got.ID != "7" {
			t.Errorf("window %d of the pair: got %v, %v; want it found alone", i, got, ok)
		}
		if p, err := New(s, f, func(string, time.Time, time.Duration) ([]tasking.Interval, error) {
			return []tasking.Interval{{Start: now, End: now.Add(30 * 24 * time.Hour)}}, nil
		}); err != nil || len(p.Actions()) != 1 {
			t.Errorf("window %d: got %v, %v; want it completed", i, p, err)
		}
	}
}

// A plan names the cheapest way, of those that can be had.
func TestCheaperWay(t *testing.T) {
	s := tutorial()
	one := tutorial(handover)
	update := func(n int64) Way {
		w := Way{Version: "0.1.0"}
		for _, a := range s.Artifacts {
			a.Base, a.Makes, a.Size = binDir+a.Program+"-aaaaaaaa", a.SHA256[:8], n
			w.Artifacts = append(w.Artifacts, a)
		}
		return w
	}
	handOver := Way{HandOver: true, Artifacts: one.Artifacts}
	aboard := func(destination string) []tasking.Upload {
		return []tasking.Upload{
			{Satellite: "FM1", Payload: SDR, Destination: binDir + Server + "-" + destination, Status: "UPLOADED"},
			{Satellite: "FM1", Payload: Sabertooth, Destination: binDir + Fetcher + "-" + destination, Status: "UPLOADED"}}
	}
	for _, tt := range []struct {
		name  string
		spec  Spec
		ways  []Way
		have  []tasking.Upload
		asked bool
		want  string
	}{
		{"no other way", s, nil, nil, true, ""},
		{"hand-over", s, []Way{handOver}, nil, true, "with --hand-over 6 days of uplink (750,000 bytes) in place of 11 days"},
		{"on paper", s, []Way{handOver, update(9)}, nil, false, "with --hand-over 6 days"},
		{"an update of what is not aboard", s, []Way{update(9)}, nil, true, ""},
		{"an update", s, []Way{handOver, update(13_000)}, aboard("aaaaaaaa"), true, "with --update-from 0.1.0 5 h of uplink (26,000 bytes) in place of 11 days"},
		{"an update that is none", s, []Way{update(625_000)}, aboard("aaaaaaaa"), true, "with --update-from 0.1.0 10 days"},
		{"no cheaper", one, []Way{handOver}, nil, true, ""},
		{"the pair is aboard", one, []Way{{Artifacts: s.Artifacts}}, []tasking.Upload{
			{Satellite: "FM1", Payload: SDR, Destination: s.Artifacts[0].Destination(), Status: "UPLOADED"},
			{Satellite: "FM1", Payload: Sabertooth, Destination: s.Artifacts[1].Destination(), Status: "UPLOADED"}}, true, "with neither --hand-over nor --update-from 0 s of uplink"},
		{"nothing to be sent", s, []Way{handOver}, []tasking.Upload{
			{Satellite: "FM1", Payload: SDR, Destination: s.Artifacts[0].Destination(), Status: "UPLOADED"},
			{Satellite: "FM1", Payload: Sabertooth, Destination: s.Artifacts[1].Destination(), Status: "UPLOADED"}}, true, ""},
	} {
		spec := tt.spec
		spec.Ways = tt.ways
		p, err := New(spec, Facts{Satellite: "FM1", Now: now, Asked: tt.asked, Uploads: tt.have}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, n := range p.Notes {
			if with, cost, ok := strings.Cut(n, " it is cheaper:"); ok {
				got += with + cost
			}
		}
		if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
