package fetch

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
)

// validated answers like nginx: ranges, a strong ETag or Last-Modified, no
// digests, no snapshots. From the n-th answer on the content is other.
func versions(p *host, tag func(v int) string, from int, other string) {
	p.etag = nil
	p.script = func(n int, q *http.Request, a *reply) {
		v := 1
		if n >= from {
			v = 2
		}
		if n == from-1 {
			p.rewrite("/f", []byte(other))
		}
		if t := tag(v); t != "" {
			a.head = append(a.head, t)
		}
	}
}

// everywhere has every path mean the same file.
func everywhere(p *host) {
	script := p.script
	p.script = func(n int, q *http.Request, a *reply) {
		if a.status == 404 {
			p.mu.Lock()
			q.URL.Path = "/f"
			*a = *p.answer(q)
			p.mu.Unlock()
		}
		script(n, q, a)
	}
}

// middle is s with two stretches of its middle changed.
func middle(s string) string {
	b := []byte(s)
	for _, at := range []int{80_000, 160_000} {
		for i := at; i < at+20_000; i++ {
			b[i] ^= 1
		}
	}
	return string(b)
}

// TestClaims: never more than came, nor more than is proven.
func TestClaims(t *testing.T) {
	v1 := text(240_000, "v1")
	v2 := middle(v1)
	etag := func(v int) string { return fmt.Sprintf(`ETag: "v%d"`, v) }
	weak := func(v int) string { return fmt.Sprintf(`ETag: W/"v%d"`, v) }
	date := func(v int) string { return fmt.Sprintf("Last-Modified: Thu, 26 Nov 2026 00:00:0%d GMT", v) }
	both := func(v int) string { return `ETag: W/"same"` + "\r\n" + date(v) }
	none := func(int) string { return "" }
	for _, c := range []struct {
		name  string
		data  string
		setup func(p *host, f *Fetcher)
		for_  time.Duration
		want  want
		whole []string // what f may be; want.files is not looked at
	}{
		{name: "chunked without end, --max-bytes", setup: func(p *host, f *Fetcher) {
			f.MaxBytes, p.ranges, p.framing = 300_000, false, "chunked"
		}, data: text(2<<20, "e"), want: want{exit: Partial, files: map[string]string{"f.part": text(2<<20, "e")[:300_000]}, reason: "--max-bytes"}},
		{name: "to the close, --max-bytes", setup: func(p *host, f *Fetcher) {
			f.MaxBytes, p.ranges, p.framing = 300_000, false, "close"
		}, data: text(2<<20, "e"), want: want{exit: Partial, files: map[string]string{"f.part": text(2<<20, "e")[:300_000]}, reason: "--max-bytes"}},
		{name: "200 with a Content-Range, always", for_: 10 * time.Second, setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1, body: []byte(v1[:65536]), head: []string{"Content-Range: bytes 0-65535/240000"}})
			}
		}, data: v1, want: want{exit: Partial, files: map[string]string{"f.part": v1[:65536]}, verified: "none", reason: "Content-Range"}},
		{name: "200 with a Content-Range, where a range was asked", setup: func(p *host, f *Fetcher) {
			p.script = func(n int, q *http.Request, a *reply) {
				if a.status == 206 {
					a.status = 200
				}
			}
		}, data: v1, want: want{files: map[string]string{"f": v1}}},
		{name: "another ETag, the same length", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, etag, 2, v2)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "another ETag in the third answer", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, etag, 4, v2)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "another date, the same length", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, date, 2, v2)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "a weak ETag, and another date", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, both, 2, v2)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "no validators: no more than the length", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, none, 99, v2)
		}, data: v1, want: want{files: map[string]string{"f": v1}, verified: "length", reason: "no validator"}},
		{name: "weak ones are none", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, weak, 99, v2)
		}, data: v1, want: want{files: map[string]string{"f": v1}, verified: "length", reason: "no validator"}},
		{name: "no validators, and changed: no more than the length", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, none, 2, v2)
		}, data: v1, want: want{verified: "length"}, whole: []string{v1, v2, v1[:120_000] + v2[120_000:], ""}},
		{name: "digests, no snapshots, another ETag", setup: func(p *host, f *Fetcher) {
			f.Piece, p.digests = 64<<10, true
			versions(p, etag, 2, v2)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "digests, no snapshots, no validators", setup: func(p *host, f *Fetcher) {
			f.Piece, p.digests = 64<<10, true
			versions(p, none, 99, v2)
		}, data: v1, want: want{files: map[string]string{"f": v1}, verified: "length"}},
		{name: "another ETag and longer: growth", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, etag, 2, v1+"more\n")
		}, data: v1, want: want{files: map[string]string{"f": v1}, verified: "overlap", clean: true}},
		{name: "rewritten in place behind the snapshot's head", setup: func(p *host, f *Fetcher) {
			f.Piece, p.digests, p.snapshots = 64<<10, true, true
			versions(p, none, 3, v2)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "another ETag, whatever path is asked for", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, etag, 4, v2)
			everywhere(p)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "another date, whatever path is asked for", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, date, 5, v2)
			everywhere(p)
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "rotated by a copy, which has another ETag", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			p.script = only(4, func(q *http.Request, a *reply) {
				a.body, a.pauseAt, a.during = a.body[:len(a.body)/2], 0, func() { p.put("/f.1", []byte(v1)); p.rewrite("/f", nil) }
				a.cut, a.how = len(a.body), "fin"
			})
		}, data: v1, want: want{errors: "changed", verified: "length", reason: "no validator"}, whole: []string{v1}},
		{name: "rotated by a rename, which keeps the ETag", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			p.script = only(4, func(q *http.Request, a *reply) {
				a.pauseAt, a.during = 0, func() { p.rename("/f", "/f.1"); p.put("/f", nil) }
				a.cut, a.how = len(a.body)/2, "fin"
			})
		}, data: v1, want: want{errors: "changed", verified: "overlap"}, whole: []string{v1}},
		{name: "rewritten within the answer, no ranges, and rotated by a copy", setup: func(p *host, f *Fetcher) {
			p.ranges, p.etag = false, nil
			p.script = only(0, func(q *http.Request, a *reply) {
				a.body = []byte(v1[:120_000] + v2[120_000:])
				p.put("/f.1", []byte(v1))
				p.rewrite("/f", []byte(v2))
			})
		}, data: v1, want: want{errors: "changed"}, whole: []string{v2}},
		{name: "chunked, with a snapshot and a digest that is not of it", setup: func(p *host, f *Fetcher) {
			p.ranges, p.digests, p.snapshots, p.framing = false, true, true, "chunked"
			p.script = only(0, func(q *http.Request, a *reply) { a.body[100_000] ^= 1 })
		}, data: v1, want: want{files: map[string]string{"f": v1}, errors: "digest", verified: "digest"}},
		{name: "the rest of a piece comes as all of it, and not as it was", setup: func(p *host, f *Fetcher) {
			p.ranges, p.digests, p.snapshots = false, true, true
			p.script = func(n int, q *http.Request, a *reply) {
				if n == 0 {
					a.cut, a.how = 100_000, "reset"
				} else if n == 2 {
					a.body[150_000] ^= 1
				}
			}
		}, data: v1, want: want{files: map[string]string{"f": v1}, errors: "digest", verified: "digest"}},
		{name: "a piece whose digest was told is cut, and its file is gone", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
			p.script = only(0, func(q *http.Request, a *reply) {
				a.body[5000] ^= 1
				a.cut, a.how = 16_000, "reset"
				p.put("/f", []byte(v2))
			})
		}, data: v1, want: want{files: map[string]string{"f": v2}, errors: "status 410", verified: "digest"}},
		{name: "a weak ETag that becomes strong, as Apache's does in the second after a change", setup: func(p *host, f *Fetcher) {
			f.Piece, p.etag = 64<<10, nil
			p.script = func(n int, q *http.Request, a *reply) {
				tag := `"v1"`
				if n < 3 {
					tag = "W/" + tag
				}
				a.head = append(a.head, date(1), "ETag: "+tag)
			}
		}, data: v1, want: want{files: map[string]string{"f": v1}, clean: true}},
		{name: "a snapshot compared as a whole", setup: func(p *host, f *Fetcher) {
			p.digests, p.snapshots = true, true
		}, data: v1, want: want{files: map[string]string{"f": v1}, verified: "digest", reason: "the digest of the whole is the server's", clean: true}},
		{name: "shorter from an answer on", setup: func(p *host, f *Fetcher) {
			f.Piece = 64 << 10
			versions(p, none, 2, v1[:200_000])
		}, data: v1, want: want{errors: "changed"}, whole: []string{v1[:200_000]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p := newPeer(map[string]string{"/f": c.data})
				f := Fetcher{}
				c.setup(p, &f)
				b.net.hosts[addrA] = p.connect
				if c.for_ == 0 {
					c.for_ = 30 * time.Second
				}
				o := b.run(f, window.Spec{For: c.for_})
				if c.whole != nil {
					ok := false
					for _, w := range c.whole {
						ok = ok || o.files["f"] == w
					}
					if _, there := o.files["f"]; !ok && (there || c.whole[len(c.whole)-1] != "") {
						t.Errorf("f: %d bytes of no one version", len(o.files["f"]))
					}
					c.want.files = o.files
				}
				verdict(t, b, p, o, c.want)
			})
		})
	}
}

