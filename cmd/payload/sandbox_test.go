package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tools is all that the head of a packed program calls.
var tools = []string{"mkdir", "tail", "xz", "chmod", "sha256sum", "sync", "mv", "rm", "tr"}

// sandbox is the root of a payload with one shell and the tools; the program
// lies where deploy puts it.
type sandbox struct {
	t       *testing.T
	shell   string
	root    string
	program string // inside
}

func newSandbox(t *testing.T, shell string) sandbox {
	t.Helper()
	need(t, "unshare", "chroot", "xz", shell)
	p, err := packed()
	if err != nil {
		t.Fatal(err)
	}
	s := sandbox{t, shell, t.TempDir(), "/persist/bin/hello-12345678"}
	for _, dir := range []string{"bin", "persist/bin", "outbox", "var", "dev", "tmp"} {
		s.must(os.MkdirAll(s.path(dir), 0o755))
	}
	s.install(shell)
	s.must(os.Symlink(shell, s.path("bin/sh")))
	for _, tool := range tools {
		if shell == "busybox" && hasApplet(tool) {
			s.must(os.Symlink(shell, s.path("bin/"+tool)))
		} else {
			s.install(tool)
		}
	}
	s.copy(p[1], s.program)
	return s
}

func hasApplet(name string) bool {
	out, _ := exec.Command("busybox", "--list").Output()
	return bytes.Contains(append([]byte("\n"), out...), []byte("\n"+name+"\n"))
}

func (s sandbox) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s sandbox) path(name string) string { return filepath.Join(s.root, name) }

func (s sandbox) copy(from, to string) {
	s.t.Helper()
	b, err := os.ReadFile(from)
	s.must(err)
	s.must(os.MkdirAll(filepath.Dir(s.path(to)), 0o755))
	s.must(os.WriteFile(s.path(to), b, 0o755))
}

// install copies a program of this machine and its libraries.
func (s sandbox) install(program string) {
	s.t.Helper()
	path, err := exec.LookPath(program)
	s.must(err)
	s.copy(path, "bin/"+program)
	out, _ := exec.Command("ldd", path).Output() // fails for a static one
	for _, word := range strings.Fields(string(out)) {
		if strings.HasPrefix(word, "/") {
			s.copy(word, word)
		}
	}
}

// run starts the program as a payload does: no shell around it, no
// environment, in /. setup is sh, run before as root of the sandbox's own
// mount namespace, with the root as the working directory.
func (s sandbox) run(setup string, argv ...string) (code int, out string) {
	s.t.Helper()
	chroot, err := exec.LookPath("chroot")
	s.must(err)
	if len(argv) == 0 {
		argv = []string{s.program}
	}
	script := "set -e\n" + setup + "\nexec env -i " + chroot + ` . "$@"`
	cmd := exec.Command("unshare", append([]string{"-rm", "sh", "-c", script, "sh"}, argv...)...)
	cmd.Dir = s.root
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if bytes.Contains(b, []byte("unshare")) {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			s.t.Fatalf("%s", b)
		}
		s.t.Skipf("no namespaces here: %s", b)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// unpacked lists what the head left in a directory.
func (s sandbox) unpacked(dir string) []string {
	names, _ := filepath.Glob(s.path(dir) + "/.hello-*")
	return names
}

func (s sandbox) log() string {
	b, _ := os.ReadFile(s.path("outbox/hello.log"))
	return string(b)
}

// spoil changes a file of the sandbox.
func (s sandbox) spoil(name string, f func(b []byte) []byte) {
	s.t.Helper()
	b, err := os.ReadFile(name)
	s.must(err)
	s.must(os.WriteFile(name, f(b), 0o755))
}
