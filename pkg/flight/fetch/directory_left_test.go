package fetch

import (
	"archive/tar"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"
)

// halfOfLarge lists /many/large, of which half comes in 5 s.
func halfOfLarge(p *host) tree {
	d := tree{}
	d.add("/many/", "file", "large", 3_000_000, "")
	d.lists(p, func(n int, q *http.Request, a *reply) {
		if strings.HasPrefix(q.URL.Path, "/many/large") {
			a.rate = 500_000
		}
	})
	return d
}

// What is half here of an archive's member is not displaced by a file that is
// asked for under the name that the member would have.
func TestMemberApart(t *testing.T) {
	files := map[string]string{"/many/large": text(3_000_000, "large"), "/log": text(1000, "log")}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		halfOfLarge(p)
		b.net.hosts[addrA] = p.connect
		archive := Path{"/many/", "m.tar"}
		b.run(Fetcher{Paths: []Path{archive}}, window.Spec{For: 5 * time.Second})
		clear(t, b.outbox)
		o := b.run(Fetcher{Paths: []Path{{"/log", "m.tar_large"}}}, window.Spec{For: 5 * time.Second})
		if o.Exit != Complete {
			t.Fatalf("exit %d: %s", o.Exit, o.Reason)
		}
		clear(t, b.outbox)
		o = b.run(Fetcher{Paths: []Path{archive}}, window.Spec{For: 8 * time.Second})
		if o.Exit != Complete || o.Received > 2_500_000 {
			t.Errorf("exit %d, %d bytes came: %s", o.Exit, o.Received, o.Reason)
		}
		unpack(t, o.files["m.tar"], o.receipts["m.tar"])
		if left := names(t, b.stage); len(left) != 1 {
			t.Errorf("left on the stage: %q", left)
		}
	})
}

// A file of a directory that goes from the server when it is half here comes as
// a part, once, and nothing of it stays.
func TestManyGone(t *testing.T) {
	for _, now := range []string{"gone", "no salvage", "refused", "depth", "another prefix"} {
		t.Run(now, func(t *testing.T) {
			files := manyFiles(10, 1000)
			files["/many/sub/large"], files["/many/large"] = text(3_000_000, "below"), text(3_000_000, "large")
			virtual(t, func(t *testing.T, b *bench) {
				p := sdr(files)
				var mu sync.Mutex
				d, asked := treeOf(files), map[string]int{}
				d.add("/many/", "directory", "sub", 0, "")
				d.lists(p, func(n int, q *http.Request, a *reply) {
					mu.Lock()
					defer mu.Unlock()
					if asked[q.URL.Path]++; strings.HasSuffix(q.URL.Path, "/large") && asked[q.URL.Path] > 3 {
						*a = *p.frame(&reply{status: 503, cut: -1, pauseAt: -1})
					}
					if now == "refused" && q.URL.Path == "/many/sub/" {
						*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1})
					}
				})
				b.net.hosts[addrA] = p.connect
				f := Fetcher{Paths: []Path{{"/many/", "m"}}, Depth: 2, NoSalvage: true}
				b.run(f, window.Spec{For: 9 * time.Second})
				half := names(t, b.stage)
				if !slices.Contains(half, "m_large.00000001.dat") || !slices.Contains(half, "m_sub%2Flarge.00000001.dat") && now != "refused" {
					t.Fatalf("on the stage: %q", half)
				}
				clear(t, b.outbox)
				large := slices.IndexFunc(d["/many/"], func(l string) bool { return strings.Contains(l, `"large"`) })
				d["/many/"] = slices.Delete(d["/many/"], large, large+1)
				delete(d, "/many/sub/")
				p.remove("/many/large")
				p.remove("/many/sub/large")
				if now != "refused" {
					d["/many/sub/"] = []string{""}
				}
				want := 2
				switch f.NoSalvage = now == "no salvage"; now {
				case "no salvage", "refused":
					want = 0
				case "depth":
					f.Depth, want = 1, 1
				case "another prefix":
					f.Paths[0].Name, want = "other", 0
				}
				o := b.run(f, window.Spec{For: 5 * time.Second})
				parts := 0
				for name, data := range o.files {
					if strings.HasSuffix(name, ".part") {
						parts++
						label := strings.TrimSuffix(name, ".part")
						r := o.receipts[label]
						if whole := files["/many/"+strings.TrimPrefix(strings.ReplaceAll(label, "%2F", "/"), "m_")]; !strings.HasPrefix(whole, data) || len(data) < 100_000 {
							t.Errorf("%s: %d bytes that are no beginning of it", name, len(data))
						}
						if r.Status != "partial" || !strings.Contains(r.Reason, "no listing has it any more") {
							t.Errorf("%s: %+v", name, r)
						}
					}
				}
				left := names(t, b.stage)
				if parts != want || len(left) != len(half)-2*want || (o.Exit == Complete) != (now == "another prefix") {
					t.Errorf("exit %d, %d parts, want %d; left on the stage: %q", o.Exit, parts, want, left)
				}
				clear(t, b.outbox)
				if o = b.run(f, window.Spec{For: 5 * time.Second}); now == "gone" && o.Exit != Complete {
					t.Errorf("the window after it: exit %d: %s", o.Exit, o.Reason)
				}
			})
		})
	}
}

