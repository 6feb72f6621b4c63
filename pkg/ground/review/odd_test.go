package review

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An odd bucket is a hand-written S3 server in which one thing is wrong.
type odd struct {
	keys    map[string]string
	get     map[string]http.HandlerFunc // in the place of an object
	list    func(page int, q url.Values) (body string, status int)
	noCodec bool // does not know encoding-type

	mu    sync.Mutex // review reads many objects at once
	pages int
}

func (o *odd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("list-type") != "" {
		o.mu.Lock()
		o.pages++
		page := o.pages
		o.mu.Unlock()
		body, status := "", 200
		if o.list != nil {
			body, status = o.list(page, r.URL.Query())
		}
		if body == "" && status == 200 {
			body = o.listing(slices.Sorted(mapsKeys(o.keys)), "", r.URL.Query())
		}
		if status == 0 {
			<-r.Context().Done() // silent
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	if h := o.get[key]; h != nil {
		h(w, r)
		return
	}
	body, ok := o.keys[key]
	if !ok {
		w.WriteHeader(404)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>`)
		return
	}
	fmt.Fprint(w, body)
}

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// listing is one page with the keys, truncated if there is more to say.
func (o *odd) listing(keys []string, more string, q url.Values) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>`)
	coded := q.Get("encoding-type") == "url" && !o.noCodec
	if coded {
		b.WriteString("<EncodingType>url</EncodingType>")
	}
	for _, k := range keys {
		shown := k
		if coded {
			shown = url.QueryEscape(k)
		} else {
			var e strings.Builder
			xml.EscapeText(&e, []byte(k))
			shown = strings.ReplaceAll(e.String(), "�", "&#x1;")
		}
		fmt.Fprintf(&b, `<Contents><Key>%s</Key><Size>%d</Size><LastModified>2026-11-23T05:00:00.000Z</LastModified></Contents>`, shown, len(o.keys[k]))
	}
	fmt.Fprintf(&b, `<IsTruncated>%v</IsTruncated>%s</ListBucketResult>`, more != "", strings.TrimSpace(more))
	return b.String()
}

const s1 = "20261123T043229Z_"

// twoRuns is what is delivered by two runs, each with a log.
func twoRuns() map[string]string {
	keys := map[string]string{dir: ""}
	for _, n := range []string{"a", "b"} {
		keys[dir+s1+n] = "content of " + n
		keys[dir+s1+n+receiptSuffix] = receipt("run-"+n, n, "complete", "content of "+n)
	}
	keys[dir+s1+"sdr-serve.log"] = `{"level":"info","time":"2026-11-23T04:30:40.000Z","message":"serving"}`
	return keys
}

func serveOdd(t *testing.T, o *odd) {
	t.Helper()
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "2",
		"AWS_ENDPOINT_URL": s.URL, "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "", "AWS_ENDPOINT_URL_S3": "",
	} {
		t.Setenv(k, v)
		if v == "" {
			os.Unsetenv(k)
		}
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) }
}

func s3Error(status int, code string) http.HandlerFunc {
	return answer(status, "<?xml version=\"1.0\"?><Error><Code>"+code+"</Code><Message>because \x1b[31m</Message></Error>")
}

