package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
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

// release is a version of testdata/hello for arm64: bare, packed whole and as
// an update of the one before, each with the name that deploy gives it.
type release struct{ elf, whole, update string }

func (r release) wholeName() string { return "/persist/bin/hello-" + hash8(r.whole) }
func (r release) updateName() string {
	return "/persist/bin/hello-" + hash8(r.whole) + "-" + hash8(r.update)
}

func hash8(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))[:8]
}

// releases builds three versions, old, mid and new.
func releases(t *testing.T) []release {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("PACK", filepath.Join(dir, "pack"))
	command(t, "go", "build", "-o", os.Getenv("PACK"), repo+"/cmd/pack")
	var all []release
	for i, version := range []string{"old", "mid", "new"} {
		r := release{elf: filepath.Join(dir, version), whole: filepath.Join(dir, "whole", version, "hello"), update: filepath.Join(dir, "update", version, "hello")}
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -X main.version="+version, "-o", r.elf, "./testdata/hello")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		command(t, repo+"/scripts/pack", r.elf, r.whole)
		if i > 0 {
			command(t, repo+"/scripts/pack", r.elf, r.update, all[i-1].elf, all[i-1].whole, r.whole)
		}
		all = append(all, r)
	}
	return all
}

// A chain of three versions: the first went up whole, the others as updates.
func TestUpdate(t *testing.T) {
	need(t, "qemu-aarch64-static")
	r := releases(t)
	whole, err := os.Stat(r[0].whole)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(r[1].update); err != nil || fi.Size() > whole.Size()/10 {
		t.Errorf("the update of a changed word has %d bytes, the whole program %d", fi.Size(), whole.Size())
	}
	for _, shell := range []string{"dash", "bash", "busybox"} {
		for _, c := range updateCases {
			t.Run(shell+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				s := updateSandbox{newSandbox(t, shell), r}
				s.must(os.Remove(s.path(s.program)))
				s.copy(r[0].whole, r[0].wholeName())
				s.copy(r[1].update, r[1].updateName())
				s.copy(r[2].update, r[2].updateName())
				if code, out := s.run(emulate, r[0].wholeName(), "x"); code == 77 {
					t.Skip("no binfmt_misc in a user namespace here")
				} else if code != 7 || out != `old["x"]`+"\n" {
					t.Fatalf("the old version: got exit %d and %q", code, out)
				}
				s.program = r[1].updateName()
				setup := c.test(s)
				if c.chain {
					s.program = r[2].updateName()
				}
				code, out := s.run(emulate+setup, s.program, "a b")
				if c.want != "" && (code != 7 || !strings.HasSuffix(out, c.want+`["a b"]`+"\n")) || c.want == "" && code != 1 {
					t.Errorf("got exit %d and %q, want version %q", code, out, c.want)
				}
				log := s.log()
				fine := c.want == "new" || c.want == "mid" && !c.chain
				if told := strings.HasPrefix(log, `{"level":"fatal","message":"hello: cannot update:`); told == fine || strings.Count(log, "\n") > 1 {
					t.Errorf("log: got %q", log)
				}
				if left, _ := filepath.Glob(s.path("persist/bin/.*.*")); left != nil {
					t.Errorf("left over: %q", left)
				}
				if fine && setup == "" { // from now on it needs nobody
					for _, v := range r[:len(r)-1] {
						os.Remove(s.path(v.wholeName()))
					}
					if code, out := s.run(emulate, s.program, "x"); code != 7 || out != c.want+`["x"]`+"\n" {
						t.Errorf("second start: got exit %d and %q", code, out)
					}
				}
			})
		}
	}
}

type updateSandbox struct {
	sandbox
	r []release
}

// unpackedAs is where a version lies unpacked.
func (s updateSandbox) unpackedAs(i int) string {
	return s.path("persist/bin/.hello-" + hash8(s.r[i].elf))
}

const readOnly = "mount --bind persist persist; mount -o remount,bind,ro persist\n"