// What was published by a run that was cut off before the receipts has them of
// the next run: an archive, and files, also if they have gone from the server.
func TestManyUnreceipted(t *testing.T) {
	for _, name := range []string{"m.tar", "m"} {
		files := manyFiles(10, 1000)
		files["/many/large"] = text(200_000, "large")
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(files)
			d := treeOf(files)
			d.lists(p, nil)
			b.net.hosts[addrA] = p.connect
			run := func(id string, fs outbox.FS) (Result, map[string]string, map[string]receipt) {
				w := window.Spec{For: 5 * time.Second}.Open()
				defer w.Close()
				f := Fetcher{Paths: []Path{{"/many/", name}}, RunID: id, FS: fs, Window: w, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, From: []netip.AddrPort{addrA}}
				r := f.Run(t.Context())
				files, receipts := readOutbox(t, b.outbox)
				return r, files, receipts
			}
			_, published, receipts := run("one", noReceiptFS{outbox.OS})
			if len(receipts) != 0 || len(published) != 1 && len(published) != 11 {
				t.Fatalf("%d receipts, files %q", len(receipts), keys(published))
			}
			d["/many/"] = d["/many/"][:7]
			o, _, receipts := run("two", outbox.OS)
			for name, data := range published {
				if r := receipts[name+".one"]; r.Run != "one" || r.Status != "complete" || r.SHA256 != sum(data) || r.Size != int64(len(data)) {
					t.Errorf("%s: %+v", name, r)
				}
				if r, ok := receipts[name]; ok && (r.Run != "two" || r.Status != "complete") || ok == slices.Contains([]string{"m_f0007", "m_f0008", "m_f0009", "m_large"}, name) {
					t.Errorf("%s: %+v", name, r)
				}
			}
			if left := names(t, b.stage); o.Exit != Complete || len(left) != 1 {
				t.Errorf("exit %d, left on the stage: %q", o.Exit, left)
			}
		})
	}
}

// noReceiptFS is that of a run that ends before its receipts.
type noReceiptFS struct{ outbox.FS }

func (d noReceiptFS) Rename(from, to string) error {
	if strings.HasSuffix(to, ".receipt.json") {
		return os.ErrPermission
	}
	return d.FS.Rename(from, to)
}

func (d noReceiptFS) Link(from, to string) error {
	if strings.HasSuffix(to, ".receipt.json") {
		return os.ErrPermission
	}
	return d.FS.Link(from, to)
}

// What --max-bytes has no room for is not fetched for an archive, be it small
// or large, and whatever its listing says.
func TestArchiveMaxBytesFirst(t *testing.T) {
	for _, told := range []bool{false, true} {
		files := manyFiles(100, 10_000)
		files["/many/large"] = text(3_000_000, "large")
		files["/many/larger"] = text(3_000_000, "larger")
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(files)
			d := treeOf(files)
			if !told {
				for i := range d["/many/"] {
					d["/many/"][i] = strings.ReplaceAll(d["/many/"][i], `"size":3000000,`, "")
				}
			}
			d.lists(p, nil)
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, MaxBytes: 400_000}, window.Spec{For: 5 * time.Second})
			r := o.receipts["m.tar"]
			in, manifest := unpack(t, o.files["m.tar"], r)
			if o.Exit != Partial || len(in) < 30 || len(o.files["m.tar"]) > 400_000 || !strings.Contains(manifest["many/large"].Reason, "--max-bytes") {
				t.Errorf("exit %d, %d members, %d bytes: %+v", o.Exit, len(in), len(o.files["m.tar"]), r)
			}
			if o.Received > 560_000 { // the first range of what is large, and what was asked for ahead
				t.Errorf("told %v: %d bytes came, of which %d are in the archive", told, o.Received, len(o.files["m.tar"]))
			}
		})
	}
}

// Also of an archive that had nothing whole by the end of the first window.
func TestArchiveForgetsFirst(t *testing.T) {
	files := map[string]string{"/many/large": text(3_000_000, "large"), "/many/small": "small"}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		d := halfOfLarge(p)
		b.net.hosts[addrA] = p.connect
		f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}}
		b.run(f, window.Spec{For: 5 * time.Second})
		if left := names(t, b.stage); len(left) != 3 {
			t.Fatalf("on the stage: %q", left)
		}
		clear(t, b.outbox)
		delete(d, "/many/")
		d.add("/many/", "file", "small", 5, "")
		o := b.run(f, window.Spec{For: 5 * time.Second})
		if left := names(t, b.stage); o.Exit != Complete || len(left) != 1 {
			t.Errorf("exit %d, left on the stage: %q", o.Exit, left)
		}
	})
}

