package fetch

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"
)

// A tree is what a host lists: of each directory its entries.
type tree map[string][]string

func (d tree) add(dir, kind, name string, size int, more string) {
	d[dir] = append(d[dir], fmt.Sprintf(`{"name":%q,"type":%q,"size":%d,"mtime":"2026-01-01T00:00:01.5Z","mode":"0640","inode":7%s}`, name, kind, size, more))
}

// treeOf lists the files of a host; directories are entries of those above.
func treeOf(files map[string]string) tree {
	d := tree{}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dir := path.Dir(name) + "/"
		d.add(dir, "file", path.Base(name), len(files[name]), "")
	}
	return d
}

// lists answers for directories, and leaves the rest to then.
func (d tree) lists(p *host, then func(n int, q *http.Request, a *reply)) {
	p.script = func(n int, q *http.Request, a *reply) {
		if lines, ok := d[q.URL.Path]; ok {
			*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1, body: []byte(strings.Join(lines, "\n") + "\n"), head: []string{"Content-Type: application/x-ndjson"}})
		} else if then != nil {
			then(n, q, a)
		}
	}
}

func manyFiles(n, size int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("/many/f%04d", i)] = text(size+i%50, fmt.Sprint(i))
	}
	return files
}

func got(o outcome, files map[string]string, prefix string) (n int) {
	for name, data := range files {
		if o.files[prefix+path.Base(name)] == data {
			n++
		}
	}
	return n
}

// Many small files come on one connection, one request each, every one with its
// receipt; a window that ends in the middle is no failure of the disk, and the
// next one goes on.
func TestMany(t *testing.T) {
	files := manyFiles(300, 2000)
	for _, abilities := range []string{"sdr", "no digests", "no ranges", "no listing size"} {
		t.Run(abilities, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bench) {
				p := sdr(files)
				d := treeOf(files)
				switch abilities {
				case "no digests":
					p.digests, p.snapshots = false, false
				case "no ranges":
					p.ranges = false
				case "no listing size":
					for i := range d["/many/"] {
						d["/many/"][i] = fmt.Sprintf(`{"name":"f%04d","type":"file"}`, i)
					}
				}
				d.lists(p, nil)
				b.net.hosts[addrA] = p.connect
				o := b.run(Fetcher{Paths: []Path{{"/many/", "m"}}}, window.Spec{For: 60 * time.Second})
				conns, requests := p.count()
				if n := got(o, files, "m_"); o.Exit != Complete || n != 300 || len(o.receipts) != 300 || o.Files != 300 {
					t.Errorf("exit %d, %d files, %d receipts: %s", o.Exit, n, len(o.receipts), o.Reason)
				}
				if abilities == "sdr" && (conns > 1 || requests != 301) {
					t.Errorf("%d connections, %d requests", conns, requests)
				}
				for name, r := range o.receipts {
					if r.Exit != o.Exit || r.Status != "complete" || r.Attempts < 1 {
						t.Errorf("%s: %+v", name, r)
					}
				}
				if left := names(t, b.stage); len(left) != 1 {
					t.Errorf("left on the stage: %q", left)
				}
			})
		})
	}
}

// What came does not wait in memory for what does not.
func TestManySilence(t *testing.T) {
	files := manyFiles(60, 1000)
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, func(n int, q *http.Request, a *reply) {
			if q.URL.Path == "/many/f0040" {
				a.delay = 3 * time.Second
			}
		})
		b.net.hosts[addrA] = p.connect
		there := make(chan int, 1)
		go func() {
			time.Sleep(time.Second)
			there <- len(names(t, b.outbox))
		}()
		o := b.run(Fetcher{Paths: []Path{{"/many/", ""}}}, window.Spec{For: 20 * time.Second})
		if n := <-there; n != 40 || o.Exit != Complete {
			t.Errorf("exit %d, %d of the 40 files that had come were published within a second", o.Exit, n)
		}
	})
}

