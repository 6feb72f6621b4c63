package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/tasking"
)

// answers plays one answer after the other to a watch; the last one stays.
func answers(list ...any) func(context.Context) ([]deploy.Status, error) {
	n := 0
	return func(context.Context) ([]deploy.Status, error) {
		a := list[min(n, len(list)-1)]
		n++
		if err, ok := a.(error); ok {
			return nil, err
		}
		return []deploy.Status{a.(deploy.Status)}, nil
	}
}

var t0 = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

// at is FM1 so long after t0, with windows of ours from t0+10s to t0+70s in
// these states; a state "-" is a window that is not listed.
func at(after time.Duration, upload string, states ...string) deploy.Status {
	s := deploy.Status{Satellite: "FM1", Now: t0.Add(after), Uploads: []deploy.UploadStatus{}, Windows: []deploy.WindowStatus{}, Warnings: []string{}}
	if upload != "" {
		s.Uploads = append(s.Uploads, deploy.UploadStatus{ID: "u", Payload: "SDR", Destination: "/persist/bin/sdr-serve-b1d26c7b", Status: upload, Bytes: 433641, Expected: t0.Add(96 * time.Hour)})
	}
	for i, state := range states {
		if state != "-" {
			s.Windows = append(s.Windows, deploy.WindowStatus{ID: fmt.Sprint(3020553 + i), Type: [2]string{"PAYLOAD_SDR", "PAYLOAD_SABERTOOTH"}[i%2],
				State: state, Start: t0.Add(10 * time.Second), End: t0.Add(70 * time.Second), Ours: true})
		}
	}
	return s
}

// What a watch ends with, and what it says on the way.
func TestWatchOutcome(t *testing.T) {
	away := &tasking.Error{Call: "GET /tasking/windows", Status: 503}
	refused := &tasking.Error{Call: "GET /tasking/windows", Status: 401}
	waits, over := at(0, "UPLOADED", "SYNCED", "SYNCED"), at(2*time.Minute, "UPLOADED", "SYNCED", "SYNCED")
	for _, tt := range []struct {
		name    string
		answers []any
		code    int
		says    []string
	}{
		{"done", []any{waits, over}, 0, []string{"SYNCED waits", "SYNCED over"}},
		{"over from the beginning", []any{over}, 0, nil},
		{"the API is away for a while", []any{waits, away, away, away, over}, 0, []string{"the API does not answer: GET /tasking/windows: the API answered 503", "the API answers again"}},
		{"the token expires", []any{waits, refused}, 3, []string{"the token is not accepted"}},
		{"a window fails", []any{waits, at(time.Minute, "UPLOADED", "FAILED", "SYNCED"), at(2*time.Minute, "UPLOADED", "FAILED", "SYNCED")}, 1, []string{"window 3020553 (PAYLOAD_SDR at Mon 30 Nov 2026 09:00:10 UTC): failed, state FAILED"}},
		{"a window never reaches the satellite", []any{at(0, "UPLOADED", "PENDING_SYNC", "PENDING_SYNC"), at(2*time.Minute, "UPLOADED", "PENDING_SYNC", "SYNCED")}, 1, []string{"over, and never reached the satellite"}},
		{"an upload fails", []any{at(0, "PENDING", "SYNCED", "SYNCED"), at(2*time.Minute, "REJECTED", "SYNCED", "SYNCED")}, 1, []string{"upload u of /persist/bin/sdr-serve-b1d26c7b: REJECTED"}},
		{"an old failure is none", []any{at(2*time.Minute, "UPLOADED", "PENDING_SYNC", "SYNCED")}, 0, nil},
		{"both windows are cancelled", []any{waits, at(5*time.Second, "UPLOADED", "-", "-")}, 5, []string{"window 3020553 PAYLOAD_SDR is no longer listed: cancelled before its end", "cancelled: window 3020553, 3020554"}},
		{"one is cancelled", []any{waits, at(5*time.Second, "UPLOADED", "-", "SYNCED"), at(2*time.Minute, "UPLOADED", "-", "SYNCED")}, 5, []string{"cancelled: window 3020553"}},
		{"what is over is no longer listed", []any{waits, at(20*time.Second, "UPLOADED", "SYNCED", "SYNCED"), over, at(3*time.Minute, "UPLOADED", "-", "-")}, 0, nil},
		{"not listed for a moment", []any{waits, at(5*time.Second, "PENDING", "-", "SYNCED"), over}, 0, nil},
		{"an undocumented state", []any{waits, at(2*time.Minute, "UPLOADED", "HAZY", "HAZY")}, 0, []string{"HAZY over"}},
	} {
		var out, errs bytes.Buffer
		io := &stdio{in: strings.NewReader(""), out: &out, err: &errs}
		w := &watch{io: io, ask: answers(tt.answers...), every: time.Millisecond, show: &lines{io, map[string]string{}}}
		if code := w.follow(context.Background()); code != tt.code {
			t.Errorf("%s: exit %d, want %d\n%s%s", tt.name, code, tt.code, &out, &errs)
		}
		for _, s := range tt.says {
			if n := strings.Count(out.String()+errs.String(), s); n == 0 || n > 2 {
				t.Errorf("%s: want %q:\n%s%s", tt.name, s, &out, &errs)
			}
		}
	}
}

