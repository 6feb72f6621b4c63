package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// Several passes are each at their time, or the first free one after it, found
// again, and filled up; what is over counts, and what cannot be had is said.
func TestRepeat(t *testing.T) {
	week := func(change ...func(*Spec)) Spec {
		return tutorial(append([]func(*Spec){func(s *Spec) { s.Repeat, s.Every = 4, Day }}, change...)...)
	}
	var up []tasking.Upload
	for _, a := range tutorial().Artifacts {
		up = append(up, tasking.Upload{Satellite: "FM1", Payload: a.Payload, Destination: a.Destination(), Status: "UPLOADED"})
	}
	always := func(_ string, from time.Time, span time.Duration) ([]tasking.Interval, error) {
		return []tasking.Interval{{Start: from, End: from.Add(span)}}, nil
	}
	// From hour 47 to 50 nothing is free.
	busy := func(_ string, from time.Time, span time.Duration) (out []tasking.Interval, err error) {
		a, b := now.Add(47*time.Hour), now.Add(50*time.Hour)
		if from.Before(a) {
			out = append(out, tasking.Interval{Start: from, End: earlier(from.Add(span), a)})
		}
		if to := from.Add(span); to.After(b) {
			out = append(out, tasking.Interval{Start: later(from, b), End: to})
		}
		return out, nil
	}
	four := func(first time.Duration) (out []tasking.Window) {
		for k := range 4 {
			out = append(out, pairAt(week(), first+time.Duration(k)*Day, fmt.Sprint(2*k+1), fmt.Sprint(2*k+2))...)
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		spec    Spec
		windows []tasking.Window
		free    Calendar
		passes  string // hours from now; + where a window is missing
		says    string
	}{
		{"all new", week(), nil, always, "24+ 48+ 72+ 96+", ""},
		{"a dry run", week(), nil, nil, "24+ 48+ 72+ 96+", ""},
		{"one later", week(), nil, busy, "24+ 50+ 72+ 96+", ""},
		{"own start", week(func(s *Spec) { s.Start = now.Add(30 * time.Hour) }), nil, always, "30+ 54+ 78+ 102+", ""},
		{"all there", week(), four(2 * Day), nil, "48 72 96 120", ""},
		{"one missing", week(), slices.Delete(four(2*Day), 2, 4), always, "48 72+ 96 120", ""},
		{"the last missing", week(), four(2 * Day)[:6], always, "48 72 96 120+", ""},
		{"a half", week(), slices.Delete(four(2*Day), 3, 4), always, "48 72+ 96 120", "its other half is added"},
		{"begun, and finished ones count", week(), four(-25 * time.Hour), always, "-25 -1 23 47", ""},
		{"one was missed", week(), slices.Delete(four(-25*time.Hour), 2, 4), always, "-25 23 47", "pass 2 of 4, at Sun 22 Nov 2026 13:00:00 UTC, cannot be had any more"},
		{"more than asked for", tutorial(func(s *Spec) { s.Repeat, s.Every = 2, Day }), four(2 * Day), nil, "48 72", ""},
		{"twice a day", week(func(s *Spec) { s.Every = 12 * time.Hour }), nil, always, "24+ 36+ 48+ 60+", ""},
		{"one pass beside a week", tutorial(func(s *Spec) { s.Start = now.Add(30 * time.Hour) }), four(2 * Day), always, "30+", "another deployment stays"},
	} {
		p, err := New(tt.spec, Facts{Satellite: "FM1", Now: now, Asked: tt.free != nil, Uploads: up, Windows: tt.windows}, tt.free)
		if tt.free == nil { // what is aboard is not known
			tt.spec.SkipUpload = true
			p, err = New(tt.spec, Facts{Satellite: "FM1", Now: now, Windows: tt.windows}, nil)
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		runs := map[string]bool{}
		for _, x := range p.Passes {
			h := x.Windows[0].Start.Sub(now).Hours()
			if runs[x.Run] {
				t.Errorf("%s: two passes are called %s", tt.name, x.Run)
			}
			runs[x.Run] = true
			more := ""
			if !x.Scheduled() {
				more = "+"
			}
			got = append(got, fmt.Sprintf("%d%s", int(h), more))
		}
		if all := strings.Join(p.Notes, "\n"); strings.Join(got, " ") != tt.passes || !strings.Contains(all, tt.says) {
			t.Errorf("%s: got %q, want %q\n%s", tt.name, strings.Join(got, " "), tt.passes, all)
		}
	}
}

// What a pass would be refused for aboard, or would waste it, is refused here.
func TestCheckMore(t *testing.T) {
	cidr := func(text ...string) (out []netip.Prefix) {
		for _, c := range text {
			out = append(out, netip.MustParsePrefix(c))
		}
		return out
	}
	for i, tt := range []struct {
		flag   string
		change func(*Spec)
	}{
		{"", func(s *Spec) { s.Repeat, s.Every = 7, Day }},
		{"", func(s *Spec) { s.Repeat, s.Every = 7, s.apart() }},
		{"every", func(s *Spec) { s.Repeat, s.Every = 7, s.apart()-time.Second }},
		{"every", func(s *Spec) { s.Repeat, s.Every = 2, 0 }},
		{"repeat", func(s *Spec) { s.Repeat = -1 }},
		{"repeat", func(s *Spec) { s.Repeat = 101 }},
		{"", func(s *Spec) { s.Allow = cidr("10.2.1.10/32") }},
		{"", func(s *Spec) { s.Allow = cidr("10.9.0.0/16", "10.2.1.0/28") }},
		{"allow", func(s *Spec) { s.Allow = cidr("10.2.1.8/32") }},
		{"", func(s *Spec) { s.FromPayload, s.ToPayload = IPI, Sabertooth }},
		{"", func(s *Spec) { s.FromPayload, s.ToPayload, s.Allow = SDR, Dexter, cidr("10.2.1.14/32") }},
		{"to-payload", func(s *Spec) { s.FromPayload, s.ToPayload = IPI, IPI }},
		{"to-payload", func(s *Spec) { s.ToPayload = SDR }},
		{"from-payload", func(s *Spec) { s.FromPayload = "GPS" }},
		{"tail", func(s *Spec) { s.Tail = -1 }},
		{"tail", func(s *Spec) { s.Files, s.Tail = []File{{"/var/log/", "log.tar"}}, 9 }},
		{"depth", func(s *Spec) { s.Depth = -1 }},
		{"depth", func(s *Spec) { s.Depth = 17 }},
		{"max-bytes", func(s *Spec) { s.MaxBytes = -1 }},
	} {
		got := ""
		if err, ok := tutorial(tt.change).Check().(*SpecError); ok {
			got = err.Flag
		}
		if got != tt.flag {
			t.Errorf("row %d: got %q, want %q", i, got, tt.flag)
		}
	}
}

// The further flags reach the programs.
func TestFurtherArguments(t *testing.T) {
	s := tutorial(func(s *Spec) {
		s.Allow = []netip.Prefix{netip.MustParsePrefix("10.2.1.10/32"), netip.MustParsePrefix("10.2.1.16/32")}
		s.Tail, s.MaxBytes, s.NoSalvage = 65536, 10_000_000, true
		s.Files = []File{{"/a b", "x"}, {"/var/log/", "logs"}}
	})
	w := s.Pass("FM1", time.Unix(1763900000, 0)).Windows
	if got := strings.Join(w[0].Args, " "); got != "--until 1763900060 --for 60s --allow 10.2.1.10/32 --allow 10.2.1.16/32" {
		t.Errorf("server: %s", got)
	}
	if got := strings.Join(w[1].Args[6:], "|"); got != "--from|10.2.1.8:10101,10.2.1.12:10101|--tail|65536|--max-bytes|10000000|--no-salvage|/a b=x|/var/log/=logs" {
		t.Errorf("fetcher: %s", got)
	}
	ipi := tutorial(func(s *Spec) {
		s.FromPayload, s.ToPayload = IPI, Dexter
		s.Artifacts[0].Payload, s.Artifacts[1].Payload = IPI, Dexter
	}).Pass("FM1", time.Unix(1763900000, 0))
	if a, b := ipi.Windows[0], ipi.Windows[1]; a.Type != "PAYLOAD_IPI" || b.Type != "PAYLOAD_DEXTER" || a.Before != 120 || b.Before != 220 || b.After != 265 || ipi.Run != "20251123T121320Z-FM1-IPI-DEXTER" {
		t.Errorf("%+v", ipi)
	}
}
