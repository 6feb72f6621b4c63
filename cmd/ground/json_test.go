package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/ground/tasking"
)

// schemas are those of docs/ground.schema.json, by verb.
func schemas(t *testing.T) func(verb string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return func(verb string) *jsonschema.Schema {
		s, err := c.Compile("../../docs/ground.schema.json#/$defs/" + verb)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// documentsIn are the JSON documents of text, one after the other, each as the
// schema of verb has it.
func documentsIn(t *testing.T, schema *jsonschema.Schema, text string) (docs []any) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return docs
		} else if err != nil {
			t.Errorf("%v\n%s", err, text)
			return docs
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, raw)
		}
		docs = append(docs, v)
	}
}

// With --json each verb prints one document of its schema, whatever happens;
// an object with the exit code and the error where there is no result.
func TestJSONSchema(t *testing.T) {
	schema := schemas(t)
	dir := artifacts(t)
	s := newScript(t)
	ctx := context.Background()
	away := []string{"--api", "http://127.0.0.1:1"}
	seen := map[string]map[string]bool{}
	for _, tt := range []struct {
		code int
		args []string
	}{
		{0, []string{"satellites", "-"}}, {3, []string{"satellites", "wrong-token"}}, {2, []string{"satellites", "-", "FM1"}}, {1, append([]string{"satellites", "-"}, away...)},
		{0, []string{"slots", "-", "FM1"}}, {3, []string{"slots", "-", "FM9"}}, {2, []string{"slots", "-"}}, {2, []string{"slots", "--span", "soon", "-", "FM1"}},
		{0, []string{"survey", "-", "FM1"}}, {0, []string{"survey", "-", "FM1"}}, {0, []string{"survey", "--dry-run", "FM1"}}, {2, []string{"survey"}}, {3, []string{"survey", "-", "FM9"}},
		{0, []string{"aboard", "-"}}, {3, []string{"aboard", "-", "FM9"}},
		{0, []string{"plan", "--artifacts", dir, "-", "FM1"}}, {2, []string{"plan", "--artifacts", dir, "--start", "2020-01-01T00:00:00Z", "-", "FM1"}},
		{0, []string{"deploy", "--artifacts", dir, "--dry-run", "FM1"}}, {0, []string{"deploy", "--artifacts", dir, "-", "FM1"}}, {0, []string{"deploy", "--artifacts", dir, "-", "FM1"}},
		{3, []string{"deploy", "--artifacts", dir, "-", "FM9"}}, {2, []string{"deploy"}}, {2, []string{"deploy", "--nme"}}, {2, []string{"deploy", "--artifacts", "nowhere", "-", "FM1"}}, {1, []string{"deploy", "--artifacts", t.TempDir(), "-", "FM1"}},
		{2, []string{"plan", "--artifacts", dir, "--svg", "/nowhere/x.svg", "-", "FM1"}},
		{0, []string{"aboard", "-"}}, {0, []string{"status", "-", "FM1"}}, {3, []string{"status", "wrong-token"}}, {2, []string{"status", "--every", "0", "--watch", "-"}}, {1, append([]string{"status", "-"}, away...)},
		{2, []string{"cancel", "-", "FM1"}}, {2, []string{"cancel", "-"}}, {3, []string{"cancel", "--window", "x", "-", "FM1"}}, {0, []string{"cancel", "--dry-run", "-", "FM1"}}, {0, []string{"cancel", "--yes", "--window", "3020556", "-", "FM1"}}, {0, []string{"status", "FM1"}}, {0, []string{"cancel", "--yes", "-", "FM1"}},
		{0, []string{"config"}}, {0, []string{"config", "deploy"}}, {2, []string{"config", "nothing"}}, {2, []string{"config", "--profile", "none"}},
		{2, []string{"review"}}, {2, []string{"review", "bucket"}}, {2, []string{"get"}}, {2, []string{"get", "s3://a", "b", "c"}}, {1, []string{"get", "--endpoint", "http://127.0.0.1:1", "--silence", "100ms", "s3://a"}},
	} {
		s.patience = 30 * time.Second
		if slices.Contains(tt.args, away[1]) {
			s.patience = 50 * time.Millisecond
		}
		o := s.ground(t, ctx, append(slices.Clone(tt.args), "--json")...)
		docs := documentsIn(t, schema(tt.args[0]), o.out)
		if len(docs) != 1 || o.code != tt.code || strings.Contains(o.out, ": null") {
			t.Errorf("%q: exit %d, want %d; %d documents, want 1\n%s", tt.args, o.code, tt.code, len(docs), o.all())
			continue
		}
		kind := "result"
		if m, ok := docs[0].(map[string]any); ok && m["error"] != nil {
			kind = "failure"
			if fmt.Sprint(m["exit"]) != fmt.Sprint(tt.code) || !strings.Contains(o.err, m["error"].(string)) {
				t.Errorf("%q: %s\nwhat is said is\n%s", tt.args, o.out, o.err)
			}
		}
		if seen[tt.args[0]] == nil {
			seen[tt.args[0]] = map[string]bool{}
		}
		seen[tt.args[0]][kind] = true
	}
	for _, c := range settableVerbs(t) {
		if !seen[c]["failure"] || !seen[c]["result"] && c != "review" && c != "get" { // which are in TestJSONOfABucket
			t.Errorf("%s: only %v was seen", c, slices.Collect(maps.Keys(seen[c])))
		}
	}
}

