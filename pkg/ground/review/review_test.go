package review

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

const dir = "a/directory/FM1/downlink/2026/11/23/"

// fakeS3 is a real S3 server in this process, with keys in bucket "bucket".
func fakeS3(t *testing.T, keys map[string]string) (endpoint string) {
	t.Helper()
	at := gofakes3.FixedTimeSource(time.Date(2026, 11, 23, 4, 32, 29, 0, time.UTC))
	store := s3mem.New(s3mem.WithTimeSource(at))
	if err := store.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	for k, v := range keys {
		if _, err := store.PutObject("bucket", k, map[string]string{}, strings.NewReader(v), int64(len(v)), nil); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(gofakes3.New(store, gofakes3.WithTimeSkewLimit(0), gofakes3.WithoutVersioning()).Server())
	t.Cleanup(s.Close)
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
		"AWS_ENDPOINT_URL": s.URL, "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_PROFILE": "", "AWS_ENDPOINT_URL_S3": "",
	} {
		t.Setenv(k, v)
		if v == "" {
			os.Unsetenv(k)
		}
	}
	return s.URL
}

func receipt(run, name, status, content string, change ...func(map[string]any)) string {
	m := map[string]any{
		"version": 1, "run": run, "name": name, "status": status, "source": "http://10.2.1.8:10101/var/log/syslog",
		"size": len(content), "total": len(content), "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		"verified": "digest", "attempts": 3, "bytes_received": len(content), "errors": map[string]int{"refused": 2},
		"started": "2026-11-23T04:31:00Z", "finished": "2026-11-23T04:31:20Z", "clock": "trusted", "exit": 0,
		"reason": "all came", "pieces": []string{}, "a key from the future": []int{1},
	}
	for _, c := range change {
		c(m)
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func set(key string, v any) func(map[string]any) { return func(m map[string]any) { m[key] = v } }

func reviewAll(t *testing.T, choice Choice) *Report {
	t.Helper()
	ctx := context.Background()
	b, err := Open(ctx, "bucket", "a/directory/", "", 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := b.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := b.Review(ctx, objects, choice)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestVerdicts(t *testing.T) {
	const s1, s2 = "20261123T043229Z_", "20261123T050000Z_"
	whole := func(name, run, content string) map[string]string {
		return map[string]string{dir + s1 + name: content, dir + s1 + name + receiptSuffix: receipt(run, name, "complete", content)}
	}
	merge := func(ms ...map[string]string) map[string]string {
		out := map[string]string{}
		for _, m := range ms {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	tests := []struct {
		name   string
		keys   map[string]string
		choice Choice
		want   Verdict
		runs   string // RUN=verdict(item=verdict ...), joined
		why    string // in the first item's
	}{
		{name: "nothing", want: Missing},
		{name: "only folders and strangers", keys: map[string]string{dir: "", dir + "readme": "x"}, want: Missing},
		{name: "delivered", keys: whole("sdr_syslog", "r1", "hello\n"), want: Delivered, runs: "r1=delivered(sdr_syslog=delivered)", why: "whole, 6 bytes"},
		{name: "empty file delivered", keys: whole("sdr_syslog", "r1", ""), want: Delivered, runs: "r1=delivered(sdr_syslog=delivered)"},
		{name: "archive of all", keys: map[string]string{dir + s1 + "a.tar": "xy", dir + s1 + "a.tar" + receiptSuffix: receipt("r1", "a.tar", "complete", "xy", set("archive", map[string]any{"members": 3, "missing": 0, "changed": 1, "left_out": 0, "manifest": strings.Repeat("0", 64)}))},
			want: Delivered, runs: "r1=delivered(a.tar=delivered)"},
		{name: "archive that lacks a file", keys: map[string]string{dir + s1 + "a.tar": "xy", dir + s1 + "a.tar" + receiptSuffix: receipt("r1", "a.tar", "complete", "xy", set("reason", "1 could not be had"), set("archive", map[string]any{"members": 3, "missing": 1, "changed": 0, "left_out": 0, "manifest": strings.Repeat("0", 64)}))},
			want: Partial, runs: "r1=partial(a.tar=partial)", why: "not all of the directory is in it: 1 could not be had"},
		{name: "archive of a window that ended", keys: map[string]string{dir + s1 + "a.tar.part": "xy", dir + s1 + "a.tar" + receiptSuffix: receipt("r1", "a.tar", "partial", "xy", set("total", nil), set("archive", map[string]any{"members": 3, "missing": 9, "changed": 0, "left_out": 0, "manifest": strings.Repeat("0", 64)}))},
			want: Partial, runs: "r1=partial(a.tar=partial)", why: "2 bytes of an unknown total"},
		{name: "file not down yet", keys: map[string]string{dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "x")},
			want: Missing, runs: "r1=missing(a=missing)", why: "a later contact"},
		{name: "other bytes, same size", keys: map[string]string{dir + s1 + "a": "xyz", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "xyy")},
			want: Partial, runs: "r1=partial(a=partial)", why: "not the 3 bytes"},
		{name: "cut file", keys: map[string]string{dir + s1 + "a": "xy", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "xyy")},
			want: Partial, runs: "r1=partial(a=partial)"},
		{name: "partial", keys: map[string]string{dir + s1 + "a.part": "xy", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "xy", set("total", 9), set("reason", "the window ended"))},
			want: Partial, runs: "r1=partial(a=partial)", why: "2 bytes of 9, sha256 as in the receipt: the window ended"},
		{name: "second generation's part", keys: map[string]string{dir + s1 + "a.2.part": "xy", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "xy", set("total", nil))},
			want: Partial, runs: "r1=partial(a=partial)", why: "an unknown total"},
		{name: "failed", keys: map[string]string{dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "failed", "", set("sha256", nil), set("total", nil), set("reason", "nobody answered"))},
			want: Missing, runs: "r1=missing(a=missing)", why: "nothing came: nobody answered"},
		{name: "no receipt", keys: map[string]string{dir + s1 + "a": "xy"}, want: Partial, runs: "=partial(a=partial)", why: "without a receipt"},
		{name: "receipt is no JSON", keys: map[string]string{dir + s1 + "a" + receiptSuffix: "{"}, want: Partial, runs: "=partial(a.receipt.json=partial)", why: "cannot be used"},
		{name: "receipt of another version", keys: map[string]string{dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "", set("version", 2))}, want: Partial, runs: "=partial(a.receipt.json=partial)", why: "version is 2"},
		{name: "stamps differ", keys: map[string]string{dir + s2 + "a": "xy", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "xy")}, want: Delivered, runs: "r1=delivered(a=delivered)"},
		{name: "same name in two runs", keys: map[string]string{
			dir + s1 + "a": "one", dir + s2 + "a": "two",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "one"), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "two")},
			want: Delivered, runs: "r1=delivered(a=delivered) r2=delivered(a=delivered)"},
		{name: "partial, then whole", keys: map[string]string{
			dir + s1 + "a.part": "on", dir + s2 + "a": "one",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on"), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "one")},
			want: Delivered, runs: "r1=partial(a=partial) r2=delivered(a=delivered)"},
		{name: "whole, then partial", keys: map[string]string{
			dir + s2 + "a.part": "on", dir + s1 + "a": "one",
			dir + s2 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on"), dir + s1 + "a" + receiptSuffix: receipt("r2", "a", "complete", "one")},
			want: Partial, runs: "r2=delivered(a=delivered) r1=partial(a=partial)"},
		{name: "nothing, then whole", keys: map[string]string{
			dir + s2 + "a": "one", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "failed", "", set("sha256", nil)),
			dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "one", set("generation", "g2"))},
			want: Delivered, runs: "r1=missing(a=missing) r2=delivered(a=delivered)"},
		{name: "partial, then another generation", keys: map[string]string{
			dir + s1 + "a.part": "on", dir + s2 + "a": "two",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on", set("generation", "g1")), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "two", set("generation", "g2"))},
			want: Partial, runs: "r1=partial(a=partial) r2=delivered(a=delivered)"},
		{name: "partial, then whole from another path", keys: map[string]string{
			dir + s1 + "a.part": "on", dir + s2 + "a": "two",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on"), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "two", set("source", "http://10.2.1.8:10101/other"))},
			want: Partial, runs: "r1=partial(a=partial) r2=delivered(a=delivered)"},
		{name: "a completed run by itself", choice: Choice{Run: "r1"}, keys: map[string]string{
			dir + s1 + "a.part": "on", dir + s2 + "a": "one",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on"), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "one")},
			want: Partial, runs: "r1=partial(a=partial)"},
		{name: "one of two completed", keys: merge(whole("b", "r2", "y"), map[string]string{
			dir + s1 + "a.part": "on", dir + s2 + "a": "one",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on"), dir + s1 + "c" + receiptSuffix: receipt("r1", "c", "failed", "", set("sha256", nil)), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "one")}),
			want: Partial, runs: "r1=partial(c=missing a=partial) r2=delivered(b=delivered a=delivered)"},
		{name: "latest only", choice: Choice{Latest: true}, keys: map[string]string{
			dir + s1 + "a.part": "on", dir + s2 + "a": "one",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "on"), dir + s2 + "a" + receiptSuffix: receipt("r2", "a", "complete", "one")},
			want: Delivered, runs: "r2=delivered(a=delivered)"},
		{name: "one run only", choice: Choice{Run: "r2"}, keys: merge(whole("a", "r1", "x"), whole("b", "r2", "y"), map[string]string{dir + s1 + "stranger": "z"}),
			want: Delivered, runs: "r2=delivered(b=delivered)"},
		{name: "a run that is not there", choice: Choice{Run: "r9"}, keys: whole("a", "r1", "x"), want: Missing},
		{name: "one of two files", keys: merge(whole("a", "r1", "x"), map[string]string{dir + s1 + "b" + receiptSuffix: receipt("r1", "b", "failed", "", set("sha256", nil))}),
			want: Partial, runs: "r1=partial(a=delivered b=missing)"},
		{name: "sealed generation beside it", keys: merge(whole("a", "r1", "x"), map[string]string{
			dir + s1 + "a.part":            "old",
			dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "x", set("sealed", []any{map[string]any{"name": "a.part", "size": 3, "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte("old")))}}))}),
			want: Delivered, runs: "r1=delivered(a=delivered)"},
		{name: "two satellites", keys: map[string]string{
			dir + s1 + "a": "x", strings.Replace(dir, "FM1", "FM2", 1) + s1 + "a" + receiptSuffix: receipt("r1", "a", "complete", "x")},
			want: Partial, runs: "=partial(a=partial) r1=missing(a=missing)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fakeS3(t, tt.keys)
			rep := reviewAll(t, tt.choice)
			worst := tt.want
			if tt.name == "two satellites" {
				worst = Missing
			}
			if rep.Verdict != worst {
				t.Errorf("got %v, want %v", rep.Verdict, worst)
			}
			var runs []string
			for _, r := range rep.Runs {
				var items []string
				for _, it := range r.Items {
					items = append(items, it.Name+"="+it.Verdict.String())
				}
				runs = append(runs, fmt.Sprintf("%s=%v(%s)", r.ID, r.Verdict, strings.Join(items, " ")))
			}
			if d := cmp.Diff(tt.runs, strings.Join(runs, " ")); d != "" {
				t.Errorf("runs (-want +got):\n%s", d)
			}
			if tt.why != "" && !strings.Contains(rep.Runs[0].Items[0].Why, tt.why) {
				t.Errorf("got %q, want it to say %q", rep.Runs[0].Items[0].Why, tt.why)
			}
		})
	}
}

// The listing has the form of the real command, byte for byte.
func TestListingIsThatOfAWS(t *testing.T) {
	aws, err := exec.LookPath("aws")
	if err == nil {
		err = exec.Command(aws, "--version").Run()
	}
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal("the aws command is missing; install awscli")
		}
		t.Skip("the aws command is missing; install awscli")
	}
	keys := map[string]string{"a/directory/FM1/downlink/2026/": "", dir: "", dir + "20261123T043229Z_big": strings.Repeat("x", 123456),
		dir + "20261123T043229Z_name with blanks": "1", dir + "20261123T043229Z_ümlaut": "12"}
	for i := range 1100 { // more than a page
		keys[fmt.Sprintf("%s20261123T043229Z_many%04d", dir, i)] = "x"
	}
	endpoint := fakeS3(t, keys)
	ctx := context.Background()
	for _, prefix := range []string{"", "a/dir", dir, "nothing/there"} {
		cmd := exec.Command(aws, "--endpoint-url", endpoint, "s3", "ls", "--recursive", "s3://bucket/"+prefix)
		cmd.Env = append(os.Environ(), "TZ=America/New_York", "PYTHONIOENCODING=utf-8", "LC_ALL=C.UTF-8")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		want, err := cmd.Output()
		if err != nil && prefix != "nothing/there" { // the CLI exits 1 for an empty listing
			t.Fatalf("%v: %s", err, stderr.String())
		}
		b, err := Open(ctx, "bucket", prefix, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := b.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		loc, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Skip("no time zones here")
		}
		var got strings.Builder
		for _, o := range objects.Objects {
			fmt.Fprintln(&got, o.Line(loc))
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("prefix %q (-aws +ours):\n%s", prefix, d)
		}
	}
}

func TestErrorsAreSentences(t *testing.T) {
	fakeS3(t, nil)
	ctx := context.Background()
	if _, err := Open(ctx, "nowhere", "", "", 0); err == nil || !strings.Contains(err.Error(), "there is no bucket nowhere") {
		t.Errorf("missing bucket: got %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	if _, err := Open(ctx, "bucket", "", "", 0); err == nil || !strings.Contains(err.Error(), "cannot be reached") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("no server: got %v", err)
	}
	os.Unsetenv("AWS_ACCESS_KEY_ID")
	os.Unsetenv("AWS_SECRET_ACCESS_KEY")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if _, err := Open(ctx, "bucket", "", "", 0); err == nil || !strings.Contains(err.Error(), "no AWS credentials") {
		t.Errorf("no credentials: got %v", err)
	}
	for _, s := range []string{"", "bucket/x", "s3://", "s3:///x", "https://bucket/x"} {
		if _, _, err := ParseURL(s); err == nil {
			t.Errorf("%q was taken for a place in S3", s)
		}
	}
}
