package vm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// busybox's cpio is the judge.
func TestArchive(t *testing.T) {
	if _, err := exec.LookPath("busybox"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var a archive
	a.directory("d")
	a.file("d/odd", 0o755, []byte("12345"))
	a.file("d/none", 0o600, nil)
	a.link("d/link", "odd")
	dir := t.TempDir()
	cmd := exec.Command("busybox", "cpio", "-i")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(a.end())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{"odd": "12345", "none": "", "link": "12345"} {
		if got, err := os.ReadFile(filepath.Join(dir, "d", name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	fi, err := os.Lstat(filepath.Join(dir, "d/odd"))
	if err != nil || fi.Mode() != 0o755 {
		t.Errorf("got %v, %v, want mode 0755", fi.Mode(), err)
	}
	if to, err := os.Readlink(filepath.Join(dir, "d/link")); err != nil || to != "odd" {
		t.Errorf("got a link to %q, %v", to, err)
	}
}

// What a payload is told arrives word by word, whatever is in it.
func TestQuote(t *testing.T) {
	args := []string{"plain", "a b", "it's", `$x "y" \z`, "", "two\nlines", "*"}
	script := "printf '%s|' "
	for _, a := range args {
		script += " " + quote(a)
	}
	out, err := exec.Command("sh", "-c", script).Output()
	if want := "plain|a b|it's|$x \"y\" \\z||two\nlines|*|"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}
