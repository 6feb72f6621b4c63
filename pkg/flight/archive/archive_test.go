package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

type member struct {
	Header
	data []byte
}

// members are names, sizes, times and modes at the bounds of what a field
// holds, and beyond.
func members() (list []member) {
	add := func(h Header, size int) {
		b := bytes.Repeat([]byte(fmt.Sprintf("member %d\n", len(list))), size/9+1)[:size]
		if h.Type == 0 {
			h.Type = File
		}
		h.Size = int64(size)
		h.Name = "many/" + h.Name
		if h.Type != File {
			b, h.Size = nil, 0
		}
		list = append(list, member{h, b})
	}
	x := func(n int) string { return strings.Repeat("x", n) }
	for i, n := range []string{
		"plain", " spaces ", "new\nline", "tab\tand\\backslash", `"quotes'`, "-rf", "*", "é", "日本語", "bad\xffbytes\xfe",
		"a=b", "12 path=evil", x(95), "y" + x(95), x(200), "ü" + x(150), "\xff" + x(150), "sub/" + x(100), x(100) + "/" + x(100),
		x(155) + "/" + x(100), x(150) + "/" + x(100) + "~", x(120) + "/" + x(120), "deep/" + strings.Repeat("0123456789/", 25) + "end",
		"path\n12 path=evil" + x(100),
	} {
		add(Header{Name: n, ModTime: 1_700_000_000 + int64(i), Mode: 0o644}, 100*i)
	}
	for i, size := range []int{0, 1, 511, 512, 513, 1023, 1024, 5000} {
		add(Header{Name: fmt.Sprint("size", i), ModTime: 1, Mode: 0o600}, size)
	}
	for i, t := range []int64{0, -1, -86400 * 365, 1<<31 - 1, 1 << 31, 1 << 32} {
		add(Header{Name: fmt.Sprint("time", i), ModTime: t, Mode: 0o640}, 10)
	}
	for i, m := range []int64{0, 0o400, 0o777, 0o4755, 0o1777} {
		add(Header{Name: fmt.Sprint("mode", i), ModTime: 2, Mode: m}, 10)
	}
	add(Header{Name: "comment", ModTime: 3, Mode: 0o644, Comment: "overlap"}, 10)
	add(Header{Name: "dir/", Type: Dir, Mode: 0o755, ModTime: 4}, 0)
	add(Header{Name: x(150) + "dir/", Type: Dir, Mode: 0o755, ModTime: 4}, 0)
	for i, to := range []string{"plain", "../../etc/passwd", "/abs", x(100), x(101), "é" + x(200), "\xff"} {
		add(Header{Name: fmt.Sprint("link", i), Type: Symlink, Mode: 0o777, Linkname: to, ModTime: 5}, 0)
	}
	return list
}

func write(list []member) (b []byte) {
	for _, m := range list {
		b = AppendHeader(b, m.Header)
		b = append(b, m.data...)
		b = AppendZeros(b, Padding(m.Size))
	}
	return b
}

