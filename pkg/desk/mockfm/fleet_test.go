package mockfm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Many satellites have their windows at once, and each its own network: all
// have an SDR at 10.2.1.8.
func TestFleet(t *testing.T) {
	t.Parallel()
	const n = 12
	var sats []string
	for i := range n {
		sats = append(sats, fmt.Sprintf("FM%d", i+1))
	}
	m := withNamespaces(t, Config{Satellites: sats, Shortest: 5 * time.Second})
	at := tomorrow(m)
	for _, sat := range sats {
		for payload, script := range map[string]string{
			"SDR":        "echo " + sat + " >/persist/who; exec busybox httpd -f -p 10101 -h /persist",
			"SABERTOOTH": "until busybox wget -q -O /outbox/who http://10.2.1.8:10101/who; do busybox sleep 0.5; done",
		} {
			body, _ := json.Marshal(map[string]any{
				"type": "PAYLOAD_" + payload, "satellite_id": sat, "start": at.Unix(), "duration": 25,
				"parameters": map[string]any{
					"user_command":    map[string]any{"executable": "/bin/sh", "executable_arguments": []string{"-c", script}},
					"downlink_budget": 1,
				},
			})
			status, answer := call(t, m, "POST", "/tasking/window", "", bytes.NewReader(body))
			id(t, status, answer)
		}
	}
	settle(t, m)
	for _, sat := range sats {
		files, _ := filepath.Glob(filepath.Join(m.cfg.State, "bucket", Prefix, sat, "downlink/*/*/*/*_who"))
		if len(files) != 1 {
			t.Errorf("%s: got %d files, want 1", sat, len(files))
			continue
		}
		if body, _ := os.ReadFile(files[0]); string(body) != sat+"\n" {
			t.Errorf("%s: got %q", sat, body)
		}
	}
}

// The real aws command lists and fetches what came down.
func TestAWS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	m := desk(t, Config{Start: at})
	body := strings.Repeat("line\n", 1000)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		name := []string{"sdr_syslog", ".dot", "blank and é"}[i]
		copied := file + fmt.Sprint(i)
		if err := os.WriteFile(copied, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		m.files.leave("FM1", name, copied, at.Add(-time.Second))
	}
	if got := len(m.files.land(at)); got != 3 {
		t.Fatalf("%d files landed, want 3", got)
	}
	aws := func(args ...string) string {
		cmd := exec.Command("aws", append([]string{"--endpoint-url", m.S3URL()}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=mockfm", "AWS_SECRET_ACCESS_KEY=mockfm", "AWS_REGION=us-east-1", "TZ=UTC",
			"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "PYTHONUTF8=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	lines := strings.Split(strings.TrimSpace(aws("s3", "ls", "--recursive", "s3://bucket/a/directory")), "\n")
	want := []string{
		"         0 a/directory/FM1/downlink/2026/01/05/",
		"      5000 a/directory/FM1/downlink/2026/01/05/20260105T115959Z_.dot",
		"      5000 a/directory/FM1/downlink/2026/01/05/20260105T115959Z_blank and é",
		"      5000 a/directory/FM1/downlink/2026/01/05/20260105T115959Z_sdr_syslog",
	}
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], "2026-01-05 12:00:0") || !strings.HasSuffix(lines[i], want[i]) {
			t.Errorf("got %q, want 2026-01-05 12:00:00 %s", lines[i], want[i])
		}
	}
	aws("s3", "cp", "s3://bucket/a/directory/FM1/downlink/2026/01/05/20260105T115959Z_sdr_syslog", file)
	if got, _ := os.ReadFile(file); string(got) != body {
		t.Errorf("fetched %d bytes, want %d", len(got), len(body))
	}
}

// A second mock must not empty the first one's state under it.
func TestStateInUse(t *testing.T) {
	m := desk(t, Config{})
	other := New(Config{State: m.cfg.State, Sandbox: "plain"})
	if err := other.Start(); err == nil || !strings.Contains(err.Error(), "another mockfm") {
		t.Errorf("got %v, want a refusal", err)
	}
	m.Close()
	if err := other.Start(); err != nil {
		t.Errorf("after Close: %v", err)
	}
	other.Close()
}
