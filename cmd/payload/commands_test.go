package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands that build what goes up, in a clone: what they refuse, what
// they leave, and what they exit with.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and packs several times")
	}
	needHistory(t)
	need(t, "xz")
	tree := source(t, "clone", filepath.Join(t.TempDir(), "tree"))
	run := func(code int, says string, argv ...string) string {
		t.Helper()
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = tree
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), says) {
			t.Errorf("%q: exit %d and %q, want %d and %q", argv, got, out, code, says)
		}
		return string(out)
	}
	git := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(command(t, "git", append([]string{"-C", tree, "-c", "user.name=x", "-c", "user.email=x@y"}, args...)...))
	}
	sums := func(dir string) (all [3]string) {
		for i, name := range programs {
			b, _ := os.ReadFile(filepath.Join(tree, dir, name))
			all[i] = fmt.Sprintf("%x", sha256.Sum256(b))
		}
		return all
	}

	run(0, "", "make", "-s", "uplink")
	arm64 := sums("bin/uplink")
	t.Run("a directory for each processor", func(t *testing.T) {
		run(0, "", "make", "-s", "FLIGHT_ARCH=arm", "bin/uplink-arm/sdr-serve")
		if sums("bin/uplink") != arm64 || sums("bin/uplink-arm")[0] == arm64[0] {
			t.Error("the programs for arm are not beside those for arm64")
		}
		run(2, "updates for arm64 only", "env", "FLIGHT_ARCH=arm", "scripts/update", "HEAD")
		run(0, "", "make", "-s", "uplink")
		if sums("bin/uplink") != arm64 {
			t.Error("the programs for arm64 are not what they were")
		}
	})
	t.Run("update", func(t *testing.T) {
		// make turns the exit code of what it runs into 2.
		run(2, "the version that is aboard is missing", "make", "-s", "update")
		run(2, "is not the name of a version", "make", "-s", "update", "FROM=../x")
		run(1, "version v9 (commit v9) is not here", "scripts/update", "v9")
		empty := git("commit-tree", "-m", "nothing", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
		run(1, "has no programs that fly", "scripts/update", empty)

		out := run(0, "nothing that flies has changed since HEAD", "make", "-s", "update", "FROM=HEAD")
		if !strings.Contains(out, "HEAD is not in docs/releases.tsv") || sums("bin/uplink/from-HEAD") != arm64 {
			t.Errorf("not the programs of HEAD: %s", out)
		}
		elsewhere := filepath.Join(t.TempDir(), "bin")
		if err := os.Rename(filepath.Join(tree, "bin"), elsewhere); err != nil {
			t.Fatal(err)
		}
		run(0, "nothing that flies has changed", "make", "-s", "BIN="+elsewhere, "update", "FROM=HEAD")
		if _, err := os.Stat(elsewhere + "/uplink/from-HEAD/payload"); err != nil {
			t.Error(err)
		}
		if err := os.Rename(elsewhere, filepath.Join(tree, "bin")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("releases", func(t *testing.T) {
		table := func(sum string) {
			row := fmt.Sprintf("9.9.9\t%s\tgo1.26.8\tarm64\tsdr-serve\t5\t%s\n", git("rev-parse", "HEAD"), sum)
			if err := os.WriteFile(filepath.Join(tree, "docs/releases.tsv"), []byte(row), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		table(arm64[0])
		run(0, "sdr-serve: the same as in v9.9.9", "make", "-s", "update", "FROM=v9.9.9")
		table(strings.Repeat("0", 64))
		run(2, "a patch against it would not apply", "make", "-s", "update", "FROM=v9.9.9")
		if _, err := os.Stat(filepath.Join(tree, "bin/uplink/from-v9.9.9")); err == nil {
			t.Error("what was refused is left for deploy")
		}
		run(2, "the tree is not what HEAD is", "make", "-s", "release")
	})
	t.Run("deploy builds what it sends", func(t *testing.T) {
		before := run(0, "Dry run", "./deploy", "--dry-run", "-", "FM1")
		if err := os.WriteFile(filepath.Join(tree, "pkg/flight/window/zz.go"), []byte("package window\n\nvar Unheard = 1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		after := run(0, "Dry run", "./deploy", "--dry-run", "-", "FM1")
		destination := func(plan string) string {
			_, rest, _ := strings.Cut(plan, "/persist/bin/sdr-serve-")
			return rest[:min(8, len(rest))]
		}
		if destination(before) == "" || destination(before) == destination(after) {
			t.Errorf("a change between two runs, and both send %s", destination(after))
		}
		if err := os.WriteFile(filepath.Join(tree, "pkg/flight/window/zz.go"), []byte("no Go\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if out := run(1, "zz.go", "./deploy", "--dry-run", "-", "FM1"); strings.Contains(out, "Plan for") {
			t.Errorf("planned what does not build: %s", out)
		}
	})
	t.Run("an export", func(t *testing.T) {
		if err := os.RemoveAll(filepath.Join(tree, ".git")); err != nil {
			t.Fatal(err)
		}
		run(1, "no history", "scripts/update", "v9.9.9")
	})
}
