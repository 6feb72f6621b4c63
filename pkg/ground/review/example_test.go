package review_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"payload-ipc/pkg/ground/review"
)

// bucket is an S3 server with what came down of one run: a file with its receipt,
// and the receipt of one that did not come.
func bucket() (endpoint string, close func()) {
	const at = "a/directory/FM1/downlink/2026/11/23/20261123T043229Z_"
	receipt := func(name, status, sum, reason, errors string) string {
		return fmt.Sprintf(`{"version":1,"run":"20261123T043100Z-FM1","name":%q,"source":"http://10.2.1.8:10101/var/log/%[1]s","status":%q,`+
			`"size":6,"total":6,"sha256":%s,"verified":"digest","attempts":1,"errors":{%s},"clock":"trusted","reason":%q}`, name, status, sum, errors, reason)
	}
	store := s3mem.New()
	store.CreateBucket("bucket")
	for key, body := range map[string]string{
		"syslog":                "hello\n",
		"syslog.receipt.json":   receipt("syslog", "complete", fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256([]byte("hello\n")))), "complete: 6 bytes", ""),
		"kern.log.receipt.json": receipt("kern.log", "failed", "null", "nothing came; the window ended; last trouble: connection refused", `"status 404":7,"refused":2`),
	} {
		if _, err := store.PutObject("bucket", at+key, map[string]string{}, strings.NewReader(body), int64(len(body)), nil); err != nil {
			panic(err)
		}
	}
	s := httptest.NewServer(gofakes3.New(store, gofakes3.WithTimeSkewLimit(0)).Server())
	// The settings are those of the AWS CLI: environment, profile, shared files.
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} {
		os.Setenv(k, v)
	}
	return s.URL, s.Close
}

// A review: list what is below a prefix, pair files with receipts, and look what
// each run brought.
func Example() {
	endpoint, close := bucket()
	defer close()
	ctx := context.Background()
	b, err := review.Open(ctx, "bucket", "a/directory/", endpoint, 0)
	if err != nil {
		panic(err)
	}
	listing, err := b.List(ctx)
	if err != nil {
		panic(err)
	}
	report, err := b.Review(ctx, listing, review.Choice{Latest: true})
	if err != nil {
		panic(err)
	}
	for _, run := range report.Runs {
		row := run.Row()
		fmt.Printf("%s: %v, %d of %d files, %d bytes\n", row.Name, run.Verdict, row.Delivered, row.Files, row.Bytes)
		for _, file := range run.Items {
			fmt.Printf("  %s, %v: %s\n", file.Name, file.Verdict, file.Why)
		}
	}
	fmt.Println("exit", int(report.Verdict))
	// Output:
	// 20261123T043100Z-FM1: partial, 1 of 2 files, 6 bytes
	//   syslog, delivered: whole, 6 bytes, sha256 as in the receipt, proven piece by piece against the server
	//   kern.log, missing: nothing came: the server answered 404 Not Found 7 times: there is no /var/log/kern.log to read; ground deploy another --path (the window ended; last trouble: connection refused)
	// exit 3
}

// What a receipt vouches for is brought to the desk, checked by its sha256; a
// file that is there already is left alone.
func ExampleBucket_Get() {
	endpoint, close := bucket()
	defer close()
	desk, err := os.MkdirTemp("", "desk")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(desk)
	ctx := context.Background()
	b, err := review.Open(ctx, "bucket", "a/directory/", endpoint, 0)
	if err != nil {
		panic(err)
	}
	listing, err := b.List(ctx)
	if err != nil {
		panic(err)
	}
	report, err := b.Review(ctx, listing, review.Choice{})
	if err != nil {
		panic(err)
	}
	for _, d := range report.Downloads(desk) {
		for range 2 {
			here, err := b.Get(ctx, d, func(int64) {})
			where, _ := filepath.Rel(desk, d.File)
			fmt.Println(where, "- was here:", here, err)
		}
	}
	// Output:
	// 20261123T043100Z-FM1/syslog - was here: false <nil>
	// 20261123T043100Z-FM1/syslog - was here: true <nil>
}
