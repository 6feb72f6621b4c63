package serve

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// oddNames are what Linux allows and programs forget.
var oddNames = []string{
	"plain", "sp ace", "new\nline", "tab\t", "per%cent", "per%20cent", "q?uery", "ha#sh", "quo\"te'", "<b>&amp;", "<script>alert(1)<script>",
	"-dash", "a:b", "javascript:alert(1)", "ünï", "日本語", "bad\xff\xfe", "\xc0\xae", "\x01\x1b[31m", "back\\slash", "...", ".hidden", "~home",
	"a;b", "a,b", "a+b", "a&b=c", "\u202egnp.exe", "e\u0301", "\U0001f6f0", "\u2028", "a|b", "^`{}", "'", " lead", "trail ", strings.Repeat("n", 255),
}

func oddDir(t testing.TB) string {
	dir := t.TempDir()
	for _, name := range oddNames {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("is "+name), 0o640))
	}
	return dir
}

var hrefs = regexp.MustCompile(`<td><a href="([^"]*)">(.*)</a>`)

func TestListingHTML(t *testing.T) {
	dir := oddDir(t)
	must(t, os.Mkdir(dir+"/sub dir", 0o755))
	must(t, os.Symlink("plain", dir+"/link<i>"))
	mkfifo(t, dir+"/fifo")
	p := start(t, Server{Root: dir})
	a := p.get(t, "GET", "/")
	checkHead(t, a, "Content-Type: text/html; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nContent-Length\n!ETag")
	for _, c := range a.body {
		if c < ' ' && c != '\n' || 0x7f <= c && c < 0xa0 || c == 0xfffd || c == 0x202e || c == 0x2028 {
			t.Errorf("%q in the listing", c)
		}
	}
	for _, bad := range []string{"<script", "<b>", "<i>", "javascript:"} {
		if strings.Contains(strings.ReplaceAll(a.body, ">javascript:alert(1)<", ""), bad) {
			t.Errorf("%s in the listing", bad)
		}
	}
	var got []string
	for _, m := range hrefs.FindAllStringSubmatch(a.body, -1) {
		// As a browser would: resolve, then ask.
		base := &url.URL{Scheme: "http", Host: "a", Path: "/"}
		u, err := base.Parse(html.UnescapeString(m[1]))
		if err != nil || u.Host != "a" {
			t.Fatalf("%q: %v", m[1], err)
		}
		got = append(got, strings.TrimPrefix(u.Path, "/"))
		if u.Path == "/sub dir/" {
			continue
		}
		if b := p.get(t, "GET", u.EscapedPath()); b.StatusCode != 200 || b.body != "is "+got[len(got)-1] && u.Path != "/link<i>" {
			t.Errorf("%q: got %q %q", m[1], b.raw, b.body)
		}
	}
	want := append(slices.Clone(oddNames), "sub dir/", "link<i>")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !strings.Contains(a.body, "fifo (fifo)") || strings.Contains(a.body, `"fifo"`) {
		t.Error("the FIFO is to be named and not linked")
	}
	if a = p.get(t, "GET", "/sub%20dir/"); !strings.Contains(a.body, `<a href="../">`) {
		t.Errorf("no way up: %s", a.body)
	}
}

func TestListingIsSorted(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		must(t, os.WriteFile(fmt.Sprintf("%s/%03d", dir, (i*7919)%1000), nil, 0o644))
	}
	p := start(t, Server{Root: dir})
	for _, accept := range []string{"text/html", "application/x-ndjson"} {
		names := regexp.MustCompile(`"(\d\d\d)"`).FindAllString(p.get(t, "GET", "/", "Accept: "+accept).body, -1)
		if len(names) < 300 || !slices.IsSorted(names) {
			t.Errorf("%s: %d names, not sorted", accept, len(names))
		}
	}
}

type line struct {
	Name, Href, Type, Mode, Target string
	TargetHref                     string `json:"target_href"`
	Size                           int64
	Mtime                          time.Time
	Inode                          uint64
}

