package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"payload-ipc/pkg/ground/tasking"
)

// Unread is an object that is listed and cannot be read.
type Unread struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

func (u *Unread) Error() string { return u.Key + " cannot be read: " + u.Why }

// readTries is how often a body that breaks off is begun again.
const readTries = 3

// Read gives an object's bytes to take, from the beginning and as often as it
// takes to get to their end; fewer than size, as it was listed, are not all. The
// error is an *Unread, the context's, or take's.
func (b *Bucket) Read(ctx context.Context, key string, size int64, take func(io.Reader) error) error {
	var err error
	for range readTries {
		var o *s3.GetObjectOutput
		if o, err = b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key}); err != nil {
			break
		}
		var broken error
		var got int64
		err = take(readerFunc(func(p []byte) (int, error) {
			n, err := o.Body.Read(p)
			got += int64(n)
			if err == io.EOF && got < size {
				err = io.ErrUnexpectedEOF // a proxy that closes early, and told no length
			}
			if err != nil && err != io.EOF {
				broken = err
			}
			return n, err
		}))
		o.Body.Close()
		if broken == nil {
			return err
		}
		if err = broken; errors.Is(err, errSilent) || ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Unread{key, explainObject(err)}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// bytes reads at most limit bytes of an object.
func (b *Bucket) bytes(ctx context.Context, f file, limit int64) (data []byte, err error) {
	err = b.Read(ctx, f.Key, f.Size, func(r io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(r, limit))
		return err
	})
	return data, err
}

// sum is an object's SHA-256, in hex.
func (b *Bucket) sum(ctx context.Context, f file) (string, error) {
	h := sha256.New()
	err := b.Read(ctx, f.Key, f.Size, func(r io.Reader) error {
		h.Reset()
		_, err := io.Copy(h, r)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// explainObject says in a few words why an object cannot be read.
func explainObject(err error) string {
	var api smithy.APIError
	var r *awshttp.ResponseError
	switch {
	case errors.Is(err, errSilent):
		return errSilent.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("it broke off in the middle, %d times", readTries)
	case errors.As(err, &api):
		switch code := api.ErrorCode(); code {
		case "InvalidObjectState":
			return "it is archived (InvalidObjectState); restore it, and look again"
		case "NoSuchKey", "NotFound":
			return "it was deleted since the listing (" + code + ")"
		case "AccessDenied", "Forbidden":
			return "these AWS settings may not read it, or not its encryption key (" + code + ")"
		default:
			return shown(code + ": " + api.ErrorMessage())
		}
	case errors.As(err, &r) && r.HTTPStatusCode() > 0:
		return fmt.Sprintf("the S3 server answered %d", r.HTTPStatusCode())
	}
	return shown(last(err.Error()))
}

// shown makes foreign text fit for one line.
func shown(s string) string { return tasking.Describe([]byte(strings.TrimSuffix(s, ": "))) }

// last is the innermost cause in what the SDK says.
func last(s string) string {
	for _, cut := range []string{"exceeded maximum number of attempts, ", "request send failed, ", "\": "} {
		if i := strings.LastIndex(s, cut); i >= 0 {
			s = s[i+len(cut):]
		}
	}
	return s
}

// explain makes one sentence of what the SDK says about the bucket.
func (b *Bucket) explain(err error) error {
	var api smithy.APIError
	var missing *types.NoSuchBucket
	var not *notListing
	var r *awshttp.ResponseError
	status := 0
	if errors.As(err, &r) {
		status = r.HTTPStatusCode()
	}
	switch {
	case errors.As(err, &not):
		return fmt.Errorf("bucket %s: %w; check the endpoint", b.Name, not)
	case errors.Is(err, errSilent):
		return fmt.Errorf("bucket %s: the server says nothing for %s; check the endpoint, or give --silence more", b.Name, tasking.Span(b.guard.silence))
	case errors.As(err, &missing):
		return fmt.Errorf("there is no bucket %s; check the name and the endpoint", b.Name)
	case errors.As(err, &api):
		switch api.ErrorCode() {
		case "NoSuchBucket":
			return fmt.Errorf("there is no bucket %s; check the name and the endpoint", b.Name)
		case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken":
			return fmt.Errorf("bucket %s may not be read with these AWS settings (%s); check AWS_PROFILE or the keys", b.Name, api.ErrorCode())
		}
		if api.ErrorMessage() == http.StatusText(status) { // the answer is none of S3's, and this the SDK's word
			return fmt.Errorf("bucket %s: the S3 server answered %d; check the endpoint", b.Name, status)
		}
		return fmt.Errorf("bucket %s: %s; check the region and the endpoint", b.Name, shown(api.ErrorCode()+": "+api.ErrorMessage()))
	}
	s := err.Error()
	if strings.Contains(s, "get credentials") || strings.Contains(s, "refresh cached credentials") {
		return errors.New("no AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if status > 0 {
		return fmt.Errorf("bucket %s: the S3 server answered %d; check the endpoint", b.Name, status)
	}
	return fmt.Errorf("bucket %s cannot be reached: %s; check AWS_ENDPOINT_URL", b.Name, shown(last(s)))
}
