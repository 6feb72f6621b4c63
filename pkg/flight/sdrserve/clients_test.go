package sdrserve

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Real clients, byte for byte.

func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not here", name)
	}
	return path
}

// sizes are around what is special: the empty file, the output buffer, a page,
// the pieces of the fetcher.
var sizes = []int64{0, 1, 2, 4095, 4096, 4097, 32<<10 - 400, 32 << 10, 32<<10 + 1, 64 << 10, 1<<20 - 1, 1 << 20, 8<<20 + 1}

// files makes a file of each size, of bytes that no two places share.
func files(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	rng := rand.New(rand.NewSource(1))
	for _, n := range sizes {
		b := make([]byte, n)
		rng.Read(b)
		must(t, os.WriteFile(fmt.Sprintf("%s/%d", root, n), b, 0o644))
	}
	return root
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

func same(t *testing.T, what string, got []byte, path string) {
	t.Helper()
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes, want the %d of %s", what, len(got), len(want), filepath.Base(path))
	}
}

func TestCurl(t *testing.T) {
	curl := peer(t, "curl")
	root := files(t)
	p := launch(t, root)
	for _, n := range sizes {
		path := fmt.Sprintf("%s/%d", root, n)
		from := p.url(fmt.Sprintf("/%d", n))
		same(t, "curl", run(t, curl, "-sS", "--fail", from), path)
		same(t, "curl --http1.0", run(t, curl, "-sS", "--fail", "--http1.0", from), path)
		if head := string(run(t, curl, "-sSI", "--fail", from)); !strings.Contains(head, fmt.Sprintf("Content-Length: %d\r\n", n)) {
			t.Errorf("curl -I: got %q", head)
		}
		if n < 3 {
			continue
		}
		want, _ := os.ReadFile(path)
		if got := run(t, curl, "-sS", "--fail", "-r", fmt.Sprintf("1-%d", n-2), from); !bytes.Equal(got, want[1:n-1]) {
			t.Errorf("curl -r: %d bytes", len(got))
		}
		// -C -: the first third is there.
		part := filepath.Join(t.TempDir(), "part")
		must(t, os.WriteFile(part, want[:n/3], 0o644))
		run(t, curl, "-sS", "--fail", "-C", "-", "-o", part, from)
		got, _ := os.ReadFile(part)
		same(t, "curl -C -", got, path)
		// -z: nothing new.
		if got := run(t, curl, "-sS", "--fail", "-z", path, from); len(got) != 0 {
			t.Errorf("curl -z: got %d bytes", len(got))
		}
	}
	if out := run(t, curl, "-sS", "--fail", p.url("/{0,1,2,4096}")); len(out) != 0+1+2+4096 {
		t.Errorf("four files over one connection: %d bytes", len(out))
	}
}

func TestWget(t *testing.T) {
	wget := peer(t, "wget")
	root := files(t)
	p := launch(t, root)
	for _, n := range sizes {
		path := fmt.Sprintf("%s/%d", root, n)
		from := p.url(fmt.Sprintf("/%d", n))
		same(t, "wget", run(t, wget, "-q", "-O", "-", from), path)
		want, _ := os.ReadFile(path)
		dir := t.TempDir()
		must(t, os.WriteFile(fmt.Sprintf("%s/%d", dir, n), want[:n/2], 0o644))
		run(t, wget, "-q", "-c", "-P", dir, from)
		got, _ := os.ReadFile(fmt.Sprintf("%s/%d", dir, n))
		same(t, "wget -c", got, path)
	}
}