// cut sends half of the body that it announces, the first n times.
func cut(n int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if n--; n < 0 {
			fmt.Fprint(w, body)
			return
		}
		fmt.Fprint(w, body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// short sends half of it as if that were all, the first n times.
func short(n int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n--; n < 0 {
			fmt.Fprint(w, body)
			return
		}
		fmt.Fprint(w, body[:len(body)/2])
	}
}

func silent(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func mute(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// One object that cannot be read is named with its key and why, and hides no
// other run.
func TestOneOddObject(t *testing.T) {
	fileA, receiptA, log := dir+s1+"a", dir+s1+"a"+receiptSuffix, dir+s1+"sdr-serve.log"
	for _, tt := range []struct {
		name  string
		key   string
		get   http.HandlerFunc
		a     Verdict // of run-a; -1: it is not there
		why   string  // in Unread; "": everything could be read
		total Verdict
	}{
		{"archived", fileA, s3Error(403, "InvalidObjectState"), Partial, "it is archived", Partial},
		{"deleted since", fileA, s3Error(404, "NoSuchKey"), Partial, "deleted since the listing", Partial},
		{"another's key", fileA, s3Error(403, "AccessDenied"), Partial, "may not read it", Partial},
		{"an unknown error", fileA, s3Error(400, "KMS.Odd"), Partial, "KMS.Odd: because", Partial},
		{"a broken server", fileA, answer(500, "oh"), Partial, "Internal Server Error", Partial},
		{"cut once", fileA, cut(1, "content of a"), Delivered, "", Delivered},
		{"cut always", fileA, cut(99, "content of a"), Partial, "broke off in the middle", Partial},
		{"short once", fileA, short(1, "content of a"), Delivered, "", Delivered},
		{"short always", fileA, short(99, "content of a"), Partial, "broke off in the middle", Partial},
		{"silent in the body", fileA, silent, Partial, "the server is silent", Partial},
		{"silent before the head", fileA, mute, Partial, "the server is silent", Partial},
		{"the receipt archived", receiptA, s3Error(403, "InvalidObjectState"), -1, "it is archived", Partial},
		{"the receipt cut once", receiptA, cut(1, twoRuns()[receiptA]), Delivered, "", Delivered},
		{"the receipt short once", receiptA, short(1, twoRuns()[receiptA]), Delivered, "", Delivered},
		{"the receipt silent", receiptA, silent, -1, "the server is silent", Partial},
		{"the receipt is HTML", receiptA, answer(200, "<html>"+strings.Repeat(" ", 600)), -1, "", Partial},
		{"the log archived", log, s3Error(403, "InvalidObjectState"), Delivered, "it is archived", Delivered},
		{"the log cut always", log, cut(99, "{}{}{}{}"), Delivered, "broke off", Delivered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &odd{keys: twoRuns(), get: map[string]http.HandlerFunc{tt.key: tt.get}}
			serveOdd(t, o)
			rep := reviewAll(t, Choice{})
			verdicts := map[string]Verdict{"run-a": -1, "run-b": -1}
			for _, r := range rep.Runs {
				verdicts[r.ID] = r.Verdict
			}
			if verdicts["run-b"] != Delivered || verdicts["run-a"] != tt.a || rep.Verdict != tt.total {
				t.Errorf("got %v, all %v", verdicts, rep.Verdict)
			}
			if tt.why == "" != (len(rep.Unread) == 0) || tt.why != "" && (rep.Unread[0].Key != tt.key || !strings.Contains(rep.Unread[0].Why, tt.why)) {
				t.Errorf("unread: %+v", rep.Unread)
			}
			if rep := reviewAll(t, Choice{Run: "run-b"}); rep.Verdict != Delivered {
				t.Errorf("run-b by itself: %v", rep.Verdict)
			}
			if rep := reviewAll(t, Choice{Run: "run-c"}); rep.Verdict != map[bool]Verdict{true: Unknown, false: Missing}[tt.a == -1 && tt.why != ""] {
				t.Errorf("a run that is not there: %v", rep.Verdict)
			}
		})
	}
}

// What is no listing is no empty bucket, and what breaks off is not whole.
func TestOddListings(t *testing.T) {
	keys := twoRuns()
	names := slices.Sorted(mapsKeys(keys))
	page := func(o *odd, q url.Values, i int, more string) string {
		if i >= len(names) {
			return o.listing(nil, more, q)
		}
		return o.listing(names[i:i+1], more, q)
	}
	for _, tt := range []struct {
		name string
		list func(o *odd, n int, q url.Values) (string, int)
		err  string // of Open or List; "": there is a report
		cut  string
	}{
		{"an HTML page", func(*odd, int, url.Values) (string, int) {
			return "<!DOCTYPE html><html><title>Sign in</title></html>", 200
		}, "no listing of a bucket but an HTML page titled Sign in", ""},
		{"nothing", func(*odd, int, url.Values) (string, int) { return " \n", 200 }, "but nothing", ""},
		{"204", func(*odd, int, url.Values) (string, int) { return "", 204 }, "but nothing", ""},
		{"JSON", func(*odd, int, url.Values) (string, int) { return `{"a":1}`, 200 }, `but {"a":1}`, ""},
		{"another document", func(*odd, int, url.Values) (string, int) {
			return `<?xml version="1.0"?><ListAllMyBucketsResult/>`, 200
		}, "no listing of a bucket", ""},
		{"an error with 200", func(*odd, int, url.Values) (string, int) { return `<Error><Code>Busy</Code></Error>`, 200 }, "no listing of a bucket", ""},
		{"cut in the middle", func(o *odd, n int, q url.Values) (string, int) {
			return strings.TrimSuffix(page(o, q, 0, ""), "</ListBucketResult>"), 200
		}, "no listing of a bucket", ""},
		{"silent", func(*odd, int, url.Values) (string, int) { return "", 0 }, "says nothing for", ""},
		{"truncated, without a token", func(o *odd, n int, q url.Values) (string, int) { return page(o, q, 0, " "), 200 }, "", "not how to ask"},
		{"the same token again", func(o *odd, n int, q url.Values) (string, int) {
			return page(o, q, min(n-1, 3), "<NextContinuationToken>t</NextContinuationToken>"), 200
		}, "", "in a circle"},
		{"two tokens in turn", func(o *odd, n int, q url.Values) (string, int) {
			return page(o, q, min(n-1, 3), fmt.Sprintf("<NextContinuationToken>t%d</NextContinuationToken>", n%2)), 200
		}, "", "in a circle"},
		{"new tokens, nothing new", func(o *odd, n int, q url.Values) (string, int) {
			return page(o, q, 0, fmt.Sprintf("<NextContinuationToken>t%d</NextContinuationToken>", n)), 200
		}, "", "pages without a new one"},
		{"the second page fails", func(o *odd, n int, q url.Values) (string, int) {
			if q.Get("continuation-token") != "" {
				return "oh", 400
			}
			return page(o, q, 0, "<NextContinuationToken>t</NextContinuationToken>"), 200
		}, "", "the S3 server answered 400"},
		{"the second page is silent", func(o *odd, n int, q url.Values) (string, int) {
			if q.Get("continuation-token") != "" {
				return "", 0
			}
			return page(o, q, 0, "<NextContinuationToken>t</NextContinuationToken>"), 200
		}, "", "says nothing"},
		{"another prefix", func(o *odd, n int, q url.Values) (string, int) { return o.listing([]string{"elsewhere/x"}, "", q), 200 }, "", "of another place"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &odd{keys: keys}
			o.list = func(n int, q url.Values) (string, int) { return tt.list(o, n, q) }
			serveOdd(t, o)
			begun := time.Now()
			ctx := context.Background()
			b, err := Open(ctx, "bucket", "a/directory/", "", 200*time.Millisecond)
			var l Listing
			if err == nil {
				l, err = b.List(ctx)
			}
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
			} else if err != nil || !strings.Contains(l.Cut, tt.cut) || l.Cut == "" {
				t.Errorf("cut %q, %v", l.Cut, err)
			} else if rep, err := b.Review(ctx, l, Choice{}); err != nil || rep.Verdict != Unknown {
				t.Errorf("verdict %v %v", rep.Verdict, err)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A listing that trickles is given up like a silent one.
func TestTricklingListing(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}))
	defer s.Close()
	serveOdd(t, &odd{})
	t.Setenv("AWS_ENDPOINT_URL", s.URL)
	begun := time.Now()
	if _, err := Open(context.Background(), "bucket", "", "", 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "says nothing") || time.Since(begun) > 20*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begun))
	}
}