// TestKept: what came is kept, and what can be had is had.
func TestKept(t *testing.T) {
	big := text(2_000_000, "k")
	for _, c := range []struct {
		name string
		size int
		most int64
	}{
		{"one byte less than there is", 65_537, 65_536}, {"a part of a large file", 2_000_000, 300_000},
		{"of a file of one answer", 40_000, 39_999}, {"the first piece", 2_000_000, 65_536}, {"tiny", 2_000_000, 1},
	} {
		for _, abilities := range []string{"nginx", "sdr", "plain", "no validators"} {
			t.Run("--max-bytes, "+c.name+", "+abilities, func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					p := newPeer(map[string]string{"/f": big[:c.size]})
					switch abilities {
					case "sdr":
						p.digests, p.snapshots = true, true
					case "plain":
						p.ranges = false
					case "no validators":
						p.etag = nil
					}
					b.net.hosts[addrA] = p.connect
					o := b.run(Fetcher{MaxBytes: c.most}, window.Spec{For: 20 * time.Second})
					verdict(t, b, p, o, want{exit: Partial, files: map[string]string{"f.part": big[:c.most]}, reason: "--max-bytes", within: 2 * time.Second, clean: true})
				})
			})
		}
	}
	limits := []int{1 << 20, 100_003, 65_536, 65_535, 16 << 10, 16<<10 + 1, 9_999, 4096, 1024, 700}
	statuses := []int{400, 401, 403, 404, 405, 406, 410, 412, 416, 418, 429, 431, 451, 500, 501, 503, 599, 0, 1, 2}
	if testing.Short() {
		limits, statuses = []int{1 << 20, 65_535, 9_999}, []int{400, 404, 416, 503, 0, 2}
	}
	for _, limit := range limits {
		for _, abilities := range []string{"nginx", "sdr", "digests", "no validators", "sdr, no totals", "nginx, no totals"} {
			t.Run(fmt.Sprintf("ranges of at most %d, %s", limit, abilities), func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					data := big
					if limit < 16<<10 {
						data = big[:300_000]
					}
					p := newPeer(map[string]string{"/f": data})
					p.snapshots = strings.HasPrefix(abilities, "sdr")
					p.digests = p.snapshots || abilities == "digests"
					total := fmt.Sprint(len(data))
					if strings.HasSuffix(abilities, "no totals") {
						total = "*"
					}
					if abilities == "no validators" {
						p.etag = nil
					}
					p.script = func(n int, q *http.Request, a *reply) {
						var first int
						if a.status == 206 && (len(a.body) > limit || total == "*") {
							fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-", &first)
							a.body = a.body[:min(limit, len(a.body))]
							setHead(a, "Content-Range", fmt.Sprintf("bytes %d-%d/%s", first, first+len(a.body)-1, total))
							setHead(a, "Content-Length", fmt.Sprint(len(a.body)))
							if p.digests && q.Header.Get("Want-Content-Digest") != "" {
								setHead(a, "Content-Digest", strings.TrimPrefix(digestLine(a.body), "Content-Digest: "))
							}
						}
					}
					b.net.hosts[addrA] = p.connect
					o := b.run(Fetcher{}, window.Spec{For: 20 * time.Second})
					w := want{files: map[string]string{"f": data}}
					if limit >= 16<<10 {
						w.received = int64(len(data)) * 3 / 2
					}
					verdict(t, b, p, o, w)
				})
			})
		}
	}
	for _, status := range statuses {
		for _, framing := range []string{"", "chunked", "close"} {
			t.Run(fmt.Sprintf("a range is answered with %d, a whole file %s", status, framing), func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					p := newPeer(map[string]string{"/f": big})
					p.framing = framing
					p.ranges = false
					p.script = func(n int, q *http.Request, a *reply) {
						switch {
						case q.Header.Get("Range") == "":
						case status == 0:
							a.nothing, a.how = true, "fin"
						case status == 1:
							a.nothing, a.how = true, "reset"
						case status == 2:
							a.raw, a.how = []byte("HTTP/1.1 200 OK\r\n"), "fin"
						default:
							*a = *p.frame(&reply{status: status, cut: -1, pauseAt: -1})
						}
					}
					b.net.hosts[addrA] = p.connect
					o := b.run(Fetcher{}, window.Spec{For: 20 * time.Second})
					verdict(t, b, p, o, want{files: map[string]string{"f": big}, within: 8 * time.Second, received: 3*int64(len(big)) + 1000})
				})
			})
		}
	}
	refuse := func(status int) func(p *host, a *reply) {
		return func(p *host, a *reply) { *a = *p.frame(&reply{status: status, cut: -1, pauseAt: -1}) }
	}
	for _, c := range []struct {
		name   string
		answer func(p *host, a *reply) // to a request with a Range
		from   int                     // the first request that is answered so
		first  string                  // a file that the same server gives ranges of
		errors string                  // that come several times
	}{
		{name: "multipart", answer: func(p *host, a *reply) {
			a.head = []string{"Content-Type: multipart/byteranges; boundary=x", "Content-Length: 0"}
			a.status, a.body = 206, nil
		}},
		{name: "coded", answer: func(p *host, a *reply) { a.head = append(a.head, "Content-Encoding: gzip") }},
		{name: "up to a multiple of 64 KiB", answer: func(p *host, a *reply) {
			var first, last int
			fmt.Sscanf(strings.Join(a.head, " "), a.head[0]+" Content-Range: bytes %d-%d/", &first, &last)
			end := min(last+1, (first/(64<<10)+1)*(64<<10))
			a.body = a.body[:end-first]
			setHead(a, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, end-1, len(big)))
			setHead(a, "Content-Length", fmt.Sprint(len(a.body)))
		}},
		{name: "with a redirect to itself", answer: func(p *host, a *reply) {
			refuse(302)(p, a)
			a.head = append(a.head, "Location: /f")
		}},
		{name: "with a redirect to what is not there", answer: func(p *host, a *reply) {
			refuse(302)(p, a)
			a.head = append(a.head, "Location: /none")
		}},
		{name: "with a redirect to another host", answer: func(p *host, a *reply) {
			refuse(302)(p, a)
			a.head = append(a.head, "Location: http://example.com/f")
		}},
		{name: "with nothing", answer: func(p *host, a *reply) { *a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1}) }},
		{name: "with nothing, chunked", answer: func(p *host, a *reply) {
			p.framing = "chunked"
			*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1})
		}},
		{name: "with nothing to the end of the connection", answer: func(p *host, a *reply) {
			p.framing = "close"
			*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1})
		}},
		{name: "by silence", answer: func(p *host, a *reply) { a.nothing, a.how = true, "hang" }},
		{name: "with a head, and then silence", errors: "timeout", answer: func(p *host, a *reply) { a.cut, a.how = 0, "hang" }},
		{name: "with a head, and is cut there", errors: "short", answer: func(p *host, a *reply) { a.cut, a.how = 0, "fin" }},
		{name: "503 from the third on", from: 2, errors: "status 503", answer: refuse(503)},
		{name: "204", answer: refuse(204)},
		{name: "304", answer: refuse(304)},
		{name: "with what is no HTTP", answer: func(p *host, a *reply) { a.raw, a.how = []byte("\xff garbage\r\n\r\n"), "fin" }},
		{name: "416 from the second on", from: 1, errors: "status 416", answer: refuse(416)},
		{name: "403 from the third on", from: 2, answer: refuse(403)},
		{name: "416, and not for another file", first: fileA, answer: refuse(416)},
		{name: "403, and not for another file", first: fileA, answer: refuse(403)},
	} {
		t.Run("a range is answered "+c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p := newPeer(map[string]string{"/f": big, "/g": c.first})
				p.script = func(n int, q *http.Request, a *reply) {
					if n >= c.from && q.Header.Get("Range") != "" && q.URL.Path == "/f" {
						c.answer(p, a)
					}
				}
				b.net.hosts[addrA] = p.connect
				w := want{files: map[string]string{"f": big}, within: 30 * time.Second, errors: c.errors, received: 3*int64(len(big)) + 1000}
				f := Fetcher{}
				if c.first != "" {
					f.Paths, w.files["g"] = []Path{{"/g", "g"}, {"/f", "f"}}, c.first
				}
				verdict(t, b, p, b.run(f, window.Spec{For: 30 * time.Second}), w)
			})
		})
	}
	t.Run("at first all is answered by silence, by a server that has digests of pieces", func(t *testing.T) {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(map[string]string{"/f": big})
			p.script = func(n int, q *http.Request, a *reply) {
				if setHead(a, "Content-Digest", ""); n < 3 {
					a.nothing, a.how = true, "hang"
				} else if q.Header.Get("Range") != "" {
					a.head = append(a.head, digestLine(a.body))
				} // beyond 8 MiB there is none of all of it
			}
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{}, window.Spec{For: 30 * time.Second})
			verdict(t, b, p, o, want{files: map[string]string{"f": big}, verified: "digest", errors: "timeout"})
		})
	})
	t.Run("the write of the next request fails first", func(t *testing.T) {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(map[string]string{"/f": big})
			p.script = func(n int, q *http.Request, a *reply) {
				if n == 2 { // the third piece is there, and the connection can only be read
					a.deaf = true
				}
			}
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{Piece: 100_000}, window.Spec{For: 20 * time.Second})
			verdict(t, b, p, o, want{files: map[string]string{"f": big}, verified: "digest", received: int64(len(big))})
		})
	})
}
