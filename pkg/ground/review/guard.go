package review

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"payload-ipc/pkg/ground/tasking"
)

// errSilent is a server that says nothing for so long that it is given up.
var errSilent = errors.New("the server is silent")

// notListing is an answer that is no listing of a bucket.
type notListing struct{ what string }

func (e *notListing) Error() string { return "the answer is no listing of a bucket but " + e.what }

const (
	maxListing = 64 << 20 // bytes of one page; 1,000 keys of 1,024 bytes are far below
	pageLimit  = 4        // times the silence, for all of a page
	maxSilent  = 4        // calls that end in silence before no further one is made
)

// forever is the limit of an object, which may be large and the line slow.
const forever = 24 * time.Hour

// guard is the HTTP client below the SDK. It ends what says nothing any more,
// and lets through as a listing only what is one.
type guard struct {
	next    *awshttp.BuildableClient
	silence time.Duration
	silent  atomic.Int64 // calls in a row that ended so
}

func newGuard(silence time.Duration) *guard {
	c := awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = silence })
	return &guard{next: c.WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = silence }), silence: silence}
}

// Do sends one request.
func (g *guard) Do(r *http.Request) (*http.Response, error) {
	if g.silent.Load() >= maxSilent {
		return nil, fmt.Errorf("%w: not asked any more", errSilent)
	}
	limit := forever
	list := r.URL.Query().Get("list-type") != ""
	if list { // a page is small: one that trickles is as good as silent
		limit = pageLimit * g.silence
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	resp, err := g.next.Do(r.WithContext(ctx))
	if err != nil {
		cancel()
		if ne := (net.Error)(nil); errors.As(err, &ne) && ne.Timeout() && r.Context().Err() == nil {
			g.silent.Add(1)
			return nil, fmt.Errorf("%w: nothing came within %s", errSilent, tasking.Span(g.silence))
		}
		return nil, err
	}
	resp.Body = g.watch(r.Context(), resp.Body, cancel)
	good := resp.StatusCode/100 == 2
	if good && !list {
		return resp, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxListing))
	resp.Body.Close()
	if err != nil && ctx.Err() != nil && r.Context().Err() == nil {
		g.silent.Add(1)
		return nil, fmt.Errorf("%w, or nearly so", errSilent)
	}
	if err != nil {
		return nil, err
	}
	if body = legalXML(body); good {
		if err := listing(body); err != nil {
			return nil, err
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// body is an answer's, which ends when nothing comes for the time of silence.
type body struct {
	io.ReadCloser
	g      *guard
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	late   atomic.Bool
}

func (g *guard) watch(ctx context.Context, rc io.ReadCloser, cancel context.CancelFunc) io.ReadCloser {
	b := &body{ReadCloser: rc, g: g, ctx: ctx, cancel: cancel}
	b.timer = time.AfterFunc(g.silence, func() {
		b.late.Store(true)
		cancel()
	})
	return b
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.timer.Reset(b.g.silence)
	switch {
	case err != nil && err != io.EOF && b.late.Load() && b.ctx.Err() == nil:
		b.g.silent.Add(1)
		return n, fmt.Errorf("%w: nothing more came within %s", errSilent, tasking.Span(b.g.silence))
	case err == io.EOF:
		b.g.silent.Store(0)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	defer b.cancel()
	return b.ReadCloser.Close()
}

// listing checks that data is a page of a listing, whole: the SDK takes any
// document, and even none, for an empty one.
func listing(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return &notListing{"nothing"}
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	depth, root := 0, ""
	for {
		t, err := d.Token()
		if err == io.EOF && root != "" {
			return nil
		}
		if err != nil {
			return &notListing{tasking.Describe(data)}
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 && (root != "" || t.Name.Local != "ListBucketResult") {
				return &notListing{tasking.Describe(data)}
			}
			root = t.Name.Local
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

var charRef = regexp.MustCompile(`&#(x[0-9a-fA-F]+|[0-9]+);`)

// legalXML makes U+FFFD of what XML has no form for, which a server may have put
// into a key or a message: one such character would hide the whole answer.
func legalXML(data []byte) []byte {
	legal := func(r rune) bool {
		return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r != 0xfffe && r != 0xffff
	}
	text := strings.Map(func(r rune) rune {
		if !legal(r) {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(string(data), "�"))
	return []byte(charRef.ReplaceAllStringFunc(text, func(ref string) string {
		digits, base := ref[2:len(ref)-1], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		if n, err := strconv.ParseInt(digits, base, 32); err != nil || !legal(rune(n)) {
			return "�"
		}
		return ref
	}))
}
