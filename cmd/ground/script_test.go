package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

const token = "tok/en+1=secret"

// script is a Tasking API that does what the documentation says, except where
// a fault is planned. Every call that reaches it is recorded.
type script struct {
	*httptest.Server
	sats  []string
	state string // of listed windows and uploads; "" for the documented ones
	free  func(typ string, start, end int64) [][2]int64

	// How patient the client is; generous unless a test is about it, since the
	// machine may be busy.
	try, patience time.Duration

	mu      sync.Mutex
	faults  []*fault
	calls   []string
	ids     int
	windows []map[string]any
	uploads []map[string]any
	bodies  []string // of uploads, as sha256
	onCall  func(call string, effect bool)
}

// fault is what happens to calls of one kind, skip of them later, times often.
type fault struct {
	call  string // "POST window"
	kind  string
	skip  int
	times int // 0: for ever
	seen  int
}

func newScript(t testing.TB, sats ...string) *script {
	s := openScript(sats...)
	t.Cleanup(s.Close)
	return s
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Errorf(format string, a ...any)
}

func openScript(sats ...string) *script {
	if len(sats) == 0 {
		sats = []string{"FM1"}
	}
	s := &script{sats: sats, try: 10 * time.Second, patience: 30 * time.Second}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = nil
	s.Start()
	return s
}

// recover ends all faults.
func (s *script) recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.onCall = nil, nil
	s.try, s.patience = 10*time.Second, 30*time.Second
}

func (s *script) hit(call string) (kind string) {
	for _, f := range s.faults {
		if f.call != call {
			continue
		}
		f.seen++
		if f.seen > f.skip && (f.times == 0 || f.seen <= f.skip+f.times) {
			return f.kind
		}
	}
	return ""
}

