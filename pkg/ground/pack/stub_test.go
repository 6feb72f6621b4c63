package pack

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The machine code is what its source says.
func TestStubsAssemble(t *testing.T) {
	need(t, "aarch64-linux-gnu-as")
	dir := t.TempDir()
	if msg, err := exec.Command("stub/assemble", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	for name, code := range map[string][]byte{"unfilter.bin": unfilterCode, "patch.bin": patchCode} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, code) {
			t.Errorf("stub/%s is not what its source gives; run stub/assemble", name)
		}
	}
}
