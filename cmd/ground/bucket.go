package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/review"
)

// bucketAccess is how a verb reaches the bucket, and what of it matters.
type bucketAccess struct {
	endpoint string
	silence  time.Duration
	json     bool
	choice   review.Choice
}

func (a *bucketAccess) flags(c *cobra.Command) {
	section(c, "Which runs", func(fs *pflag.FlagSet) {
		fs.StringVar(&a.choice.Run, "run", "", "this run only, by its `ID`")
		fs.BoolVar(&a.choice.Latest, "latest", false, "the last run of each satellite only")
	})
	section(c, "The bucket", func(fs *pflag.FlagSet) {
		fs.StringVar(&a.endpoint, "endpoint", "", "`URL` of the S3 server (default: the AWS settings, such as AWS_ENDPOINT_URL)")
		fs.DurationVar(&a.silence, "silence", review.Silence, "how long the server may say nothing")
		fs.String("api", "", "not used: the bucket alone is asked") // all verbs take it
	})
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&a.json, "json", false, "print the result as JSON")
	})
}

// list opens the bucket of a place, s3://BUCKET/PREFIX, and lists it.
func (a *bucketAccess) list(ctx context.Context, place string) (*review.Bucket, review.Listing, error) {
	bucket, prefix, err := review.ParseURL(place)
	if err != nil {
		return nil, review.Listing{}, wrong("%v", err)
	}
	if a.silence <= 0 {
		return nil, review.Listing{}, wrong("--silence must be above zero")
	}
	b, err := review.Open(ctx, bucket, prefix, a.endpoint, a.silence)
	if err != nil {
		return nil, review.Listing{}, err
	}
	l, err := b.List(ctx)
	return b, l, err
}
