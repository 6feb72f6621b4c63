package main

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// flight has the bare flight programs built by the Makefile, as they fly.
func flight(t *testing.T, tree, bin string, env ...string) []string {
	t.Helper()
	cmd := exec.Command("make", "-sC", tree, "BIN="+bin, "uplink")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	elfs, _ := filepath.Glob(filepath.Join(bin, "linux-arm64", "*"))
	if len(elfs) == 0 {
		t.Fatal("no flight programs")
	}
	return elfs
}

func TestFlightELF(t *testing.T) {
	for _, path := range flight(t, repo, t.TempDir()) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Machine != elf.EM_AARCH64 || f.Type != elf.ET_EXEC || f.OSABI != elf.ELFOSABI_NONE {
				t.Errorf("got %v %v %v, want a program for aarch64", f.Machine, f.Type, f.OSABI)
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
					t.Errorf("it is not static: %v", p.Type)
				}
			}
			if f.Section(".symtab") != nil || f.Section(".debug_info") != nil {
				t.Error("it has symbols or debug information")
			}
			if f.Section(".gopclntab") == nil {
				t.Error("it has no function table: a crash would show no trace")
			}
		})
	}
}

// The same bytes from two directories, from sources alone: nothing of the
// second build comes out of the cache of the first.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library again")
	}
	tree := filepath.Join(t.TempDir(), "another", "place")
	files := strings.Split(strings.TrimSuffix(command(t, "git", "-C", repo, "ls-files", "-z"), "\x00"), "\x00")
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(repo, name))
		if os.IsNotExist(err) {
			continue // taken away, and not yet committed
		}
		fi, err2 := os.Stat(filepath.Join(repo, name))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		to := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, fi.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	sums := func(tree, bin string, env ...string) (sums map[string]string) {
		sums = map[string]string{}
		for _, path := range flight(t, tree, bin, append(env, "MAKEFLAGS=COMMIT=0123456789")...) {
			for _, p := range []string{path, filepath.Join(bin, "uplink", filepath.Base(path))} {
				b, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				sums[strings.TrimPrefix(p, bin)] = fmt.Sprintf("%x", sha256.Sum256(b))
			}
		}
		return sums
	}
	here, there := sums(repo, t.TempDir()), sums(tree, filepath.Join(tree, "bin"), "GOCACHE="+t.TempDir())
	for name, sum := range here {
		if there[name] != sum {
			t.Errorf("%s: got %s elsewhere, want %s", name, there[name], sum)
		}
	}
}

// A method called by a name that is known only at run time makes the linker
// keep every method of every type.
func TestNoMethodByName(t *testing.T) {
	dump := func(t *testing.T, program string, flags ...string) string {
		args := append([]string{"build", "-o", filepath.Join(t.TempDir(), "program"), "-ldflags=-dumpdep"}, flags...)
		cmd := exec.Command("go", append(args, program)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, []byte(command(t, repo+"/scripts/overlay")), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"sdr-serve", "sabertooth-fetch", "payload"} {
		t.Run(program, func(t *testing.T) {
			for line := range strings.Lines(dump(t, repo+"/cmd/"+program, "-gcflags=all=-l", "-overlay="+overlay)) {
				if strings.Contains(line, "<ReflectMethod>") {
					t.Error(line)
				}
			}
		})
	}
	t.Run("can fail", func(t *testing.T) {
		if !strings.Contains(dump(t, "./testdata/byname"), "<ReflectMethod>") {
			t.Error("a call by name was not seen")
		}
	})
}