// settableVerbs are those that take --json.
func settableVerbs(t *testing.T) (names []string) {
	t.Helper()
	for _, c := range verbs(&stdio{getenv: func(string) string { return "" }}) {
		if c.Flags().Lookup("json") != nil {
			names = append(names, c.Name())
		}
	}
	return names
}

// What a verb would refuse is in the document, beside what it would not.
func TestJSONOfRefusedSettings(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, "payload-ipc", "config.toml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("uplink-rate = \"fast\"\nlisting-lag = \"1s\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"config", "--json"}, stdio{in: strings.NewReader(""), out: &out, err: &errs, self: "ground",
		getenv: func(k string) string { return map[string]string{"XDG_CONFIG_HOME": home}[k] }})
	docs := documentsIn(t, schemas(t)("config"), out.String())
	if code != 2 || len(docs) != 1 || strings.Count(out.String(), `"refused"`) != 1 || !strings.Contains(errs.String(), file+`:1: --uplink-rate: "fast" is not a size`) {
		t.Errorf("exit %d, %d documents\n%s%s", code, len(docs), &out, &errs)
	}
}

// A satellite whose listing cannot be had is in the document, with the reason.
func TestJSONOfOneSatellite(t *testing.T) {
	s := newScript(t, "FM1", "FM2")
	s.patience = 50 * time.Millisecond
	s.faults = []*fault{{call: "GET windows", kind: "500"}}
	o := s.ground(t, context.Background(), "status", "--json", "-")
	docs := documentsIn(t, schemas(t)("status"), o.out)
	if len(docs) != 1 || o.code != 1 || strings.Count(o.out, `"error": "`) != 2 {
		t.Errorf("exit %d\n%s", o.code, o.all())
	}
}

// A watch prints a document for each answer, and its outcome or failure last.
func TestJSONOfAWatch(t *testing.T) {
	over := at(2*time.Minute, "UPLOADED", "SYNCED", "SYNCED")
	for _, tt := range []struct {
		answers []any
		code    int
		last    string
	}{
		{[]any{at(0, "UPLOADED", "SYNCED", "SYNCED"), over}, 0, `"outcome": "done"`},
		{[]any{at(0, "UPLOADED", "SYNCED", "SYNCED"), &tasking.Error{Call: "GET /tasking/windows", Status: 401}}, 3, `"error": `},
	} {
		var out, errs bytes.Buffer
		io := &stdio{in: strings.NewReader(""), out: &out, err: &errs}
		w := &watch{io: io, ask: answers(tt.answers...), every: time.Millisecond, show: documents{io}, json: true}
		code := w.follow(context.Background())
		docs := documentsIn(t, schemas(t)("status"), out.String())
		if code != tt.code || len(docs) < 2 || !strings.Contains(out.String(), tt.last) {
			t.Errorf("exit %d, want %d and %s at the end\n%s", code, tt.code, tt.last, &out)
		}
	}
}

// What came down, and what is brought here, as documents.
func TestJSONOfABucket(t *testing.T) {
	schema := schemas(t)
	m := mockfm.New(mockfm.Config{Token: token, State: t.TempDir(), Sandbox: "plain"})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": m.S3URL(), "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} {
		t.Setenv(k, v)
	}
	keys := cameDown()
	maps.DeleteFunc(keys, func(k, _ string) bool { return !strings.Contains(k, "060000Z") })
	fill(t, m.S3URL(), keys)
	desk := t.TempDir()
	for _, verb := range []string{"review", "get"} {
		var out, errs bytes.Buffer
		io := stdio{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }, self: "ground"}
		args := []string{verb, "--json", "s3://bucket/a/directory"}
		if verb == "get" {
			args = append(args, filepath.Join(desk, "here"))
		}
		code := run(context.Background(), args, io)
		if docs := documentsIn(t, schema(verb), out.String()); len(docs) != 1 || code != 4 || !strings.Contains(out.String(), `"run": "whole"`) || verb == "get" && !strings.Contains(out.String(), `"error": "nothing came: because"`) {
			t.Errorf("%s: exit %d, %d documents\n%s%s", verb, code, len(docs), &out, &errs)
		}
	}
}
