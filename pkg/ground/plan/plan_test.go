package plan

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"payload-ipc/pkg/ground/tasking"
)

var now = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

// tutorial is the pair of docs/platform.md, "Tasking API", with programs of its size.
func tutorial(change ...func(*Spec)) Spec {
	s := Spec{
		Lead: 24 * time.Hour, UplinkRate: 125_000, SDRDuration: time.Minute, FetchDelay: 30 * time.Second, FetchDuration: time.Minute,
		SDR:  []netip.Addr{netip.MustParseAddr("10.2.1.8"), netip.MustParseAddr("10.2.1.12")},
		Port: DefaultPort, Files: []File{{"/var/log/syslog", "sdr_syslog"}}, DownlinkBudget: 1,
		Artifacts: []Artifact{
			{Program: "sdr-serve", Payload: SDR, File: "sdr-serve", Size: 625_000, SHA256: "1a2b3c4d" + strings.Repeat("0", 56)},
			{Program: "sabertooth-fetch", Payload: Sabertooth, File: "sabertooth-fetch", Size: 750_000, SHA256: "5e6f7a8b" + strings.Repeat("0", 56)},
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func handover(s *Spec) {
	s.HandOver = true
	s.Artifacts = []Artifact{{Program: "payload", Payload: SDR, File: "payload", Size: 750_000, SHA256: "c0ffee00" + strings.Repeat("0", 56)}}
}

// dryRun is the plan of s with nothing known.
func dryRun(t interface{ Fatal(...any) }, s Spec) *Plan {
	p, err := New(s, Facts{Satellite: "FM1", Now: now}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// listedWindow is w as the API would list it.
func listedWindow(w Window, id string) tasking.Window {
	return tasking.Window{ID: id, Type: w.Type, Satellite: "FM1", State: "PENDING_SYNC", Start: w.Start, Duration: w.Duration, Executable: w.Executable, Args: w.Args}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		flag   string // "" for a good spec
		change func(*Spec)
	}{
		{"", func(*Spec) {}},
		{"", handover},
		{"", func(s *Spec) {
			s.SDRDuration, s.FetchDuration = 30*time.Second, 30*time.Second
			s.FetchDelay = 29 * time.Second
		}},
		{"", func(s *Spec) { s.SDR = []netip.Addr{netip.MustParseAddr("127.0.0.1")} }},
		{"", func(s *Spec) { s.Port = 65535 }},
		{"", func(s *Spec) { s.Lead = 0 }},
		{"", func(s *Spec) { s.Files[0].Path = "/proc/a=b" }},
		{"sdr-duration", func(s *Spec) { s.SDRDuration = 29 * time.Second }},
		{"fetch-duration", func(s *Spec) { s.FetchDuration = 29 * time.Second }},
		{"sdr-duration", func(s *Spec) { s.SDRDuration = 25 * time.Hour }},
		{"fetch-duration", func(s *Spec) { s.FetchDuration = 30500 * time.Millisecond }},
		{"fetch-delay", func(s *Spec) { s.FetchDelay = -time.Second }},
		{"fetch-delay", func(s *Spec) { s.FetchDelay = time.Minute }},
		{"lead", func(s *Spec) { s.Lead = -time.Hour }},
		{"lead", func(s *Spec) { s.Lead = 100000 * time.Hour }},
		{"uplink-rate", func(s *Spec) { s.UplinkRate = 0 }},
		{"sdr", func(s *Spec) { s.SDR = nil }},
		{"sdr", func(s *Spec) { s.SDR[1] = netip.MustParseAddr("10.2.1.10") }},
		{"sdr", func(s *Spec) { s.SDR[0] = netip.MustParseAddr("0.0.0.0") }},
		{"sdr", func(s *Spec) { s.SDR[0] = netip.MustParseAddr("fe80::1%eth0") }},
		{"port", func(s *Spec) { s.Port = 10000 }},
		{"port", func(s *Spec) { s.Port = 65536 }},
		{"path", func(s *Spec) { s.Files[0].Path = "var/log/syslog" }},
		{"", func(s *Spec) { s.Files[0].Path = "/a b" }},
		{"path", func(s *Spec) { s.Files[0].Path = "/a\nb" }},
		{"path", func(s *Spec) { s.Files[0].Path = "" }},
		{"path", func(s *Spec) { s.Files = nil }},
		{"path", func(s *Spec) { s.Files = append(s.Files, File{"/x", "sdr_syslog"}) }},
		{"path", func(s *Spec) { s.Files = append(s.Files, File{"/x", "sdr_syslog.part"}) }},
		{"name", func(s *Spec) { s.Files[0].Name = "sabertooth-fetch.log" }},
		{"sdr", func(s *Spec) { s.SDR[1] = s.SDR[0] }},
		{"path", func(s *Spec) { s.Files[0].Path = "/a\x00" }},
		{"name", func(s *Spec) { s.Files[0].Name = "sdr-serve.log" }},
		{"name", func(s *Spec) { s.Files[0].Name = "survey-SDR.txt" }},
		{"name", func(s *Spec) { s.Files[0].Name = "x.receipt.json" }},
		{"name", func(s *Spec) { s.Files[0].Name = "a/b" }},
		{"name", func(s *Spec) { s.Files[0].Name = ".hidden" }},
		{"name", func(s *Spec) { s.Files[0].Name = "a=b" }},
		{"name", func(s *Spec) { s.Files[0].Name = "--until" }},
		{"name", func(s *Spec) { s.Files[0].Name = strings.Repeat("n", 256) }},
		{"downlink-budget", func(s *Spec) { s.DownlinkBudget = -1 }},
	}
	for i, tt := range tests {
		err := tutorial(tt.change).Check()
		var spec *SpecError
		if tt.flag == "" && err != nil || tt.flag != "" && (!errors.As(err, &spec) || spec.Flag != tt.flag) {
			t.Errorf("row %d: got %v, want --%s", i, err, tt.flag)
		}
	}
}

func TestArguments(t *testing.T) {
	start := time.Unix(1763900000, 0)
	for _, tt := range []struct {
		name       string
		spec       Spec
		sdr, fetch string
	}{
		{"tutorial", tutorial(),
			"/persist/bin/sdr-serve-1a2b3c4d --until 1763900060 --for 60s",
			"/persist/bin/sabertooth-fetch-5e6f7a8b --until 1763900090 --for 60s --run 20251123T121320Z-FM1 --from 10.2.1.8:10101,10.2.1.12:10101 /var/log/syslog=sdr_syslog"},
		{"other port and address", tutorial(func(s *Spec) { s.Port = 20000; s.SDR = []netip.Addr{netip.MustParseAddr("::1")} }),
			"/persist/bin/sdr-serve-1a2b3c4d --until 1763900060 --for 60s --listen 0.0.0.0:20000",
			"/persist/bin/sabertooth-fetch-5e6f7a8b --until 1763900090 --for 60s --run 20251123T121320Z-FM1 --from [::1]:20000 /var/log/syslog=sdr_syslog"},
		{"hand-over", tutorial(handover),
			"/persist/bin/payload-c0ffee00 sdr-serve --until 1763900060 --for 60s",
			"/bin/sh -c SCRIPT sabertooth-fetch --until 1763900090 --for 60s --run 20251123T121320Z-FM1 --from 10.2.1.8:10101,10.2.1.12:10101 /var/log/syslog=sdr_syslog"},
		{"hand-over of an update", tutorial(handover, func(s *Spec) {
			a := &s.Artifacts[0]
			a.Makes, a.OldID, a.Unpacked, a.UnpackedSize = "0badcafe", "deadbeef", strings.Repeat("e", 64), 2_359_422
		}),
			"/persist/bin/payload-0badcafe-c0ffee00 sdr-serve --until 1763900060 --for 60s",
			"/bin/sh -c SCRIPT sabertooth-fetch --until 1763900090 --for 60s --run 20251123T121320Z-FM1 --from 10.2.1.8:10101,10.2.1.12:10101 /var/log/syslog=sdr_syslog"},
	} {
		pair := tt.spec.Pass("FM1", start).Windows
		for i, want := range []string{tt.sdr, tt.fetch} {
			argv := append([]string{pair[i].Executable}, pair[i].Args...)
			if tt.spec.HandOver && i == 1 {
				if n := len(argv[2]); n > MaxBootstrap {
					t.Errorf("the bootstrap has %d bytes, want at most %d", n, MaxBootstrap)
				}
				argv[2] = "SCRIPT"
			}
			if got := strings.Join(argv, " "); got != want {
				t.Errorf("%s:\n got %s\nwant %s", tt.name, got, want)
			}
			if got := RoleOf(listedWindow(pair[i], "1")); got != [2]Role{Serve, Fetch}[i] {
				t.Errorf("%s: window %d has the role %v", tt.name, i, got)
			}
		}
		later := tt.spec.Pass("FM1", start.Add(time.Hour)).Windows
		for i := range pair {
			if slices.Equal(pair[i].Args, later[i].Args) || !slices.Equal(ArgsWithoutTimes(pair[i].Args), ArgsWithoutTimes(later[i].Args)) {
				t.Errorf("%s: window %d: the time is left in them, or the arguments have not", tt.name, i)
			}
		}
	}
	for _, foreign := range []tasking.Window{
		{Executable: "/usr/bin/python3", Args: []string{"-m", "http.server"}}, {Executable: "/bin/sh", Args: []string{"-c", "reboot"}}, {Executable: "/bin/sh"}, {},
	} {
		if RoleOf(foreign) != Foreign {
			t.Errorf("%v is taken for ours", foreign)
		}
	}
}

func TestEarliest(t *testing.T) {
	up := func(status string, dest ...string) (out []tasking.Upload) {
		for i, d := range dest {
			payload, path, _ := strings.Cut(d, " ")
			out = append(out, tasking.Upload{ID: fmt.Sprint(i), Satellite: "FM1", Payload: payload, Destination: path, Status: status})
		}
		return out
	}
	const serve, fetch = "SDR /persist/bin/sdr-serve-1a2b3c4d", "SABERTOOTH /persist/bin/sabertooth-fetch-5e6f7a8b"
	aboard := up("UPLOADED", serve, fetch)
	for _, tt := range []struct {
		name    string
		spec    Spec
		uploads []tasking.Upload
		want    time.Duration
		limit   Limit
	}{
		{"both to be sent", tutorial(), nil, 11*Day + 6*time.Hour, Limit{By: ByUplink}}, // 5 + 6 days, and a contact
		{"one aboard", tutorial(), up("UPLOADED", serve), 6*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"one on its way", tutorial(), up("UPLOADING", serve), 11*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"on its way twice", tutorial(), up("PENDING", serve, serve), 16*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"on its way twice, last", tutorial(), up("PENDING", serve, fetch, fetch), 11*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"another satellite's", tutorial(), []tasking.Upload{{Satellite: "FM2", Payload: "SDR", Destination: "/persist/bin/sdr-serve-1a2b3c4d", Status: "UPLOADED"}}, 11*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"failed", tutorial(), up("FAILED", serve, fetch), 11*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"both aboard", tutorial(), aboard, Day, Limit{ByLead, "24 h"}},
		{"aboard on the other payload only", tutorial(), up("UPLOADED", "IPI /persist/bin/sdr-serve-1a2b3c4d"), 11*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"nothing sent", tutorial(func(s *Spec) { s.SkipUpload = true }), nil, Day, Limit{ByLead, "24 h"}},
		{"no lead", tutorial(func(s *Spec) { s.Lead = 0 }), aboard, 150 * time.Second, Limit{ByBuffer, "PAYLOAD_SABERTOOTH"}},
		{"no lead, late fetcher", tutorial(func(s *Spec) { s.Lead = 0; s.SDRDuration = 5 * time.Minute; s.FetchDelay = 2 * time.Minute }), aboard, 120 * time.Second, Limit{ByBuffer, "PAYLOAD_SDR"}},
		{"a short lead brings no contact nearer", tutorial(func(s *Spec) { s.Lead = time.Minute }), nil, 11*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"but in a rehearsal", tutorial(func(s *Spec) { s.Lead, s.UplinkRate = time.Minute, 1_375_000*24 }), nil, 61 * time.Minute, Limit{By: ByUplink}},
		{"hand-over", tutorial(handover), nil, 6*Day + 6*time.Hour, Limit{By: ByUplink}},
		{"a rate of one byte", tutorial(func(s *Spec) { s.UplinkRate = 1 }), nil, 36500*Day + 6*time.Hour, Limit{By: ByUplink}},
	} {
		p, err := New(tt.spec, Facts{Satellite: "FM1", Now: now, Asked: true, Uploads: tt.uploads}, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := p.Earliest.Sub(now); got != tt.want || p.Limit != tt.limit {
			t.Errorf("%s: got %v, limited by %v, want %v, limited by %v", tt.name, got, p.Limit, tt.want, tt.limit)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, tt := range []struct {
		sdr, delay, fetch, want int
		warns                   bool
	}{{60, 30, 60, 30, false}, {60, 0, 60, 60, false}, {60, 41, 60, 19, true}, {60, 40, 60, 20, false}, {300, 30, 60, 60, false}, {60, 60, 60, 0, true}} {
		s := tutorial(func(s *Spec) {
			s.SDRDuration, s.FetchDelay, s.FetchDuration = time.Duration(tt.sdr)*time.Second, time.Duration(tt.delay)*time.Second, time.Duration(tt.fetch)*time.Second
		})
		p := dryRun(t, s)
		if p.First().Overlap != int64(tt.want) {
			t.Errorf("%+v: got %d s", tt, p.First().Overlap)
		}
		if warns := strings.Contains(strings.Join(p.Warnings, " "), "overlap for"); warns != tt.warns {
			t.Errorf("%+v: warnings %q", tt, p.Warnings)
		}
	}
}

func TestCheckStart(t *testing.T) {
	aboard := []tasking.Upload{
		{Satellite: "FM1", Payload: SDR, Destination: "/persist/bin/sdr-serve-1a2b3c4d", Status: "UPLOADED"},
		{Satellite: "FM1", Payload: Sabertooth, Destination: "/persist/bin/sabertooth-fetch-5e6f7a8b", Status: "UPLOADED"},
	}
	for _, tt := range []struct {
		in     time.Duration
		status []tasking.Upload
		want   any
		warns  bool
	}{
		{-time.Second, aboard, &SpecError{}, false},
		{time.Hour, nil, &NoSlot{}, false},
		{12 * Day, nil, nil, false},
		{11*Day + time.Hour, nil, nil, false}, // if a contact comes early
		{11*Day - time.Hour, nil, &NoSlot{}, false},
		{time.Hour, aboard, nil, true},
		{25 * time.Hour, aboard, nil, false},
	} {
		p, err := New(tutorial(func(s *Spec) { s.Start = now.Add(tt.in) }), Facts{Satellite: "FM1", Now: now, Asked: true, Uploads: tt.status}, nil)
		if p == nil {
			p = &Plan{}
		}
		var spec *SpecError
		var slot *NoSlot
		ok := false
		switch tt.want.(type) {
		case nil:
			ok = err == nil
		case *SpecError:
			ok = errors.As(err, &spec)
		case *NoSlot:
			ok = errors.As(err, &slot)
		}
		if warns := strings.Contains(strings.Join(p.Warnings, " "), "sooner than the lead"); !ok || warns != tt.warns {
			t.Errorf("in %v: got %v, warnings %q", tt.in, err, p.Warnings)
		}
	}
}

// Fit against the plain search, second by second.
func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := tutorial(func(s *Spec) {
			s.SDRDuration = time.Duration(rapid.IntRange(30, 90).Draw(t, "sdr")) * time.Second
			s.FetchDelay = time.Duration(rapid.IntRange(0, 29).Draw(t, "delay")) * time.Second
			s.FetchDuration = time.Duration(rapid.IntRange(30, 90).Draw(t, "fetch")) * time.Second
		})
		buffered := rapid.Bool().Draw(t, "buffered")
		free := map[string][]tasking.Interval{}
		for _, typ := range tutorial().WindowTypes() {
			at := 0
			for range rapid.IntRange(0, 4).Draw(t, "intervals") {
				from := at + rapid.IntRange(1, 300).Draw(t, "gap")
				at = from + rapid.IntRange(1, 900).Draw(t, "length")
				free[typ] = append(free[typ], tasking.Interval{Start: now.Add(time.Duration(from) * time.Second), End: now.Add(time.Duration(at) * time.Second)})
			}
		}
		suits := func(start time.Time) bool {
			for _, w := range s.Pass("FM1", start).Windows {
				from, to := w.Start, w.End()
				if buffered {
					from, to = w.Opens(), w.Closes()
				}
				if !slices.ContainsFunc(free[w.Type], func(f tasking.Interval) bool { return !from.Before(f.Start) && !to.After(f.End) }) {
					return false
				}
			}
			return true
		}
		var want time.Time
		for i := range 5400 {
			if start := now.Add(time.Duration(i) * time.Second); suits(start) {
				want = start
				break
			}
		}
		got, ok := s.fit("FM1", now, free, buffered)
		if ok != !want.IsZero() || ok && !got.Equal(want) {
			t.Errorf("got %v %v, want %v", got, ok, want)
		}
	})
}

func TestDraw(t *testing.T) {
	always := func(_ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
		return []tasking.Interval{{Start: from, End: from.Add(span)}}, nil
	}
	p, err := New(tutorial(), Facts{Satellite: "FM1", Now: now, Asked: true, Uploads: []tasking.Upload{
		{Satellite: "FM1", Payload: SDR, Destination: "/persist/bin/sdr-serve-1a2b3c4d", Status: "UPLOADED"}}}, always)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	p.Draw(&b, 0)
	golden(t, "testdata/plan.txt", b.String())
	for _, line := range strings.Split(b.String(), "\n") {
		if len(line) > 100 && !strings.Contains(line, "runs /") {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
	for _, width := range []int{40, 60, 80, 100, 300} {
		var b strings.Builder
		p.Draw(&b, width)
		for _, line := range strings.Split(b.String(), "\n") {
			if len(line) > width {
				t.Errorf("a line of %d columns on a terminal of %d: %s", len(line), width, line)
			}
		}
		if width == 60 {
			golden(t, "testdata/plan60.txt", b.String())
		}
	}
	d := xml.NewDecoder(strings.NewReader(string(p.SVG())))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the picture is not well-formed: %v", err)
		}
	}
	golden(t, "testdata/plan.svg", string(p.SVG()))
}

// golden compares got with a file, and writes it with UPDATE=1.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") == "1" {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// Drawing never panics, whatever the numbers.
func TestDrawAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := tutorial(func(s *Spec) {
			s.UplinkRate = rapid.Int64Range(1, 1e12).Draw(t, "rate")
			s.SDRDuration = time.Duration(rapid.IntRange(30, 86400).Draw(t, "sdr")) * time.Second
			s.FetchDelay = time.Duration(rapid.IntRange(0, 86400).Draw(t, "delay")) * time.Second
			s.FetchDuration = time.Duration(rapid.IntRange(30, 86400).Draw(t, "fetch")) * time.Second
			s.Artifacts[0].Size = rapid.Int64Range(0, 10_000_000).Draw(t, "size")
		})
		p := &Plan{Satellite: "FM1", Now: now, Spec: s, Rate: s.UplinkRate, Passes: []Pass{s.Pass("FM1", now.Add(time.Duration(rapid.Int64Range(-1e6, 1e9).Draw(t, "start"))*time.Second))}}
		p.Uploads = dryRun(t, s).Uploads
		p.Draw(io.Discard, rapid.IntRange(0, 200).Draw(t, "width"))
		p.SVG()
	})
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Bytes(125_000), "125 KB"}, {Bytes(999), "999 bytes"}, {Bytes(1_234_567), "1.2 MB"},
		{Grouped(0), "0"}, {Grouped(999), "999"}, {Grouped(1000), "1,000"}, {Grouped(12345678), "12,345,678"},
		{Span(24 * time.Hour), "24 h"}, {Span(11*Day + 12*time.Hour), "11.5 days"}, {Span(90 * time.Second), "90 s"}, {Span(10 * time.Minute), "10 min"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