func TestManyCut(t *testing.T) {
	files := manyFiles(300, 20_000)
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, func(n int, q *http.Request, a *reply) { a.delay = 20 * time.Millisecond })
		b.net.hosts[addrA] = p.connect
		seen := map[string]bool{}
		for i := range 4 {
			o := b.run(Fetcher{Paths: []Path{{"/many/", ""}}}, window.Spec{For: 4 * time.Second})
			if n := got(o, files, ""); n == 0 || n != len(o.files) || len(o.receipts) != n+1 {
				t.Errorf("window %d: %d files, %d whole, %d receipts", i, len(o.files), n, len(o.receipts))
			}
			if r := o.receipts["many"]; o.Exit != Partial || r.Status != "failed" || !strings.Contains(r.Reason, fmt.Sprint(len(o.files), " of 300 files came")) || !strings.Contains(r.Reason, "the window ended") {
				t.Errorf("window %d: exit %d, %+v", i, o.Exit, r)
			}
			for name := range o.files {
				seen[name] = true
			}
			clear(t, b.outbox)
		}
	})
}

// One file that ends every connection, one that is refused, one that lies about
// its digest, and one that is empty keep no other from coming.
func TestManyTroubles(t *testing.T) {
	files := manyFiles(60, 1000)
	files["/many/f0010"] = ""
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, func(n int, q *http.Request, a *reply) {
			switch q.URL.Path {
			case "/many/f0003":
				a.nothing, a.how = true, "reset"
			case "/many/f0020":
				*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1, body: []byte("no")})
			case "/many/f0030":
				for i, h := range a.head {
					if strings.HasPrefix(h, "Content-Digest") {
						a.head[i] = digestLine([]byte("something else"))
					}
				}
			}
		})
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/many/", ""}}}, window.Spec{For: 20 * time.Second})
		if n := got(o, files, ""); n != 57 || o.Exit != Partial || o.files["f0010"] != "" || len(o.receipts) != 60 {
			t.Errorf("exit %d, %d files, %d receipts", o.Exit, n, len(o.receipts))
		}
		for name, status := range map[string]string{"f0003": "failed", "f0020": "failed", "f0030": "failed", "f0010": "complete"} {
			if r := o.receipts[name]; r.Status != status {
				t.Errorf("%s: %+v", name, r)
			}
		}
	})
}

// --max-bytes ends a directory as it ends files.
func TestManyMaxBytes(t *testing.T) {
	files := manyFiles(60, 1000)
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, nil)
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/many/", ""}}, MaxBytes: 20_500}, window.Spec{For: 20 * time.Second})
		n := 0
		for _, data := range o.files {
			n += len(data)
		}
		if o.Exit != Partial || n > 20_500 || n < 19_000 {
			t.Errorf("exit %d, %d bytes", o.Exit, n)
		}
		clear(t, b.outbox)
		clear(t, b.stage)
		o = b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, MaxBytes: 40_000}, window.Spec{For: 20 * time.Second})
		if n := len(o.files["m.tar"]); o.Exit != Partial || n > 40_000 || n < 20_000 || o.receipts["m.tar"].Archive.Missing == 0 {
			t.Errorf("exit %d, %d bytes, %+v", o.Exit, n, o.receipts["m.tar"])
		}
	})
}

// lineOf is a line of a manifest.
type lineOf struct {
	Name, Href, Type, MTime, Mode, SHA256, Verified, Target, Reason string
	Size                                                            *int64
}

// unpack reads an archive and holds its manifest against it.
func unpack(t *testing.T, data string, r receipt) (files map[string]string, manifest map[string]lineOf) {
	t.Helper()
	files, manifest = map[string]string{}, map[string]lineOf{}
	in := tar.NewReader(strings.NewReader(data))
	last := ""
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the archive: %v", err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files[h.Name]; ok {
			t.Errorf("%q is twice in the archive", h.Name)
		}
		files[h.Name], last = string(b), h.Name
		if h.Typeflag == tar.TypeSymlink {
			files[h.Name] = "-> " + h.Linkname
		}
	}
	if last != "MANIFEST.jsonl" || sum(files[last]) != r.Archive.Manifest {
		t.Fatalf("the last member is %q, its sum is not that of the receipt: %+v", last, r.Archive)
	}
	for _, l := range strings.Split(strings.TrimSpace(files[last]), "\n") {
		var m lineOf
		if l != "" {
			if err := json.Unmarshal([]byte(l), &m); err != nil {
				t.Fatalf("%v: %s", err, l)
			}
			manifest[m.Name] = m
		}
	}
	delete(files, last)
	in_, missing := int64(0), int64(0)
	for name, data := range files {
		m, ok := manifest[strings.TrimSuffix(name, "/")]
		if !ok || m.Type == "file" && (m.SHA256 != sum(data) || m.Size == nil || *m.Size != int64(len(data))) {
			t.Errorf("%q: %+v", name, m)
		}
		in_++
	}
	for name, m := range manifest {
		_, ok := files[name]
		if m.Type == "directory" {
			_, ok = files[name+"/"]
		}
		if !ok && m.Reason == "" {
			t.Errorf("%q is not there, and nobody says why", name)
		}
		if !ok && (m.Type == "file" || m.Type == "directory") {
			missing++
		}
	}
	if in_ != r.Archive.Members || missing != r.Archive.Missing {
		t.Errorf("%d members and %d missing, the receipt says %+v", in_, missing, r.Archive)
	}
	return files, manifest
}

