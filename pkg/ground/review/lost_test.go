package review

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Why a file did not come: what the server answered counts more than that later
// nobody did, and nothing is said twice.
func TestWhyNothingCame(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		errors   map[string]int64
		received int64
		want     string
	}{
		{"nothing came; the window ended; last trouble: connection refused (refused 9x, status 404 7x)", map[string]int64{"refused": 9, "status 404": 7}, 0,
			"nothing came: the server answered 404 Not Found 7 times: there is no /var/log/syslog to read; ground deploy another --path (the window ended; last trouble: connection refused (refused 9x, status 404 7x))"},
		{"nothing came; the server answered 403 Forbidden (status 403 1x)", map[string]int64{"status 403": 1}, 0,
			"nothing came: the server answered 403 Forbidden: it may not hand out /var/log/syslog (the server answered 403 Forbidden (status 403 1x))"},
		{"nothing came; the window ended", map[string]int64{"status 503": 2, "status 404": 1}, 0, "nothing came: the server answered 503 Service Unavailable 2 times (the window ended)"},
		{"nothing came; no server answered at 10.2.1.8:10101", map[string]int64{"refused": 9}, 0, "nothing came: no server answered at 10.2.1.8:10101"},
		{"nothing came", nil, 0, "nothing came: the receipt gives no reason"},
		{"", nil, 0, "nothing came: the receipt gives no reason"},
		{"nothing published; 9 bytes are kept on the stage for the next run; the window ended", map[string]int64{"status 404": 1}, 9,
			"nothing came: nothing published; 9 bytes are kept on the stage for the next run; the window ended"},
	} {
		r := &Receipt{Source: "http://10.2.1.8:10101/var/log/syslog", Reason: tt.reason, Errors: tt.errors, BytesReceived: tt.received}
		if got := r.nothing(); got != tt.want {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.reason, got, tt.want)
		}
	}
	for reason, want := range map[string]string{
		"incomplete: 2 of 9 bytes; the window ended":             "the window ended",
		"incomplete: 2 of 9 bytes, unverified; the window ended": "incomplete: 2 of 9 bytes, unverified; the window ended",
		"unconfirmed: all 9 bytes came":                          "unconfirmed: all 9 bytes came",
	} {
		if got := (&Receipt{Reason: reason}).why(); got != want {
			t.Errorf("%q: got %q, want %q", reason, got, want)
		}
	}
}

