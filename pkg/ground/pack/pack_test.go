package pack

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build returns a real flight program.
func build(t *testing.T, goarch string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-o", out, "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "./testdata/crash")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs a program for arm64 or, without qemu, skips.
func run(t *testing.T, program []byte, stdin []byte) (stdout, stderr string, err error) {
	t.Helper()
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("no qemu-aarch64-static")
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	// Standard input is a file, as the head of a packed program gives it.
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, stdin, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out, errs bytes.Buffer
	cmd := exec.Command(qemu, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func TestStrippedProgramsRunAndTrace(t *testing.T) {
	for _, goarch := range []string{"arm64", "arm", "386"} {
		t.Run(goarch, func(t *testing.T) {
			p := build(t, goarch)
			if err := Strip(p); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(p, []byte("crash.go")) {
				t.Error("the name of a source file is still there")
			}
			if goarch == "arm" {
				return
			}
			var out, errs string
			if goarch == "arm64" {
				out, errs, _ = run(t, p, nil)
			} else {
				out, errs = native(t, p)
			}
			if out != "grown 1000\n" {
				t.Errorf("stdout: got %q", out)
			}
			for _, want := range []string{"panic: our bug", "main.(*thing).breaks(", "main.recurse", "main.main()", "?:0 +0x"} {
				if !strings.Contains(errs, want) {
					t.Errorf("trace without %q:\n%s", want, errs)
				}
			}
		})
	}
}

func native(t *testing.T, program []byte) (stdout, stderr string) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(path)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return out.String(), errs.String()
}

// The stub, on the processor it is written for, against the linker's bytes.
func TestStubGivesTheProgramBack(t *testing.T) {
	for _, stripped := range []bool{false, true} {
		p := build(t, "arm64")
		if stripped {
			if err := Strip(p); err != nil {
				t.Fatal(err)
			}
		}
		f, err := Filter(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(f) != len(p)+stubSize {
			t.Errorf("got %d bytes, want %d", len(f), len(p)+stubSize)
		}
		out, errs, err := run(t, f, f)
		if err != nil || out != string(p) {
			t.Errorf("stripped %v: %v, %q, %d bytes, want %d", stripped, err, errs, len(out), len(p))
		}
	}
}

func TestStubFails(t *testing.T) {
	f, err := Filter(build(t, "arm64"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, f[:stubSize], nil); err == nil {
		t.Error("an empty standard input gave exit 0")
	}
}

// What is no Go program, or one of another form, is refused, not bent.
func TestRefused(t *testing.T) {
	p := build(t, "arm64")
	off, table, _, err := section(p, ".gopclntab")
	if err != nil {
		t.Fatal(err)
	}
	pairs := off + int(le.Uint64(table[8+8*7:]))
	for name, spoil := range map[string]func(b []byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"no ELF":       func([]byte) []byte { return []byte("#!/bin/sh\n") },
		"cut":          func(b []byte) []byte { return b[:len(b)/2] },
		"magic":        func(b []byte) []byte { b[off]++; return b },
		"pointer size": func(b []byte) []byte { b[off+7] = 3; return b },
		"functions":    func(b []byte) []byte { b[off+8+3] = 0x7f; return b },
		"entry":        func(b []byte) []byte { b[pairs]++; return b },
		"record":       func(b []byte) []byte { b[pairs+4+3] = 0x7f; return b },
	} {
		b := spoil(bytes.Clone(p))
		if err := Strip(bytes.Clone(b)); err == nil {
			t.Errorf("%s: Strip took it", name)
		}
		if _, err := Filter(b); err == nil {
			t.Errorf("%s: Filter took it", name)
		}
	}
	if _, err := Filter(build(t, "386")); err == nil {
		t.Error("Filter took a program for 386")
	}
}