// A directory as one archive, with what is not a small file, and what is none.
func TestArchive(t *testing.T) {
	files := manyFiles(40, 1000)
	files["/many/large"] = text(300_000, "large")
	files["/many/sub/a"] = "a"
	files["/many/sub/deeper/b"] = "b"
	d := treeOf(files)
	d.add("/many/", "directory", "sub", 0, `,"href":"sub/"`)
	d.add("/many/sub/", "directory", "deeper", 0, `,"href":"deeper/"`)
	d.add("/many/", "symlink", "link", 9, `,"target":"../../etc/passwd"`)
	d.add("/many/", "symlink", "link2", 9, `,"target":"\ufffd","target_href":"%ff"`)
	d.add("/many/", "fifo", "fifo", 0, "")
	d.add("/many/", "file", "..", 1, "")
	d.add("/many/", "file", "f0001", 1000, "") // twice
	d.add("/many/", "file", "evil", 1, `,"href":"..%2fevil"`)
	d["/many/"] = append(d["/many/"], `{"name":"f0002\u0000x","type":"file","size":1}`)
	// The longest line that an honest server has.
	d.add("/many/", "symlink", "long", 4095, `,"target":"`+strings.Repeat(`\u0001`, 4095)+`","target_href":"`+strings.Repeat("%01", 4095)+`"`)
	for depth, want := range map[int]int{1: 40 + 1 + 1 + 3, 2: 40 + 1 + 1 + 3 + 2, 3: 40 + 1 + 1 + 3 + 3} {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(files)
			d.lists(p, nil)
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, Depth: depth}, window.Spec{For: 20 * time.Second})
			r := o.receipts["m.tar"]
			if o.Exit != Complete || r.Status != "complete" || len(o.files) != 1 || r.Verified != "digest" || r.NULs.Runs > 0 {
				t.Fatalf("depth %d: exit %d, %+v", depth, o.Exit, r)
			}
			in, manifest := unpack(t, o.files["m.tar"], r)
			if len(in) != want {
				t.Errorf("depth %d: %d members, want %d", depth, len(in), want)
			}
			for name, data := range files {
				if level := strings.Count(name, "/") - 1; level <= depth && in[name[1:]] != data {
					t.Errorf("depth %d: %s: got %d bytes, want %d", depth, name, len(in[name[1:]]), len(data))
				}
			}
			if in["many/link"] != "-> ../../etc/passwd" || in["many/link2"] != "-> \xff" || in["many/long"] != "-> "+strings.Repeat("\x01", 4095) || manifest["many/fifo"].Type != "fifo" {
				t.Errorf("links: %q, %q", in["many/link"], in["many/link2"])
			}
			if left := names(t, b.stage); len(left) != 1 {
				t.Errorf("left on the stage: %q", left)
			}
		})
	}
}