// What a power cut brings back of a member, without its cursor, goes when the
// member is met again, which is in the archive by then.
func TestMemberBroughtBack(t *testing.T) {
	files := map[string]string{"/many/large": text(3_000_000, "large"), "/many/first": text(1000, "first")}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		d := halfOfLarge(p)
		d.add("/many/", "file", "first", 1000, "")
		b.net.hosts[addrA] = p.connect
		f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}}
		o := b.run(f, window.Spec{For: 5 * time.Second})
		if len(o.files["m.tar.part"]) < 1000 {
			t.Fatalf("the first window brought %q", keys(o.files))
		}
		if err := os.WriteFile(b.stage+"/.m.tar%2Ffirst.00000001.dat", []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		clear(t, b.outbox)
		o = b.run(f, window.Spec{For: 8 * time.Second})
		if left := names(t, b.stage); o.Exit != Complete || len(left) != 1 {
			t.Errorf("exit %d, left on the stage: %q", o.Exit, left)
		}
	})
}

// What is refused for good, or shorter than it was listed, keeps no room from
// what the listing has behind it.
func TestArchiveRefusedRoom(t *testing.T) {
	files := manyFiles(30, 10_000)
	files["/many/large"] = text(200_000, "large")
	for _, c := range []struct {
		why                   string
		listed, want, missing int
	}{{"403", 60_000, 30, 2}, {"403", 300_000, 30, 2}, {"a directory", 60_000, 30, 2}, {"shorter", 60_000, 31, 1}} {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(files)
			d := tree{}
			d.add("/many/", "file", "before", c.listed, "")
			d["/many/"] = append(d["/many/"], treeOf(files)["/many/"]...)
			d.lists(p, func(n int, q *http.Request, a *reply) {
				switch {
				case q.URL.Path != "/many/before":
				case c.why == "403":
					*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1})
				case c.why == "a directory":
					*a = *p.frame(&reply{status: 301, cut: -1, pauseAt: -1, head: []string{"Location: /many/before/"}})
				}
			})
			if c.why == "shorter" {
				p.put("/many/before", []byte("short"))
			}
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, MaxBytes: 360_000}, window.Spec{For: 5 * time.Second})
			r := o.receipts["m.tar"]
			in, manifest := unpack(t, o.files["m.tar"], r)
			// There is room for all of the 30 files, then for none of 200,000 bytes.
			if o.Exit != Partial || len(in) != c.want || r.Archive.Missing != int64(c.missing) || manifest["many/large"].Reason != errCapped.Text {
				t.Errorf("%s of %d: exit %d, %d members: %+v", c.why, c.listed, o.Exit, len(in), r)
			}
		})
	}
}

// The manifest of a directory of which almost nothing has room has none either:
// it is bounded by --max-bytes as all is that is published, and what is told of
// leaves room for some of it to come.
func TestArchiveMaxBytesManifest(t *testing.T) {
	for name, size := range map[string]int{"f": 0, "\x01": 0, "\xff": 0, "g": 100, "h": 5000} {
		virtual(t, func(t *testing.T, b *bench) {
			files, d := map[string]string{}, tree{}
			for i := range 3000 {
				n := fmt.Sprint(strings.Repeat(name, 40), i)
				files["/many/"+n] = text(size, n)
				d["/many/"] = append(d["/many/"], fmt.Sprintf(`{"name":"%s","href":"%s","type":"file","size":%d,"mtime":"2026-01-01T00:00:01.5Z","mode":"0640"}`,
					strings.NewReplacer("\x01", "\\u0001", "\xff", "\ufffd").Replace(n), url.PathEscape(n), size))
			}
			p := sdr(files)
			d.lists(p, nil)
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, MaxBytes: 100_000}, window.Spec{For: 5 * time.Second})
			r := o.receipts["m.tar"]
			if name != "\xff" { // names that have an href
				unpack(t, o.files["m.tar"], r)
			}
			if n := len(o.files["m.tar"]); o.Exit != Partial || n > 100_000 || r.Archive.Members < 8 || r.Archive.Members+r.Archive.Missing+r.Archive.LeftOut != 3000 {
				t.Errorf("%q, %d bytes each: exit %d, %d bytes: %+v", name, size, o.Exit, n, r.Archive)
			}
		})
	}
}