// wget -r copies a tree with odd names, and has nothing to complain of.
func TestWgetRecursive(t *testing.T) {
	wget := peer(t, "wget")
	root := t.TempDir()
	must(t, os.MkdirAll(root+"/a/b c/d%20e", 0o755))
	must(t, os.Symlink("a", root+"/link"))
	must(t, exec.Command("mkfifo", root+"/fifo").Run())
	names := []string{"f", "sp ace", "per%cent", "per%20cent", "ha#sh", "q?uery", "<b>", "a&b", "ünï", "bad\xff", "a:b", "-dash", "new\nline", "quo\"te'"}
	for i, dir := range []string{"", "a/", "a/b c/", "a/b c/d%20e/"} {
		for _, name := range names {
			must(t, os.WriteFile(root+"/"+dir+name, []byte(fmt.Sprint(i, name)), 0o644))
		}
	}
	p := launch(t, root)
	dir := t.TempDir()
	out, err := exec.Command(wget, "-r", "-nv", "-nH", "-l", "10", "--restrict-file-names=nocontrol", "-P", dir, p.url("/")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, sub := range []string{"", "a/", "a/b c/", "a/b c/d%20e/", "link/b c/"} {
		if sub == "link/b c/" {
			i = 2
		}
		for _, name := range names {
			got, err := os.ReadFile(dir + "/" + sub + name)
			if os.IsNotExist(err) {
				// wget decodes the names of files, not of directories, twice.
				if twice, uerr := url.PathUnescape(name); uerr == nil {
					got, err = os.ReadFile(dir + "/" + sub + twice)
				}
			}
			if err != nil || string(got) != fmt.Sprint(i, name) {
				t.Errorf("%q: %v, got %q", sub+name, err, got)
			}
		}
	}
}

func TestBusyboxWget(t *testing.T) {
	busybox := peer(t, "busybox")
	root := files(t)
	must(t, os.Mkdir(root+"/dir", 0o755))
	must(t, os.WriteFile(root+"/dir/index.html", []byte("index"), 0o644))
	p := launch(t, root)
	for _, n := range sizes {
		path := fmt.Sprintf("%s/%d", root, n)
		from := p.url(fmt.Sprintf("/%d", n))
		same(t, "busybox wget", run(t, busybox, "wget", "-q", "-O", "-", from), path)
		want, _ := os.ReadFile(path)
		part := filepath.Join(t.TempDir(), "part")
		must(t, os.WriteFile(part, want[:n/2], 0o644))
		run(t, busybox, "wget", "-q", "-c", "-O", part, from)
		got, _ := os.ReadFile(part)
		same(t, "busybox wget -c", got, path)
	}
	// It follows absolute paths only.
	if got := run(t, busybox, "wget", "-q", "-O", "-", p.url("/dir")); string(got) != "index" {
		t.Errorf("redirect: got %q", got)
	}
}

const urllib = `
import sys, urllib.request
url, size = sys.argv[1], int(sys.argv[2])
out = b""
step = max(1, size // 7)
for at in range(0, size, step):
    q = urllib.request.Request(url, headers={"Range": "bytes=%d-%d" % (at, min(size, at + step) - 1)})
    with urllib.request.urlopen(q) as r:
        assert r.status == 206, r.status
        out += r.read()
with urllib.request.urlopen(url) as r:
    assert r.read() == out
sys.stdout.buffer.write(out)
`

func TestPythonUrllib(t *testing.T) {
	python := peer(t, "python3")
	root := files(t)
	p := launch(t, root)
	for _, n := range sizes {
		got := run(t, python, "-c", urllib, p.url(fmt.Sprintf("/%d", n)), fmt.Sprint(n))
		same(t, "urllib", got, fmt.Sprintf("%s/%d", root, n))
	}
}

// 5 GiB, sparse, with marks on both sides of 2^31 and 2^32.
func TestBeyond4GiB(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	curl := peer(t, "curl")
	root := t.TempDir()
	const size = 5 << 30
	f, err := os.Create(root + "/big")
	must(t, err)
	defer f.Close()
	for _, at := range []int64{0, 1<<31 - 4, 1<<32 - 4, size - 8} {
		_, err = f.WriteAt([]byte(fmt.Sprintf("<%06x>", at>>12)), at)
		must(t, err)
	}
	p := launch(t, root)
	// The whole, compared as it comes.
	cmd := exec.Command(curl, "-sS", "--fail", p.url("/big"))
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	sameStream(t, "curl", out, f, 0, size)
	must(t, cmd.Wait())
	for _, r := range [][2]int64{{1<<31 - 1000, 1<<31 + 1000}, {1<<31 - 1, 1<<31 - 1}, {1<<32 - 3, 1<<32 + 3}, {1 << 32, 1<<32 + 1<<20}, {size - 9, size - 1}} {
		got := run(t, curl, "-sS", "--fail", "-r", fmt.Sprintf("%d-%d", r[0], r[1]), p.url("/big"))
		sameStream(t, fmt.Sprint("curl -r ", r), bytes.NewReader(got), f, r[0], r[1]+1-r[0])
	}
	for name, args := range map[string][]string{
		"wget":    {"-q", "-c", "-O"},
		"busybox": {"wget", "-q", "-c", "-O"},
	} {
		exe, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		// Resumed above 4 GiB: sparse below, so that only what came is there.
		part := filepath.Join(t.TempDir(), "part")
		must(t, os.WriteFile(part, nil, 0o644))
		const have = size - 64<<20
		must(t, os.Truncate(part, have))
		run(t, exe, append(args, part, p.url("/big"))...)
		g, err := os.Open(part)
		must(t, err)
		fi, err := g.Stat()
		must(t, err)
		if fi.Size() != size {
			t.Errorf("%s -c above 4 GiB: %d bytes", name, fi.Size())
		}
		sameStream(t, name+" -c", io.NewSectionReader(g, have, size), f, have, size-have)
		g.Close()
	}
}

// sameStream compares what comes with n bytes of f from off.
func sameStream(t *testing.T, what string, got io.Reader, f *os.File, off, n int64) {
	t.Helper()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for left := n; left > 0; {
		m, err := io.ReadFull(got, a[:min(left, 1<<20)])
		if _, ferr := f.ReadAt(b[:m], off); ferr != nil {
			t.Fatal(ferr)
		}
		if !bytes.Equal(a[:m], b[:m]) || err != nil {
			t.Fatalf("%s: differs from the file in the %d bytes at %d: %v", what, m, off, err)
		}
		off, left = off+int64(m), left-int64(m)
	}
	if m, err := got.Read(a[:1]); m != 0 || err != io.EOF {
		t.Fatalf("%s: more than the file has, %v", what, err)
	}
}
