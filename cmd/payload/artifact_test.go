package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// programs is what flies.
var programs = []string{"sdr-serve", "sabertooth-fetch", "payload"}

// makeUplink has the Makefile of a tree build and pack what flies into bin.
func makeUplink(tree, bin string, env ...string) error {
	cmd := exec.Command("make", "-sC", tree, "BIN="+bin, "uplink")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// fly runs the go command as the flight build does.
func fly(t *testing.T, args ...string) string {
	t.Helper()
	return command(t, repo+"/scripts/fly", append([]string{"arm64"}, args...)...)
}

// flight is a directory with linux-arm64/NAME and uplink/NAME as they fly.
var flight = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "flight")
	if err != nil {
		return "", err
	}
	made = append(made, dir)
	return dir, makeUplink(repo, dir)
})

func flightDir(t *testing.T) string {
	t.Helper()
	dir, err := flight()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFlightELF(t *testing.T) {
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			f, err := elf.Open(filepath.Join(flightDir(t), "linux-arm64", name))
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
	if err := makeUplink(tree, filepath.Join(tree, "bin"), "GOCACHE="+t.TempDir(), "XZ_OPT=-0 --check=sha256", "XZ_DEFAULTS=--block-size=100KiB", "POSIXLY_CORRECT=1"); err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		for _, form := range []string{"linux-arm64", "uplink"} {
			here, err := os.ReadFile(filepath.Join(flightDir(t), form, name))
			there, err2 := os.ReadFile(filepath.Join(tree, "bin", form, name))
			if err != nil || err2 != nil || !bytes.Equal(here, there) {
				t.Errorf("%s/%s: %d bytes here (%v), %d there (%v), not the same", form, name, len(here), err, len(there), err2)
			}
		}
	}
}

// A method called by a name that is known only at run time makes the linker
// keep every method of every type.
func TestNoMethodByName(t *testing.T) {
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			for line := range strings.Lines(fly(t, "build", "-o", filepath.Join(t.TempDir(), "program"), "-ldflags=-dumpdep", "./cmd/"+program)) {
				if strings.Contains(line, "<ReflectMethod>") {
					t.Error(line)
				}
			}
		})
	}
	t.Run("can fail", func(t *testing.T) {
		if !strings.Contains(fly(t, "build", "-o", filepath.Join(t.TempDir(), "program"), "-ldflags=-dumpdep", "./cmd/payload/testdata/byname"), "<ReflectMethod>") {
			t.Error("a call by name was not seen")
		}
	})
}
