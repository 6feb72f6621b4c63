package serve

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// special makes one of each kind of file that must not be opened. Devices need
// privileges; without them the machine's own are linked to.
func special(t testing.TB, dir string) (names []string) {
	t.Helper()
	mkfifo(t, dir+"/fifo")
	ln, err := net.Listen("unix", dir+"/socket")
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	names = []string{"fifo", "socket"}
	for name, kind := range map[string]uint32{"char": syscall.S_IFCHR, "block": syscall.S_IFBLK} {
		// Numbers that belong to no driver: an open would fail with ENXIO, so
		// that 403 proves that there was none.
		if err := syscall.Mknod(dir+"/"+name, kind|0o666, 511<<8|7); err != nil {
			must(t, os.Symlink("/dev/null", dir+"/"+name))
		}
		names = append(names, name)
	}
	must(t, os.Symlink("fifo", dir+"/link-to-fifo"))
	must(t, os.Symlink("/dev/null", dir+"/link-to-device"))
	return append(names, "link-to-fifo", "link-to-device")
}

func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	names := special(t, dir)
	must(t, os.WriteFile(dir+"/f", []byte("fine"), 0o644))
	p := start(t, Server{Root: dir})
	p.get(t, "GET", "/f") // it has started
	time.Sleep(50 * time.Millisecond)
	before := resources(t)
	for range 50 {
		for _, name := range names {
			for _, method := range []string{"GET", "HEAD"} {
				began := time.Now()
				if a := p.get(t, method, "/"+name); a.StatusCode != 403 {
					t.Fatalf("%s %s: got %d, want 403", method, name, a.StatusCode)
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Fatalf("%s %s: took %v", method, name, took)
				}
			}
		}
	}
	if a := p.get(t, "GET", "/f"); a.body != "fine" {
		t.Error(a.raw)
	}
	before.same(t)
}

// The kernel's record of what was opened: nothing but regular files and
// directories, other than with O_PATH.
func TestStraceOpensNoSpecialFile(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("an emulated program cannot run the tracer")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not here")
	}
	dir := t.TempDir()
	names := special(t, dir)
	must(t, os.WriteFile(dir+"/f", []byte("fine"), 0o644))
	must(t, os.Mkdir(dir+"/sub", 0o755))
	mkfifo(t, dir+"/sub/index.html")
	mkfifo(t, dir+"/sub/log")
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-e", "trace=open,openat,openat2,open_by_handle_at", "-e", "signal=none", "-y", "-o", trace,
		os.Args[0])
	cmd.Env = append(os.Environ(), "SERVE_TEST_ROOT="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	buf := make([]byte, 100)
	n, err := out.Read(buf)
	must(t, err)
	var pid int
	p := &peer{}
	_, err = fmt.Sscan(string(buf[:n]), &p.addr, &pid)
	must(t, err)
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	for _, name := range names {
		for _, path := range []string{"/" + name, "/" + name + "/", "/" + name + "/x", "/" + name + "?snapshot=1-2-3"} {
			if a := p.get(t, "GET", path); a.StatusCode < 400 {
				t.Errorf("%s: got %d", path, a.StatusCode)
			}
		}
	}
	for _, path := range []string{"/", "/sub/", "/sub/?snapshot=1-2-3", "/f", "/dev/kmsg", "/dev/null", "/proc/kmsg"} {
		p.get(t, "GET", path)
		p.get(t, "GET", path, "Accept: application/x-ndjson")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL)) // the server; strace ends with it
	cmd.Wait()
	b, err := os.ReadFile(trace)
	must(t, err)
	opened, looked := 0, 0
	for _, line := range strings.Split(string(b), "\n") {
		call, result, _ := strings.Cut(line, ") = ")
		switch {
		case !strings.Contains(call, dir) && !strings.Contains(call, "\"/proc/self/fd/"):
			// The runtime's own.
		case strings.Contains(call, "O_PATH"):
			looked++
		default:
			// -y tells what the descriptor is open on.
			_, path, _ := strings.Cut(strings.TrimSuffix(result, ">"), "<")
			fi, err := os.Stat(path)
			if err != nil || !fi.Mode().IsRegular() && !fi.IsDir() {
				t.Errorf("opened something else than a regular file or a directory: %s", line)
			}
			if !strings.Contains(call, "O_NONBLOCK") || !strings.Contains(call, "O_NOCTTY") {
				t.Errorf("opened so that it could wait: %s", line)
			}
			opened++
		}
	}
	if opened < 5 || looked < 4*len(names) {
		t.Errorf("%d looked at, %d opened:\n%s", looked, opened, b)
	}
}

