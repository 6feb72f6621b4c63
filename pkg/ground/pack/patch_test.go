package pack

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// mutate returns b with a few bytes changed, taken out, put in and moved.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range r.IntN(6) {
		i := r.IntN(len(b) + 1)
		j := i + r.IntN(len(b)+1-i)
		switch r.IntN(4) {
		case 0:
			if i < len(b) {
				b[i]++
			}
		case 1:
			b = append(b[:i:i], b[j:]...)
		case 2:
			in := make([]byte, r.IntN(50))
			for k := range in {
				in[k] = byte(r.Uint32())
			}
			b = append(append(b[:i:i], in...), b[i:]...)
		case 3:
			b = append(append(bytes.Clone(b[j:]), b[i:j]...), b[:i]...)
		}
	}
	return b
}

func TestPatchRandom(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		old := make([]byte, r.IntN(2000))
		for i := range old {
			old[i] = byte(r.IntN(1 + r.IntN(256)))
		}
		new := mutate(r, old)
		p, err := Patch(old, new)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got, err := apply(old, p[stubSize:]); err != nil || !bytes.Equal(got, new) {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The stub, on the processor it is written for.
func TestPatchStub(t *testing.T) {
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("no qemu-aarch64-static")
	}
	old := build(t, "arm64", plain)
	bare := bytes.Clone(old)
	if err := Strip(bare); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for name, new := range map[string][]byte{
		"same": old, "stripped": bare, "mutated": mutate(r, old), "half": old[:len(old)/2], "double": append(bytes.Clone(old), old...),
	} {
		p, err := Patch(old, new)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for file, b := range map[string][]byte{"old": old, "patch": p} {
			if err := os.WriteFile(filepath.Join(dir, file), b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", `"$0" ./patch <patch 3<old >new`, qemu)
		cmd.Dir = dir
		if msg, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, msg)
			continue
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "new")); !bytes.Equal(got, new) {
			t.Errorf("%s: got %d bytes, want %d, and they differ", name, len(got), len(new))
		}
		// Without its input it fails instead of making something.
		cmd = exec.Command("sh", "-c", `"$0" ./patch <patch 3<&- >new`, qemu)
		cmd.Dir = dir
		if cmd.Run() == nil {
			t.Errorf("%s: without the old program: exit 0", name)
		}
	}
}