// A window that ends in the middle leaves an archive that is valid, and the
// next one fetches nothing again that is in it.
func TestArchiveResumed(t *testing.T) {
	files := manyFiles(200, 20_000)
	files["/many/large"] = text(1_500_000, "large")
	for _, emptied := range []bool{false, true} {
		virtual(t, func(t *testing.T, b *bench) {
			p := sdr(files)
			d := treeOf(files)
			then := func(n int, q *http.Request, a *reply) {
				a.delay = 20 * time.Millisecond
				if strings.HasPrefix(q.URL.Path, "/many/large") {
					a.rate = 1_000_000
				}
				if q.URL.Path == "/many/f0199" {
					*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1, body: []byte("no")})
				}
			}
			d.lists(p, then)
			b.net.hosts[addrA] = p.connect
			had, windows := map[string]string{}, 0
			for ; windows < 6; windows++ {
				if emptied {
					clear(t, b.outbox)
				}
				from := len(p.asked())
				o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}}, window.Spec{For: 4 * time.Second})
				r := o.receipts["m.tar"]
				for _, q := range p.asked()[from:] {
					for name := range had {
						if strings.Contains(q, "/"+path.Base(name)+" ") || strings.HasSuffix(q, "/"+path.Base(name)) {
							t.Errorf("window %d asks for %s again: %s", windows, name, q)
						}
					}
				}
				if data, ok := o.files["m.tar"]; ok {
					in, manifest := unpack(t, data, r)
					if len(in) != 200 || o.Exit != Partial || r.Status != "complete" || r.Archive.Missing != 1 || !strings.Contains(manifest["many/f0199"].Reason, "403") {
						t.Errorf("the last window: exit %d, %d members, %+v", o.Exit, len(in), r)
					}
					for name := range in {
						if in[name] != files["/"+name] {
							t.Errorf("%s is another", name)
						}
					}
					for name, m := range manifest {
						want := ""
						switch name {
						case "many/f0000":
							want = "it changed on the server after it was taken"
						case "many/f0001":
							want = "no listing has it any more"
						case "many/f0199":
							want = "the server answered 403"
						}
						if !strings.HasPrefix(m.Reason, want) || want == "" && m.Reason != "" || m.Mode != "0640" {
							t.Fatalf("%s: got %+v, want the reason %q", name, m, want)
						}
					}
					if r.Archive.Changed != 2 {
						t.Errorf("the last window: %+v", r.Archive)
					}
					break
				}
				in, _ := unpack(t, o.files["m.tar.part"], r)
				if o.Exit != Partial || r.Status != "partial" || len(in) < len(had) {
					t.Errorf("window %d: exit %d, %d members, %+v", windows, o.Exit, len(in), r)
				}
				for name, data := range in {
					if data != files["/"+name] {
						t.Errorf("%s is another", name)
					}
				}
				had = in
				if windows == 0 { // one changes on the server, one goes
					d["/many/"][0] = strings.Replace(d["/many/"][0], "00:00:01.5Z", "00:00:09Z", 1)
					d["/many/"] = slices.Delete(d["/many/"], 1, 2)
				}
			}
			if windows < 2 || windows == 6 {
				t.Errorf("%d windows", windows)
			}
			if left := names(t, b.stage); len(left) != 1 {
				t.Errorf("left on the stage: %q", left)
			}
		})
	}
}

// What is not on the server any more is told of, but not of what is below a
// directory that cannot be listed.
func TestArchiveUnlisted(t *testing.T) {
	for _, refused := range []bool{false, true} {
		virtual(t, func(t *testing.T, b *bench) {
			files := manyFiles(3, 1000)
			files["/many/sub/a"], files["/many/sub/b"] = "a", "b"
			d := treeOf(files)
			d.add("/many/", "directory", "sub", 0, `,"href":"sub/"`)
			p := sdr(files)
			first := true
			d.lists(p, func(n int, q *http.Request, a *reply) {
				if first && q.URL.Path == "/many/f0002" {
					*a = *p.frame(&reply{status: 503, cut: -1, pauseAt: -1})
				}
				if !first && refused && q.URL.Path == "/many/sub/" {
					*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1})
				}
			})
			b.net.hosts[addrA] = p.connect
			o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, Depth: 2}, window.Spec{For: 4 * time.Second})
			if in, _ := unpack(t, o.files["m.tar.part"], o.receipts["m.tar"]); len(in) != 5 {
				t.Fatalf("the first window: %d members", len(in))
			}
			first = false
			if d["/many/sub/"] = d["/many/sub/"][:1]; refused {
				delete(d, "/many/sub/")
			}
			o = b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, Depth: 2}, window.Spec{For: 4 * time.Second})
			r := o.receipts["m.tar"]
			in, manifest := unpack(t, o.files["m.tar"], r)
			for name := range in {
				name = strings.TrimSuffix(name, "/")
				if got := strings.Contains(manifest[name].Reason, "no listing has it"); got != (!refused && name == "many/sub/b") {
					t.Errorf("refused %v, %s: %q", refused, name, manifest[name].Reason)
				}
			}
			if len(in) != 6 || r.Archive.LeftOut+r.Archive.Changed != 1 || refused != (r.Archive.LeftOut == 1) {
				t.Errorf("refused %v: %d members, %+v", refused, len(in), r.Archive)
			}
			if refused != strings.Contains(manifest["many/sub/"].Reason, "403") || refused != strings.Contains(r.Reason, "1 were left out: too many, without room, or in directories that could not be listed") {
				t.Errorf("refused %v: %+v: %s", refused, manifest["many/sub/"], r.Reason)
			}
		})
	}
}

