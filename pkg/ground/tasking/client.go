// Package tasking speaks the satellites' Tasking API and alone knows its JSON.
//
// The API has no call that schedules a pair and no idempotency key, so a POST
// whose answer is lost may or may not have happened. CreateWindow and Upload
// therefore look before every second try, for as long as a listing may be
// behind, and say with Error.Lost when they could not find out. Everything that the API documentation leaves open is
// tolerated here, or is one constant with a comment (docs/platform.md).
package tasking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultAPI is the operator's endpoint; the calls are below its /tasking.
const DefaultAPI = "https://api.orb.spire.com"

const (
	maxAnswer = 32 << 20 // bytes of a good answer; a fleet's listing is far below
	maxError  = 64 << 10 // bytes read of an error's body; 300 are shown
)

// Client calls the API. API and Token must be set; zero durations mean the
// defaults told beside them. It may be used by many goroutines.
type Client struct {
	API   string // base URL, "/tasking/..." is appended
	Token string // sent as a bearer token, never anywhere else

	HTTP     *http.Client  // nil: one of its own, which follows no redirect
	Try      time.Duration // limit of one try, and of silence in an upload; 30 s
	Patience time.Duration // limit of one call with all its tries; 2 min
	MinWait  time.Duration // first wait between tries; 500 ms
	MaxWait  time.Duration // longest wait between tries; 15 s

	// Lag is how far the API's listings may be behind what it did. A call whose
	// answer was lost stays possible until a listing has shown its effect, or
	// this time has passed without. 15 s
	Lag time.Duration

	// OnRetry is told of every failed try that will be repeated.
	OnRetry func(err *Error, wait time.Duration)

	// Notice is told once of each thing about the API that the user should
	// know: a clock that is not believed, an answer out of a cache.
	Notice func(text string)

	once sync.Once
	http *http.Client

	clock clock
}

func or(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

func (c *Client) try() time.Duration      { return or(c.Try, 30*time.Second) }
func (c *Client) patience() time.Duration { return or(c.Patience, 2*time.Minute) }

// ListingLag is Lag, or its default.
func (c *Client) ListingLag() time.Duration { return or(c.Lag, 15*time.Second) }

func (c *Client) client() *http.Client {
	c.once.Do(func() {
		c.http = c.HTTP
		if c.http == nil {
			tr := http.DefaultTransport.(*http.Transport).Clone()
			tr.MaxIdleConnsPerHost = 16
			c.http = &http.Client{
				Transport: tr,
				// A redirect would turn a POST into a GET, or carry the token to
				// another place: it is an answer like any other, and shown.
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
		}
	})
	return c.http
}

// request is one call, ready to be sent any number of times.
type request struct {
	method, path string
	query        url.Values
	ctype        string
	size         int64
	body         func() (io.ReadCloser, error) // nil: no body
	stalled      time.Duration                 // > 0: the limit is silence, not the whole
}

func (r request) call() string { return r.method + " /tasking/" + r.path }

// send makes one try and returns the body of a good answer. Its error is an
// *Error or the context's.
func (c *Client) send(ctx context.Context, r request) ([]byte, error) {
	fail := func(e Error) error { e.Call = r.call(); return &e }

	// The limit of a try: the whole of it, or for a large body its silence.
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := time.AfterFunc(c.try(), cancel)
	defer limit.Stop()

	var body io.ReadCloser
	if r.body != nil {
		b, err := r.body()
		if err != nil {
			return nil, fail(Error{Err: err, fatal: true})
		}
		body = b
		if r.stalled > 0 {
			body = &watched{ReadCloser: b, moved: func() { limit.Reset(r.stalled) }}
		}
	}
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
	})
	target := strings.TrimRight(c.API, "/") + "/tasking/" + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(traced, r.method, target, body)
	if err != nil {
		return nil, fail(Error{Err: errors.New("the API address cannot be used; give --api as https://HOST"), fatal: true})
	}
	if body != nil {
		req.ContentLength = r.size
		req.Header.Set("Content-Type", r.ctype)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "payload-ipc-ground")
	// A cache on the way must ask the API again (RFC 9111 section 5.2.1.4): an old
	// listing lacks what was sent since, which would be sent once more.
	req.Header.Set("Cache-Control", "no-cache")

	resp, err := c.client().Do(req)
	if err != nil {
		if outer.Err() != nil {
			return nil, fail(Error{Err: outer.Err(), Lost: sent.Load(), fatal: true})
		}
		return nil, fail(Error{Err: c.network(err, ctx), Lost: sent.Load()})
	}
	defer resp.Body.Close()
	c.learn(r, resp.Header)

	good := resp.StatusCode/100 == 2
	max := int64(maxError)
	if good {
		max = maxAnswer
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	if !good {
		return nil, fail(Error{
			Status: resp.StatusCode,
			Body:   c.show(data),
			page:   isPage(string(data)),
			Lost:   resp.StatusCode >= 500 || resp.StatusCode == http.StatusRequestTimeout,
			after:  retryAfter(resp.Header),
		})
	}
	switch {
	case outer.Err() != nil && err != nil:
		return nil, fail(Error{Err: outer.Err(), Lost: true, fatal: true})
	case err != nil:
		return nil, fail(Error{Err: fmt.Errorf("the answer broke off: %w", c.network(err, ctx)), Lost: true})
	case int64(len(data)) > max:
		return nil, fail(Error{Err: fmt.Errorf("the answer is longer than %d MB", maxAnswer>>20), Lost: true, fatal: true})
	}
	return data, nil
}

// network turns what net/http says into one short cause, without the URL.
func (c *Client) network(err error, try context.Context) error {
	if try.Err() != nil {
		return fmt.Errorf("no answer within %s", Span(c.try()))
	}
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Errorf("the name %s cannot be resolved", dns.Name)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection was closed without an answer")
	}
	return errors.New(c.hide(err.Error()))
}

// watched tells when bytes move.
type watched struct {
	io.ReadCloser
	moved func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.moved()
	return n, err
}