// TestMain makes the test binary a server when it is told to.
func TestMain(m *testing.M) {
	if root := os.Getenv("SERVE_TEST_ROOT"); root != "" {
		serveForever(root)
	}
	os.Exit(m.Run())
}

func TestProc(t *testing.T) {
	p := start(t, Server{})
	version, err := os.ReadFile("/proc/version")
	must(t, err)
	v := string(version)
	a := p.get(t, "GET", "/proc/version")
	checkHead(t, a, "Content-Length: "+strconv.Itoa(len(v))+"\nCache-Control: no-store\nAccept-Ranges: bytes\n!ETag\n!Last-Modified\n!Content-Location")
	if a.StatusCode != 200 || a.body != v {
		t.Errorf("got %q %q", a.raw, a.body)
	}
	a = p.get(t, "HEAD", "/proc/version")
	checkHead(t, a, "Content-Length: "+strconv.Itoa(len(v)))
	a = p.get(t, "GET", "/proc/version", "Range: bytes=6-12", "Want-Content-Digest: sha-256=1")
	if a.StatusCode != 206 || a.body != v[6:13] || a.Header.Get("Content-Digest") != digestOf(v[6:13]) {
		t.Errorf("range: got %q %q", a.raw, a.body)
	}
	if a = p.get(t, "GET", "/proc/version", "Range: bytes=0-1,3-4"); a.StatusCode != 206 || !strings.Contains(a.body, v[3:5]) {
		t.Errorf("two ranges: got %q %q", a.raw, a.body)
	}
	if a = p.get(t, "GET", "/proc/version", "Range: bytes=99999-"); a.StatusCode != 416 {
		t.Errorf("got %q", a.raw)
	}
	// Truly empty: this process was started with no arguments it could hide.
	if a = p.get(t, "GET", "/proc/self/coredump_filter"); a.StatusCode != 200 || len(a.body) != 9 {
		t.Errorf("got %q %q", a.raw, a.body)
	}
	for _, path := range []string{"/proc/self/environ", "/proc/meminfo", "/proc/cpuinfo", "/proc/self/maps", "/proc/mounts"} {
		if a = p.get(t, "GET", path); a.StatusCode != 200 || a.ContentLength <= 0 || int64(len(a.body)) != a.ContentLength {
			t.Errorf("%s: got %q, %d bytes", path, a.raw, len(a.body))
		}
	}
}

// Longer than the buffer: chunked, no ranges, whole.
func TestProcLarge(t *testing.T) {
	const path = "/proc/kallsyms"
	want, err := os.ReadFile(path)
	if err != nil || len(want) <= maxPseudo {
		t.Skipf("%s: %d bytes, %v", path, len(want), err)
	}
	p := start(t, Server{})
	a := p.get(t, "GET", path, "Range: bytes=0-4")
	if a.StatusCode != 200 || a.ContentLength != -1 || len(a.TransferEncoding) != 1 || !bytes.Equal([]byte(a.body), want) {
		t.Errorf("got %q, %d bytes, want %d", a.raw, len(a.body), len(want))
	}
	checkHead(t, a, "!Accept-Ranges\n!Content-Length\nCache-Control: no-store\nTransfer-Encoding: chunked")
	a = p.get(t, "HEAD", path)
	checkHead(t, a, "Transfer-Encoding: chunked")
}

func TestSys(t *testing.T) {
	p := start(t, Server{})
	for _, path := range []string{"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/net/lo/mtu", "/sys/kernel/uevent_seqnum", "/sys/devices/system/cpu/online"} {
		want, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		a := p.get(t, "GET", path)
		if a.StatusCode != 200 || a.body != string(want) || a.ContentLength != int64(len(want)) {
			t.Errorf("%s: got %q %q, want %q", path, a.raw, a.body, want)
		}
	}
	// A read that fails does so while there is a status to tell it.
	for _, path := range []string{"/sys/class/net/lo/speed", "/sys/class/net/lo/duplex"} {
		if _, err := os.ReadFile(path); err == nil {
			continue
		}
		if a := p.get(t, "GET", path); a.StatusCode != 403 {
			t.Errorf("%s: got %q", path, a.raw)
		}
	}
}

