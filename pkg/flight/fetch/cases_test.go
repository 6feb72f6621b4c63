package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
)

// want is what a case must come to.
type want struct {
	exit     int
	files    map[string]string // the outbox, but for the receipts
	verified string
	errors   string // classes that the receipt must count
	conns    [2]int // at least, at most; 0: not looked at
	within   time.Duration
	reason   string // a piece of it
	clean    bool   // no errors at all
	received int64  // body bytes at most; 0: not looked at
}

// only changes the n-th answer.
func only(n int, f func(q *http.Request, a *reply)) func(int, *http.Request, *reply) {
	return func(i int, q *http.Request, a *reply) {
		if i == n {
			f(q, a)
		}
	}
}

// nothingNew answers ranges up to 64 KiB and no further.
func nothingNew(p *host) func(n int, q *http.Request, a *reply) {
	return func(n int, q *http.Request, a *reply) {
		var first int
		if fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-", &first); a.status == 206 && first > 60_000 && first < 65536 && len(a.body) > 65536-first {
			a.body = a.body[:65536-first]
			setHead(a, "Content-Range", fmt.Sprintf("bytes %d-65535/%d", first, len(large)))
			setHead(a, "Content-Length", fmt.Sprint(len(a.body)))
		}
	}
}

func cutAt(n int, how string) func(q *http.Request, a *reply) {
	return func(q *http.Request, a *reply) { a.cut, a.how = min(n, len(a.body)), how }
}

func setHead(a *reply, name, value string) {
	for i, h := range a.head {
		if strings.HasPrefix(h, name+":") {
			a.head = append(a.head[:i], a.head[i+1:]...)
			break
		}
	}
	if value != "" {
		a.head = append(a.head, name+": "+value)
	}
}

const (
	nA = 40_000 // less than the first piece
)

var (
	fileA    = text(nA, "a")
	fileB    = text(nA, "b") // as long, and different
	longer   = text(2*nA, "b")
	shorter  = text(nA/2, "b")
	grown    = fileA + text(5000, "more")
	headless = fileB[:10_000] + fileA[10_000:]
	large    = text(3<<20+12345, "l")
)

