package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// pairAt is a listed pair of spec, with the ids a and b.
func pairAt(s Spec, at time.Duration, a, b string) []tasking.Window {
	w := s.Pass("FM1", now.Add(at)).Windows
	return []tasking.Window{listedWindow(w[0], a), listedWindow(w[1], b)}
}

func surveying(s *Spec) { s.Survey, s.SkipUpload, s.Artifacts = true, true, nil }

func untold(ws []tasking.Window, which ...int) []tasking.Window {
	ws = slices.Clone(ws)
	for _, i := range which {
		ws[i].Args = nil
	}
	return ws
}

// What belongs to a complete pair, whoever made it, is no half; what is told by
// no arguments is none while something of ours overlaps it.
func TestSortPairs(t *testing.T) {
	s := tutorial()
	kern := tutorial(func(s *Spec) { s.Files = []File{{"/var/log/kern.log", "kern"}} })
	early := tutorial(func(s *Spec) { s.FetchDelay = 25 * time.Second })
	old := tutorial(func(s *Spec) { s.Artifacts[0].SHA256, s.Artifacts[1].SHA256 = "aaaaaaaa", "bbbbbbbb" })
	ipi := tutorial(func(s *Spec) {
		s.FromPayload, s.ToPayload = IPI, Dexter
		s.Artifacts[0].Payload, s.Artifacts[1].Payload = IPI, Dexter
	})
	survey, surveyIPI := tutorial(surveying), tutorial(surveying, func(s *Spec) { s.FromPayload, s.ToPayload = IPI, Dexter })
	a := pairAt(s, time.Hour, "1", "2")
	dead := slices.Clone(a)
	dead[1].State = "CANCELLED"
	foreign := tasking.Window{ID: "9", Type: "PAYLOAD_SABERTOOTH", State: "SYNCED", Start: a[0].Start, Duration: time.Minute}
	for _, tt := range []struct {
		name    string
		windows []tasking.Window
		pairs   string
		halves  string
	}{
		{"none", nil, "", ""},
		{"one", a, "1+2", ""},
		{"the other way round", []tasking.Window{a[1], a[0]}, "1+2", ""},
		{"other specs", slices.Concat(a, pairAt(kern, 2*time.Hour, "3", "4"), pairAt(early, 3*time.Hour, "5", "6"), pairAt(old, 4*time.Hour, "7", "8")), "1+2 3+4 5+6 7+8", ""},
		{"a survey", pairAt(survey, time.Hour, "1", "2"), "1+2", ""},
		{"a survey, the other way round, beside a pair", []tasking.Window{pairAt(survey, 2*time.Hour, "3", "4")[1], pairAt(survey, 2*time.Hour, "3", "4")[0], a[0], a[1]}, "3+4 1+2", ""},
		{"half a survey of other payloads, beside one", append(pairAt(survey, time.Hour, "1", "2"), pairAt(surveyIPI, time.Hour, "3", "4")[0]), "1+2", "3"},
		{"a survey of other payloads", pairAt(surveyIPI, time.Hour, "3", "4"), "3+4", ""},
		{"hand-over", pairAt(tutorial(handover), time.Hour, "1", "2"), "1+2", ""},
		{"other payloads at the same time", slices.Concat(a, pairAt(ipi, time.Hour, "3", "4")), "1+2 3+4", ""},
		{"server alone", a[:1], "", "1"},
		{"fetcher alone", a[1:], "", "2"},
		{"two servers, one fetcher", append(slices.Clone(a), pairAt(s, 2*time.Hour, "3", "4")[0]), "1+2", "3"},
		{"two fetchers, one server", append(slices.Clone(a), pairAt(s, 2*time.Hour, "3", "4")[1]), "1+2", "4"},
		{"one server of many pairs", append(pairAt(s, 2*time.Hour, "3", "4"), a[0]), "3+4", "1"},
		{"the partner is cancelled", dead, "", "1"},
		{"fetcher's arguments untold", untold(a, 1), "1+2", ""},
		{"server's arguments untold", untold(a, 0), "1+2", ""},
		{"no arguments told", untold(a, 0, 1), "1+2", ""},
		{"hand-over, untold", untold(pairAt(tutorial(handover), time.Hour, "1", "2"), 1), "", ""},
		{"untold, alone", untold(a[:1], 0), "", "1"},
		{"untold, and nothing overlaps", append(untold(a[:1], 0), pairAt(s, 2*time.Hour, "3", "4")[1]), "", "1 4"},
		{"another's window overlaps, its command untold", []tasking.Window{a[0], foreign}, "", ""},
		{"foreign", []tasking.Window{{ID: "1", Type: "PAYLOAD_SDR", Executable: "/usr/bin/python3", Args: []string{"-m"}, State: "SYNCED"}}, "", ""},
		{"the run is the user's own word", func() []tasking.Window {
			w := slices.Clone(a)
			w[1].Args = slices.Clone(w[1].Args)
			w[1].Args[slices.Index(w[1].Args, "--run")+1] = "monday"
			return w
		}(), "1+2", ""},
	} {
		pairs, halves := SortPairs(tt.windows)
		var got, alone []string
		for _, p := range pairs {
			got = append(got, p.Serve.ID+"+"+p.Fetch.ID)
		}
		for _, h := range halves {
			alone = append(alone, h.ID)
		}
		if strings.Join(got, " ") != tt.pairs || strings.Join(alone, " ") != tt.halves {
			t.Errorf("%s: got pairs %q, halves %q, want %q, %q", tt.name, got, alone, tt.pairs, tt.halves)
		}
	}
}