func (p *peer) lines(t testing.TB, path string) map[string]line {
	t.Helper()
	a := p.get(t, "GET", path, "Accept: text/html;q=0.5, application/x-ndjson; q=0.9")
	checkHead(t, a, "Content-Type: application/x-ndjson\nVary: Accept")
	all := map[string]line{}
	for _, s := range strings.SplitAfter(a.body, "\n") {
		if s == "" {
			continue
		}
		var l line
		if err := json.Unmarshal([]byte(s), &l); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		name, err := url.PathUnescape(l.Href)
		must(t, err)
		all[name] = l
	}
	return all
}

func TestListingLines(t *testing.T) {
	dir := oddDir(t)
	special(t, dir)
	must(t, os.Mkdir(dir+"/sub", 0o1777))
	must(t, os.Chmod(dir+"/sub", 0o777|os.ModeSticky))
	must(t, os.Symlink("no\xffwhere", dir+"/dangling"))
	p := start(t, Server{Root: dir})
	all := p.lines(t, "/")
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(all) != len(entries) {
		t.Errorf("got %d entries, want %d", len(all), len(entries))
	}
	for _, e := range entries {
		name := e.Name()
		var st syscall.Stat_t
		must(t, syscall.Lstat(filepath.Join(dir, name), &st))
		key := name
		if e.IsDir() {
			key += "/"
		}
		l, ok := all[key]
		mode := fmt.Sprintf("%04o", st.Mode&0o7777)
		if !ok || l.Size != st.Size || l.Inode != st.Ino || l.Mode != mode || !l.Mtime.Equal(time.Unix(st.Mtim.Unix())) {
			t.Errorf("%q: got %+v, want %+v", name, l, st)
		}
		if want := strings.ToValidUTF8(name, "\ufffd"); l.Name != want && strings.ToValidUTF8(name, "") == name {
			t.Errorf("got name %q, want %q", l.Name, want)
		}
		if kind := kindName(st.Mode); l.Type != kind {
			t.Errorf("%q: got type %s, want %s", name, l.Type, kind)
		}
	}
	if l := all["dangling"]; l.Target != "no\ufffdwhere" || l.TargetHref != "no%FFwhere" || l.Type != "symlink" {
		t.Errorf("got %+v", l)
	}
	if l := all["bad\xff\xfe"]; l.Name != "bad\ufffd\ufffd" {
		t.Errorf("got name %q", l.Name)
	}
	// It is asked for, so index.html does not stand in for it.
	must(t, os.WriteFile(dir+"/index.html", []byte("index"), 0o644))
	if len(p.lines(t, "/")) != len(entries)+1 {
		t.Error("index.html instead of the listing")
	}
	for accept, want := range map[string]string{
		"application/x-ndjson;q=0": "index", "application/x-ndjson; q=0.000": "index", "application/json": "index", "*/*": "index", "": "index",
	} {
		if a := p.get(t, "GET", "/", "Accept: "+accept); a.body != want {
			t.Errorf("Accept %q: got %q", accept, a.body)
		}
	}
}

func TestIndexThatCannotBeServed(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/a", 0o755))
	must(t, os.Mkdir(dir+"/b", 0o755))
	mkfifo(t, dir+"/a/index.html")
	must(t, os.Mkdir(dir+"/b/index.html", 0o755))
	p := start(t, Server{Root: dir})
	for _, path := range []string{"/a/", "/b/"} {
		if a := p.get(t, "GET", path); a.StatusCode != 200 || !strings.Contains(a.body, "<table>") {
			t.Errorf("%s: got %q", path, a.raw)
		}
	}
}