// Go's reader, and Read, have every member as it was written; also where the
// archive has no end, and is cut behind any member.
func TestRead(t *testing.T) {
	list := members()
	b := write(list)
	off, r := int64(0), tar.NewReader(bytes.NewReader(b))
	for _, m := range list {
		g, err := r.Next()
		if err != nil {
			t.Fatalf("%q: %v", m.Name, err)
		}
		if g.Name != m.Name || g.Size != m.Size || g.Linkname != m.Linkname || g.Mode != m.Mode || g.ModTime.Unix() != m.ModTime ||
			g.Typeflag != m.Type || g.Uid != 0 || g.Gid != 0 {
			t.Errorf("got %+v, want %+v", g, m.Header)
		}
		if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, m.data) {
			t.Errorf("%q: got %d bytes (%v), want %d", m.Name, len(data), err, len(m.data))
		}
		h, at, err := Read(bytes.NewReader(b), off)
		if len(m.Linkname) > nameLen { // the ustar field has its beginning
			h.Linkname = m.Linkname
		}
		if err != nil || h != m.Header || !bytes.Equal(b[at:at+h.Size], m.data) {
			t.Errorf("got %+v (%v), want %+v", h, err, m.Header)
		}
		off = at + h.Size + Padding(h.Size)
		if _, _, err := Read(bytes.NewReader(b[:off]), off); err != io.EOF {
			t.Errorf("cut behind %q: got %v, want EOF", m.Name, err)
		}
		cut := tar.NewReader(bytes.NewReader(b[:off]))
		for err = nil; err == nil; _, err = cut.Next() {
		}
		if err != io.EOF {
			t.Errorf("Go's reader, cut behind %q: got %v, want EOF", m.Name, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
	if _, _, err := Read(bytes.NewReader(withEnd(b)), off); err != io.EOF {
		t.Errorf("at the end: got %v, want EOF", err)
	}
}

// A file of more than 8 GiB has its size in a pax header.
func TestLarge(t *testing.T) {
	want := Header{Name: "large", Size: 9<<30 + 1, Mode: 0o644, Type: File}
	b := AppendHeader(nil, want)
	h, _, err := Read(bytes.NewReader(b), 0)
	if err != nil || h != want {
		t.Errorf("got %+v (%v), want %+v", h, err, want)
	}
	g, err := tar.NewReader(bytes.NewReader(b)).Next()
	if err != nil || g.Size != want.Size {
		t.Errorf("Go's reader: got %+v (%v), want %d bytes", g, err, want.Size)
	}
	f, err := os.Create(t.TempDir() + "/large.tar")
	check(t, err)
	defer f.Close()
	f.Write(b)
	at := int64(len(b)) + want.Size + Padding(want.Size)
	f.WriteAt(withEnd(AppendHeader(nil, Header{Name: "behind", Type: File})), at)
	for _, argv := range [][]string{{"tar", "--seek", "-tf"}, {"bsdtar", "-tf"}} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			skip(t, argv[0]+" is not here")
		}
		if out, err := exec.Command(argv[0], append(argv[1:], f.Name())...).CombinedOutput(); err != nil || string(out) != "large\nbehind\n" {
			t.Errorf("%s: got %q (%v)", argv[0], out, err)
		}
	}
}