func (s *script) serve(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/tasking/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.calls = append(s.calls, call+"?"+r.URL.RawQuery)
	kind := s.hit(call)
	on, slow := s.onCall, s.try+s.try/2
	s.mu.Unlock()
	if on != nil {
		on(call, false)
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		http.Error(w, "no "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	// A fault before the effect.
	switch {
	case kind == "lost-before":
		panic(http.ErrAbortHandler)
	case kind == "slow-before":
		time.Sleep(slow)
		panic(http.ErrAbortHandler)
	case kind == "late": // it takes effect whether or not somebody still listens
		time.Sleep(300 * time.Millisecond)
	case kind == "html":
		fmt.Fprint(w, "<!DOCTYPE html><html><title>Sign in</title><body>"+token+"</body></html>")
		return
	case kind == "big":
		fmt.Fprint(w, `{"error":"`+strings.Repeat("x", 5<<20)+`"}`)
		return
	case kind == "types":
		fmt.Fprint(w, `{"data":[17,"x",{"id":{}}]}`)
		return
	case kind == "redirect":
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusFound)
		return
	case len(kind) == 3:
		status, _ := strconv.Atoi(kind)
		if status == 429 {
			w.Header().Set("Retry-After", "0")
		}
		w.WriteHeader(status)
		pad := 1 << 10
		if kind == "422" {
			pad = 5 << 20
		}
		fmt.Fprintf(w, `{"error":"because of %s and %s", "pad":"%s"}`, r.Header.Get("Authorization"), "\x1b[31mred", strings.Repeat("y", pad))
		return
	}
	s.mu.Lock()
	status, answer := s.effect(r, call, body)
	if kind == "twice" { // a proxy repeated it
		again := maps.Clone(s.windows[len(s.windows)-1])
		s.ids++
		again["id"] = fmt.Sprintf("30205%02d", s.ids)
		s.windows = append(s.windows, again)
	}
	s.mu.Unlock()
	if on != nil {
		on(call, true)
	}
	text, _ := json.Marshal(answer)
	// A fault after the effect.
	switch kind {
	case "lost-after":
		panic(http.ErrAbortHandler)
	case "slow-after":
		time.Sleep(slow)
		panic(http.ErrAbortHandler)
	case "half":
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.Write(text[:len(text)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "502-after":
		http.Error(w, "<html><title>Bad Gateway</title>", http.StatusBadGateway)
		return
	case "html-after":
		fmt.Fprint(w, "<html>done</html>")
		return
	case "numbers": // ids as numbers, numbers as strings
		text = regexp.MustCompile(`"(id|start|duration)":"?(\d+)"?`).ReplaceAllFunc(text, func(m []byte) []byte {
			key, value, _ := strings.Cut(string(m), ":")
			if value[0] == '"' {
				return []byte(key + ":" + strings.Trim(value, `"`))
			}
			return []byte(key + `:"` + value + `"`)
		})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

// effect is the API itself. The lock is held.
func (s *script) effect(r *http.Request, call string, body []byte) (int, any) {
	data := func(v any) (int, any) { return 200, map[string]any{"data": v} }
	refuse := func(status int, why string) (int, any) { return status, map[string]any{"error": why} }
	q := r.URL.Query()
	num := func(v any) int64 { f, _ := v.(float64); return int64(f) }
	switch call {
	case "GET satellites":
		var l []any
		for _, id := range s.sats {
			l = append(l, map[string]any{"id": id, "norad_id": "1", "supported_windows": []string{"PAYLOAD_SDR", "PAYLOAD_SABERTOOTH"}})
		}
		return data(l)
	case "GET availability":
		a, _ := strconv.ParseInt(q.Get("start"), 10, 64)
		d, _ := strconv.ParseInt(q.Get("duration"), 10, 64)
		free := [][2]int64{{a, a + d}}
		if s.free != nil {
			free = s.free(q.Get("window_type"), a, a+d)
		}
		l := []any{}
		for _, f := range free {
			l = append(l, map[string]int64{"start": f[0], "end": f[1]})
		}
		return data(map[string]any{"available": l})
	case "GET uploads":
		return data(slices.Clone(s.uploads))
	case "POST upload":
		r.Body = io.NopCloser(bytes.NewReader(body))
		f, _, err := r.FormFile("file")
		if err != nil {
			return refuse(400, err.Error())
		}
		content, _ := io.ReadAll(f)
		s.ids++
		id := fmt.Sprintf("u%d", s.ids)
		s.uploads = append(s.uploads, map[string]any{"id": id, "satellite_id": q.Get("satellite_id"), "payload": "PAYLOAD_" + q.Get("payload"),
			"destination_path": q.Get("destination_path"), "executable": q.Get("executable") == "true", "status": s.or("PENDING")})
		s.bodies = append(s.bodies, fmt.Sprintf("%x", sha256.Sum256(content)))
		return data(map[string]any{"id": id})
	case "POST window":
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			return refuse(400, err.Error())
		}
		for _, w := range s.windows {
			if w["satellite_id"] == m["satellite_id"] && w["type"] == m["type"] && num(w["start"]) < num(m["start"])+num(m["duration"]) && num(m["start"]) < num(w["start"])+num(w["duration"]) {
				return refuse(409, "the time is taken")
			}
		}
		s.ids++
		m["id"], m["state"] = fmt.Sprintf("30205%02d", s.ids), s.or("PENDING_SYNC")
		s.windows = append(s.windows, m)
		return data(map[string]any{"id": m["id"]})
	case "GET windows":
		l := []any{}
		for _, w := range s.windows {
			if w["satellite_id"] == q.Get("satellite_id") {
				l = append(l, w)
			}
		}
		return data(l)
	case "DELETE window":
		for i, w := range s.windows {
			if w["id"] == q.Get("id") {
				s.windows = slices.Delete(s.windows, i, i+1)
				return data(map[string]any{})
			}
		}
		return refuse(404, "no such window")
	}
	return refuse(404, "no such call")
}

func (s *script) or(state string) string {
	if s.state != "" {
		return s.state
	}
	return state
}

// scheduled are the ids of the windows that exist.
func (s *script) scheduled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, w := range s.windows {
		out = append(out, w["id"].(string))
	}
	return out
}

func (s *script) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if strings.HasPrefix(c, call+"?") {
			n++
		}
	}
	return n
}

// artifacts are two programs to be sent; small, since their size is not the point.
func artifacts(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range []string{"sdr-serve", "sabertooth-fetch", "payload"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("#!/bin/sh\n# "+n+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// outcome is what a user sees of a run.
type outcome struct {
	code     int
	out, err string
}

func (o outcome) all() string { return o.out + o.err }

// ground runs the command in this process, impatiently.
func (s *script) ground(t tb, ctx context.Context, args ...string) outcome {
	t.Helper()
	return s.held(t, ctx, context.Background(), args...)
}

func (s *script) held(t tb, ctx, hold context.Context, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"SPIRE_API": s.URL, "SPIRE_AUTH_TOKEN": token}
	code := run(ctx, args, stdio{in: strings.NewReader(""), out: &out, err: &errs, hold: hold, self: "ground",
		getenv: func(k string) string { return env[k] },
		tune: func(c *tasking.Client) {
			c.Try, c.Patience, c.MinWait, c.MaxWait = s.try, s.patience, 2*time.Millisecond, 20*time.Millisecond
		}})
	o := outcome{code, out.String(), errs.String()}
	s.discreet(t, o)
	return o
}

// discreet checks that the token is nowhere: not in what was printed, whole or
// escaped, and not in a URL.
func (s *script) discreet(t tb, o outcome) {
	t.Helper()
	for _, form := range append(tasking.Spellings(token), "secret") {
		if strings.Contains(o.all(), form) {
			t.Errorf("the token was printed:\n%s", o.all())
		}
		s.mu.Lock()
		if strings.Contains(strings.Join(s.calls, "\n"), form) {
			t.Errorf("the token is in a URL: %q", s.calls)
		}
		s.mu.Unlock()
	}
	if strings.ContainsAny(o.all(), "\x1b\x00") {
		t.Errorf("control characters were printed: %q", o.all())
	}
	for _, line := range strings.Split(o.err, "\n") {
		if len(line) > 2000 {
			t.Errorf("a line of %d characters was printed", len(line))
		}
	}
}

func rewrite(t testing.TB, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