// A directory of 100,000 entries is streamed, and costs no memory.
func TestHugeDirectory(t *testing.T) {
	dir := fastDir(t)
	const n = 100_000
	must(t, os.WriteFile(dir+"/0", nil, 0o644))
	links := 0
	for i := 1; i < n; i++ {
		// Links, as far as the file system allows: they cost no inode.
		if err := os.Link(dir+"/"+fmt.Sprint(links), dir+"/"+fmt.Sprint(i)); err != nil {
			links = i
			must(t, os.WriteFile(dir+"/"+fmt.Sprint(i), nil, 0o644))
		}
	}
	p := start(t, Server{Root: dir})
	for _, accept := range []string{"text/html", "application/x-ndjson"} {
		nc := p.dial(t)
		io.WriteString(nc, "GET /"+h+"Accept: "+accept+"\r\nConnection: close\r\n\r\n")
		a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
		must(t, err)
		checkHead(t, a, "Transfer-Encoding: chunked\n!Content-Length")
		seen := map[string]bool{}
		for _, m := range regexp.MustCompile(`href(?:":|=)"(\d+)"`).FindAllStringSubmatch(a.body, -1) {
			seen[m[1]] = true
		}
		if len(seen) != n {
			t.Errorf("%s: %d names, want %d", accept, len(seen), n)
		}
		// HEAD tells the same, at once.
		began := time.Now()
		checkHead(t, p.get(t, "HEAD", "/", "Accept: "+accept), "Transfer-Encoding: chunked")
		t.Log("HEAD took", time.Since(began))
	}
	// HTTP/1.0 knows no chunks.
	nc := p.dial(t)
	io.WriteString(nc, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), "GET")
	must(t, err)
	checkHead(t, a, "Connection: close\n!Transfer-Encoding\n!Content-Length")
	if !strings.HasSuffix(a.body, "UTC.\n") {
		t.Error("not to its end")
	}
}

// A directory that is renamed while it is listed is listed to its end, also
// where another takes its name; one that is removed is cut.
func TestListingOfAMovingDirectory(t *testing.T) {
	const n = 60_000 // 9 MB of HTML: far more than the send buffer may grow to (tcp_wmem: 4 MiB)
	for how, c := range map[string]struct {
		then  func(root string) error
		whole bool
	}{
		"renamed": {func(root string) error { return os.Rename(root+"/d", root+"/e") }, true},
		"another in its place": {func(root string) error {
			if err := os.Rename(root+"/d", root+"/e"); err != nil {
				return err
			}
			return os.Mkdir(root+"/d", 0o755)
		}, true},
		"its parent renamed": {func(root string) error { return os.Rename(root, root+"-2") }, true},
		"removed":            {func(root string) error { return os.RemoveAll(root + "/d") }, false},
	} {
		for _, accept := range []string{"text/html", "application/x-ndjson"} {
			t.Run(how+" "+accept, func(t *testing.T) {
				dir := fastDir(t)
				root := dir + "/root"
				must(t, os.MkdirAll(root+"/d", 0o755))
				must(t, os.WriteFile(dir+"/f", nil, 0o644))
				for i := range n {
					must(t, os.Link(dir+"/f", fmt.Sprintf("%s/d/a-name-that-is-as-long-as-those-of-logs-are-%d", root, i)))
				}
				p := start(t, Server{Root: root})
				nc := p.dial(t)
				must(t, nc.(*net.TCPConn).SetReadBuffer(16<<10))
				io.WriteString(nc, "GET /d/"+h+"Accept: "+accept+"\r\nConnection: close\r\n\r\n")
				r := bufio.NewReaderSize(nc, 64<<10)
				r.Peek(1)
				p.idle()
				for range 15 {
					if !c.whole {
						p.idle() // its buffers are full, also on a busy machine
					}
				}
				must(t, c.then(root))
				must(t, nc.(*net.TCPConn).SetReadBuffer(4<<20))
				a, err := readAnswer(r, "GET")
				got := strings.Count(a.body, "href=\"a-") + strings.Count(a.body, "\"href\":\"a-")
				if c.whole && (err != nil || got != n) || !c.whole && !isReset(err) {
					t.Errorf("got %d of %d entries, and %v", got, n, err)
				}
			})
		}
	}
}