// The outcome is handed on, as JSON, to a command whose failure counts.
func TestWatchThen(t *testing.T) {
	for _, tt := range []struct {
		then string
		last deploy.Status
		code int
		says string
	}{
		{"cat", at(2*time.Minute, "UPLOADED", "SYNCED", "SYNCED"), 0, `{"outcome":"done","exit":0,"runs":["r"],"failed":[],"cancelled":[],"satellites":[{"satellite":"FM1",`},
		{"cat", at(2*time.Minute, "UPLOADED", "FAILED", "SYNCED"), 1, `{"outcome":"failed","exit":1,"runs":["r"],"failed":["window 3020553 (`},
		{"cat", at(5*time.Second, "UPLOADED", "-", "-"), 5, `"outcome":"cancelled","exit":5,"runs":["r"],"failed":[],"cancelled":["3020553","3020554"]`},
		{"exit 3", at(2*time.Minute, "UPLOADED", "SYNCED", "SYNCED"), 1, "--then: exit status 3"},
	} {
		var out, errs bytes.Buffer
		io := &stdio{in: strings.NewReader(""), out: &out, err: &errs, self: "ground"}
		first := at(0, "UPLOADED", "SYNCED", "SYNCED")
		for _, s := range []*deploy.Status{&first, &tt.last} {
			for i := range s.Windows {
				s.Windows[i].Run = "r"
			}
		}
		w := &watch{io: io, ask: answers(first, tt.last), every: time.Millisecond, show: &lines{io, map[string]string{}}, then: tt.then}
		if code := w.follow(context.Background()); code != tt.code || !strings.Contains(out.String()+errs.String(), tt.says) || strings.Contains(out.String(), "null") {
			t.Errorf("exit %d, want %d\n%s%s", code, tt.code, &out, &errs)
		}
	}
}

// Stopping to watch says so, and is no success.
func TestWatchInterrupted(t *testing.T) {
	var out, errs bytes.Buffer
	io := &stdio{in: strings.NewReader(""), out: &out, err: &errs}
	ctx, stop := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, stop)
	w := &watch{io: io, ask: answers(at(0, "PENDING", "SYNCED")), every: time.Millisecond, show: &lines{io, map[string]string{}}}
	if code := w.follow(ctx); code != 1 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit %d: %s", code, &errs)
	}
}

// Rows fit any width, and the state is never cut in favour of a bar or a name.
func TestLayout(t *testing.T) {
	rows := []row{
		{[]string{"FM1 /persist/bin/sabertooth-fetch-383b55c6", "FM1 sabertooth-fetch-383b55c6"}, []string{"PENDING expected by Thu 26 Nov 2026"}, 0, 2},
		{[]string{"FM1 PAYLOAD_SABERTOOTH 3020554"}, []string{"PENDING_SYNC over, and never reached the satellite"}, 1, 2},
	}
	for cols := 54; cols <= 200; cols++ {
		got := layout(rows, cols, 30)
		all := strings.Join(got, "\n")
		for _, l := range got {
			if len(l) >= cols {
				t.Errorf("%d columns: %q", cols, l)
			}
		}
		if !strings.Contains(all, "PENDING expected by Thu 26 Nov 2026") || !strings.Contains(all, "over, and never reached the satellite") {
			t.Errorf("%d columns:\n%s", cols, all)
		}
	}
	for _, tt := range []struct {
		done, total int64
		want        string
	}{{0, 2, "[--------]"}, {1, 2, "[====----]"}, {2, 2, "[========]"}, {5, 2, "[========]"}, {-1, 2, "[--------]"}, {0, 0, "[========]"}} {
		if got := bar(tt.done, tt.total, 10); got != tt.want {
			t.Errorf("%d of %d: %s", tt.done, tt.total, got)
		}
	}
}

