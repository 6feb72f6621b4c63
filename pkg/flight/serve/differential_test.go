package serve

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The same generated requests go to this server, to net/http's FileServer and
// to nginx; status, body and the fields that carry meaning are compared.
// Where the judges are known to differ, an exception says why. An exception
// that no request needs fails the test: it would hide something.

// A difference is an exception: it covers a request if applies says so.
type difference struct {
	why     string
	applies func(q generated, ours, theirs answer) bool
	used    bool
}

// A generated request, in parts that exceptions can look at.
type generated struct {
	method, target, minor string
	lines                 []string
	file                  string // that the target names, "" for none
}

func (g generated) wire() string {
	return g.method + " " + g.target + " HTTP/1." + g.minor + "\r\n" + strings.Join(append(g.lines, "", ""), "\r\n")
}

func (g generated) has(name string) bool {
	for _, l := range g.lines {
		if strings.HasPrefix(l, name+":") {
			return true
		}
	}
	return false
}

func (g generated) value(name string) string {
	for _, l := range g.lines {
		if v, ok := strings.CutPrefix(l, name+": "); ok {
			return v
		}
	}
	return ""
}

var generatedTargets = []struct{ target, file string }{
	{"/f11", "f11"}, {"/f11", "f11"}, {"/f11", "f11"}, {"/%66%311", "f11"}, {"/f11?x=1", "f11"}, {"/empty", "empty"}, {"/d/f11", "d/f11"},
	{"/big", "big"}, {"/nope", ""}, {"/d", ""}, {"/d/", "d/index.html"}, {"/dir/", ""}, {"/f11/", ""}, {"/f11/x", ""}, {"/../f11", "f11"},
	{"/./d/../f11", "f11"}, {"//f11", "f11"}, {"/names/sp%20ace", "names/sp ace"}, {"/names/sp+ace", ""}, {"/names/per%25cent", "names/per%cent"},
	{"/names/q%3Fuery", "names/q?uery"}, {"/names/bad%ff%fe", "names/bad\xff\xfe"}, {"/loop", ""}, {"/link", "f11"}, {"/%", ""}, {"/%00", ""}, {"http://a/f11", "f11"},
}

// generate makes a request. etag and lm are what the server it goes to says of
// that target.
func generate(rng *rand.Rand, validators func(target string) (etag, lm string)) generated {
	pick := func(s ...string) string { return s[rng.Intn(len(s))] }
	t := generatedTargets[rng.Intn(len(generatedTargets))]
	g := generated{method: pick("GET", "GET", "GET", "HEAD"), target: t.target, file: t.file, minor: pick("1", "1", "1", "0"), lines: []string{"Host: a"}}
	etag, lm := validators(g.target)
	num := func() string {
		return pick("0", "1", "4", "5", "9", "10", "11", "12", "100", "65536", "4294967296", "9223372036854775807", "")
	}
	date := func() string {
		at, _ := http.ParseTime(lm)
		at = at.Add(time.Duration(rng.Intn(3)-1) * time.Hour)
		return pick(at.UTC().Format(http.TimeFormat), at.UTC().Format("Monday, 02-Jan-06 15:04:05 GMT"), at.UTC().Format(time.ANSIC), "junk")
	}
	tag := func() string { return pick(etag, etag, "W/"+etag, `"zz"`, "*", `"a", `+etag) }
	if rng.Intn(2) == 0 {
		spec := num() + "-" + num()
		for rng.Intn(4) == 0 {
			spec += pick(",", ", ") + num() + "-" + num()
		}
		g.lines = append(g.lines, "Range: "+pick("bytes=", "bytes=", "bytes=", "bytes=", "lines=")+spec)
	}
	if rng.Intn(4) == 0 {
		g.lines = append(g.lines, "If-Range: "+pick(etag, `"zz"`, lm))
	}
	for i, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if rng.Intn(5) == 0 {
			g.lines = append(g.lines, name+": "+[]func() string{tag, tag, date, date}[i]())
		}
	}
	if rng.Intn(6) == 0 {
		g.lines = append(g.lines, "Connection: "+pick("close", "keep-alive"))
	}
	return g
}

