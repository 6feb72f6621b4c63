package review

import (
	"strings"
	"testing"
)

// A run that was cut off between its files is not delivered because those that
// it told of came.
func TestCutOff(t *testing.T) {
	for _, tt := range []struct {
		name  string
		paths int
		path  string // that the log speaks of
		done  bool
		late  bool // the receipt is that of a later run
		want  Verdict
	}{
		{"one of two, and no last word", 2, "/var/log/syslog", false, false, Partial},
		{"one of one, and no last word", 1, "/var/log/syslog", false, false, Delivered},
		{"one of a directory, and no last word", 1, "/var/log/", false, false, Partial},
		{"one of two, to its end", 2, "/var/log/syslog", true, false, Delivered}, // the other one was unchanged, say: its receipt tells
		{"one of one, its receipt late", 1, "/var/log/syslog", false, true, Delivered},
		{"one of two, its receipt late", 2, "/var/log/syslog", false, true, Partial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run, keys, more := runName(monday), map[string]string{}, []func(map[string]any){between(monday, 0.2, 1)}
			name := "sdr_syslog.receipt.json"
			if tt.late {
				more = append(more, set("clock", "untrusted"), set("bytes_received", 0), set("attempts", 0))
				name = "sdr_syslog." + run + ".receipt.json"
			}
			told := receipt(run, "sdr_syslog", "complete", "x", more...)
			aRun(keys, monday, nil, func(s *scribe) {
				s.say(0.2, "info", "fetching", map[string]any{"run": run, "paths": tt.paths})
				if tt.path != "/var/log/syslog" {
					s.say(0.3, "info", "directory listed", map[string]any{"path": tt.path})
				}
				s.say(0.4, "info", "published", map[string]any{"path": "/var/log/syslog", "name": "sdr_syslog"})
				if tt.done {
					s.say(0.5, "info", "done", map[string]any{"exit": 0})
				}
			}, map[string]string{strings.TrimSuffix(name, ".receipt.json"): told}, map[string]string{"sdr_syslog": "x"})
			fakeS3(t, keys)
			rep := reviewAll(t, Choice{})
			if rep.Verdict != tt.want || len(rep.Runs) != 1 {
				t.Errorf("got %v, %d runs, want %v", rep.Verdict, len(rep.Runs), tt.want)
			}
			if got := rep.Runs[0].Row().Count(); got != map[Verdict]string{Delivered: "1 of 1", Partial: "1 of ?"}[tt.want] {
				t.Errorf("the table counts %q", got)
			}
			why := strings.Join(rep.Runs[0].account().Why, " ")
			if strings.Contains(why, "earlier window") || tt.late != strings.Contains(why, "nothing tells") {
				t.Errorf("the page says %q", why)
			}
			last := rep.Runs[0].Items[len(rep.Runs[0].Items)-1]
			if (tt.want == Partial) != strings.Contains(last.Why, "was cut off") {
				t.Errorf("got %q", last.Why)
			}
		})
	}
}
