package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata" // so that no machine lacks them

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"payload-ipc/pkg/desk/mockfm"
)

const s3Key, s3Secret = "someone", "else's/secret+"

// s3Env is the AWS settings of one server, and no others.
func s3Env(endpoint, secret string) []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint, "AWS_ACCESS_KEY_ID="+s3Key, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_REGION=us-east-1", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent",
		"AWS_MAX_ATTEMPTS=2", "TZ=America/New_York", "LC_ALL=C.UTF-8", "PYTHONIOENCODING=utf-8")
}

// peer is the path of a program that scripts/peers brings, unless that may be
// skipped.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = filepath.Abs("../../tmp/peers/" + name)
		if err == nil {
			_, err = os.Stat(path)
		}
	}
	if err == nil {
		err = exec.Command(path, "--version").Run()
	}
	if err != nil {
		skip(t, fmt.Sprintf("%s is not here (%v); scripts/peers built brings it", name, err))
	}
	return path
}

// skip skips, unless REQUIRE_PEERS says that nothing may be skipped.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_PEERS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// versity runs versitygw, an S3 server that shares no code with mockfm's, over
// a directory, and waits until it answers.
func versity(t *testing.T) (endpoint, dir string) {
	t.Helper()
	program := peer(t, "versitygw")
	dir = t.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close() // it takes no socket, only an address
	var log bytes.Buffer
	cmd := exec.Command(program, "--port", addr, "--quiet", "posix", "--sidecar", t.TempDir(), dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s3Key, "ROOT_SECRET_KEY="+s3Secret)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "http://" + addr, dir
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	t.Fatalf("versitygw does not answer: %s", &log)
	return "", ""
}

// cameDown is what a bucket holds after three runs, one of each verdict, with
// more keys than a page of a listing has.
func cameDown() map[string]string {
	const day = "a/directory/FM1/downlink/2026/11/23/"
	keys := map[string]string{
		"a/": "", "a/directory/FM1/downlink/2026/": "", day: "", day + "20261123T043229Z_name with blanks": "1",
		day + "20261123T043229Z_a+b%20c&d=e": "reserved", day + "20261123T043229Z_ümlaut": "\x00\xff\r\n",
		"a/directory/FM10/downlink/2026/11/23/20261123T043229Z_other": "x",
	}
	for i := range 1100 {
		keys[fmt.Sprintf("%s20261123T050000Z_many%04d", day, i)] = strings.Repeat("x", i)
	}
	syslog := strings.Repeat("Nov 23 04:31:00 sdr kernel: a line\n", 100_000) // 3.5 MB
	for run, content := range map[string]string{"whole": syslog, "cut": syslog[:1000], "none": ""} {
		status, name := map[string]string{"whole": "complete", "cut": "partial", "none": "failed"}[run], run
		sum := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256([]byte(content))))
		switch run {
		case "cut":
			name += ".part"
			fallthrough
		case "whole":
			keys[day+"20261123T060000Z_"+name] = content
		case "none":
			sum = "null"
		}
		keys[day+"20261123T060000Z_"+run+".receipt.json"] = fmt.Sprintf(`{"version":1,"run":%q,"name":%[1]q,"status":%q,"size":%d,"total":%d,
"sha256":%s,"verified":"digest","attempts":3,"bytes_received":1000,"errors":{"refused":2},"source":"http://10.2.1.8:10101/var/log/syslog",
"started":"2026-11-23T05:59:00Z","finished":"2026-11-23T05:59:20Z","clock":"trusted","exit":0,"reason":"because","pieces":[]}`,
			run, status, len(content), len(syslog), sum)
	}
	return keys
}

// fill puts keys into bucket "bucket", which it makes where it is missing.
func fill(t *testing.T, endpoint string, keys map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1",
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s3Key, SecretAccessKey: s3Secret}, nil
		})})
	bucket := aws.String(mockfm.Bucket)
	if _, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket}); err != nil {
		if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
			t.Fatal(err)
		}
	}
	var g errgroup.Group
	g.SetLimit(4)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		g.Go(func() error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &k, Body: strings.NewReader(keys[k])})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// sameDates gives the files of a server over dir the dates of a listing.
