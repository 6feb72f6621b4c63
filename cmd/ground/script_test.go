package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/ground/tasking"
)

const token = "tok/en+1=secret"

// script is the satellite on the desk behind a bad line: a proxy that loses,
// repeats and garbles what it carries. Every call that reaches it is recorded.
type script struct {
	*httptest.Server
	mock  *mockfm.Mock
	state string // of listed windows and uploads; "" for the documented ones
	free  func(typ string, start, end int64) [][2]int64

	// How patient the client is; generous unless a test is about it, since the
	// machine may be busy.
	try, patience, lag time.Duration

	mu     sync.Mutex
	faults []*fault
	calls  []string
	onCall func(call string, effect bool)
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
	state, err := os.MkdirTemp("", "script")
	if err != nil {
		panic(err)
	}
	s := &script{try: 10 * time.Second, patience: 30 * time.Second, lag: 300 * time.Millisecond,
		mock: mockfm.New(mockfm.Config{Token: token, Satellites: sats, State: state})}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = nil
	s.Start()
	return s
}

// Close ends it.
func (s *script) Close() {
	s.Server.Close()
	os.RemoveAll(s.mock.State())
}

// recover ends all faults.
func (s *script) recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.onCall = nil, nil
	s.try, s.patience, s.lag = 10*time.Second, 30*time.Second, 300*time.Millisecond
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
	status, text := s.effect(w, r, call, body)
	if on != nil {
		on(call, true)
	}
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

// effect is what the satellite on the desk answers.
func (s *script) effect(line http.ResponseWriter, r *http.Request, call string, body []byte) (int, []byte) {
	if call == "GET availability" && s.free != nil {
		q := r.URL.Query()
		a, _ := strconv.ParseInt(q.Get("start"), 10, 64)
		d, _ := strconv.ParseInt(q.Get("duration"), 10, 64)
		l := []any{}
		for _, f := range s.free(q.Get("window_type"), a, a+d) {
			l = append(l, map[string]int64{"start": f[0], "end": f[1]})
		}
		text, _ := json.Marshal(map[string]any{"data": map[string]any{"available": l}})
		return 200, text
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	s.mock.Handler().ServeHTTP(w, r)
	for _, h := range []string{"Date", "Simulated-Clock"} {
		line.Header().Set(h, w.Header().Get(h))
	}
	text := w.Body.Bytes()
	if s.state != "" {
		text = regexp.MustCompile(`"(state|status)":"\w+"`).ReplaceAll(text, []byte(`"$1":"`+s.state+`"`))
	}
	return w.Code, text
}

// list asks the satellite itself.
func (s *script) list(what string) (rows []map[string]any) {
	r := httptest.NewRequest("GET", "/tasking/"+what, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.mock.Handler().ServeHTTP(w, r)
	var answer struct{ Data []map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		panic(err)
	}
	return answer.Data
}

func (s *script) windows() []map[string]any { return s.list("windows?satellite_id=FM1") }
func (s *script) uploads() []map[string]any { return s.list("uploads") }

// scheduled are the ids of the windows that exist.
func (s *script) scheduled() []string {
	out := []string{}
	for _, w := range s.windows() {
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

// sight is what a user sees of a run.
type sight struct {
	code     int
	out, err string
}

func (o sight) all() string { return o.out + o.err }

// ground runs the command in this process, impatiently.
func (s *script) ground(t tb, ctx context.Context, args ...string) sight {
	t.Helper()
	return s.held(t, ctx, context.Background(), args...)
}

func (s *script) held(t tb, ctx, hold context.Context, args ...string) sight {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"SPIRE_API": s.URL, "SPIRE_AUTH_TOKEN": token}
	code := run(ctx, args, stdio{in: strings.NewReader(""), out: &out, err: &errs, hold: hold, self: "ground",
		getenv: func(k string) string { return env[k] },
		tune: func(c *tasking.Client) {
			c.Try, c.Patience, c.MinWait, c.MaxWait, c.Lag = s.try, s.patience, 2*time.Millisecond, 20*time.Millisecond, s.lag
		}})
	o := sight{code, out.String(), errs.String()}
	s.redacted(t, o)
	return o
}

// redacted checks that the token is nowhere: not in what was printed, whole or
// escaped, and not in a URL.
func (s *script) redacted(t tb, o sight) {
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
