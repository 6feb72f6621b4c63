package pack

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build returns a real program, with or without inlining.
func build(t *testing.T, goarch, gcflags string) []byte {
	t.Helper()
	return buildOf(t, "crash", goarch, gcflags)
}

// buildOf returns one of those in testdata.
func buildOf(t *testing.T, name, goarch, gcflags string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-o", out, "-trimpath", "-buildvcs=false", "-gcflags="+gcflags, "-ldflags=-s -w -buildid=", "./testdata/"+name)
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

const plain = "all=-l" // as what flies

func stripped(t *testing.T, goarch, gcflags string) []byte {
	t.Helper()
	p := build(t, goarch, gcflags)
	if err := Strip(p); err != nil {
		t.Fatal(err)
	}
	return p
}

var emulators = map[string]string{"arm64": "qemu-aarch64-static", "arm": "qemu-arm-static", "386": "", "amd64": ""}

// run runs a program, under an emulator or, without one, skips.
func run(t *testing.T, goarch string, program, stdin []byte, args ...string) (stdout, stderr string, err error) {
	t.Helper()
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
	args = append([]string{path}, args...)
	if emulators[goarch] != "" {
		args = append([]string{need(t, emulators[goarch])}, args...)
	}
	for {
		var out, errs bytes.Buffer
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f, &out, &errs
		// A child that another test forks has the program open for writing, until
		// it runs its own (golang/go issue 22315).
		if err = cmd.Run(); !errors.Is(err, syscall.ETXTBSY) {
			return out.String(), errs.String(), err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("no " + program)
	}
	return path
}

// A stripped program grows stacks, collects garbage, is interrupted and panics
// as the linker's does; so does one with inlined calls, which does not fly.
// What its traces say is in cmd/payload, trace_test.go.
func TestStrippedProgramsRun(t *testing.T) {
	for goarch := range emulators {
		for _, gcflags := range []string{plain, ""} {
			t.Run(goarch+" "+gcflags, func(t *testing.T) {
				t.Parallel()
				linked := build(t, goarch, gcflags)
				p := bytes.Clone(linked)
				if err := Strip(p); err != nil {
					t.Fatal(err)
				}
				for _, gone := range []string{"crash.go", "main.recurse", "runtime.mallocgc"} {
					if bytes.Contains(p, []byte(gone+"\x00")) || !bytes.Contains(linked, []byte(gone)) {
						t.Errorf("%s is still there, or never was", gone)
					}
				}
				if goarch == "arm" {
					if _, err := exec.LookPath(emulators[goarch]); err != nil {
						t.Skip("no " + emulators[goarch])
					}
				}
				for _, how := range []string{"", "caught"} {
					var args []string
					if how != "" {
						args = []string{how}
					}
					want, _, wantErr := run(t, goarch, linked, nil, args...)
					got, errs, err := run(t, goarch, p, nil, args...)
					// The name of a wrapper is in a panic that it makes.
					if i := strings.Index(want, "value method "); i >= 0 {
						if !strings.Contains(got, "value method ?.?.") {
							t.Errorf("%s: got %q", how, got)
						}
						want, got = want[:i], got[:i]
					}
					if got != want || (err == nil) != (wantErr == nil) {
						t.Errorf("%s: got %q, %v, %.300s, want %q, %v", how, got, err, errs, want, wantErr)
					}
				}
			})
		}
	}
}

// What a processor may want aligned is.
func TestFuncdataIsAligned(t *testing.T) {
	for _, goarch := range []string{"arm64", "arm"} {
		table, _, err := open(stripped(t, goarch, ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range table.funcs {
			for kind, o := range f.funcdata {
				align := uint32(4)
				switch kind {
				case funcdataStackObjects:
					align = uint32(table.ptr)
				case funcdataDefers:
					align = 1
				}
				if o != none && o%align != 0 {
					t.Fatalf("%s, %s: funcdata %d is at %d", goarch, f.name, kind, o)
				}
			}
		}
	}
}

// A second time changes nothing.
func TestStripTwice(t *testing.T) {
	p := stripped(t, "arm64", plain)
	again := bytes.Clone(p)
	if err := Strip(again); err != nil || !bytes.Equal(again, p) {
		t.Errorf("a stripped program changes once more: %v", err)
	}
}

// The stub, on the processor it is written for, against the linker's bytes.
func TestStubGivesTheProgramBack(t *testing.T) {
	for _, gcflags := range []string{plain, ""} {
		p := stripped(t, "arm64", gcflags)
		f, err := Filter(p)
		if err != nil {
			t.Fatal(err)
		}
		out, errs, err := run(t, "arm64", f, f)
		if err != nil || out != string(p) {
			t.Errorf("flags %q: %v, %q, %d bytes, want %d", gcflags, err, errs, len(out), len(p))
		}
	}
}

func TestStubFails(t *testing.T) {
	f, err := Filter(stripped(t, "arm64", plain))
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{"empty": nil, "cut": f[:stubSize]} {
		if _, _, err := run(t, "arm64", f[:stubSize], in); err == nil {
			t.Errorf("%s: exit 0", name)
		}
	}
}

// Most of the table follows from the code: a release of Go that makes other
// code is not wrong, but costs bytes.
func TestPredictions(t *testing.T) {
	table, _, err := open(stripped(t, "arm64", plain))
	if err != nil {
		t.Fatal(err)
	}
	var stack, stackAll, calls, callsAll, points, pointsAll int
	for _, f := range table.funcs {
		code := table.instructions(f)
		if f.tables[0] != nil {
			stackAll++
			if bytes.Equal(stackTable(code), f.tables[0]) {
				stack++
			}
		}
		if len(f.tables) > 1+pcdataStackMap && f.tables[1+pcdataStackMap] != nil {
			callsAll++
			if _, ok := changes(code, f.tables[1+pcdataStackMap]); ok {
				calls++
			}
		}
		if len(f.tables) > 1+pcdataUnsafePoint && f.tables[1+pcdataUnsafePoint] != nil {
			pointsAll++
			for _, all := range []bool{false, true} {
				// Nothing told: only write barriers are not seen.
				if list, ok := toldPoints(code, all, f.tables[1+pcdataUnsafePoint]); ok && len(list) == 1 {
					points++
					break
				}
			}
		}
	}
	if stack*100 < stackAll*98 || calls*100 < callsAll*95 || points*100 < pointsAll*80 {
		t.Errorf("%d of %d stack tables, %d of %d stack maps and %d of %d tables of unsafe points are as the code tells", stack, stackAll, calls, callsAll, points, pointsAll)
	}
}

// What is no Go program, or one of another form, is refused, not bent.
func TestRefused(t *testing.T) {
	p := stripped(t, "arm64", plain)
	table, f, err := open(p)
	if err != nil {
		t.Fatal(err)
	}
	off, pairs := table.off, table.off+table.functab
	module, _ := section(f, p, ".go.module")
	record := pairs + int(le.Uint32(p[pairs+8*100+4:]))
	version := bytes.Index(p, []byte("go1.26"))
	for _, c := range []struct {
		name  string
		spoil func(b []byte) []byte
		form  bool // it is a Go program of another form
	}{
		{"empty", func([]byte) []byte { return nil }, false},
		{"no ELF", func([]byte) []byte { return []byte("#!/bin/sh\n") }, false},
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }, false},
		{"another release", func(b []byte) []byte { return bytes.ReplaceAll(b, b[version:version+6], []byte("go1.27")) }, true},
		{"magic", func(b []byte) []byte { b[off]++; return b }, true},
		{"pointer size", func(b []byte) []byte { b[off+7] = 3; return b }, true},
		{"functions", func(b []byte) []byte { b[off+8+3] = 0x7f; return b }, true},
		{"one function less", func(b []byte) []byte { b[off+8]--; return b }, true},
		{"entry", func(b []byte) []byte { b[pairs+8]++; return b }, true},
		{"record", func(b []byte) []byte { b[pairs+4+3] = 0x7f; return b }, true},
		{"name", func(b []byte) []byte { b[record+recordNameOff+3] = 0x7f; return b }, true},
		{"pcsp", func(b []byte) []byte { b[record+recordPcsp+3] = 0x7f; return b }, true},
		{"npcdata", func(b []byte) []byte { b[record+recordNpcdata+3] = 0x7f; return b }, true},
		{"where funcdata counts from", func(b []byte) []byte { b[int(module.Offset)+8*moduleGofunc+4] = 1; return b }, true},
		{"code in two sections", func(b []byte) []byte { b[int(module.Offset)+8*moduleTextsects] = 2; return b }, true},
	} {
		b := c.spoil(bytes.Clone(p))
		before := bytes.Clone(b)
		err := Strip(b)
		if err == nil || errors.Is(err, ErrForm) != c.form {
			t.Errorf("%s: Strip: %v", c.name, err)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%s: Strip refused it, and changed it", c.name)
		}
		if _, err := Filter(b); err == nil || errors.Is(err, ErrForm) != c.form {
			t.Errorf("%s: Filter: %v", c.name, err)
		}
	}
	// Filter checks what Strip does not look at.
	for name, at := range map[string]int{"line table": record + 24, "cuOffset": record + 32, "pad": record + 42} {
		b := bytes.Clone(p)
		b[at] = 1
		if _, err := Filter(b); name == "pad" == (err != nil) {
			t.Errorf("%s: Filter: %v", name, err)
		}
	}
	if _, err := Filter(build(t, "arm64", plain)); !errors.Is(err, ErrForm) {
		t.Errorf("Filter took a program that is not stripped: %v", err)
	}
	if _, err := Filter(stripped(t, "386", plain)); err == nil {
		t.Error("Filter took a program for 386")
	}
}
