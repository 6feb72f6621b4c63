package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"payload-ipc/pkg/desk/mockfm"
)

// The tests mostly wait: many at once, however few the processors.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "32")
	testscript.Main(m, map[string]func(){"ground": main})
}

// The stories run the real command against the satellite on the desk.
func TestStories(t *testing.T) {
	state := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: false,
		Setup: func(env *testscript.Env) error {
			m := mockfm.New(mockfm.Config{Token: token, Satellites: []string{"FM1", "FM2"}, Sandbox: "plain",
				State: filepath.Join(state, filepath.Base(env.WorkDir)), Start: time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)})
			if err := m.Start(); err != nil {
				return err
			}
			env.Defer(func() { m.Close() })
			for _, n := range []string{"sdr-serve", "sabertooth-fetch", "payload"} {
				os.MkdirAll(filepath.Join(env.WorkDir, "bin/uplink"), 0o755)
				body := "#!/bin/sh\n# " + n + strings.Repeat("x", 624_000) + "\n"
				if err := os.WriteFile(filepath.Join(env.WorkDir, "bin/uplink", n), []byte(body), 0o755); err != nil {
					return err
				}
			}
			env.Setenv("SPIRE_API", m.URL())
			env.Setenv("SPIRE_AUTH_TOKEN", token)
			env.Setenv("TOKEN", token)
			env.Setenv("AWS_ENDPOINT_URL", m.S3URL())
			for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
				"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} {
				env.Setenv(k, v)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits CODE COMMAND...: the exit code, exactly; the output is left in
			// the files out and err.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				err := ts.Exec(args[1], args[2:]...)
				code := 0
				if err != nil {
					fmt.Sscanf(err.Error(), "exit status %d", &code)
				}
				if fmt.Sprint(code) != args[0] {
					ts.Fatalf("got exit %d (%v), want %s", code, err, args[0])
				}
			},
		},
	})
}

// 200 satellites in one run; one that is unknown stops none of the others.
func TestFleet(t *testing.T) {
	var sats []string
	for i := range 200 {
		sats = append(sats, fmt.Sprintf("FM%d", i+1))
	}
	m := mockfm.New(mockfm.Config{Token: token, Satellites: sats, State: t.TempDir()})
	s := newScript(t)
	s.lag = 10 * time.Second
	var mu sync.Mutex
	var busy, most int
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		busy += n
		most = max(most, busy)
	}
	h := m.Handler()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count(1)
		defer count(-1)
		h.ServeHTTP(w, r)
	}))
	defer front.Close()
	s.Server.Close()
	s.Server = front
	begun := time.Now()
	args := append([]string{"deploy", "--artifacts", artifacts(t), "--at-once", "16", "-", "FM999"}, sats...)
	o := s.ground(t, context.Background(), args...)
	mu.Lock()
	atOnce := most
	mu.Unlock()
	t.Logf("%d satellites in %v, at most %d calls at once", len(sats), time.Since(begun), atOnce)
	if o.code != 3 || !strings.Contains(o.err, "satellite FM999 is unknown") {
		t.Errorf("exit %d, want 3\n%s", o.code, o.err)
	}
	if n := strings.Count(o.out, " scheduled  "); n != 200 {
		t.Errorf("%d lines of the table say scheduled", n)
	}
	if atOnce > 16 {
		t.Errorf("%d calls at once, want at most 16", atOnce)
	}
	posts := map[string]int{}
	for _, c := range m.Calls() {
		posts[c.Method+" "+c.Name]++
	}
	if posts["POST window"] != 400 || posts["POST upload"] != 400 || posts["GET uploads"] != 2 {
		t.Errorf("calls %v", posts)
	}
	o = s.ground(t, context.Background(), args...)
	if n := strings.Count(o.out, " already scheduled "); o.code != 3 || n != 200 {
		t.Errorf("second run: exit %d, %d already scheduled", o.code, n)
	}
	o = s.ground(t, context.Background(), append([]string{"cancel", "--yes", "-"}, sats...)...)
	if n := strings.Count(o.out, "cancelled window"); o.code != 0 || n != 400 {
		t.Errorf("cancel: exit %d, %d cancelled\n%s", o.code, n, o.err)
	}
}
