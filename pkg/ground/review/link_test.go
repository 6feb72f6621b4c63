package review

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Where an object is, by the settings that the AWS CLI uses.
func TestURL(t *testing.T) {
	for _, c := range []struct {
		bucket, region, endpoint, want string
	}{
		{"bucket", "us-east-1", "", "https://bucket.s3.us-east-1.amazonaws.com/a/ke%20y%23%3F%25.log"},
		{"my.bucket", "eu-west-1", "", "https://s3.eu-west-1.amazonaws.com/my.bucket/a/ke%20y%23%3F%25.log"},
		{"bucket", "cn-north-1", "", "https://bucket.s3.cn-north-1.amazonaws.com.cn/a/ke%20y%23%3F%25.log"},
		{"bucket", "us-east-1", "http://127.0.0.1:8601", "http://127.0.0.1:8601/bucket/a/ke%20y%23%3F%25.log"},
		{"bucket", "us-east-1", "https://user:secret@host/s3/", "https://host/s3/bucket/a/ke%20y%23%3F%25.log"},
	} {
		b := &Bucket{Name: c.bucket}
		b.connect(aws.Config{Region: c.region}, c.endpoint)
		if got := b.URL("a/ke y#?%.log"); got != c.want {
			t.Errorf("%s in %s at %q: got %s, want %s", c.bucket, c.region, c.endpoint, got, c.want)
		}
	}
}