// A run of which everything is there is delivered however the listing ends; what
// is missing from a listing that is not whole is unknown.
func TestCutListingJudgesWhatIsThere(t *testing.T) {
	keys := twoRuns()
	delete(keys, dir+s1+"b")
	o := &odd{keys: keys}
	o.list = func(n int, q url.Values) (string, int) { return o.listing(slices.Sorted(mapsKeys(keys)), " ", q), 200 }
	serveOdd(t, o)
	rep := reviewAll(t, Choice{})
	got := map[string]Verdict{}
	for _, r := range rep.Runs {
		got[r.ID] = r.Verdict
	}
	if got["run-a"] != Delivered || got["run-b"] != Unknown || rep.Verdict != Unknown {
		t.Errorf("got %v, all %v", got, rep.Verdict)
	}
}

// A key may have what XML has no form for.
func TestControlCharactersInKeys(t *testing.T) {
	for _, noCodec := range []bool{false, true} {
		keys := twoRuns()
		strange := dir + s1 + "odd\x01\x1b[31m+%20 &<"
		keys[strange] = "x"
		serveOdd(t, &odd{keys: keys, noCodec: noCodec})
		rep := reviewAll(t, Choice{})
		found := slices.ContainsFunc(rep.Objects, func(o Object) bool { return o.Key == strange })
		if len(rep.Objects) != len(keys) || found == noCodec || len(rep.Runs) != 3 {
			t.Errorf("without encoding-type %v: %d objects, found %v, %d runs", noCodec, len(rep.Objects), found, len(rep.Runs))
		}
	}
}
