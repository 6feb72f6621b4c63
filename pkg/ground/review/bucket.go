// Package review looks at what came down: it lists the bucket as the AWS CLI
// does, pairs files with their receipts, checks size and digest, and gives each
// run a verdict.
package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Object is one key of a bucket.
type Object struct {
	Key      string    `json:"key"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// Line is o as "aws s3 ls --recursive" prints it, with its time in loc (the
// CLI's is the local one).
func (o Object) Line(loc *time.Location) string {
	return fmt.Sprintf("%s %10d %s", o.Modified.In(loc).Format("2006-01-02 15:04:05"), o.Size, o.Key)
}

// Bucket is one S3 bucket, read only.
type Bucket struct {
	Name   string
	Prefix string
	client *s3.Client
}

// ParseURL splits s3://BUCKET/PREFIX. The prefix is any beginning of keys, as
// for the AWS CLI.
func ParseURL(s string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("%q is not a place in S3; give s3://BUCKET/PREFIX", s)
	}
	return bucket, prefix, nil
}

// Open makes the way to a bucket with the settings that the AWS CLI uses:
// environment, profile, shared files, custom endpoint; endpoint overrides the
// latter. A custom endpoint is addressed by path, since names below it rarely
// resolve.
func Open(ctx context.Context, name, prefix, endpoint string) (*Bucket, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // as the CLI does for S3
	}
	b := &Bucket{Name: name, Prefix: prefix}
	b.connect(cfg, endpoint)
	// A bucket elsewhere answers with a redirect that names its region.
	if _, err = b.page(ctx, nil, 1); err != nil {
		var r *awshttp.ResponseError
		if errors.As(err, &r) && r.HTTPStatusCode() == http.StatusMovedPermanently {
			if region := r.HTTPResponse().Header.Get("X-Amz-Bucket-Region"); region != "" {
				cfg.Region = region
				b.connect(cfg, endpoint)
				return b, nil
			}
		}
		return nil, b.explain(err)
	}
	return b, nil
}

func (b *Bucket) connect(cfg aws.Config, endpoint string) {
	b.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		o.UsePathStyle = o.BaseEndpoint != nil
		// Receipts hold the digest that counts; many S3 servers give none.
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
}

func (b *Bucket) page(ctx context.Context, after *string, n int32) (*s3.ListObjectsV2Output, error) {
	return b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &b.Name, Prefix: &b.Prefix, ContinuationToken: after, MaxKeys: &n,
	})
}

// List lists the keys below the prefix, in the bucket's order.
func (b *Bucket) List(ctx context.Context) ([]Object, error) {
	var out []Object
	var after *string
	for {
		p, err := b.page(ctx, after, 1000)
		if err != nil {
			return nil, b.explain(err)
		}
		for _, o := range p.Contents {
			out = append(out, Object{aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToTime(o.LastModified)})
		}
		if !aws.ToBool(p.IsTruncated) || p.NextContinuationToken == nil {
			return out, nil
		}
		after = p.NextContinuationToken
	}
}

// Get opens an object's bytes.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return nil, b.explain(err)
	}
	return o.Body, nil
}

// explain makes one sentence of what the SDK says.
func (b *Bucket) explain(err error) error {
	var api smithy.APIError
	var missing *types.NoSuchBucket
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("there is no bucket %s; check the name and the endpoint", b.Name)
	case errors.As(err, &api):
		switch api.ErrorCode() {
		case "NoSuchBucket":
			return fmt.Errorf("there is no bucket %s; check the name and the endpoint", b.Name)
		case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken":
			return fmt.Errorf("bucket %s may not be read with these AWS settings (%s); check AWS_PROFILE or the keys", b.Name, api.ErrorCode())
		}
		return fmt.Errorf("bucket %s: %s: %s", b.Name, api.ErrorCode(), api.ErrorMessage())
	}
	s := err.Error()
	if strings.Contains(s, "get credentials") || strings.Contains(s, "refresh cached credentials") {
		return errors.New("no AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	var r *awshttp.ResponseError
	if errors.As(err, &r) && r.HTTPStatusCode() > 0 {
		return fmt.Errorf("bucket %s: the S3 server answered %d; check the endpoint", b.Name, r.HTTPStatusCode())
	}
	for _, cut := range []string{"exceeded maximum number of attempts, ", "request send failed, ", "\": "} {
		if i := strings.LastIndex(s, cut); i >= 0 {
			s = s[i+len(cut):]
		}
	}
	return fmt.Errorf("bucket %s cannot be reached: %s; check AWS_ENDPOINT_URL", b.Name, s)
}
