package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// emulate is the setup of a sandbox that runs programs for arm64: a
// binfmt_misc of its own user namespace, which Linux has from 6.7 on.
const emulate = `mkdir -p binfmt && mount -t binfmt_misc none binfmt
[ -e binfmt/status ] || exit 77
printf '%s' ':arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':F' >binfmt/register
`

// versions builds an old and a new program for arm64, each packed whole, and
// the update from one to the other.
func versions(t *testing.T) (old, update string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("PACK", filepath.Join(dir, "pack"))
	command(t, "go", "build", "-o", os.Getenv("PACK"), repo+"/cmd/pack")
	for _, version := range []string{"old", "new"} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -X main.version="+version, "-o", filepath.Join(dir, version+".elf"), "./testdata/hello")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	old, update = filepath.Join(dir, "whole", "hello"), filepath.Join(dir, "hello")
	command(t, repo+"/scripts/pack", filepath.Join(dir, "old.elf"), old)
	command(t, repo+"/scripts/pack", filepath.Join(dir, "new.elf"), update, filepath.Join(dir, "old.elf"), old)
	return old, update
}

func TestUpdate(t *testing.T) {
	need(t, "qemu-aarch64-static")
	old, update := versions(t)
	whole, err := os.Stat(old)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(update); err != nil || fi.Size() > whole.Size()/10 {
		t.Errorf("the update of a changed word has %d bytes, the whole program %d", fi.Size(), whole.Size())
	}
	base := "/persist/bin/hello-" + command(t, "sh", "-c", `sha256sum <"$0" | cut -c1-8 | tr -d '\n'`, old)
	for _, shell := range []string{"dash", "bash", "busybox"} {
		for _, c := range updateCases {
			t.Run(shell+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				s := newSandbox(t, shell)
				s.copy(old, base)
				s.copy(update, s.program)
				if code, out := s.run(emulate, base, "x"); code == 77 {
					t.Skip("no binfmt_misc in a user namespace here")
				} else if code != 7 || out != `old["x"]`+"\n" {
					t.Fatalf("the old version: got exit %d and %q", code, out)
				}
				c.test(s, base)
				code, out := s.run(emulate, s.program, "a b")
				if c.want != "" && (code != 7 || !strings.HasSuffix(out, c.want+`["a b"]`+"\n")) || c.want == "" && code == 0 {
					t.Errorf("got exit %d and %q, want version %q", code, out, c.want)
				}
				log := s.log()
				if told := strings.HasPrefix(log, `{"level":"fatal","message":"hello: cannot update:`); told != (c.want != "new") || strings.Count(log, "\n") > 1 {
					t.Errorf("log: got %q", log)
				}
			})
		}
	}
}

var updateCases = []struct {
	name string
	test func(s sandbox, base string)
	want string // the version that runs; none if empty
}{
	{"first start", func(sandbox, string) {}, "new"},
	{"old program never started", func(s sandbox, base string) {
		for _, f := range s.unpacked("persist/bin") {
			s.must(os.Remove(f))
		}
	}, "new"},
	{"second start, old version gone", func(s sandbox, base string) {
		if code, out := s.run(emulate, s.program, "x"); code != 7 || out != `new["x"]`+"\n" {
			s.t.Errorf("first start: got exit %d and %q", code, out)
		}
		s.must(os.Remove(s.path(base)))
	}, "new"},
	{"flipped bit", func(s sandbox, base string) {
		s.spoil(s.path(s.program), func(b []byte) []byte { b[len(b)-200] ^= 4; return b })
	}, "old"},
	{"cut", func(s sandbox, base string) {
		s.spoil(s.path(s.program), func(b []byte) []byte { return b[:len(b)-50] })
	}, "old"},
	{"old program rotten", func(s sandbox, base string) {
		s.spoil(s.unpacked("persist/bin")[0], func(b []byte) []byte { return bytes.ToUpper(b) })
	}, "old"},
	{"old version gone", func(s sandbox, base string) {
		s.must(os.Remove(s.path(base)))
		s.must(os.Remove(s.unpacked("persist/bin")[0]))
	}, ""},
}