// What is a directory now and was another thing when it was taken is not gone
// into: no archive has a member below a link or a file.
func TestArchiveOtherTypes(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		files := manyFiles(100, 20_000)
		files["/many/file/inside"], files["/many/link/inside"] = "1", "2"
		p := sdr(files)
		d := treeOf(files)
		rest := d["/many/"]
		d["/many/"] = nil
		d.add("/many/", "file", "file", 3, "")
		d.add("/many/", "symlink", "link", 4, `,"target":"/etc"`)
		d.add("/many/", "directory", "directory", 0, "")
		d["/many/"] = append(d["/many/"], rest...)
		p.put("/many/file", []byte("was"))
		d.lists(p, func(n int, q *http.Request, a *reply) { a.delay = 50 * time.Millisecond })
		b.net.hosts[addrA] = p.connect
		f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}, Depth: 2}
		if o := b.run(f, window.Spec{For: 4 * time.Second}); o.files["m.tar.part"] == "" {
			t.Fatalf("the first window: exit %d, %+v", o.Exit, o.receipts)
		}
		for i, kind := range []string{"directory", "directory", "symlink"} {
			was := d["/many/"][i]
			d["/many/"][i] = strings.Replace(was, `"type":"`+[]string{"file", "symlink", "directory"}[i], `"type":"`+kind, 1)
		}
		o := b.run(f, window.Spec{For: 20 * time.Second})
		in, manifest := unpack(t, o.files["m.tar"], o.receipts["m.tar"])
		if len(in) != 103 || in["many/file"] != "was" || in["many/link"] != "-> /etc" || o.receipts["m.tar"].Archive.Changed != 3 {
			t.Errorf("exit %d, %d members, %+v", o.Exit, len(in), o.receipts["m.tar"])
		}
		for name, m := range manifest {
			if strings.HasSuffix(name, "/inside") || !strings.HasPrefix(name, "many/f0") && !strings.Contains(m.Reason, "changed on the server") {
				t.Errorf("%+v", m)
			}
		}
	})
}

// fullFS has room for so many bytes of files whose names have full in them.
type fullFS struct {
	outbox.FS
	full string
	room int64
}

type fullFile struct {
	outbox.File
	room int64
}

func (d fullFS) Open(name string, flag int) (outbox.File, error) {
	f, err := d.FS.Open(name, flag)
	if err == nil && strings.Contains(name, d.full) && strings.HasSuffix(name, ".dat") {
		f = fullFile{f, d.room}
	}
	return f, err
}

func (f fullFile) WriteAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.room {
		return 0, syscall.ENOSPC
	}
	return f.File.WriteAt(b, off)
}

