package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/ground/survey"
)

// The exit codes of review where something else than a bucket answers, or one
// that breaks off; and its JSON has lists where there is nothing.
func TestReviewOfOddBuckets(t *testing.T) {
	const whole = `<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>`
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   int
		says   string
	}{
		{"an empty bucket", 200, whole, 4, "missing: no receipt came down"},
		{"an HTML page", 200, "<html><title>Sign in</title></html>", 1, "no listing of a bucket but an HTML page titled Sign in; check the endpoint"},
		{"nothing", 200, "", 1, "no listing of a bucket but nothing"},
		{"truncated", 200, strings.Replace(whole, "false", "true", 1), 1, "the listing is not whole"},
		{"a server of something else", 404, "404 page not found\n", 1, "bucket bucket: the S3 server answered 404; check the endpoint\n"},
		{"one that takes other calls", 405, "no\n", 1, "bucket bucket: the S3 server answered 405; check the endpoint\n"},
		{"a proxy", 502, "<html><title>Bad Gateway</title></html>", 1, "bucket bucket: the S3 server answered 502; check the endpoint\n"},
		{"another region", 301, "<Error><Code>PermanentRedirect</Code><Message>must be addressed elsewhere</Message></Error>", 1, "bucket bucket: PermanentRedirect: must be addressed elsewhere; check the region and the endpoint\n"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}))
		for k, v := range map[string]string{"AWS_ENDPOINT_URL": s.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
			"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_MAX_ATTEMPTS": "1"} {
			t.Setenv(k, v)
		}
		for _, asJSON := range []bool{false, true} {
			args := []string{"review", "s3://bucket/a"}
			if asJSON {
				args = append(args, "--json")
			}
			var out, errs bytes.Buffer
			code := run(context.Background(), args, stdio{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }, self: "ground"})
			if code != tt.code || !asJSON && !strings.Contains(out.String()+errs.String(), tt.says) {
				t.Errorf("%s: exit %d, want %d\n%s%s", tt.name, code, tt.code, &out, &errs)
			}
			if asJSON && out.Len() > 0 && (!json.Valid(out.Bytes()) || strings.Contains(out.String(), "null")) {
				t.Errorf("%s: %s", tt.name, &out)
			}
		}
		s.Close()
	}
}

// A survey is told with what differs first, and a pass without a receipt with
// what its log says and what to do; of one that left nothing at all, when it was.
func TestReviewTellsWhatIsKnown(t *testing.T) {
	m := mockfm.New(mockfm.Config{Token: token, State: t.TempDir(), Sandbox: "plain"})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": m.S3URL(), "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} {
		t.Setenv(k, v)
	}
	const at = "a/directory/FM1/downlink/2026/12/01/20261201T000130Z_"
	fill(t, m.S3URL(), map[string]string{
		at + survey.Name("SDR"): "survey 1 SDR 1796083200 60 10.00 20261201T000000Z-FM1-survey\nkernel Linux 4.14.0 aarch64\nhas xz \nfacts\nup 70.00\n",
		at + "sabertooth-fetch.log": `{"level":"info","time":"2026-12-01T00:00:31Z","message":"fetching","run":"20261201T000000Z-FM1","paths":1}` + "\n" +
			`{"level":"warn","time":"2026-12-01T00:00:40Z","message":"attempt failed","path":"/var/log/syslog","class":"timeout"}` + "\n",
	})
	for _, tt := range []struct {
		args string
		code int
		says []string
	}{
		{"", 4, []string{
			"run 20261201T000000Z-FM1 on FM1: MISSING\n  missing   /var/log/syslog: no receipt came down, and the fetcher's log breaks off 50 s before the end of its window",
			"  note: the last line of sabertooth-fetch: 00:00:40.000Z warn  attempt failed class=\"timeout\" path=\"/var/log/syslog\"\n",
			"survey of FM1 SDR, run 20261201T000000Z-FM1-survey: 1 of ",
			" differ\n  differs  there is xz\n           no packed program can start: send the bare programs of bin/linux-arm64\n  unknown ",
			"  holds    Linux on aarch64: Linux 4.14.0 aarch64\n"}},
		{"--run 20261201T000000Z-FM1-survey", 0, []string{"survey of FM1 SDR", "\ndelivered\n"}},
		{"--run 20261202T000000Z-FM1", 4, []string{"missing: nothing of run 20261202T000000Z-FM1 came down (yet); its windows ", " at Wed 2 Dec 2026 00:00:00 UTC", "; something did of 20261201T000000Z-FM1\n"}},
	} {
		var out, errs bytes.Buffer
		args := append(append([]string{"review"}, strings.Fields(tt.args)...), "s3://bucket/a/directory")
		code := run(context.Background(), args, stdio{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }, self: "ground"})
		for _, want := range tt.says {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q: it lacks %q", tt.args, want)
			}
		}
		if code != tt.code || t.Failed() {
			t.Errorf("%q: exit %d, want %d\n%s%s", tt.args, code, tt.code, &out, &errs)
		}
	}
}
