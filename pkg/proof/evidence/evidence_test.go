package evidence

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "evidence.md")
	const text = "a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\nc\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Put(file, "one", "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := os.ReadFile(file)
	if want := strings.Replace(text, "old", "new", 1); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := Put(file, "three", ""); err == nil {
		t.Error("a block that is not there was put")
	}
}

func TestMachine(t *testing.T) {
	got := Machine(Load())
	if !strings.HasPrefix(got, "Measured 2") || strings.Contains(got, "?") {
		t.Errorf("got %q", got)
	}
}

// Progress is for people; a pipe gets none of it.
func TestProgress(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if got := Progress(w); got != io.Discard {
		t.Errorf("got %v for a pipe", got)
	}
}