// A member that the own disk has no room for is a failure of the disk: the
// archive is not what the server has, and the next run goes on with it.
func TestArchiveFullDisk(t *testing.T) {
	files := manyFiles(40, 1000)
	files["/many/large"] = text(300_000, "large")
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, nil)
		b.net.hosts[addrA] = p.connect
		f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}, FS: fullFS{outbox.OS, "m.tar%2Flarge", 0}}
		o := b.run(f, window.Spec{For: 20 * time.Second})
		r := o.receipts["m.tar"]
		in, manifest := unpack(t, o.files["m.tar.part"], r)
		if o.Exit != Local || r.Status != "partial" || len(in) != 40 || !strings.Contains(r.Reason, "the disk is full") || !strings.Contains(manifest["many/large"].Reason, "the disk is full") {
			t.Errorf("exit %d, %d members, %+v", o.Exit, len(in), r)
		}
		// The archive itself has no room either for what comes next.
		clear(t, b.outbox)
		clear(t, b.stage)
		f.FS = fullFS{outbox.OS, "m.tar.0", 20_000}
		o = b.run(f, window.Spec{For: 20 * time.Second})
		if a := o.receipts["m.tar"].Archive; o.Exit != Local || a.Members < 10 || a.Members+a.Missing != 41 {
			t.Errorf("exit %d, of 41: %+v", o.Exit, a)
		}
		f.FS = nil
		clear(t, b.outbox)
		from := len(p.asked())
		o = b.run(f, window.Spec{For: 20 * time.Second})
		in, _ = unpack(t, o.files["m.tar"], o.receipts["m.tar"])
		if o.Exit != Complete || len(in) != 41 || len(p.asked())-from > 35 {
			t.Errorf("with room: exit %d, %d members, asked %q", o.Exit, len(in), p.asked()[from:])
		}
	})
}

// Of a file that went from the server when half of it had come nothing stays on
// the stage; and what is there and not published is not called nothing.
func TestArchiveForgets(t *testing.T) {
	files := manyFiles(10, 1000)
	files["/many/large"] = text(3_000_000, "large")
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		d := treeOf(files)
		d.lists(p, func(n int, q *http.Request, a *reply) {
			if strings.HasPrefix(q.URL.Path, "/many/large") {
				a.rate = 500_000
			}
		})
		b.net.hosts[addrA] = p.connect
		f := Fetcher{Paths: []Path{{"/many/", "m.tar"}}, NoSalvage: true}
		o := b.run(f, window.Spec{For: 5 * time.Second})
		if r := o.receipts["m.tar"]; o.Exit != Nothing || !strings.HasPrefix(r.Reason, "nothing published; ") || !strings.Contains(r.Reason, "kept on the stage") || strings.Contains(r.Reason, "manifest") {
			t.Errorf("exit %d, %+v", o.Exit, r)
		}
		if left := names(t, b.stage); !slices.Contains(left, ".m.tar%2Flarge.00000001.dat") {
			t.Fatalf("on the stage: %q", left)
		}
		d["/many/"] = d["/many/"][:10]
		o = b.run(f, window.Spec{For: 5 * time.Second})
		if left := names(t, b.stage); o.Exit != Complete || len(left) != 1 {
			t.Errorf("exit %d, left on the stage: %q", o.Exit, left)
		}
	})
}

// What only is called as if it were of the archive stays.
func TestArchiveForgetsItsOwn(t *testing.T) {
	files := manyFiles(10, 1000)
	files["/many/large"], files["/log"] = text(3_000_000, "large"), text(3_000_000, "log")
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		d := treeOf(files)
		delete(d, "/log")
		d.lists(p, func(n int, q *http.Request, a *reply) {
			if strings.HasPrefix(q.URL.Path, "/many/large") || strings.HasPrefix(q.URL.Path, "/log") {
				a.rate = 500_000
			}
		})
		b.net.hosts[addrA] = p.connect
		archive := Path{"/many/", "m.tar"}
		b.run(Fetcher{Paths: []Path{archive}, NoSalvage: true}, window.Spec{For: 5 * time.Second})
		b.run(Fetcher{Paths: []Path{{"/log", "m.tar_log"}}, NoSalvage: true}, window.Spec{For: 5 * time.Second})
		os.Remove(b.outbox + "/m.tar_log.receipt.json") // it went down
		d["/many/"] = d["/many/"][:10]
		o := b.run(Fetcher{Paths: []Path{archive}}, window.Spec{For: 5 * time.Second})
		left := names(t, b.stage)
		if o.Exit != Complete || !slices.Contains(left, "m.tar_log.00000001.dat") || !slices.Contains(left, "m.tar_log.00000001.cur") || len(left) != 3 {
			t.Errorf("exit %d, left on the stage: %q", o.Exit, left)
		}
	})
}

// slowRemoveFS is slow to remove what has slow in its name.
type slowRemoveFS struct {
	outbox.FS
	slow string
}

func (d slowRemoveFS) Remove(name string) error {
	if strings.Contains(name, d.slow) {
		time.Sleep(5 * time.Second)
	}
	return d.FS.Remove(name)
}

