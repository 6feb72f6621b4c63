package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/review"
)

// bucketAccess is how a verb reaches the bucket, and what of it matters.
type bucketAccess struct {
	bucket   string // s3://BUCKET/PREFIX where none is an argument
	endpoint string
	silence  time.Duration
	json     bool
	choice   review.Choice
}

func (a *bucketAccess) flags(c *cobra.Command, io *stdio) {
	section(c, "Which runs", func(fs *pflag.FlagSet) {
		fs.StringVar(&a.choice.Run, "run", "", "this run only, by its `ID`")
		fs.BoolVar(&a.choice.Latest, "latest", false, "the last run of each satellite only")
	})
	section(c, "The bucket", func(fs *pflag.FlagSet) {
		fs.StringVar(&a.endpoint, "endpoint", "", "`URL` of the S3 server (default: the AWS settings, such as AWS_ENDPOINT_URL)")
		fs.DurationVar(&a.silence, "silence", review.Silence, "how long the server may say nothing")
	})
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&a.json, "json", false, "print the result as JSON")
	})
	hiddenSetting(c, func(fs *pflag.FlagSet) {
		fs.StringVar(&a.bucket, "bucket", "", "`s3://BUCKET/PREFIX` where none is given")
		fs.String("api", defaultAPI(io), "not used: the bucket alone is asked") // all verbs take it
	})
	withSettings(c, io)
	io.checked(c, a.check)
}

// check refuses what is no run's name, no server and no place.
func (a *bucketAccess) check() error {
	if a.choice.Run != "" {
		if err := checkRun(a.choice.Run); err != nil {
			return err
		}
	}
	if u, err := url.Parse(a.endpoint); a.endpoint != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return wrong("--endpoint: not the address of a server; give it as https://HOST")
	}
	if a.silence <= 0 {
		return wrong("--silence: %v is not above zero", a.silence)
	}
	if a.bucket == "" {
		return nil
	}
	if _, _, err := review.ParseURL(a.bucket); err != nil {
		return wrong("--bucket: %v", err)
	}
	return nil
}

// place takes s3://BUCKET/PREFIX off the arguments, or has it from the user's
// files.
func (a *bucketAccess) place(args []string) (place string, rest []string, err error) {
	switch {
	case len(args) > 0 && (strings.HasPrefix(args[0], "s3:") || a.bucket == ""):
		return args[0], args[1:], nil
	case a.bucket != "":
		return a.bucket, args, nil
	}
	return "", nil, wrong("give a place, s3://BUCKET/PREFIX, or set bucket in a file (ground config)")
}

// list opens the bucket of a place, s3://BUCKET/PREFIX, and lists it.
func (a *bucketAccess) list(ctx context.Context, place string) (*review.Bucket, review.Listing, error) {
	bucket, prefix, err := review.ParseURL(place)
	if err != nil {
		return nil, review.Listing{}, wrong("%v", err)
	}
	if err := a.check(); err != nil {
		return nil, review.Listing{}, err
	}
	b, err := review.Open(ctx, bucket, prefix, a.endpoint, a.silence)
	if err != nil {
		return nil, review.Listing{}, err
	}
	l, err := b.List(ctx)
	return b, l, err
}