// What has no time that can be said has none, and what leads nowhere is no
// link: wget -r would fail for it.
func TestListingOfOddities(t *testing.T) {
	dir := fastDir(t)
	for name, year := range map[string]int{"y-1": -1, "y0": 0, "y9999": 9999, "y10000": 10000, "y2026": 2026} {
		must(t, os.WriteFile(dir+"/"+name, []byte("x"), 0o644))
		var at [2]syscall.Timespec
		if !set(&at[1].Sec, time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC).Unix()) {
			must(t, os.Remove(dir+"/"+name)) // 32 bits have no such time
			continue
		}
		must(t, syscall.UtimesNano(dir+"/"+name, at[:]))
	}
	must(t, os.Mkdir(dir+"/sub", 0o755))
	mkfifo(t, dir+"/fifo")
	for name, to := range map[string]string{"ok": "y2026", "dangling": "nowhere", "loop": "loop", "to-fifo": "fifo", "to-device": "/dev/null", "to-dir": "sub", "to-dangling": "dangling", "through-file": "y2026/x"} {
		must(t, os.Symlink(to, dir+"/"+name))
	}
	p := start(t, Server{Root: dir})
	lines := p.get(t, "GET", "/", "Accept: application/x-ndjson").body
	page := p.get(t, "GET", "/").body
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		var e struct {
			Name, Type string
			Mtime      *time.Time
			Inode      uint64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if has := e.Mtime != nil; has == (e.Name == "y-1" || e.Name == "y10000") || e.Inode == 0 {
			t.Errorf("got %s", line)
		}
		link := strings.Contains(page, `<a href="`+e.Name+`"`) || strings.Contains(page, `<a href="`+e.Name+`/"`)
		if want := !strings.Contains("dangling loop fifo to-fifo to-device to-dangling through-file", e.Name); link != want {
			t.Errorf("%s: link %v, want %v", e.Name, link, want)
		}
		if status := p.get(t, "GET", "/"+e.Name).StatusCode; link != (status < 400) {
			t.Errorf("%s: link %v, and %d", e.Name, link, status)
		}
		// wget -r takes what has no slash for a file, and has no room for the rest.
		if slash := strings.Contains(page, `<a href="`+e.Name+`/"`); slash != (e.Name == "sub" || e.Name == "to-dir") {
			t.Errorf("%s: a slash is %v", e.Name, slash)
		}
	}
	for name, want := range map[string]bool{"y-1": false, "y0": true, "y2026": true} {
		if _, err := os.Lstat(dir + "/" + name); err != nil {
			continue
		}
		a := p.get(t, "GET", "/"+name)
		value := a.Header.Get("Last-Modified")
		_, err := http.ParseTime(value)
		if (value != "") != want || want && err != nil {
			t.Errorf("%s: Last-Modified %q, %v", name, value, err)
		}
		if b := p.get(t, "GET", "/"+name, "If-Modified-Since: Mon, 01 Jun 2026 00:00:00 GMT"); (b.StatusCode == 304) != want {
			t.Errorf("%s: got %d", name, b.StatusCode)
		}
	}
}

// set stores v in p, and reports whether there is room for it.
func set[T int32 | int64](p *T, v int64) bool {
	*p = T(v)
	return int64(*p) == v
}

// An index.html is there for those who want no lines: caches must know, from
// its 304 too.
func TestIndexVaries(t *testing.T) {
	p := start(t, Server{Root: fixture(t)})
	tag := p.get(t, "GET", "/d/").Header.Get("ETag")
	for _, c := range []struct {
		path, fields string
		status       int
		vary         string
	}{
		{"/d/", "A: b", 200, "Accept"}, {"/d/", "If-None-Match: " + tag, 304, "Accept"}, {"/d/", "Range: bytes=0-1", 206, "Accept"},
		{"/d/", "Accept: application/x-ndjson", 200, "Accept"}, {"/d/", "Range: bytes=99-", 416, ""}, {"/d/index.html", "A: b", 200, ""}, {"/f11", "A: b", 200, ""},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if method == "HEAD" && strings.HasPrefix(c.fields, "Range") {
				continue
			}
			a := p.get(t, method, c.path, c.fields)
			if got := strings.Join(a.Header.Values("Vary"), "+"); a.StatusCode != c.status || got != c.vary {
				t.Errorf("%s %s %s: got %d, Vary %q, want %d, %q", method, c.path, c.fields, a.StatusCode, got, c.status, c.vary)
			}
		}
	}
}

// fastDir is a directory in memory, where the machine has one.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "serve")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