var updateCases = []struct {
	name  string
	chain bool // the third version is started, else the second
	test  func(s updateSandbox) (setup string)
	want  string // the version that runs; none if empty
}{
	{"first start", false, func(updateSandbox) string { return "" }, "mid"},
	{"old never started", false, func(s updateSandbox) string {
		s.must(os.Remove(s.unpackedAs(0)))
		return ""
	}, "mid"},
	{"flipped bit", false, func(s updateSandbox) string {
		s.spoil(s.path(s.program), func(b []byte) []byte { b[len(b)-200] ^= 4; return b })
		return ""
	}, "old"},
	{"cut", false, func(s updateSandbox) string {
		s.spoil(s.path(s.program), func(b []byte) []byte { return b[:len(b)-50] })
		return ""
	}, "old"},
	{"old rotten", false, func(s updateSandbox) string {
		s.spoil(s.unpackedAs(0), bytes.ToUpper)
		return ""
	}, "mid"},
	{"old rotten, and what unpacks it gone", false, func(s updateSandbox) string {
		s.spoil(s.unpackedAs(0), bytes.ToUpper)
		s.must(os.Remove(s.path(s.r[0].wholeName())))
		return ""
	}, ""},
	{"old unpacked, packed gone", false, func(s updateSandbox) string {
		s.must(os.Remove(s.path(s.r[0].wholeName())))
		return ""
	}, "mid"},
	{"old gone", false, func(s updateSandbox) string {
		s.must(os.Remove(s.path(s.r[0].wholeName())))
		s.must(os.Remove(s.unpackedAs(0)))
		return ""
	}, ""},
	{"old torn, never started", false, func(s updateSandbox) string {
		s.must(os.Remove(s.unpackedAs(0)))
		s.spoil(s.path(s.r[0].wholeName()), func(b []byte) []byte { return b[:len(b)/2] })
		return ""
	}, ""},
	{"no room beside the old", false, func(s updateSandbox) string { return readOnly }, "mid"},
	{"old in another place", false, func(s updateSandbox) string {
		s.must(os.MkdirAll(s.path("var/tmp"), 0o755))
		s.must(os.Rename(s.unpackedAs(0), s.path("var/tmp/"+filepath.Base(s.unpackedAs(0)))))
		return ""
	}, "mid"},
	{"nothing unpacked, no room", false, func(s updateSandbox) string {
		s.must(os.Remove(s.unpackedAs(0)))
		return readOnly
	}, "mid"},
	{"what an earlier cut left", false, func(s updateSandbox) string {
		s.must(os.WriteFile(s.path("persist/bin/.hello-01234567.99.x"), []byte("x"), 0o644))
		s.must(os.WriteFile(s.path("persist/bin/.hello-"+hash8(s.r[1].elf)+".99"), []byte("x"), 0o644))
		return ""
	}, "mid"},
	{"chain", true, func(s updateSandbox) string { return "" }, "new"},
	{"chain, each started", true, func(s updateSandbox) string {
		if code, out := s.run(emulate, s.program, "x"); code != 7 {
			s.t.Errorf("the second version: got exit %d and %q", code, out)
		}
		return ""
	}, "new"},
	{"chain, none started", true, func(s updateSandbox) string {
		s.must(os.Remove(s.unpackedAs(0)))
		return ""
	}, "new"},
	{"chain, no room", true, func(s updateSandbox) string { return readOnly }, "new"},
	{"chain, the second went up whole too", true, func(s updateSandbox) string {
		s.copy(s.r[1].whole, s.r[1].wholeName())
		s.spoil(s.path(s.r[1].updateName()), func(b []byte) []byte { return b[:len(b)-50] })
		return ""
	}, "new"},
	{"chain broken in the middle", true, func(s updateSandbox) string {
		s.spoil(s.path(s.r[1].updateName()), func(b []byte) []byte { return b[:len(b)-50] })
		return ""
	}, ""},
}