// A run's name is unique among pairs that can be scheduled side by side, and
// tells the server's start and type.
func TestRunNames(t *testing.T) {
	seen := map[string]bool{}
	for _, from := range Payloads {
		for _, to := range Payloads {
			for _, sat := range []string{"FM1", "LEMUR-2-X", "a.b"} {
				run := runID(sat, now, from.Window(), to.Window())
				start, serve, ok := parseRun(run)
				if seen[run] || !ok || !start.Equal(now) || serve != from.Window() {
					t.Errorf("%s: twice %v, got %v %v %v", run, seen[run], start, serve, ok)
				}
				seen[run] = true
			}
		}
	}
	if got := runID("FM1", now, "PAYLOAD_SDR", "PAYLOAD_SABERTOOTH"); got != "20261122T140000Z-FM1" {
		t.Errorf("the usual pair is called %s", got)
	}
	for _, bad := range []string{"", "monday", "20261122T140000Z", "2026-11-22"} {
		if _, _, ok := parseRun(bad); ok {
			t.Errorf("%q is taken for a run of ours", bad)
		}
	}
}

// What is planned beside what is there.
func TestReconcile(t *testing.T) {
	s := tutorial()
	kern := tutorial(func(s *Spec) { s.Files = []File{{"/var/log/kern.log", "kern"}} })
	at := func(d time.Duration) Spec { return tutorial(func(s *Spec) { s.Start = now.Add(d) }) }
	always := func(_ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
		return []tasking.Interval{{Start: from, End: from.Add(span)}}, nil
	}
	never := func(string, time.Time, time.Duration) ([]tasking.Interval, error) { return nil, nil }
	var up []tasking.Upload
	for _, a := range s.Artifacts {
		up = append(up, tasking.Upload{Satellite: "FM1", Payload: a.Payload, Destination: a.Destination(), Status: "UPLOADED"})
	}
	a := pairAt(s, 2*Day, "1", "2")
	for _, tt := range []struct {
		name    string
		spec    Spec
		windows []tasking.Window
		free    Calendar
		actions string // "remove ID", "schedule TYPE +HOURS"
		says    string
	}{
		{"nothing there", s, nil, always, "schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", ""},
		{"there already", s, a, never, "", ""},
		{"another spec beside it", kern, a, always, "schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", "another deployment stays: windows 1 and 2"},
		{"another delay beside four pairs", tutorial(func(s *Spec) { s.FetchDelay = 25 * time.Second }),
			slices.Concat(a, pairAt(s, 3*Day, "3", "4"), pairAt(kern, 4*Day, "5", "6"), pairAt(s, 5*Day, "7", "8")), always,
			"schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", "windows 7 and 8"},
		{"another start", at(3 * Day), a, always, "schedule PAYLOAD_SDR +72, schedule PAYLOAD_SABERTOOTH +72", "windows 1 and 2"},
		{"the same start", at(2 * Day), a, never, "", ""},
		{"a server alone", s, a[:1], always, "schedule PAYLOAD_SABERTOOTH +48", "its other half is added"},
		{"a fetcher alone", s, a[1:], always, "schedule PAYLOAD_SDR +48", "its other half is added"},
		{"a server alone beside a pair", s, append(slices.Clone(a), pairAt(s, 3*Day, "3", "")[0]), always, "", ""},
		{"alone, and no place for the rest", s, a[:1], func(typ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
			if typ == "PAYLOAD_SABERTOOTH" && from.After(now.Add(47*time.Hour)) {
				return nil, nil
			}
			return always(typ, from, span)
		}, "remove 1, schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", "no time fits the pair any more"},
		{"two alone", s, append(slices.Clone(a[:1]), pairAt(s, 3*Day, "3", "")[0]), always, "remove 3, schedule PAYLOAD_SABERTOOTH +48", ""},
		{"a fetcher of another path alone", s, pairAt(kern, 2*Day, "1", "2")[1:], always, "schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", "is alone and stays"},
		{"a fetcher whose server is over", s, pairAt(s, -20*time.Second, "1", "2")[1:], always, "schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", "stays"},
		{"a pair that is over", s, pairAt(s, -time.Hour, "1", "2"), always, "schedule PAYLOAD_SDR +24, schedule PAYLOAD_SABERTOOTH +24", ""},
	} {
		p, err := New(tt.spec, Facts{Satellite: "FM1", Now: now, Asked: true, Uploads: up, Windows: tt.windows}, tt.free)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, x := range p.Actions() {
			switch x := x.(type) {
			case Remove:
				got = append(got, "remove "+x.ID)
			case Schedule:
				got = append(got, fmt.Sprintf("schedule %s +%d", x.Window.Type, int(x.Window.Start.Sub(now).Hours())))
			default:
				got = append(got, fmt.Sprintf("%T", x))
			}
		}
		if strings.Join(got, ", ") != tt.actions {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, strings.Join(got, ", "), tt.actions)
		}
		if all := strings.Join(append(p.Notes, p.Warnings...), "\n"); !strings.Contains(all, tt.says) {
			t.Errorf("%s: says %q, want %q", tt.name, all, tt.says)
		}
	}
}