// An archive whose run was cut off before its receipt is not made again where
// the directory is what it was.
func TestArchiveUnchanged(t *testing.T) {
	for _, now := range []string{"same", "another time", "one more", "one less", "below", "another link", "refused", "403 then", "no digests"} {
		files := manyFiles(10, 1000)
		files["/many/large"], files["/many/sub/f"] = text(200_000, "large"), "below"
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(files)
			d := treeOf(files)
			d.add("/many/", "directory", "sub", 0, "")
			d.add("/many/", "symlink", "link", 2, `,"target":"\ufffd","target_href":"%fe"`)
			second := false
			p.digests, p.snapshots = now != "no digests", now != "no digests"
			d.lists(p, func(n int, q *http.Request, a *reply) {
				if q.URL.Path == "/many/sub/" && now == "refused" && second || q.URL.Path == "/many/f0003" && now == "403 then" && !second {
					*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1})
				}
			})
			b.net.hosts[addrA] = p.connect
			f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}, Depth: 2, Outbox: b.outbox, Stage: b.stage, Dial: b.net.dial, From: []netip.AddrPort{addrA}}
			run := func(id string, fs outbox.FS) (Result, map[string]string, map[string]receipt) {
				f.RunID, f.FS, f.Window = id, fs, window.Spec{For: 5 * time.Second}.Open()
				defer f.Window.Close()
				o := f.Run(t.Context())
				files, receipts := readOutbox(t, b.outbox)
				return o, files, receipts
			}
			_, published, receipts := run("one", noReceiptFS{outbox.OS})
			first := published["m.tar"]
			if len(receipts) != 0 || len(first) < 200_000 {
				t.Fatalf("%d receipts, files %q", len(receipts), keys(published))
			}
			clear(t, b.outbox)
			second = true
			l := d["/many/"]
			switch now {
			case "another time":
				l[3] = strings.Replace(l[3], "01.5Z", "01.6Z", 1)
			case "one more":
				p.put("/many/more", []byte("more"))
				d.add("/many/", "file", "more", 4, "")
			case "one less":
				d["/many/"] = l[1:]
			case "below":
				d["/many/sub/"] = []string{strings.Replace(d["/many/sub/"][0], "0640", "0600", 1)}
			case "another link":
				l[len(l)-1] = strings.Replace(l[len(l)-1], "%fe", "%ff", 1)
			case "refused":
				delete(d, "/many/sub/")
			}
			o, published, receipts := run("two", outbox.OS)
			r := receipts["m.tar"]
			if r := receipts["m.tar.one"]; r.Run != "one" || r.Status != "complete" || r.SHA256 != sum(first) {
				t.Errorf("%s: %+v", now, r)
			}
			if now != "same" {
				unpack(t, published["m.tar"], r)
			} else if _, ok := published["m.tar"]; ok || o.Exit != Complete || o.Received > 20_000 || r.SHA256 != sum(first) || r.Status != "complete" || r.Unchanged == nil || *r.Unchanged != "one" {
				t.Errorf("exit %d, %d bytes came: %+v", o.Exit, o.Received, r)
			}
			if left := names(t, b.stage); len(left) != 1 {
				t.Errorf("%s: left on the stage: %q", now, left)
			}
		})
	}
}

// What tar programs put into a directory they can, whatever its mode is, which
// the manifest has: also of an archive that went on in another window. There
// stands too what was the matter with a file that had not come.
func TestArchiveModes(t *testing.T) {
	files := map[string]string{"/many/sub/f": "below", "/many/a": "a"}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		d := treeOf(files)
		d.add("/many/", "directory", "sub", 0, "")
		d.add("/many/", "file", "gone", 7, "")
		d.lists(p, nil)
		b.net.hosts[addrA] = p.connect
		f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}, Depth: 2}
		o := b.run(f, window.Spec{For: 5 * time.Second})
		_, manifest := unpack(t, o.files["m.tar.part"], o.receipts["m.tar"])
		if s := manifest["many/gone"].Reason; o.Exit != Partial || !strings.Contains(s, "404") {
			t.Errorf("exit %d, gone: %s", o.Exit, s)
		}
		d["/many/"] = d["/many/"][:2]
		clear(t, b.outbox)
		o = b.run(f, window.Spec{For: 8 * time.Second})
		if o.Exit != Complete {
			t.Fatalf("exit %d: %s", o.Exit, o.Reason)
		}
		_, manifest = unpack(t, o.files["m.tar"], o.receipts["m.tar"])
		in := tar.NewReader(strings.NewReader(o.files["m.tar"]))
		for {
			h, err := in.Next()
			if err != nil {
				break
			}
			if h.Name == "many/sub/" && (h.Mode != 0o740 || manifest["many/sub"].Mode != "0640") {
				t.Errorf("%s: mode %o, in the manifest %s", h.Name, h.Mode, manifest["many/sub"].Mode)
			}
		}
	})
}