// A window that ends when a member is in the archive, and its own file not yet
// gone from the stage, does not say that it had not come.
func TestArchiveEndsBehindMember(t *testing.T) {
	files := manyFiles(10, 1000)
	files["/many/large"] = text(300_000, "large")
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, nil)
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, FS: slowRemoveFS{outbox.OS, ".m.tar%2Flarge.00000001.cur"}}, window.Spec{For: 6 * time.Second})
		r := o.receipts["m.tar"]
		in, manifest := unpack(t, o.files["m.tar.part"], r)
		if o.Exit != Partial || len(in) != 11 || r.Archive.Missing != 0 || manifest["many/large"].Reason != "" {
			t.Errorf("exit %d, %d members, %+v, %+v", o.Exit, len(in), r, manifest["many/large"])
		}
	})
}

// Where there is no room for the manifest, what is published has none, and its
// receipt names none.
func TestArchiveFullAtItsEnd(t *testing.T) {
	files := manyFiles(40, 1000)
	room := int64(1000)
	for _, data := range files {
		room += 512 + int64(len(data)+511)/512*512
	}
	room -= 512 + 1536 // of the one that never comes
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		treeOf(files).lists(p, func(n int, q *http.Request, a *reply) {
			if q.URL.Path == "/many/f0039" {
				*a = *p.frame(&reply{status: 503, cut: -1, pauseAt: -1})
			}
		})
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, FS: fullFS{outbox.OS, "m.tar.0", room}}, window.Spec{For: 4 * time.Second})
		r, n := o.receipts["m.tar"], 0
		in := tar.NewReader(strings.NewReader(o.files["m.tar.part"]))
		_, err := in.Next()
		for ; err == nil; _, err = in.Next() {
			n++
		}
		if o.Exit != Local || n != 39 || err != io.EOF || r.Archive.Manifest != strings.Repeat("0", 64) || !strings.Contains(r.Reason, "the disk is full") {
			t.Errorf("exit %d, %d members (%v), %+v", o.Exit, n, err, r)
		}
	})
}

// The receipt of a directory is not that of a file in it which is called as it
// is, and says that a directory below could not be listed.
func TestManyUnlisted(t *testing.T) {
	files := manyFiles(3, 1000)
	files["/many/many"] = "a file"
	d := treeOf(files)
	d.add("/many/", "directory", "sub", 0, "")
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(files)
		d.lists(p, func(n int, q *http.Request, a *reply) {
			if q.URL.Path == "/many/sub/" {
				*a = *p.frame(&reply{status: 403, cut: -1, pauseAt: -1})
			}
		})
		b.net.hosts[addrA] = p.connect
		told := false
		o := b.run(Fetcher{Paths: []Path{{"/many/", ""}}, Depth: 2, Events: func(e Event) {
			told = told || e.Kind == Refused && e.Path == "/many/sub/" && strings.Contains(e.Err.Error(), "403")
		}}, window.Spec{For: 4 * time.Second})
		r := o.receipts["many%2F"]
		if o.Exit != Partial || len(o.receipts) != 5 || o.receipts["many"].Status != "complete" || r.Status != "failed" || !told ||
			!strings.Contains(r.Reason, "4 of 4 files came") || !strings.Contains(r.Reason, "1 entries of this directory were left out: too many, or in directories that could not be listed") {
			t.Errorf("exit %d, told %v, %+v", o.Exit, told, o.receipts)
		}
	})
}

// Directories without end in directories are no load on the memory.
func TestManyDirectories(t *testing.T) {
	lines := ""
	for i := range 1000 {
		lines += fmt.Sprintf(`{"name":"directory%d","type":"directory"}`+"\n", i)
	}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(map[string]string{})
		body := []byte(lines)
		p.script = func(n int, q *http.Request, a *reply) {
			*a = *p.frame(&reply{status: 200, cut: -1, pauseAt: -1, delay: 50 * time.Millisecond, body: body, head: []string{"Content-Type: application/x-ndjson"}})
		}
		b.net.hosts[addrA] = p.connect
		var m runtime.MemStats
		var first, last uint64
		listings := 0
		o := b.run(Fetcher{Paths: []Path{{"/many/", ""}}, Depth: MaxDepth, Events: func(e Event) {
			if e.Kind == Listed {
				if listings++; listings%100 == 1 {
					runtime.GC()
					runtime.ReadMemStats(&m)
					if last = m.HeapAlloc; first == 0 {
						first = last
					}
				}
			}
		}}, window.Spec{For: 20 * time.Second})
		if grew := int64(last) - int64(first); o.Exit != Nothing || listings < 300 || grew > 8<<20 {
			t.Errorf("exit %d, %d listings, the heap grew by %d bytes", o.Exit, listings, grew)
		}
	})
}

