// Package review looks at what came down: it lists the bucket as the AWS CLI
// does, pairs files with their receipts, checks size and digest, and gives each
// run a verdict. One object that cannot be read hides no other, and absence is
// a fact only where the listing was whole.
package review

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"

	"payload-ipc/pkg/ground/plan"
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

// Listing is what a bucket holds below the prefix, as far as the server told.
type Listing struct {
	Objects []Object
	Cut     string // why it is not whole; "" if it is
}

// Bucket is one S3 bucket, read only.
type Bucket struct {
	Name   string
	Prefix string

	client *s3.Client
	guard  *guard
}

// Silence is how long a server may say nothing, before a head or in a body.
const Silence = 15 * time.Second

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
// resolve. silence is how long the server may say nothing; 0 is Silence.
func Open(ctx context.Context, name, prefix, endpoint string, silence time.Duration) (*Bucket, error) {
	if silence <= 0 {
		silence = Silence
	}
	b := &Bucket{Name: name, Prefix: prefix, guard: newGuard(silence)}
	// The SDK's logger would speak before us, and of credentials it did not find.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	cfg.HTTPClient = b.guard
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // as the CLI does for S3
	}
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

// page asks for one page of the listing. Its keys come escaped as in a URL: XML
// has no form for most control characters, which a key may well have.
func (b *Bucket) page(ctx context.Context, after *string, n int32) (*s3.ListObjectsV2Output, error) {
	p, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &b.Name, Prefix: &b.Prefix, ContinuationToken: after, MaxKeys: &n, EncodingType: types.EncodingTypeUrl,
	})
	if err == nil && p.EncodingType == types.EncodingTypeUrl {
		for i, o := range p.Contents {
			if key, err := url.QueryUnescape(aws.ToString(o.Key)); err == nil {
				p.Contents[i].Key = &key
			}
		}
	}
	return p, err
}

// emptyPages is how many pages without a new key may follow each other.
const emptyPages = 100

// List lists the keys below the prefix, in the bucket's order. The error is for
// a listing that does not even begin; one that breaks off is Cut.
func (b *Bucket) List(ctx context.Context) (Listing, error) {
	var out Listing
	var after *string
	tokens, keys := map[string]bool{}, map[string]bool{}
	empty := 0
	for {
		p, err := b.page(ctx, after, 1000)
		switch {
		case err != nil && after == nil:
			return out, b.explain(err)
		case err != nil:
			out.Cut = fmt.Sprintf("after %s keys: %v", plan.Grouped(int64(len(keys))), b.explain(err))
			return out, nil
		}
		before := len(keys)
		for _, o := range p.Contents {
			key := aws.ToString(o.Key)
			if !strings.HasPrefix(key, b.Prefix) {
				out.Cut = "the answer is of another place: it lists keys that do not begin with the prefix"
				continue
			}
			if !keys[key] {
				keys[key] = true
				out.Objects = append(out.Objects, Object{key, aws.ToInt64(o.Size), aws.ToTime(o.LastModified)})
			}
		}
		if !aws.ToBool(p.IsTruncated) {
			return out, nil
		}
		if empty++; len(keys) > before {
			empty = 0
		}
		after = p.NextContinuationToken
		switch token := aws.ToString(after); {
		case token == "":
			out.Cut = fmt.Sprintf("after %s keys the server says that there are more, but not how to ask for them", plan.Grouped(int64(len(keys))))
			return out, nil
		case tokens[token]:
			out.Cut = fmt.Sprintf("after %s keys the server goes round in a circle", plan.Grouped(int64(len(keys))))
			return out, nil
		case empty == emptyPages:
			out.Cut = fmt.Sprintf("after %s keys came %d pages without a new one", plan.Grouped(int64(len(keys))), emptyPages)
			return out, nil
		default:
			tokens[token] = true
		}
	}
}