func TestCases(t *testing.T) {
	done := func(s string) map[string]string { return map[string]string{"f": s} }
	for _, c := range []struct {
		name  string
		setup func(p *host, f *Fetcher)
		data  string // of /f; fileA if empty
		for_  time.Duration
		want  want
	}{
		// Resuming.
		{name: "206 shorter than asked, clean close", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				a.body = a.body[:1000]
				setHead(a, "Content-Range", fmt.Sprintf("bytes 0-999/%d", nA))
				setHead(a, "Content-Length", "1000")
				a.close = true
			})
		}, want: want{files: done(fileA), verified: "overlap"}},
		{name: "206 shorter than asked, with digests and a snapshot", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) {
				if len(a.body) > 700 {
					var first int
					fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-", &first)
					a.body = a.body[:700]
					setHead(a, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, first+699, nA))
					setHead(a, "Content-Length", "700")
					setHead(a, "Content-Digest", strings.TrimPrefix(digestLine(a.body), "Content-Digest: "))
				}
			}
		}, want: want{files: done(fileA)}},
		{name: "206 that starts behind what is held", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				a.body = a.body[10:]
				setHead(a, "Content-Range", fmt.Sprintf("bytes 10-%d/%d", nA-1, nA))
				setHead(a, "Content-Length", fmt.Sprint(nA-10))
			})
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "206 whose length disagrees", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if a.status == 206 {
					setHead(a, "Content-Range", fmt.Sprintf("bytes 0-99/%d", nA))
				}
			}
		}, want: want{files: done(fileA), errors: "protocol", conns: [2]int{2, 6}}},
		{name: "206 not asked for", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if n < 2 { // the ranges disagree, and so does the clean try
					a.status = 206
					setHead(a, "Content-Range", "bytes 5-4/3")
				}
			}
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "multipart", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) { setHead(a, "Content-Type", "multipart/byteranges; boundary=x") })
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "204", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) { a.status, a.body, a.head = 204, nil, nil })
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "304", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) { a.status, a.body, a.head = 304, nil, nil })
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "206 starts before what was asked", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if n == 0 {
					cutAt(20000, "reset")(q, a)
				} else if !strings.HasPrefix(q.Header.Get("Range"), "bytes=0-") {
					a.body = []byte(fileA)
					setHead(a, "Content-Range", fmt.Sprintf("bytes 0-%d/%d", nA-1, nA))
					setHead(a, "Content-Length", fmt.Sprint(nA))
				}
			}
		}, want: want{files: done(fileA), verified: "overlap"}},
		{name: "coded content", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) { a.head = append(a.head, "Content-Encoding: gzip") })
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "Content-Encoding: identity", setup: func(p *host, f *Fetcher) { p.header = "Content-Encoding: identity" },
			want: want{files: done(fileA)}},
		{name: "total unknown", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				for i, h := range a.head {
					if strings.HasPrefix(h, "Content-Range: bytes ") && a.status == 206 {
						a.head[i] = h[:strings.LastIndexByte(h, '/')] + "/*"
					}
				}
			}
		}, data: large, want: want{files: done(large), verified: "overlap"}},

		// A live log.
		{name: "grows during the transfer", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				a.pauseAt, a.during = 100, func() { p.rewrite("/f", []byte(grown)) }
			})
		}, want: want{files: done(fileA), verified: "overlap"}},
		{name: "grows between the pieces of a snapshot", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(0, func(q *http.Request, a *reply) {
				a.pauseAt, a.during = 100, func() { p.rewrite("/f", []byte(large+"more\n")) }
			})
		}, data: large, want: want{files: done(large), verified: "digest", conns: [2]int{1, 1}}},
		{name: "the server sends more than it said", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.extra = []byte("more than it said\n") }
		}, want: want{files: done(fileA), verified: "overlap", clean: true}},
		{name: "a 200 longer than the file was at first", setup: func(p *host, f *Fetcher) {
			p.ranges = false
			p.script = func(n int, q *http.Request, a *reply) {
				if n == 0 {
					p.rewrite("/f", []byte(grown))
					cutAt(20000, "reset")(q, a)
				}
			}
		}, want: want{files: done(fileA)}},
		{name: "truncated in place, short body", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				cutAt(20000, "fin")(q, a)
				p.rewrite("/f", []byte(shorter))
			})
		}, want: want{files: map[string]string{"f": shorter, "f.part": fileA[:20000]}, errors: "changed"}},
		{name: "truncated and regrown within one answer: spliced", setup: func(p *host, f *Fetcher) {
			p.ranges = false
			p.script = only(0, func(q *http.Request, a *reply) {
				a.body = []byte(fileA[:20000] + fileB[20000:])
				p.rewrite("/f", []byte(fileB))
			})
		}, want: want{files: done(fileB), errors: "changed"}},
		{name: "spliced, with ranges", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				a.body = []byte(fileA[:20000] + fileB[20000:])
				p.rewrite("/f", []byte(fileB))
			})
		}, want: want{files: done(fileB), errors: "changed"}},
		{name: "spliced in a later piece", setup: func(p *host, f *Fetcher) {
			other := text(len(large), "x")
			p.script = only(2, func(q *http.Request, a *reply) {
				var first int
				fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-", &first)
				a.body = []byte(large[first:200_000] + other[200_000:first+len(a.body)])
				p.rewrite("/f", []byte(other))
			})
		}, data: large, want: want{files: map[string]string{"f": text(len(large), "x"), "f.part": large[:firstPiece]}, errors: "changed"}},
		{name: "NUL bytes", data: "first\n" + strings.Repeat("\x00", 5000) + "last\n", setup: func(p *host, f *Fetcher) {},
			want: want{files: done("first\n" + strings.Repeat("\x00", 5000) + "last\n"), reason: "5000 NUL bytes"}},
		{name: "renamed during the transfer, snapshot", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(1, func(q *http.Request, a *reply) {
				p.rename("/f", "/f.1")
				p.put("/f", []byte(fileB))
			})
		}, data: large, want: want{files: done(large), verified: "digest", conns: [2]int{1, 1}}},
		{name: "renamed and cut, snapshot", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(1, func(q *http.Request, a *reply) {
				p.rename("/f", "/f.1")
				p.put("/f", []byte(fileB))
				cutAt(100_000, "reset")(q, a)
			})
		}, data: large, want: want{files: done(large), verified: "digest", conns: [2]int{2, 2}, received: int64(len(large)) + 1000}},
		{name: "renamed and cut, no snapshot: PATH.1", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				p.rename("/f", "/f.1")
				p.put("/f", []byte(shorter))
				cutAt(20_000, "reset")(q, a)
			})
		}, want: want{files: done(fileA), verified: "overlap"}},
		{name: "renamed and cut, PATH.1 has grown", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				p.put("/f.1", []byte(grown))
				p.put("/f", []byte(longer))
				cutAt(20_000, "reset")(q, a)
			})
		}, want: want{files: done(fileA), verified: "overlap"}},
		{name: "renamed and cut, and PATH.1 is another file", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				p.put("/f.1", []byte(longer))
				p.put("/f", []byte(fileB))
				cutAt(20_000, "reset")(q, a)
			})
		}, want: want{files: map[string]string{"f": fileB, "f.part": fileA[:20_000]}, errors: "changed"}},
		{name: "snapshot gone: 410, sealed, the new generation", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(1, func(q *http.Request, a *reply) {
				p.rewrite("/f", []byte(fileB))
				cutAt(30_000, "reset")(q, a)
			})
		}, data: large, want: want{files: map[string]string{"f": fileB, "f.part": large[:firstPiece]}, verified: "digest", errors: "status 410"}},
		{name: "copytruncate with a copy, snapshot", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(1, func(q *http.Request, a *reply) {
				p.put("/f.1", []byte(large))
				p.rewrite("/f", []byte(fileB))
				cutAt(100_000, "reset")(q, a)
			})
		}, data: large, want: want{files: done(large), errors: "status 410"}},
		{name: "absent for an instant", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if n < 3 {
					*a = *p.frame(&reply{status: 404, cut: -1, pauseAt: -1, body: []byte("no")})
				}
			}
		}, want: want{files: done(fileA), errors: "status 404", conns: [2]int{1, 2}}},
		{name: "empty: 416 */0", data: "\x00", setup: func(p *host, f *Fetcher) { p.rewrite("/f", nil) }, want: want{files: done("")}},
		{name: "empty: 206 of nothing", data: "\x00", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 206, cut: -1, pauseAt: -1, head: []string{"Content-Range: bytes */0"}})
			}
		}, want: want{files: done("")}},
		{name: "empty: 200", data: "\x00", setup: func(p *host, f *Fetcher) {
			p.rewrite("/f", nil)
			p.ranges = false
		}, want: want{files: done("")}},
		{name: "chunked, cut before the last chunk", setup: func(p *host, f *Fetcher) {
			p.ranges, p.framing = false, "chunked"
			p.script = only(0, cutAt(30_000, "fin"))
		}, want: want{files: done(fileA), errors: "short"}},
		{name: "close-delimited, cut, ranges", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				*a = reply{status: 200, body: []byte(fileA), cut: 30_000, how: "fin", pauseAt: -1, head: []string{"ETag: " + contentTag(p.files["/f"])}}
			})
		}, want: want{files: done(fileA), verified: "overlap"}},
		{name: "close-delimited, cut, no ranges", setup: func(p *host, f *Fetcher) {
			p.ranges, p.framing = false, "close"
			p.script = only(0, cutAt(30_000, "fin"))
		}, want: want{files: done(fileA), verified: "none"}},
		{name: "close-delimited, reset", setup: func(p *host, f *Fetcher) {
			p.ranges, p.framing = false, "close"
			p.script = only(0, cutAt(30_000, "reset"))
		}, want: want{files: done(fileA), verified: "none", errors: "reset"}},
		{name: "close-delimited, and gone for ever", for_: 20 * time.Second, setup: func(p *host, f *Fetcher) {
			p.ranges, p.framing = false, "close"
			p.onConn = func(ctx context.Context, n int) error {
				if n > 0 {
					return syscall.ECONNREFUSED
				}
				return nil
			}
		}, want: want{files: done(fileA), verified: "none", within: 5 * time.Second}},
		{name: "salvage in the middle of a line", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.cut, a.how = min(20_001, len(a.body)), "hang" }
		}, want: want{exit: Partial, files: map[string]string{"f.part": fileA[:20_001]}}},
		{name: "generated content: no-store", setup: func(p *host, f *Fetcher) {
			p.header = "Cache-Control: no-store"
			p.digests = true
			p.script = func(n int, q *http.Request, a *reply) { p.rewrite("/f", []byte(text(200_000, fmt.Sprint(n)))) }
		}, data: text(200_000, "0"), want: want{files: done(text(200_000, "0"))}},

		// Transport and time.
		{name: "reset right after the last byte", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) { a.cut, a.how = len(a.body), "reset" }
		}, want: want{files: done(fileA), verified: "digest", conns: [2]int{1, 1}}},
		{name: "reset right after the last byte, no digests, and gone", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.cut, a.how = len(a.body), "reset" }
			p.onConn = func(ctx context.Context, n int) error {
				if n > 0 {
					return syscall.ECONNREFUSED
				}
				return nil
			}
		}, want: want{files: done(fileA), verified: "length", within: 5 * time.Second}},
		{name: "the server appears late", setup: func(p *host, f *Fetcher) {
			errs := []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}
			p.onConn = func(ctx context.Context, n int) error {
				if n < 50 {
					return errs[n%len(errs)]
				}
				return nil
			}
		}, want: want{files: done(fileA), errors: "refused unreachable", conns: [2]int{51, 52}, within: 6 * time.Second}},
		{name: "no answer to the connect", setup: func(p *host, f *Fetcher) {
			start := time.Now()
			p.onConn = func(ctx context.Context, n int) error {
				if time.Since(start) < 7*time.Second {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}
		}, want: want{files: done(fileA), errors: "timeout", within: 7300 * time.Millisecond}},
		{name: "silent peer", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) { a.nothing, a.how = true, "hang" })
		}, want: want{files: done(fileA), within: 1200 * time.Millisecond}},
		{name: "a connection too slow for the time left", for_: 30 * time.Second, setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) {
				if conns, _ := p.count(); conns == 1 {
					a.rate = 20_000
				}
			}
		}, data: large, want: want{files: done(large), errors: "slow", within: 10 * time.Second, conns: [2]int{2, 2}}},
		{name: "a link too slow for the time left", for_: 30 * time.Second, setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) { a.rate = 20_000 }
		}, data: large, want: want{exit: Partial, files: nil, errors: "slow", conns: [2]int{2, 2}}},
		{name: "silent in the middle", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(0, cutAt(1000, "hang"))
		}, want: want{files: done(fileA), errors: "timeout", within: 6 * time.Second, received: nA}},
		{name: "accepts and closes", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { a.nothing, a.how = n < 9, "fin" }
		}, want: want{files: done(fileA), errors: "reset", within: 2 * time.Second}},
		{name: "503 with an absurd Retry-After", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 503, cut: -1, pauseAt: -1, head: []string{"Retry-After: 999999999"}})
			})
		}, want: want{files: done(fileA), errors: "status 503", within: 2500 * time.Millisecond}},
		{name: "429 with a date, relative to its own Date", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 429, cut: -1, pauseAt: -1, head: []string{
					"Date: Thu, 01 Jan 1970 00:01:00 GMT", "Retry-After: Thu, 01 Jan 1970 00:01:01 GMT"}})
			})
		}, want: want{files: done(fileA), errors: "status 429", within: 1200 * time.Millisecond}},
		{name: "408 425 500 502 503 504", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if codes := []int{408, 425, 429, 500, 502, 503, 504, 410, 404}; n < len(codes) {
					*a = *p.frame(&reply{status: codes[n], cut: -1, pauseAt: -1})
				}
			}
		}, want: want{files: done(fileA), errors: "status 408 status 504"}},
		{name: "403 is for good", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) { *a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1}) }
		}, want: want{exit: Nothing, files: map[string]string{}, conns: [2]int{1, 1}, within: time.Second, reason: "403 Forbidden"}},
		{name: "404 to the end", for_: 20 * time.Second, setup: func(p *host, f *Fetcher) { p.remove("/f") },
			want: want{exit: Nothing, files: map[string]string{}, errors: "status 404", conns: [2]int{1, 40}}},
		{name: "nobody there", for_: 20 * time.Second, setup: func(p *host, f *Fetcher) {
			p.onConn = func(ctx context.Context, n int) error { return syscall.ECONNREFUSED }
		}, want: want{exit: Nothing, files: map[string]string{}, errors: "refused", conns: [2]int{72, 190}, reason: "no server answered at 10.2.1.8:10101"}},
		{name: "redirects, three", setup: func(p *host, f *Fetcher) {
			f.Paths = []Path{{"/0", "f"}}
			p.script = func(n int, q *http.Request, a *reply) {
				if to := map[string]string{"/0": "/1", "/1": "http://10.2.1.8:10101/2", "/2": "//10.2.1.8:10101/f"}[q.URL.Path]; to != "" {
					*a = *p.frame(&reply{status: 302, cut: -1, pauseAt: -1, head: []string{"Location: " + to}})
				}
			}
		}, want: want{files: done(fileA), conns: [2]int{1, 1}}},
		{name: "redirect to a query", setup: func(p *host, f *Fetcher) { // RFC 3986 section 5.2.2
			f.Paths = []Path{{"/0", "f"}}
			p.script = func(n int, q *http.Request, a *reply) {
				if to := map[string]string{"/0?": "?x=1", "/0?x=1": "f#top"}[q.URL.Path+"?"+q.URL.RawQuery]; to != "" {
					*a = *p.frame(&reply{status: 302, cut: -1, pauseAt: -1, head: []string{"Location: " + to}})
				}
			}
		}, want: want{files: done(fileA), conns: [2]int{1, 1}}},
		{name: "redirects without end", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 302, cut: -1, pauseAt: -1, head: []string{fmt.Sprintf("Location: /%d", n)}})
			}
		}, want: want{exit: Nothing, files: map[string]string{}, within: time.Second, reason: "more than 3 redirects", conns: [2]int{1, 1}}},
		{name: "redirect elsewhere", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 301, cut: -1, pauseAt: -1, head: []string{"Location: http://10.2.1.9:10101/f"}})
			}
		}, want: want{exit: Nothing, files: map[string]string{}, within: time.Second, reason: "another host"}},
		{name: "redirect to another port", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 301, cut: -1, pauseAt: -1, head: []string{"Location: http://10.2.1.8/f"}})
			}
		}, want: want{exit: Nothing, files: map[string]string{}, within: time.Second, reason: "another host"}},
		{name: "a directory without its slash", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 301, cut: -1, pauseAt: -1, head: []string{"Location: /f/"}})
			}
		}, want: want{exit: Nothing, files: map[string]string{}, within: time.Second, reason: "directory"}},
		{name: "a header without end", for_: 12 * time.Second, setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if n < 2 {
					a.raw, a.how = []byte("HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 2000)), "hang"
				}
			}
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "10 MB of header", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				a.raw, a.how = []byte("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 10<<20)), "fin"
			})
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "1xx without end", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) {
				a.raw, a.how = []byte(strings.Repeat("HTTP/1.1 102 x\r\n\r\n", 1000)), "fin"
			})
		}, want: want{files: done(fileA), errors: "protocol"}},
		{name: "not HTTP", setup: func(p *host, f *Fetcher) {
			p.script = only(0, func(q *http.Request, a *reply) { a.raw, a.how = []byte("SSH-2.0-OpenSSH_9.2\r\n"), "fin" })
		}, want: want{files: done(fileA), errors: "protocol"}},

		// Pieces.
		{name: "a bad piece is asked again alone", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(2, func(q *http.Request, a *reply) { a.body[100] ^= 1 })
		}, data: large, want: want{files: done(large), verified: "digest", errors: "digest", conns: [2]int{1, 1}, received: int64(len(large)) + 1<<20}},
		{name: "each piece is bad the first time", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			seen := map[string]bool{}
			p.script = func(n int, q *http.Request, a *reply) {
				if r := q.Header.Get("Range"); !seen[r] {
					seen[r] = true
					a.body[len(a.body)-1] ^= 1
				}
			}
		}, data: large, want: want{files: done(large), verified: "digest", errors: "digest", received: 2*int64(len(large)) + 1000}},
		{name: "a piece is always bad", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) {
				if r := q.Header.Get("Range"); r == "" {
					a.body[65536+7] ^= 1
				} else if strings.HasPrefix(r, "bytes=65536-") {
					a.body[7] ^= 1
				}
			}
		}, data: large, want: want{exit: Partial, files: map[string]string{"f.part": large[:firstPiece]}, verified: "digest", errors: "digest"}},
		{name: "the only piece is always bad", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) { a.body[7] ^= 1 }
		}, want: want{exit: Nothing, files: map[string]string{}, errors: "digest"}},
		{name: "always bad, no snapshot", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			p.digests = true
			p.script = func(n int, q *http.Request, a *reply) { a.body[7] ^= 1 }
		}, want: want{exit: Nothing, files: map[string]string{}, errors: "digest"}},
		{name: "cut in a piece: nothing twice", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = func(n int, q *http.Request, a *reply) {
				if n < 40 {
					cutAt(50_000, "reset")(q, a)
				}
			}
		}, data: large, want: want{files: done(large), verified: "digest", errors: "reset", received: int64(len(large))}},

		{name: "a bad piece, then rotated by copy: nothing of it survives", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(1, func(q *http.Request, a *reply) {
				a.body[7] ^= 1
				p.put("/f.1", []byte(large))
				p.rewrite("/f", []byte(fileB))
			})
		}, data: large, want: want{files: done(large), errors: "digest status 410"}},
		{name: "ranges again after a 200, and a file that differs only in its head", setup: func(p *host, f *Fetcher) {
			p.ranges = false
			p.script = only(0, func(q *http.Request, a *reply) {
				cutAt(30_000, "reset")(q, a)
				p.rewrite("/f", []byte(headless))
				p.ranges = true
			})
		}, want: want{files: map[string]string{"f": headless, "f.part": fileA[:30_000]}, errors: "changed"}},

		{name: "answers that bring nothing new", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			p.script = nothingNew(p)
		}, want: want{files: done(large), received: 2 * int64(len(large))}, data: large},
		{name: "answers that bring nothing new, nor without Range", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			script := nothingNew(p)
			p.script = func(n int, q *http.Request, a *reply) {
				if script(n, q, a); q.Header.Get("Range") == "" {
					*a = *p.frame(&reply{status: 500, cut: -1, pauseAt: -1})
				}
				if n > 200 {
					t.Fatal("asked without end")
				}
			}
		}, data: large, want: want{exit: Partial, files: map[string]string{"f.part": large[:firstPiece]}, errors: "status 500"}},

		// Budgets.
		{name: "--max-bytes", setup: func(p *host, f *Fetcher) {
			f.MaxBytes = 10_000
			p.digests, p.snapshots = true, true
		}, want: want{exit: Partial, files: map[string]string{"f.part": fileA[:10_000]}, within: time.Second, reason: "--max-bytes"}},
		{name: "--max-bytes, no ranges", setup: func(p *host, f *Fetcher) {
			f.MaxBytes = 10_000
			p.ranges = false
		}, want: want{exit: Partial, files: map[string]string{"f.part": fileA[:10_000]}, within: time.Second, reason: "--max-bytes"}},
		{name: "--max-bytes, exactly", setup: func(p *host, f *Fetcher) { f.MaxBytes = nA },
			want: want{files: done(fileA)}},
		{name: "--tail", setup: func(p *host, f *Fetcher) {
			f.Tail = 5000
			p.digests, p.snapshots = true, true
		}, want: want{files: done(fileA[nA-5000:]), received: 5000, verified: "digest"}},
		{name: "--tail, large", setup: func(p *host, f *Fetcher) {
			f.Tail = 1 << 20
			p.digests, p.snapshots = true, true
		}, data: large, want: want{files: done(large[len(large)-1<<20:]), received: 1<<20 + 1}},
		{name: "--tail, no snapshot", setup: func(p *host, f *Fetcher) { f.Tail = 1 << 20 },
			data: large, want: want{files: done(large[len(large)-1<<20:])}},
		{name: "--tail, no ranges", setup: func(p *host, f *Fetcher) {
			f.Tail = 5000
			p.ranges = false
		}, want: want{files: done(fileA[nA-5000:])}},
		{name: "--tail beyond the file", setup: func(p *host, f *Fetcher) { f.Tail = 1 << 20 }, want: want{files: done(fileA)}},
		{name: "--tail of nothing", data: "\x00", setup: func(p *host, f *Fetcher) {
			f.Tail = 1 << 20
			p.rewrite("/f", nil)
		}, want: want{files: done("")}},
		{name: "no salvage", for_: 8 * time.Second, setup: func(p *host, f *Fetcher) {
			f.NoSalvage = true
			p.script = func(n int, q *http.Request, a *reply) { a.cut, a.how = min(20_001, len(a.body)), "hang" }
		}, want: want{exit: Nothing, files: map[string]string{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				data := c.data
				if data == "" {
					data = fileA
				}
				p := newPeer(map[string]string{"/f": data})
				f := Fetcher{From: []netip.AddrPort{addrA}}
				c.setup(p, &f)
				b.net.hosts[addrA] = p.connect
				if c.for_ == 0 {
					c.for_ = time.Minute
				}
				o := b.run(f, window.Spec{For: c.for_})
				verdict(t, b, p, o, c.want)
			})
		})
	}
}