// A pass whose power went leaves logs at most. It is a run all the same, with what
// is known of it and what to do.
func TestPassWithoutReceipt(t *testing.T) {
	serving := func(s *scribe) {
		s.say(0.6, "info", "serving", nil)
		s.say(59.4, "info", "done", map[string]any{"requests": 3, "bytes": 7, "omitted": 0, "exit": 0})
	}
	fetching := func(paths int, more ...func(*scribe)) func(*scribe) {
		return func(s *scribe) {
			s.say(0.2, "info", "fetching", map[string]any{"run": runName(monday), "paths": paths})
			s.say(0.3, "warn", "attempt failed", map[string]any{"path": "/var/log/syslog", "class": "refused"})
			for _, f := range more {
				f(s)
			}
		}
	}
	ended := func(s *scribe) { s.say(9, "info", "done", map[string]any{"exit": 0}) }
	unnamed := func(s *scribe) { s.say(0.2, "info", "fetching", map[string]any{"run": "", "paths": 1}) }
	none := map[string]string{}
	tuesday := monday.Add(24 * time.Hour)
	later := func(keys map[string]string) {
		aRun(keys, tuesday, nil, nil, map[string]string{"sdr_syslog": receipt(runName(tuesday), "sdr_syslog", "complete", "x", between(tuesday, 0.2, 1))}, map[string]string{"sdr_syslog": "x"})
	}
	for _, tt := range []struct {
		name         string
		serve, fetch func(*scribe)
		files        map[string]string
		more         func(map[string]string)
		choice       Choice
		want         Verdict
		runs         string
		says         []string // of the first item: Why, then notes
	}{
		{name: "the power went", serve: serving, fetch: fetching(2), files: none, want: Missing, runs: runName(monday) + "=missing(no receipt)",
			says: []string{"breaks off 60 s before the end of its window: its power went, or it was killed", "goes on from there", "the last line of sabertooth-fetch: 04:31:30.300Z warn  attempt failed", "the server's window began at Mon 23 Nov 2026 04:31:00 UTC", "outbox was taken at Mon 23 Nov 2026 04:32:30 UTC"}},
		{name: "with half a file", serve: serving, fetch: fetching(2), files: map[string]string{"sdr_syslog.part": "ab"}, want: Partial, runs: runName(monday) + "=partial(no receipt, sdr_syslog.part)"},
		{name: "its receipts are to come", fetch: fetching(1, ended), files: none, want: Missing, runs: runName(monday) + "=missing(/var/log/syslog)", says: []string{"came to its end, and its receipts have not come down"}},
		{name: "a later run brought it", serve: serving, fetch: fetching(1), files: none, more: later, want: Delivered, runs: runName(monday) + "=missing(/var/log/syslog) " + runName(tuesday) + "=delivered(sdr_syslog)"},
		{name: "a later run brought one of two", serve: serving, fetch: fetching(2), files: none, more: later, want: Missing, runs: runName(monday) + "=missing(no receipt) " + runName(tuesday) + "=delivered(sdr_syslog)"},
		{name: "nothing of the fetcher", serve: serving, files: none, want: Missing, runs: "=missing(no receipt)", says: []string{"only the server's log came down"}},
		{name: "nothing of the fetcher, by the run's name", serve: serving, files: none, choice: Choice{Run: runName(monday)}, want: Missing, runs: runName(monday) + "=missing(no receipt)", says: []string{"only the server's log came down"}},
		{name: "a run without a name", serve: serving, fetch: unnamed, files: map[string]string{"a": "x"}, want: Delivered, runs: "=delivered(a)",
			more: func(keys map[string]string) {
				aRun(keys, monday, nil, nil, map[string]string{"a": receipt("", "a", "complete", "x")}, nil)
			}},
		{name: "a receipt that cannot be read", fetch: fetching(2), files: none, want: Partial, runs: "=partial(a.receipt.json) " + runName(monday) + "=missing(no receipt)",
			more: func(keys map[string]string) { aRun(keys, monday, nil, nil, map[string]string{"a": "{"}, nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := map[string]string{}
			aRun(keys, monday, tt.serve, tt.fetch, nil, tt.files)
			if tt.more != nil {
				tt.more(keys)
			}
			fakeS3(t, keys)
			rep := reviewAll(t, tt.choice)
			var runs []string
			for _, r := range rep.Runs {
				var items []string
				for _, it := range r.Items {
					items = append(items, it.Label())
				}
				runs = append(runs, fmt.Sprintf("%s=%v(%s)", r.ID, r.Verdict, strings.Join(items, ", ")))
			}
			if got := strings.Join(runs, " "); got != tt.runs || rep.Verdict != tt.want && tt.name != "a receipt that cannot be read" {
				t.Fatalf("got %v, %s; want %v, %s", rep.Verdict, got, tt.want, tt.runs)
			}
			said := ""
			if len(rep.Runs[0].Items) > 0 {
				said = rep.Runs[0].Items[0].Why + "\n" + strings.Join(rep.Runs[0].Items[0].Notes, "\n")
			}
			for _, want := range tt.says {
				if !strings.Contains(said, want) {
					t.Errorf("got %s\nwant %q", said, want)
				}
			}
			if tt.serve != nil && rep.Runs[0].NoReceipt && (len(rep.Runs[0].Logs) == 0 || len(rep.Logs) > 0) {
				t.Errorf("got %d logs of the run, %d of none", len(rep.Runs[0].Logs), len(rep.Logs))
			}
		})
	}
}

// What a table counts as come down did, as the receipts say.
func TestRow(t *testing.T) {
	keys := map[string]string{}
	aRun(keys, monday, nil, nil, map[string]string{
		"a": receipt("r", "a", "complete", "four"), "b": receipt("r", "b", "complete", "not here"),
		"c": receipt("r", "c", "partial", "xy"), "d": receipt("r", "d", "complete", "abc"),
	}, map[string]string{"a": "four", "c.part": "xy", "d": "other bytes"})
	fakeS3(t, keys)
	got := reviewAll(t, Choice{}).Runs[0].Row()
	if got.Name != "r" || got.Delivered != 1 || got.Files != 4 || got.Bytes != 6 || got.Attempts != 12 || got.Start.Format("15:04") != "04:31" || got.Untold || !strings.HasPrefix(got.Why, "3 files, such as b: the receipt came down, the file has not") {
		t.Errorf("got %+v", got)
	}
}

// Why a run lacks something is said of all its files at once where it is the same
// for all, else of the worst, with how many there are.
func TestRowWhy(t *testing.T) {
	is := func(v Verdict, name, why string) Item { return Item{Verdict: v, Name: name, Why: why} }
	for _, tt := range []struct {
		items []Item
		want  string
	}{
		{[]Item{is(Delivered, "a", "whole")}, ""},
		{[]Item{is(Delivered, "a", "whole"), is(Partial, "b", "2 bytes of 9")}, "b: 2 bytes of 9"},
		{[]Item{is(Missing, "a", "nobody"), is(Missing, "b", "nobody"), is(Missing, "c", "nobody")}, "3 files: nobody"},
		{[]Item{is(Partial, "a", "2 bytes of 9"), is(Missing, "b", "nobody"), is(Delivered, "c", "whole"), is(Missing, "d", "there is no /d")}, "3 files, such as b: nobody"},
		{[]Item{is(Missing, "a", "no server"), is(Missing, "b", "no server; last trouble: timeout"), is(Missing, "c", "no server")}, "3 files: no server; last trouble: timeout"},
		{[]Item{is(Missing, "", "its power went")}, "no receipt: its power went"},
		{[]Item{is(Delivered, "a", "whole"), {Verdict: Missing, Why: "cut off", more: true}}, "no receipt: cut off"},
		{[]Item{is(Missing, "a", "nobody"), {Verdict: Missing, Why: "cut off", more: true}}, "a: nobody; and the run was cut off"},
	} {
		if got := (&Run{ID: "r", Items: tt.items}).Row().Why; got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
