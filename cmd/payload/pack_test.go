package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// repo is the root of the repository; tests run in their package's directory.
const repo = "../.."

// need names programs that a test cannot do without.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// made is what TestMain takes away.
var made []string

// packed is testdata/hello for this machine, and the same packed.
var packed = sync.OnceValues(func() (paths [2]string, err error) {
	dir, err := os.MkdirTemp("", "pack")
	if err != nil {
		return paths, err
	}
	made = append(made, dir)
	paths = [2]string{filepath.Join(dir, "bare"), filepath.Join(dir, "hello")}
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", paths[0], "./testdata/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	for _, cmd := range []*exec.Cmd{build, exec.Command(repo+"/scripts/pack", paths[0], paths[1])} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return paths, errors.New(string(out))
		}
	}
	return paths, nil
})

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == oldKernelArg {
		oldKernelMain(os.Args[2:])
	}
	code := m.Run()
	for _, dir := range made {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func TestPackedProgram(t *testing.T) {
	for _, shell := range []string{"dash", "bash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			for _, c := range packCases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.test(t, newSandbox(t, shell))
				})
			}
		})
	}
}

// works is a start that must succeed, and where the program then lies.
func works(t *testing.T, s sandbox, setup, dir string) {
	t.Helper()
	code, out := s.run(setup, s.program, "a b", "", `"'$x\`, "line\nline")
	if want := `["a b" "" "\"'$x\\" "line\nline"]` + "\n"; code != 7 || out != want {
		t.Fatalf("got exit %d and %q, want 7 and %q", code, out, want)
	}
	if dir != "" && len(s.unpacked(dir)) != 1 {
		t.Errorf("%s: got %q, want one program", dir, s.unpacked(dir))
	}
	if left, _ := filepath.Glob(s.path("outbox/*")); left != nil {
		t.Errorf("left in the outbox: %q", left)
	}
}

// fails is a start that must fail with one line in the log.
func fails(t *testing.T, s sandbox, setup string) {
	t.Helper()
	code, out := s.run(setup)
	if code != 1 || !strings.Contains(out, "cannot start") {
		t.Errorf("got exit %d and %q, want 1 and a reason", code, out)
	}
	log := s.log()
	if strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, `{"level":"fatal","message":"hello: cannot start:`) || !strings.HasSuffix(log, "\"}\n") {
		t.Errorf("log: got %q, want one line of JSON", log)
	}
	for _, dir := range []string{"persist/bin", "var/tmp", "dev/shm", "tmp"} {
		if left := s.unpacked(dir); left != nil {
			t.Errorf("left over: %q", left)
		}
	}
}

var packCases = []struct {
	name string
	test func(t *testing.T, s sandbox)
}{
	{"starts", func(t *testing.T, s sandbox) {
		works(t, s, "", "persist/bin")
		before, err := os.Stat(s.unpacked("persist/bin")[0])
		s.must(err)
		works(t, s, "", "persist/bin")
		if after, err := os.Stat(s.unpacked("persist/bin")[0]); err != nil || !os.SameFile(before, after) {
			t.Error("the second start unpacked again")
		}
	}},
	{"persist missing", func(t *testing.T, s sandbox) {
		s.program = "/opt/hello"
		s.must(os.Rename(s.path("persist/bin/hello-12345678"), s.path("bin/hello")))
		s.program = "/bin/hello"
		s.must(os.RemoveAll(s.path("persist")))
		works(t, s, "", "persist/bin")
	}},
	{"persist read-only", func(t *testing.T, s sandbox) {
		works(t, s, "mount --bind persist persist; mount -o remount,bind,ro persist", "var/tmp")
	}},
	{"persist full", func(t *testing.T, s sandbox) {
		s.copy(s.path(s.program), "bin/hello")
		s.program = "/bin/hello"
		s.must(os.Chmod(s.path("bin"), 0o555))
		works(t, s, "mount -t tmpfs -o size=200k none persist; mount --bind bin bin; mount -o remount,bind,ro bin", "var/tmp")
	}},
	{"persist noexec", func(t *testing.T, s sandbox) {
		if s.shell == "busybox" {
			// Its test -x looks at the mode alone. For arm64 the filter's stub
			// finds out: it runs where the program will.
			return
		}
		s.copy(s.path(s.program), "bin/hello")
		s.program = "/bin/hello"
		works(t, s, "mount -t tmpfs -o noexec none persist; mount --bind bin bin; mount -o remount,bind,ro bin", "var/tmp")
	}},
	{"all read-only", func(t *testing.T, s sandbox) {
		fails(t, s, "mount --bind outbox outbox; mount --bind . .; mount -o remount,bind,ro ."+
			"; cd \"$PWD\"; mount --bind outbox outbox; mount -o remount,bind,rw outbox")
	}},
	{"flipped bit", func(t *testing.T, s sandbox) {
		for _, at := range []int{1200, 100_000, 300_000} {
			os.Remove(s.path("outbox/hello.log"))
			flip := func(b []byte) []byte { b[at] ^= 4; return b }
			s.spoil(s.path(s.program), flip)
			fails(t, s, "")
			s.spoil(s.path(s.program), flip)
		}
		os.Remove(s.path("outbox/hello.log"))
		works(t, s, "", "persist/bin")
	}},
	{"body cut", func(t *testing.T, s sandbox) {
		s.spoil(s.path(s.program), func(b []byte) []byte { return b[:len(b)-1000] })
		fails(t, s, "")
	}},
	{"no xz", func(t *testing.T, s sandbox) {
		s.must(os.Remove(s.path("bin/xz")))
		fails(t, s, "")
	}},
	{"no outbox", func(t *testing.T, s sandbox) {
		s.must(os.Remove(s.path("outbox")))
		s.must(os.Remove(s.path("bin/xz")))
		if code, out := s.run(""); code != 1 || !strings.Contains(out, "cannot start") {
			t.Errorf("got exit %d and %q", code, out)
		}
		if _, err := os.Stat(s.path("outbox")); err == nil {
			t.Error("it made /outbox")
		}
	}},
	{"torn unpack", func(t *testing.T, s sandbox) {
		works(t, s, "", "persist/bin")
		for _, spoil := range []func(b []byte) []byte{
			func(b []byte) []byte { return b[:len(b)/2] },
			func(b []byte) []byte { return nil },
			func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		} {
			s.spoil(s.unpacked("persist/bin")[0], spoil)
			works(t, s, "", "persist/bin")
		}
	}},
	{"torn temporary file", func(t *testing.T, s sandbox) {
		works(t, s, "", "persist/bin")
		program := s.unpacked("persist/bin")[0]
		s.must(os.Rename(program, program+".123"))
		s.spoil(program+".123", func(b []byte) []byte { return b[:1000] })
		works(t, s, "", "persist/bin")
	}},
	{"what earlier cuts left", func(t *testing.T, s sandbox) {
		for _, name := range []string{".hello-01234567.99", ".hello-01234567.99.x"} {
			s.must(os.WriteFile(s.path("persist/bin/"+name), []byte("x"), 0o644))
		}
		works(t, s, "", "persist/bin")
	}},
	{"many starts at once", func(t *testing.T, s sandbox) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if code, out := s.run(""); code != 7 {
					t.Errorf("got exit %d and %q", code, out)
				}
			})
		}
		wg.Wait()
		works(t, s, "", "persist/bin")
	}},
}