// compare sends both requests, which are the same but for the validators.
func compare(t *testing.T, ours, theirs string, a, b generated, known []*difference) {
	t.Helper()
	x, y := ask(t, ours, a), ask(t, theirs, b)
	problem := ""
	switch {
	case x.StatusCode != y.StatusCode:
		problem = fmt.Sprintf("status %d, theirs %d", x.StatusCode, y.StatusCode)
	case x.StatusCode >= 300:
		if l, m := x.Header.Get("Location"), y.Header.Get("Location"); (l == "") != (m == "") {
			problem = fmt.Sprintf("Location %q, theirs %q", l, m)
		}
	case x.Header.Get("Content-Range") != y.Header.Get("Content-Range"):
		problem = fmt.Sprintf("Content-Range %q, theirs %q", x.Header.Get("Content-Range"), y.Header.Get("Content-Range"))
	case a.file != "" && x.body != y.body && !strings.HasPrefix(x.Header.Get("Content-Type"), "multipart/"):
		problem = fmt.Sprintf("%d bytes of body, theirs %d", len(x.body), len(y.body))
	case x.Close != y.Close:
		problem = fmt.Sprintf("close %v, theirs %v", x.Close, y.Close)
	}
	if problem == "" {
		return
	}
	for _, d := range known {
		if d.applies(a, x, y) {
			d.used = true
			return
		}
	}
	t.Errorf("%s\n%s\nours:\n%s\ntheirs:\n%s", problem, a.wire(), x.raw, y.raw)
}

func ask(t *testing.T, addr string, g generated) answer {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	must(t, err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(nc, g.wire())
	a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), g.method)
	if err != nil {
		t.Fatalf("%s: %v\n%s", addr, err, g.wire())
	}
	return a
}

// differential runs n requests against theirs.
func differential(t *testing.T, root, theirs string, n int, known []*difference) {
	must(t, os.WriteFile(filepath.Join(root, "big"), []byte(strings.Repeat("0123456789abcdef", 5000)), 0o644))
	old := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(filepath.Join(root, "big"), old, old))
	ours := start(t, Server{Root: root, MaxConns: 1000}).addr
	of := func(addr string) func(string) (string, string) {
		return func(target string) (string, string) {
			h := ask(t, addr, generated{method: "HEAD", target: target, minor: "1", lines: []string{"Host: a", "Connection: close"}}).Header
			etag, lm := h.Get("ETag"), h.Get("Last-Modified")
			if etag == "" {
				etag = `"none"`
			}
			if lm == "" {
				lm = "Sun, 06 Nov 1994 08:49:37 GMT"
			}
			return etag, lm
		}
	}
	for seed := range n {
		a := generate(rand.New(rand.NewSource(int64(seed))), of(ours))
		b := generate(rand.New(rand.NewSource(int64(seed))), of(theirs))
		compare(t, ours, theirs, a, b, known)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, d := range known {
		if !d.used {
			t.Errorf("no request needed the exception: %s", d.why)
		}
	}
}

func TestDifferentialNetHTTP(t *testing.T) {
	root := fixture(t)
	files := http.FileServer(http.Dir(root))
	// FileServer makes no entity tags; it honours those that are set.
	tagged := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		name := filepath.Join(root, path.Clean("/"+q.URL.Path))
		if fi, err := os.Stat(name); err == nil && fi.IsDir() {
			name += "/index.html"
		}
		if fi, err := os.Stat(name); err == nil && fi.Mode().IsRegular() {
			w.Header().Set("ETag", fmt.Sprintf("\"%x-%x\"", fi.Size(), fi.ModTime().UnixNano()))
		}
		files.ServeHTTP(w, q)
	})
	srv := httptest.NewServer(tagged)
	defer srv.Close()
	differential(t, root, strings.TrimPrefix(srv.URL, "http://"), 3000, netHTTPDiffers)
}

func TestDifferentialNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx = "/usr/sbin/nginx"; !exists(nginx) {
			t.Skip("nginx is not here")
		}
	}
	root := fixture(t)
	differential(t, root, startNginx(t, nginx, root), 3000, nginxDiffers)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// startNginx serves root with nginx on a port of its own, and returns it.
func startNginx(t testing.TB, nginx, root string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	must(t, os.Chmod(root, 0o755))
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	conf := user + `daemon off; worker_processes 2; pid ` + dir + `/pid; error_log ` + dir + `/error;
events { worker_connections 512; }
http { access_log off; sendfile on; tcp_nopush on; etag on; autoindex on; keepalive_requests 1000000; client_body_temp_path ` + dir + `; proxy_temp_path ` + dir + `;
fastcgi_temp_path ` + dir + `; uwsgi_temp_path ` + dir + `; scgi_temp_path ` + dir + `;
server { listen ` + addr + `; root ` + root + `; index index.html; absolute_redirect off; } }`
	must(t, os.WriteFile(dir+"/conf", []byte(conf), 0o644))
	cmd := exec.Command(nginx, "-p", dir, "-c", dir+"/conf", "-e", dir+"/error")
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	waitFor(t, "nginx listens on "+addr, func() bool {
		nc, err := net.Dial("tcp", addr)
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
	return addr
}