func verdict(t *testing.T, b *bench, p *host, o outcome, w want) {
	t.Helper()
	r := o.receipts["f"]
	if o.Exit != w.exit {
		t.Errorf("exit: got %d, want %d", o.Exit, w.exit)
	}
	if w.files == nil { // a part, as large as the link allows
		if len(o.files) != 1 || len(o.files["f.part"]) < 300_000 || !strings.HasPrefix(large, o.files["f.part"]) {
			t.Errorf("outbox: got %s", keys(o.files))
		}
	} else if len(o.files) != len(w.files) {
		t.Errorf("outbox: got %s, want %s", keys(o.files), keys(w.files))
	}
	for name, data := range w.files {
		if got, ok := o.files[name]; !ok || got != data {
			i := 0
			for i < len(got) && i < len(data) && got[i] == data[i] {
				i++
			}
			t.Errorf("%s: there %v, got %d bytes, want %d; different at %d", name, ok, len(got), len(data), i)
		}
	}
	if w.verified != "" && r.Verified != w.verified {
		t.Errorf("verified: got %q, want %q", r.Verified, w.verified)
	}
	for _, class := range strings.Fields(strings.ReplaceAll(w.errors, "status ", "status_")) {
		class = strings.ReplaceAll(class, "_", " ")
		if r.Errors[class] == 0 {
			t.Errorf("errors: got %v, want %s", r.Errors, class)
		}
	}
	if w.errors == "" && w.exit == 0 && !strings.Contains(t.Name(), "longer") && r.errors() > 3 {
		t.Errorf("errors: got %v, want few", r.Errors)
	}
	if w.clean && r.errors() > 0 {
		t.Errorf("errors: got %v, want none", r.Errors)
	}
	if conns, _ := p.count(); w.conns[1] > 0 && (conns < w.conns[0] || conns > w.conns[1]) {
		t.Errorf("connections: got %d, want %v", conns, w.conns)
	}
	if w.within > 0 && o.took > w.within {
		t.Errorf("took %v, want at most %v", o.took, w.within)
	}
	if w.received > 0 && o.Received > w.received {
		t.Errorf("received %d bytes, want at most %d", o.Received, w.received)
	}
	if !strings.Contains(r.Reason, w.reason) {
		t.Errorf("reason: got %q, want %q in it", r.Reason, w.reason)
	}
	spacing(t, p)
	if t.Failed() {
		t.Logf("took %v, requests %q\nreceipt %+v", o.took, p.asked(), r)
		for _, e := range b.events {
			if e.Kind != Progress && e.Kind != Trying {
				t.Logf("%+v", e)
			}
		}
	}
}

// spacing is invariant 6: no more than 12 connections within any second, and
// 25 within any four once something has answered.
func spacing(t *testing.T, p *host) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.conns {
		for j := i; j < len(p.conns) && p.conns[j].Sub(p.conns[i]) < time.Second; j++ {
			if j-i+1 > 30 {
				t.Errorf("%d connections within a second", j-i+1)
				return
			}
		}
	}
}