// A scheduled window whose program comes too late is told of.
func TestLate(t *testing.T) {
	s := tutorial()
	p, err := New(s, Facts{Satellite: "FM1", Now: now, Asked: true, Windows: pairAt(s, 10*Day, "1", "2"), Uploads: []tasking.Upload{
		{Satellite: "FM1", Payload: SDR, Destination: s.Artifacts[0].Destination(), Status: "PENDING"},
		{Satellite: "FM1", Payload: Sabertooth, Destination: s.Artifacts[1].Destination(), Status: "PENDING"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 1 || !strings.HasPrefix(p.Warnings[0], "window 2 (PAYLOAD_SABERTOOTH at ") || !strings.Contains(p.Warnings[0], "needs sabertooth-fetch, which cannot be there before Thu 3 Dec 2026 14:00:00 UTC") {
		t.Errorf("got %q", p.Warnings)
	}
}

// A deployment that takes its course is not told to be late: how far an upload
// is that has begun, nobody knows.
func TestNotLate(t *testing.T) {
	s := tutorial()
	up := func(serve, fetch string) []tasking.Upload {
		return []tasking.Upload{{Satellite: "FM1", Payload: SDR, Destination: s.Artifacts[0].Destination(), Status: serve},
			{Satellite: "FM1", Payload: Sabertooth, Destination: s.Artifacts[1].Destination(), Status: fetch}}
	}
	start := 11*Day + 6*time.Hour
	for _, tt := range []struct {
		after  time.Duration
		up     []tasking.Upload
		halves int // left of the pair
		want   bool
	}{
		{time.Hour, up("PENDING", "PENDING"), 2, false}, {3 * Day, up("UPLOADING", "PENDING"), 2, false}, {5 * Day, up("UPLOADED", "PENDING"), 2, false},
		{10 * Day, up("UPLOADED", "UPLOADING"), 2, false}, {2 * Day, up("PENDING", "PENDING"), 2, true}, {7 * Day, up("UPLOADING", "PENDING"), 2, true},
		{time.Hour, up("PENDING", "PENDING"), 1, false}, {3 * Day, up("UPLOADING", "PENDING"), 1, false},
	} {
		windows := pairAt(s, start, "1", "2")[:tt.halves]
		always := func(_ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
			return []tasking.Interval{{Start: from, End: from.Add(span)}}, nil
		}
		p, err := New(s, Facts{Satellite: "FM1", Now: now.Add(tt.after), Asked: true, Windows: windows, Uploads: tt.up}, always)
		if err != nil {
			t.Fatal(err)
		}
		if late := strings.Contains(strings.Join(p.Warnings, " "), "cannot be there before"); late != tt.want || len(p.Remove) > 0 || p.First().Windows[0].ID != "1" {
			t.Errorf("after %v, %d of the pair: warnings %q, removes %v", tt.after, tt.halves, p.Warnings, p.Remove)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct{ in, want []File }{
		{[]File{{Path: "/var/log/syslog"}}, []File{{"/var/log/syslog", "sdr_syslog"}}},
		{[]File{{Path: "/a/x"}, {Path: "/b/x"}, {Path: "/c/y"}}, []File{{"/a/x", "sdr_a_x"}, {"/b/x", "sdr_b_x"}, {"/c/y", "sdr_y"}}},
		{[]File{{"/a/x", "sdr_x"}, {Path: "/b/x"}}, []File{{"/a/x", "sdr_x"}, {"/b/x", "sdr_b_x"}}},
		{[]File{{Path: "/var/log/"}}, []File{{"/var/log/", "sdr_var_log"}}},
	} {
		if got := (Spec{Files: tt.in}).Named(); !slices.Equal(got, tt.want) {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
}
