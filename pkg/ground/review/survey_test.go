package review

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/survey"
)

// surveyed is what a payload's survey of monday writes: as assumed, or with one
// line replaced by another.
func surveyed(payload, address string, replace ...string) string {
	machine := "aarch64"
	text := fmt.Sprintf(`survey 1 %s %d 60 100.50 r-survey
kernel Linux 4.14.0 %s
clock %[2]d
has sh /bin/sh
has xz /usr/bin/xz
has wget /usr/bin/wget
has sha256sum /usr/bin/sha256sum
xz xz (XZ Utils) 5.2.3
write /persist runs
space /persist /dev/x 1000000 200000 800000 20%% /persist
write /outbox runs
net 10.2.1.0 %[4]s 127.0.0.1
facts
up 101.00
up 160.20
`, payload, monday.Unix(), machine, address)
	return strings.NewReplacer(replace...).Replace(text)
}

// The findings of each payload that was asked, and what they do to the verdict.
func TestSurveys(t *testing.T) {
	at := func(after time.Duration, payload string) string {
		return dir + monday.Add(after).Format("20060102T150405Z_") + survey.Name(payload)
	}
	good := map[string]string{at(time.Minute, "SDR"): surveyed("SDR", "10.2.1.8"), at(time.Minute, "SABERTOOTH"): surveyed("SABERTOOTH", "10.2.1.10")}
	with := func(key, text string) map[string]string {
		return map[string]string{key: text, at(time.Minute, "SABERTOOTH"): good[at(time.Minute, "SABERTOOTH")]}
	}
	for _, tt := range []struct {
		name   string
		keys   map[string]string
		choice Choice
		want   Verdict
		says   string // of each payload: how many of how many differ, verdict, what to change
	}{
		{"as assumed", good, Choice{}, Delivered, "SABERTOOTH 0 delivered; SDR 0 delivered"},
		{"no wget", with(at(time.Minute, "SDR"), surveyed("SDR", "10.2.1.8", "wget /usr/bin/wget", "wget ")), Choice{}, Delivered, "SABERTOOTH 0 delivered; SDR 1 delivered: leave --hand-over out"},
		{"another address", with(at(time.Minute, "SDR"), surveyed("SDR", "10.2.1.99")), Choice{}, Delivered, "SABERTOOTH 0 delivered; SDR 1 delivered: name the address"},
		{"it breaks off", with(at(time.Minute, "SDR"), surveyed("SDR", "10.2.1.8")[:200]), Choice{}, Partial, "SABERTOOTH 0 delivered; SDR 0 partial"},
		{"it is none", with(at(time.Minute, "SDR"), "Segmentation fault\n"), Choice{}, Partial, "SABERTOOTH 0 delivered; SDR 0 partial"},
		{"of the run", good, Choice{Run: "r-survey"}, Delivered, "SABERTOOTH 0 delivered; SDR 0 delivered"},
		{"of another run", good, Choice{Run: "r2"}, Missing, ""},
		{"the latest", map[string]string{at(time.Minute, "SDR"): surveyed("SDR", "10.2.1.99"), at(time.Hour, "SDR"): surveyed("SDR", "10.2.1.8")}, Choice{Latest: true}, Delivered, "SDR 0 delivered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fakeS3(t, tt.keys)
			rep := reviewAll(t, tt.choice)
			var says []string
			for _, s := range rep.Surveys {
				text := fmt.Sprintf("%s %d %v", s.Payload, s.Differs, s.Verdict)
				for _, f := range s.Findings {
					if f.State == survey.Differs {
						text += ": " + f.Change
					}
				}
				if (s.Verdict == Delivered) != (s.Why == "") || s.Satellite != "FM1" {
					t.Errorf("got %+v", s)
				}
				says = append(says, text)
			}
			slices.Sort(says)
			if got := strings.Join(says, "; "); !strings.HasPrefix(got, tt.says) || (got == "") != (tt.says == "") || rep.Verdict != tt.want || len(rep.Runs) != 0 {
				t.Errorf("got %v, %s, %d runs; want %v, %s", rep.Verdict, got, len(rep.Runs), tt.want, tt.says)
			}
		})
	}
}