func TestDangerousPseudoFiles(t *testing.T) {
	p := start(t, Server{})
	must(t, os.Symlink("/proc/self/mem", filepath.Join(t.TempDir(), "x")))
	pid := strconv.Itoa(os.Getpid())
	for _, path := range []string{
		"/proc/kmsg", "/proc/kcore", "/proc/self/mem", "/proc/1/mem", "/proc/self/pagemap", "/proc/thread-self/mem",
		"/proc/" + pid + "/task/" + pid + "/mem", "/proc/kpagecount", "/proc/kpageflags", "/dev/kmsg",
		"/sys/kernel/tracing/trace_pipe", "/sys/kernel/debug/tracing/trace_pipe", "/sys/kernel/tracing/per_cpu/cpu0/trace_pipe_raw",
		"/sys/power/wakeup_count", "/sys/class/zram-control/hot_add", "/sys/kernel/tracing/free_buffer",
		"/proc/sysrq-trigger", "/proc/self/clear_refs", "/sys/bus/pci/rescan", "/proc/sys/vm/compact_memory",
	} {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		for _, method := range []string{"GET", "HEAD"} {
			if a := p.get(t, method, path); a.StatusCode != 403 {
				t.Errorf("%s %s: got %d, want 403", method, path, a.StatusCode)
			}
		}
	}
	// The name does not hide it.
	dir := t.TempDir()
	must(t, os.Symlink("/proc/kmsg", dir+"/innocent"))
	must(t, os.WriteFile(dir+"/kmsg", []byte("just a name"), 0o644))
	q := start(t, Server{Root: dir})
	if a := q.get(t, "GET", "/innocent"); a.StatusCode != 403 {
		t.Errorf("link to kmsg: got %d", a.StatusCode)
	}
	if a := q.get(t, "GET", "/kmsg"); a.StatusCode != 200 {
		t.Errorf("regular file called kmsg: got %d", a.StatusCode)
	}
}

// The name of a pseudo-file, and its mode, decide; nothing is opened.
func TestDangerousNames(t *testing.T) {
	const reg = syscall.S_IFREG
	for _, c := range []struct {
		name string
		mode uint32
		want bool
	}{
		{"/sys/class/zram-control/hot_add", reg | 0o400, true}, {"/sys/kernel/tracing/free_buffer", reg | 0o200, true},
		{"/sys/x/resource0", reg | 0o600, true}, {"/sys/x/resource5_wc", reg | 0o600, true}, {"/sys/x/legacy_io", reg | 0o600, true},
		{"/sys/x/resource", reg | 0o444, false}, {"/sys/x/resources", reg | 0o444, false}, {"/sys/x/hot_added", reg | 0o444, false},
		{"/sys/x/anything", reg, true}, {"/sys/x/anything", reg | 0o040, false},
	} {
		f := &file{fd: -1}
		f.st.Mode = c.mode
		if got := dangerous(f, c.name); got != c.want {
			t.Errorf("%s %o: got %v", c.name, c.mode, got)
		}
	}
}

// Without /proc, descriptors cannot be reopened; everything else still holds.
func TestWithoutProc(t *testing.T) {
	dir := t.TempDir()
	mkfifo(t, dir+"/fifo")
	must(t, os.WriteFile(dir+"/f", []byte("fine"), 0o644))
	r := (&Server{Root: dir}).newRun()
	if r.noProc {
		t.Fatal("/proc is there, and not found")
	}
	r.noProc = true
	f, err := r.open(dir + "/f")
	must(t, err)
	f.close()
	if _, err := r.open(dir + "/fifo"); err != errSpecial {
		t.Errorf("got %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything; the command's tests do this as another user")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/f", []byte("x"), 0))
	must(t, os.Mkdir(dir+"/d", 0))
	p := start(t, Server{Root: dir})
	for _, path := range []string{"/f", "/d/", "/d/x"} {
		if a := p.get(t, "GET", path); a.StatusCode != 403 {
			t.Errorf("%s: got %d, want 403", path, a.StatusCode)
		}
	}
}
