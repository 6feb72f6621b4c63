package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The stand-in for strconv's table of powers makes that table, and strconv's
// own tests pass with it.
func TestStrconvStandIn(t *testing.T) {
	goroot := strings.TrimSpace(command(t, "go", "env", "GOROOT"))
	const name = "pow10tab.go"
	theirs := filepath.Join(goroot, "src", "internal", "strconv", name)
	table, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	_, literal, ok := strings.Cut(string(table), "var pow10Tab = ")
	if !ok {
		t.Fatal("no table in " + theirs)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for file, text := range map[string]string{
		"whole_export_test.go": "package strconv\n\nfunc Whole() bool { return pow10Tab == " + strings.TrimSuffix(literal, "\n") + " }\n",
		"whole_test.go": "package strconv_test\n\nimport (\n\t. \"internal/strconv\"\n\t\"testing\"\n)\n\n" +
			"func TestWhole(t *testing.T) {\n\tif !Whole() {\n\t\tt.Error(\"another table\")\n\t}\n}\n",
	} {
		replace[filepath.Join(filepath.Dir(theirs), file)] = filepath.Join(dir, file)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ours, err := filepath.Abs(filepath.Join(repo, "pkg/flight/overlay/files/internal/strconv", name))
	if err != nil {
		t.Fatal(err)
	}
	replace[theirs] = ours
	b, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "test", "-overlay", overlay, "-v", "-short", "-run", "Whole|Pow10|Ftoa|Atof", "internal/strconv").CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "--- PASS: TestWhole") {
		t.Errorf("%v\n%.2000s", err, out)
	}
}
