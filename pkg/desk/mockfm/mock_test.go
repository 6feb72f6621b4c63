package mockfm

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const token = "tok/en+1"

// start runs a Mock for one test. Its satellite's days pass in seconds, once
// settle waits for them.
func start(t *testing.T, cfg Config) *Mock {
	t.Helper()
	cfg.State = t.TempDir()
	cfg.Token = token
	cfg.Warp = true
	cfg.WarpAfter = -1 // what a busy machine is slow to ask for is not late
	cfg.UplinkRate = 100e6
	cfg.Event = func(e Event) { t.Log(e) }
	m := New(cfg)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return m
}

// withNamespaces skips where payloads cannot have roots of their own.
func withNamespaces(t *testing.T, cfg Config) *Mock {
	t.Helper()
	if testing.Short() {
		t.Skip("windows last half a minute")
	}
	probe := cfg
	probe.State, probe.Sandbox = t.TempDir(), "namespaces"
	n, err := New(probe).newSandbox()
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err := n.Shut(); err != nil {
		t.Fatal(err)
	}
	cfg.Sandbox = "namespaces"
	return start(t, cfg)
}

// call makes one API call and returns status and body.
func call(t *testing.T, m *Mock, method, target, contentType string, body io.Reader) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, m.URL()+target, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Logf("%s %s: %v", method, target, err)
		return 0, nil
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Logf("%s %s: %v", method, target, err)
		return 0, got
	}
	return resp.StatusCode, got
}

func get(t *testing.T, m *Mock, target string) (int, []byte) {
	t.Helper()
	return call(t, m, "GET", target, "", nil)
}

func sendUpload(t *testing.T, m *Mock, payload, dest, body string) (int, []byte) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, _ := w.CreateFormFile("file", "program")
	io.WriteString(part, body)
	w.Close()
	q := url.Values{"satellite_id": {"FM1"}, "payload": {payload}, "destination_path": {dest}, "executable": {"true"}}
	return call(t, m, "POST", "/tasking/upload?"+q.Encode(), w.FormDataContentType(), &form)
}

func sendWindow(t *testing.T, m *Mock, payload string, start time.Time, seconds int, argv ...string) (int, []byte) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{
		"type": "PAYLOAD_" + payload, "satellite_id": "FM1", "start": start.Unix(), "duration": seconds,
		"parameters": map[string]any{
			"user_command":    map[string]any{"executable": argv[0], "executable_arguments": argv[1:]},
			"downlink_budget": 1,
		},
	})
	return call(t, m, "POST", "/tasking/window", "application/json", bytes.NewReader(body))
}

// id of what was created, or the test ends.
func id(t *testing.T, status int, body []byte) string {
	t.Helper()
	var v struct{ Data struct{ ID string } }
	if err := json.Unmarshal(body, &v); err != nil || status != 200 || v.Data.ID == "" {
		t.Fatalf("got %d %s, want an id", status, body)
	}
	return v.Data.ID
}

// install uploads a sh script to run as /persist/NAME.
func install(t *testing.T, m *Mock, payload, name, script string) string {
	t.Helper()
	status, body := sendUpload(t, m, payload, "/persist/"+name, "#!/bin/sh\n"+script)
	id(t, status, body)
	return "/persist/" + name
}

func run(t *testing.T, m *Mock, payload string, start time.Time, seconds int, argv ...string) string {
	t.Helper()
	status, body := sendWindow(t, m, payload, start, seconds, argv...)
	return id(t, status, body)
}

// settle waits until everything scheduled has happened.
func settle(t *testing.T, m *Mock) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := m.Idle(ctx); err != nil {
		t.Fatal("still not idle: ", err)
	}
}

func outcomeOf(t *testing.T, m *Mock, id string) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.windows {
		if w.id == id {
			return w.outcome
		}
	}
	t.Fatalf("no window %s", id)
	return ""
}

var keyName = regexp.MustCompile(`^a/directory/FM1/downlink/\d{4}/\d\d/\d\d/\d{8}T\d{6}Z_(.+)$`)

// bucketOf returns what came down by its name in the outbox, and checks the
// form of every key.
func bucketOf(t *testing.T, m *Mock) map[string]string {
	t.Helper()
	files := map[string]string{}
	rows, err := m.files.list()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if strings.HasSuffix(row.Key, "/") {
			if row.Size != 0 {
				t.Errorf("date folder %s has %d bytes", row.Key, row.Size)
			}
			continue
		}
		match := keyName.FindStringSubmatch(row.Key)
		if match == nil {
			t.Fatalf("key %q has not the documented form", row.Key)
		}
		body, err := os.ReadFile(filepath.Join(m.files.dir, row.Key))
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(body)) != row.Size {
			t.Errorf("%s: %d bytes in the tree, %d in the bucket", row.Key, len(body), row.Size)
		}
		files[match[1]] = string(body)
	}
	return files
}

// tomorrow is the tutorial's choice of a start.
func tomorrow(m *Mock) time.Time { return m.Now().Add(24 * time.Hour).Truncate(time.Second) }
