package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// A wrong command line is exit 2, in one sentence, before the API or the bucket
// is asked for anything.
func TestRefusedBeforeAnybodyIsAsked(t *testing.T) {
	s := newScript(t)
	var asked atomic.Int64
	bucket := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer bucket.Close()
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": bucket.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_MAX_ATTEMPTS": "1"} {
		t.Setenv(k, v)
	}
	dir := artifacts(t)
	file := filepath.Join(dir, "sdr-serve")
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(dir, "lines")
	if err := os.WriteFile(lines, []byte("a/token\nand/more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	const run, place = "20261204T034932Z-FM1", "s3://bucket/a"
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"cancel", "--run", "", "-", "FM1"}, "--run is empty; give it a value, or leave it out"},
		{[]string{"cancel", "--run", "FM1", "-"}, "--run: FM1 is a satellite; "},
		{[]string{"cancel", "--run", "3020553", "-"}, "--run: 3020553 is rather the id of a window; "},
		{[]string{"cancel", "--run", "20261204T0349Z-FM1", "-"}, "--run: 20261204T0349Z-FM1 is not whole; "},
		{[]string{"cancel", "--run", "20261204T034932Z", "-"}, "--run: 20261204T034932Z is not whole; "},
		{[]string{"cancel", "--run", "two words", "-"}, `--run: "two words" is no name; `},
		{[]string{"cancel", "--run", run, "-", "FM2", "FM11"}, "--run: " + run + " is no run of FM2, FM11; "},
		{[]string{"cancel", "--yes", "--window", "", "-", "FM1"}, "--window is empty; "},
		{[]string{"deploy", "--artifacts", dir, "--allow", "", "-", "FM1"}, "--allow is empty; "},
		{[]string{"deploy", "--artifacts", dir, "--path", "", "-", "FM1"}, "--path is empty; "},
		{[]string{"deploy", "--artifacts", dir, "--start", "", "-", "FM1"}, "--start is empty; "},
		{[]string{"deploy", "--artifacts", dir, "--depth", "0", "-", "FM1"}, "--depth: 0 is not 1 to 16"},
		{[]string{"deploy", "--artifacts", dir, "--path", "/a=b.receipt.json", "-", "FM1"}, `--path: "b.receipt.json" cannot be the name of a file in the outbox: `},
		{[]string{"deploy", "--artifacts", dir, "--name", "b.receipt.json", "-", "FM1"}, `--name: "b.receipt.json" cannot be the name of a file in the outbox: `},
		{[]string{"deploy", "--artifacts", dir, "--path", "/a=sdr-serve.log", "-", "FM1"}, `--path: "sdr-serve.log" is what one of our programs calls `},
		{[]string{"status", "--token-file", lines, "FM1"}, "--token-file: " + lines + " has a character in the token that no token has (a space or line break?); put the token alone into it"},
		{[]string{"status", "--token-file=", "FM1"}, "--token-file is empty; "},
		{[]string{"cancel", "--window", "FM1", "-"}, "--window: FM1 is a satellite; "},
		{[]string{"cancel", "--window", run, "-"}, "--window: " + run + " is a run; "},
		{[]string{"cancel", "--window", "a/b", "-"}, `--window: "a/b" is no id; `},
		{[]string{"review", "--run", "FM1", place}, "--run: FM1 is a satellite; "},
		{[]string{"review", "--run", "", place}, "--run is empty; "},
		{[]string{"get", "--run", "20261204", place}, "--run: 20261204 is rather the id of a window; "},
		{[]string{"get", "--run", "20261204-FM1", place}, "--run: 20261204-FM1 is not whole; "},
		{[]string{"review", "--html", dir, place}, "--html: " + dir + " is a directory; give a file in it"},
		{[]string{"review", "--html", "nowhere/x.html", place}, "--html: there is no directory nowhere to put the file into; "},
		{[]string{"review", "--html", file + "/x.html", place}, "--html: there is no directory " + file + " to put the file into; "},
		{[]string{"review", "--endpoint", "s3.example.com", place}, "--endpoint: not the address of a server; "},
		{[]string{"review", "--silence", "0s", place}, "--silence: 0s is not above zero"},
		{[]string{"get", place, file}, file + " is a file; give a directory to put the files into"},
		{[]string{"get", place, file + "/deep/er"}, file + " is a file; "},
		{[]string{"man", file}, file + " is a file; "},
		{[]string{"plan", "--artifacts", dir, "--svg", dir, "-", "FM1"}, "--svg: " + dir + " is a directory; "},
		{[]string{"deploy", "--artifacts", dir, "--yes", "--svg", "nowhere/x.svg", "-", "FM1"}, "--svg: there is no directory nowhere "},
		{[]string{"survey", "--svg", "nowhere/x.svg", "-", "FM1"}, "--svg: there is no directory nowhere "},
		{[]string{"slots", "--svg", "nowhere/x.svg", "-", "FM1"}, "--svg: there is no directory nowhere "},
		{[]string{"status", "--token-file", "nowhere", "FM1"}, "--token-file: cannot read the token: open nowhere: "},
		{[]string{"deploy", "--token-file", dir, "FM1"}, "--token-file: cannot read the token: read "},
		{[]string{"cancel", "--token-file", empty, "FM1"}, "--token-file: " + empty + " is empty; "},
		{[]string{"plan", "--artifacts", "nowhere", "-", "FM1"}, "--artifacts: there is no directory nowhere; make uplink "},
		{[]string{"deploy", "--artifacts", "nowhere", "--dry-run", "FM1"}, "--artifacts: there is no directory nowhere; make uplink "},
		{[]string{"deploy", "--artifacts", file, "--yes", "-", "FM1"}, "--artifacts: " + file + " is a file; give the directory "},
		{[]string{"deploy", "--artifacts", file + "/deep/er", "--skip-upload", "-", "FM1"}, "--artifacts: there is no directory " + file + "/deep/er; "},
		{[]string{"deploy", "--artifacts", loop, "-", "FM1"}, "--artifacts: cannot look at " + loop + ": too many levels of symbolic links"},
		{[]string{"plan", "--artifacts", dir, "--svg", loop + "/x.svg", "-", "FM1"}, "--svg: cannot look at " + loop + ": too many levels of symbolic links"},
		{[]string{"get", place, loop}, "cannot look at " + loop + ": too many levels of symbolic links"},
		{[]string{"status", "--artifacts", "nowhere", "-", "FM1"}, "--artifacts: there is no directory nowhere; "},
		{[]string{"aboard", "--artifacts", file, "-", "FM1"}, "--artifacts: " + file + " is a file; "},
		{[]string{"aboard", "--releases", "nowhere", "-"}, "--releases: cannot read the table of releases: "},
		{[]string{"status", "--at-once", "0", "-"}, "--at-once: must be above zero"},
		{[]string{"satellites", "--api", "spire.com", "-"}, "--api: not the address of a server"},
	} {
		o := s.ground(t, context.Background(), tt.args...)
		if o.code != 2 || !strings.Contains(o.err, tt.says) || strings.Count(o.err, "\n") != 1 {
			t.Errorf("%q: exit %d, want 2 and %q:\n%s", tt.args, o.code, tt.says, o.err)
		}
	}
	if n := asked.Load(); len(s.calls) > 0 || n > 0 {
		t.Errorf("the API was asked %q, and the bucket %d times", s.calls, n)
	}

	// What may be right is asked for.
	for _, args := range [][]string{{"cancel", "--run", "by-hand", "-", "FM1"}, {"cancel", "--run", "fm1-1763900000", "-"}, {"cancel", "--run", run, "-", "FM1"}, {"cancel", "--run", run + "-survey", "-", "FM1"},
		{"cancel", "--window", "4711", "-", "FM1"}, {"cancel", "--window", "8e2a-b", "-"}} {
		if o := s.ground(t, context.Background(), args...); o.code != 3 || !strings.Contains(o.err, "no window or run "+args[2]) {
			t.Errorf("%q: exit %d\n%s", args, o.code, o.err)
		}
	}
}

// Each verb that takes settings has a check for ground config to call.
func TestEachVerbHasItsCheck(t *testing.T) {
	io := &stdio{getenv: func(string) string { return "" }}
	root := rootCommand(io)
	for _, verb := range settable(root) {
		if _, ok := io.checks[verb]; !ok && verb != "config" {
			t.Errorf("ground config shows values of %s that it may refuse", verb)
		}
	}
	if !slices.Contains(settable(root), "deploy") {
		t.Error("deploy takes no settings")
	}
}
