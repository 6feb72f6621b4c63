package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// With the stand-ins for zones package time does what it does where there are
// no zone files.
func TestTimeStandIn(t *testing.T) {
	goroot := strings.TrimSpace(command(t, "go", "env", "GOROOT"))
	ours, err := filepath.Abs(filepath.Join(repo, "pkg/flight/overlay/files/time"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(ours)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, f := range files {
		replace[filepath.Join(goroot, "src", "time", f.Name())] = filepath.Join(ours, f.Name())
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, b, 0o644); err != nil {
		t.Fatal(err)
	}
	said := func(args ...string) string {
		cmd := exec.Command("go", append(append([]string{"run"}, args...), "./testdata/zones")...)
		cmd.Env = append(os.Environ(), "TZ=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%.2000s", err, out)
		}
		return string(out)
	}
	want, got := strings.Split(said(), "\n"), strings.Split(said("-overlay", overlay), "\n")
	if len(want) < 100 || len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