// The manners of the verbs where nobody is there to be asked, and of a token
// that is none.
func TestManners(t *testing.T) {
	dir := artifacts(t)
	s := newScript(t)
	ctx := context.Background()
	if o := s.ground(t, ctx, "deploy", "--artifacts", dir, "-", "FM1"); o.code != 0 {
		t.Fatal(o.all())
	}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"cancel", "-", "FM1"}, 2, "no terminal is here to ask on; give --yes to cancel 2 window(s), or --dry-run to look"},
		{[]string{"cancel", "--dry-run", "-", "FM1"}, 0, "window 3020553, PAYLOAD_SDR at"},
		{[]string{"status", "some+token"}, 3, `the first argument was taken for the token; "-" in its place stands for SPIRE_AUTH_TOKEN, which is set`},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "FM1"}, 0, "Plan for FM1"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "FM1", "FM2"}, 0, "Plan for FM1"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "some+token", "FM2"}, 0, "Plan for FM2"},
		{[]string{"plan", "--artifacts", dir, "--dry-run", "-", "FM2"}, 0, "Plan for FM2"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "a/token"}, 2, "does not look like a satellite"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run"}, 2, "the satellite is missing"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--path", "/a b", "FM1"}, 0, "Brings /a b as sdr_a b from the SDR"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--path", "/a", "--path", "/b=x", "FM1"}, 0, "Brings /a as sdr_a, /b as x from"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--path", "/a", "--path", "/b", "--name", "x", "FM1"}, 2, "--name names one file, and --path is there 2 times"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--name", "x", "--name", "y", "FM1"}, 2, "--name is there 2 times"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--path", "/a=x", "--path", "/b=x", "FM1"}, 2, "--path: /a and /b would both be named x; give each another name, as PATH=NAME"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--path", "/a", "--path", "/a", "FM1"}, 2, "--path: /a is there twice; give it once"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--repeat", "0", "FM1"}, 2, "--repeat: 0 is not 1 or more"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--every", "1h", "FM1"}, 2, "--every is the time between passes, of which there is one; give --repeat N too"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "FM1", "FM1"}, 0, "FM1 is named more than once; it is taken once"},
		{[]string{"status", "--every", "1s", "-", "FM1"}, 2, "--every is how often --watch asks; give both"},
		{[]string{"deploy", "--artifacts", dir, "--dry-run", "--path", "relative", "FM1"}, 2, "want an absolute path"},
		{[]string{"deploy", "--lead", token, "FM1"}, 2, "is not a duration"},
		{[]string{"deploy", "--uplink-rate", token, "-", "FM1"}, 2, "is not a size"},
		{[]string{"deploy", "--" + token, "FM1"}, 2, "an argument begins with two dashes and is no flag"},
		{[]string{"config", token}, 2, "settings are those of a verb"},
		{[]string{"slots", "--span", "2h", "-", "FM1"}, 0, "as --start"},
		{[]string{"slots", "--span", "1s", "-", "FM1"}, 2, "--span"},
		{[]string{"slots", "--from-payload", "IPI", "--to-payload", "IPI", "-", "FM1"}, 2, "fetch from itself"},
		{[]string{"--version"}, 0, "ground dev unknown "},
		{[]string{"version"}, 0, "ground dev unknown "},
		{[]string{"--json", "deploy"}, 2, "the verb comes first, its flags behind it"},
		{[]string{"deploy", "--version"}, 0, "ground dev unknown "},
		{[]string{"review", "--version"}, 0, "ground dev unknown "},
		{[]string{"cancel", "--yes", "-", "FM1"}, 0, "cancelled window 3020554"},
		{[]string{"cancel", "-", "FM1"}, 0, "nothing to cancel"},
	} {
		o := s.ground(t, ctx, tt.args...)
		if o.code != tt.code || !strings.Contains(o.all(), tt.says) {
			t.Errorf("%q: exit %d, want %d and %q:\n%s", tt.args, o.code, tt.code, tt.says, o.all())
		}
	}
}

// A watch lives through days on which the API is away, at the command.
func TestWatchSurvives(t *testing.T) {
	dir := artifacts(t)
	s := newScript(t)
	ctx := context.Background()
	if o := s.ground(t, ctx, "deploy", "--artifacts", dir, "-", "FM1", "--skip-upload"); o.code != 0 {
		t.Fatal(o.all())
	}
	s.patience = 50 * time.Millisecond
	var once sync.Once
	s.onCall = func(call string, effect bool) {
		if call == "GET windows" && effect {
			once.Do(func() { // the first answer is on its way
				s.mu.Lock()
				s.faults = []*fault{{call: "GET uploads", kind: "503", times: 20}}
				s.mu.Unlock()
				time.AfterFunc(50*time.Millisecond, func() { s.mock.Skip(60 * 24 * time.Hour) })
			})
		}
	}
	o := s.ground(t, ctx, "status", "--watch", "--every", "100ms", "--artifacts", dir, "-", "FM1")
	if !strings.Contains(o.out, "the API does not answer: GET /tasking/uploads: the API answered 503") || !strings.Contains(o.out, "the API answers again") || o.code != 1 || !strings.Contains(o.err, "never reached the satellite") {
		t.Errorf("exit %d\n%s", o.code, o.all())
	}
}

// What is folded is folded between words; a command to be given next is one
// line.
func TestFold(t *testing.T) {
	t.Parallel()
	const command = "SPIRE_AUTH_TOKEN=... bin/ground cancel --yes --window 3020553 - FM1"
	for _, tt := range []struct {
		text string
		cols int
		want string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three four", 13, "one two three\n  four"},
		{"LEFT BEHIND on FM1: window 3020553; remove it by hand: " + command, 40, "LEFT BEHIND on FM1: window 3020553;\n  remove it by hand:\n" + command},
		{"Follow them with: '/a b/ground' status --watch - FM1", 30, "Follow them with:\n'/a b/ground' status --watch - FM1"},
		{"Follow them with: " + command, 400, "Follow them with: " + command},
	} {
		if got := fold(tt.text, tt.cols, 2); got != tt.want {
			t.Errorf("%d columns: got %q, want %q", tt.cols, got, tt.want)
		}
	}
}