// What three programs unpack is what went in, byte for byte, and they have
// nothing to say about it, with and without its end.
func TestPeers(t *testing.T) {
	list := members()
	for _, p := range []struct {
		name string
		argv []string
		pax  bool
	}{
		{"GNU tar", []string{"tar", "--no-same-owner", "--warning=no-unknown-keyword", "--warning=no-timestamp", "-P", "-xpf", "-"}, true},
		{"bsdtar", []string{"bsdtar", "-P", "--no-same-owner", "-xpf", "-"}, true},
		{"busybox", []string{"busybox", "tar", "-o", "-xpf", "-"}, false},
	} {
		for _, whole := range []bool{true, false} {
			t.Run(fmt.Sprint(p.name, ", whole ", whole), func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath(p.argv[0]); err != nil {
					skip(t, p.argv[0]+" is not here")
				}
				b := write(list)
				if whole {
					b = withEnd(b)
				}
				dir := t.TempDir()
				cmd := exec.Command(p.argv[0], p.argv[1:]...)
				cmd.Dir, cmd.Stdin, cmd.Env = dir, bytes.NewReader(b), append(os.Environ(), "LC_ALL=C.UTF-8")
				out, err := cmd.CombinedOutput()
				if quiet := p.pax || whole; err != nil || quiet && len(out) > 0 {
					t.Errorf("%v: %s", err, out)
				}
				wanted := map[string]bool{}
				for _, m := range list {
					name := m.Name
					if _, short, fits := split(name); !fits && !p.pax {
						if _, err := os.Lstat(dir + "/" + name); err != nil {
							name = short // a busybox built without pax
						}
					}
					wanted[dir+"/"+strings.TrimSuffix(name, "/")] = true
					st, err := os.Lstat(dir + "/" + name)
					if err != nil {
						t.Error(err)
						continue
					}
					to, _ := os.Readlink(dir + "/" + name)
					switch m.Type {
					case Symlink:
						if to != m.Linkname && (p.pax || !strings.HasPrefix(m.Linkname, to)) {
							t.Errorf("%q: leads to %q, want %q", name, to, m.Linkname)
						}
					case Dir:
						if !st.IsDir() {
							t.Errorf("%q: got %v", name, st.Mode())
						}
					default:
						data, err := os.ReadFile(dir + "/" + name)
						if err != nil && m.Mode&0o400 == 0 {
							break // whose reader is not root
						}
						if err != nil || !bytes.Equal(data, m.data) {
							t.Errorf("%q: got %d bytes (%v), want %d", name, len(data), err, len(m.data))
						}
						if int64(st.Mode().Perm()) != m.Mode&0o777 {
							t.Errorf("%q: got mode %v, want %o", name, st.Mode(), m.Mode)
						}
						// A 32-bit stat has no later times: what was unpacked cannot be seen there.
						seen := strconv.IntSize == 64 || m.ModTime <= math.MaxInt32
						if seen && st.ModTime().Unix() != m.ModTime && (p.pax || m.ModTime >= 0) {
							t.Errorf("%q: got time %v, want %v", name, st.ModTime(), time.Unix(m.ModTime, 0))
						}
					}
				}
				filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
					if err == nil && !d.IsDir() && !wanted[path] {
						t.Errorf("%q was never in it", path)
					}
					return nil
				})
			})
		}
	}
}

// Random names of any bytes, by Go's reader.
func TestRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		name := make([]byte, 1+rnd.IntN(400))
		for i := range name {
			if name[i] = byte(1 + rnd.IntN(255)); rnd.IntN(20) == 0 && i < len(name)-1 {
				name[i] = '/'
			}
		}
		if name[len(name)-1] == '/' {
			name[len(name)-1] = 'x'
		}
		want := Header{Name: string(name), Size: rnd.Int64N(1 << uint(1+rnd.IntN(40))), ModTime: rnd.Int64N(1<<36) - 1<<35, Mode: rnd.Int64N(0o10000), Type: File}
		b := AppendHeader(nil, want)
		if len(b)%BlockSize != 0 {
			t.Fatalf("%d bytes", len(b))
		}
		g, err := tar.NewReader(bytes.NewReader(b)).Next()
		if err != nil || g.Name != want.Name || g.Size != want.Size || g.ModTime.Unix() != want.ModTime || g.Mode != want.Mode {
			t.Fatalf("Go's reader: got %+v (%v), want %+v", g, err, want)
		}
		if h, at, err := Read(bytes.NewReader(b), 0); err != nil || h != want || at != int64(len(b)) {
			t.Fatalf("got %+v (%v), want %+v", h, err, want)
		}
	}
}

// No bytes make Read panic, or take what AppendHeader would not have written.
func FuzzRead(f *testing.F) {
	b := write(members())
	for off := 0; off < len(b) && off < 40*BlockSize; off += BlockSize {
		f.Add(b[off:min(len(b), off+4*BlockSize)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, at, err := Read(bytes.NewReader(b), 0)
		switch {
		case err == nil && (at%BlockSize != 0 || at > int64(len(b)) || h.Size < 0):
			t.Errorf("got %+v at %d", h, at)
		case err != nil && err != io.EOF && !errors.Is(err, ErrFormat):
			t.Errorf("got %v", err)
		}
	})
}

func withEnd(b []byte) []byte { return append(b, make([]byte, End)...) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// skip skips, unless REQUIRE_PEERS says that nothing may be skipped.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_PEERS") == "1" {
		t.Fatal("REQUIRE_PEERS=1, but " + why)
	}
	t.Skip(why)
}