// A directory of 100,000 entries is bounded, and says what it left out.
func TestHugeDirectory(t *testing.T) {
	d := tree{}
	for i := range 100_000 {
		d.add("/many/", "symlink", fmt.Sprint("l", i), 1, `,"target":"x"`)
	}
	virtual(t, func(t *testing.T, b *bench) {
		p := sdr(map[string]string{})
		d.lists(p, nil)
		b.net.hosts[addrA] = p.connect
		o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}}, window.Spec{For: 20 * time.Second})
		r := o.receipts["m.tar"]
		if in, _ := unpack(t, o.files["m.tar"], r); o.Exit != Partial || len(in) != maxMembers || r.Archive.LeftOut != 90_000 || !strings.Contains(r.Reason, "90000 were left out") {
			t.Errorf("exit %d, %d members, %+v", o.Exit, len(in), r)
		}
	})
}

// moveFS looks at what a file has become when it goes from its own part into
// the archive.
type moveFS struct {
	outbox.FS
	mu    sync.Mutex
	dirty int               // bytes of the archive that no sync has seen
	lost  int               // of them when the part was removed
	kept  map[string][]byte // what was removed
}

type moveFile struct {
	outbox.File
	d *moveFS
}

func (d *moveFS) Open(name string, flag int) (outbox.File, error) {
	f, err := d.FS.Open(name, flag)
	if err == nil && strings.Contains(name, "m.tar.") && strings.HasSuffix(name, ".dat") {
		f = &moveFile{f, d}
	}
	return f, err
}

func (f *moveFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.dirty += len(b)
	return f.File.WriteAt(b, off)
}

func (f *moveFile) Datasync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.dirty = 0
	return f.File.Datasync()
}

func (d *moveFS) Remove(name string) error {
	if strings.Contains(name, "m.tar%2Flarge.") {
		d.mu.Lock()
		defer d.mu.Unlock()
		if data, err := os.ReadFile(name); err == nil {
			d.lost, d.kept[name] = max(d.lost, d.dirty), data
		}
	}
	return d.FS.Remove(name)
}

// What a cursor claims of a member is in its own part until the archive has it
// durably; where a power cut brings that part back, it goes in the next run.
func TestArchiveTakesOver(t *testing.T) {
	virtual(t, func(t *testing.T, b *bench) {
		files := manyFiles(3, 1000)
		files["/many/large"] = text(1_500_000, "large")
		d := treeOf(files)
		p := sdr(files)
		first := true
		d.lists(p, func(n int, q *http.Request, a *reply) {
			if first && q.URL.Path == "/many/f0002" {
				*a = *p.frame(&reply{status: 503, cut: -1, pauseAt: -1})
			}
			a.rate = 1_000_000
		})
		b.net.hosts[addrA] = p.connect
		fs := &moveFS{FS: outbox.OS, kept: map[string][]byte{}}
		o := b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}, FS: fs}, window.Spec{For: 6 * time.Second})
		if o.receipts["m.tar"].Archive.Members != 3 || len(fs.kept) != 2 {
			t.Fatalf("the first window: %+v, removed: %d", o.receipts["m.tar"], len(fs.kept))
		}
		if fs.lost > 0 {
			t.Errorf("%d bytes of the archive were not synced when the part of a member was removed", fs.lost)
		}
		for name, data := range fs.kept {
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		first = false
		o = b.run(Fetcher{Paths: []Path{{"/many/", "m.tar"}}}, window.Spec{For: 6 * time.Second})
		if left := names(t, b.stage); o.Exit != Complete || len(left) != 1 {
			t.Errorf("exit %d, left on the stage: %q", o.Exit, left)
		}
	})
}