func sameDates(t *testing.T, dir, listing string) {
	t.Helper()
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(listing), "\n")
	for _, line := range lines {
		at, err := time.ParseInLocation(time.DateTime, line[:19], ny)
		if err == nil {
			err = os.Chtimes(filepath.Join(dir, mockfm.Bucket, line[31:]), at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// An S3 server of other people, and the real aws command, agree with ground
// and with mockfm's bucket: the same listing, the same bytes, the same
// verdicts.
func TestOtherPeoplesS3(t *testing.T) {
	t.Parallel()
	awsCommand := peer(t, "aws")
	theirs, dir := versity(t)
	m := mockfm.New(mockfm.Config{Token: token, State: t.TempDir(), Sandbox: "plain"})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	keys := cameDown()
	fill(t, m.S3URL(), keys)
	fill(t, theirs, keys)

	do := func(endpoint, secret string, want int, name string, args ...string) (stdout, stderr string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = s3Env(endpoint, secret)
		var out, complaint bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaint
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("%s %q at %s: got exit %d, want %d\n%s", name, args, endpoint, got, want, &complaint)
		}
		return out.String(), complaint.String()
	}
	const place = "s3://" + mockfm.Bucket + "/a/dir"
	ours, _ := do(m.S3URL(), s3Secret, 0, awsCommand, "s3", "ls", "--recursive", place)
	sameDates(t, dir, ours)
	if got := strings.Count(ours, "\n"); got != len(keys)-1 { // a/ does not begin with a/dir
		t.Errorf("aws lists %d keys of mockfm's bucket, want %d", got, len(keys)-1)
	}
	listing, _ := do(theirs, s3Secret, 0, awsCommand, "s3", "ls", "--recursive", place)
	if d := cmp.Diff(ours, listing); d != "" {
		t.Errorf("aws s3 ls (-mockfm +versitygw):\n%s", d)
	}
	const missing = 4 // run none is the worst
	reviewOurs, _ := do(m.S3URL(), s3Secret, missing, "ground", "review", place)
	reviewTheirs, _ := do(theirs, s3Secret, missing, "ground", "review", place)
	if d := cmp.Diff(reviewOurs, reviewTheirs); d != "" {
		t.Errorf("ground review (-mockfm +versitygw):\n%s", d)
	}
	verdicts, same := strings.CutPrefix(reviewTheirs, listing)
	if !same {
		t.Errorf("ground review does not begin with the listing of aws:\n%s", cmp.Diff(listing, reviewTheirs))
	}
	for _, want := range []string{"SATELLITE  START", "run whole on FM1: DELIVERED", "run cut on FM1: PARTIAL", "run none on FM1: MISSING"} {
		if !strings.Contains(verdicts, want) {
			t.Errorf("review lacks %q:\n%s", want, verdicts)
		}
	}
	for _, endpoint := range []string{m.S3URL(), theirs} {
		to := t.TempDir()
		do(endpoint, s3Secret, 0, awsCommand, "s3", "cp", "--recursive", "--only-show-errors", "s3://"+mockfm.Bucket, to)
		for k, want := range keys {
			if strings.HasSuffix(k, "/") {
				continue // a date folder has no bytes, and aws leaves it out
			}
			if got, err := os.ReadFile(filepath.Join(to, k)); err != nil || string(got) != want {
				t.Errorf("aws s3 cp from %s: %s: got %d bytes %v, want the %d that were put", endpoint, k, len(got), err, len(want))
			}
		}
	}
	// Both ways to the desk bring the same bytes; a part is named as one, and a
	// second time nothing is brought.
	for _, endpoint := range []string{m.S3URL(), theirs} {
		to := t.TempDir()
		for _, want := range []string{"fetched: ", "here already: "} {
			got, _ := do(endpoint, s3Secret, missing, "ground", "get", place, to)
			for _, line := range []string{want + to + "/whole/whole, 3,500,000 bytes, sha256 as in the receipt, whole", want + to + "/cut/cut.part, 1,000 bytes, sha256 as in the receipt, a part of the file only", "missing: none of run none: nothing came: because", "and 1,005 more were not brought; ground review names them"} {
				if !strings.Contains(got, line) {
					t.Errorf("ground get from %s lacks %q:\n%s", endpoint, line, got)
				}
			}
		}
		const at = "a/directory/FM1/downlink/2026/11/23/20261123T060000Z_"
		for file, key := range map[string]string{"whole/whole": "whole", "cut/cut.part": "cut.part", "whole/whole.receipt.json": "whole.receipt.json"} {
			if got, err := os.ReadFile(filepath.Join(to, file)); err != nil || string(got) != keys[at+key] {
				t.Errorf("%s: %d bytes, %v", file, len(got), err)
			}
		}
	}
	// What mockfm's bucket cannot tell, since it takes any signature.
	if _, why := do(theirs, "wrong", 1, "ground", "review", place); !strings.Contains(why, "may not be read with these AWS settings (SignatureDoesNotMatch)") {
		t.Errorf("wrong secret: got %q", why)
	}
}
