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
)

// The exit codes of review where something else than a bucket answers, or one
// that breaks off; and its JSON has lists where there is nothing.
func TestReviewOfOddBuckets(t *testing.T) {
	const whole = `<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>`
	for _, tt := range []struct {
		name, body string
		code       int
		says       string
	}{
		{"an empty bucket", whole, 4, "missing: no receipt came down"},
		{"an HTML page", "<html><title>Sign in</title></html>", 1, "no listing of a bucket but an HTML page titled Sign in; check the endpoint"},
		{"nothing", "", 1, "no listing of a bucket but nothing"},
		{"truncated", strings.Replace(whole, "false", "true", 1), 1, "the listing is not whole"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, tt.body) }))
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