// An unpacked program starts at most 150 ms later than the bare one.
func TestStartCost(t *testing.T) {
	s := newSandbox(t, "dash")
	p, err := packed()
	s.must(err)
	s.copy(p[0], "bin/bare")
	works(t, s, "", "persist/bin")
	best := func(program string) time.Duration {
		best := time.Hour
		for range 5 {
			start := time.Now()
			s.run("", program)
			best = min(best, time.Since(start))
		}
		return best
	}
	bare, full := best("/bin/bare"), best(s.program)
	t.Logf("bare %v, packed %v", bare, full)
	if full-bare > 150*time.Millisecond {
		t.Errorf("got %v more than the bare program, want at most 150ms", full-bare)
	}
}

// What is sent of a flight program gives that program back, on its processor.
func TestPackedArm64(t *testing.T) {
	need(t, "qemu-aarch64-static", "xz")
	dir := t.TempDir()
	elf := filepath.Join(dir, "elf")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", elf, "./testdata/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PACK", filepath.Join(dir, "pack"))
	command(t, "go", "build", "-o", os.Getenv("PACK"), repo+"/cmd/pack")
	unpack := `cd "$0" && line=$(sed -n 's/.*tail -n+\([0-9]*\).*/\1/p' hello) && tail -n+$line hello | xz -dc >x && `
	// One that the filter does not know goes up as it is, as another Go release's would.
	command(t, repo+"/scripts/pack", elf, filepath.Join(dir, "hello"))
	command(t, "sh", "-c", unpack+`cmp x elf && ! grep -a -q 'x"<"$f' hello`, dir)
	command(t, os.Getenv("PACK"), "strip", elf)
	command(t, repo+"/scripts/pack", elf, filepath.Join(dir, "hello"))
	command(t, "sh", "-c", unpack+`chmod 755 x && qemu-aarch64-static ./x <x >back && cmp back elf`, dir)
	if runtime.GOARCH != "arm64" {
		out, _ := exec.Command("qemu-aarch64-static", elf, "x").Output()
		if want := `["x"]` + "\n"; string(out) != want {
			t.Errorf("got %q, want %q", out, want)
		}
	}
}
