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
		if got, err := apply(old, p[stubSize:], rows{}, rows{}); err != nil || !bytes.Equal(got, new) {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The stub, on the processor it is written for.
func TestPatchStub(t *testing.T) {
	qemu := need(t, "qemu-aarch64-static")
	linked := build(t, "arm64", plain)
	bare, other := stripped(t, "arm64", plain), stripped(t, "arm64", "")
	if rowsOf(bare).funcs == 0 || rowsOf(other).funcs == 0 || rowsOf(linked).funcs != 0 {
		t.Error("rows are those of stripped programs")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name     string
		old, new []byte
	}{
		{"same", linked, linked},
		{"no rows, then rows", linked, bare},
		{"rows, then none", bare, linked},
		{"rows in both", bare, other},
		{"a rotten new one", bare, mutate(r, bare)},
		{"mutated", linked, mutate(r, linked)},
		{"half", linked, linked[:len(linked)/2]},
		{"double", linked, append(bytes.Clone(linked), linked...)},
	} {
		p, err := Patch(c.old, c.new)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for file, b := range map[string][]byte{"old": c.old, "patch": p} {
			if err := os.WriteFile(filepath.Join(dir, file), b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", `"$0" ./patch <patch 3<old >new`, qemu)
		cmd.Dir = dir
		if msg, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", c.name, err, msg)
			continue
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "new")); !bytes.Equal(got, c.new) {
			t.Errorf("%s: got %d bytes, want %d, and they differ", c.name, len(got), len(c.new))
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "old")); !bytes.Equal(got, c.old) {
			t.Errorf("%s: the old program is no longer what it was", c.name)
		}
		// Without its input it fails instead of making something.
		cmd = exec.Command("sh", "-c", `"$0" ./patch <patch 3<&- >new`, qemu)
		cmd.Dir = dir
		if cmd.Run() == nil {
			t.Errorf("%s: without the old program: exit 0", c.name)
		}
	}
}

// A function put in moves all behind it, and what is told of those stays the
// same but for the sizes of what is there.
func TestLooseRowsAreAlike(t *testing.T) {
	b := stripped(t, "arm64", plain)
	r := rowsOf(b)
	loose := bytes.Clone(b)
	if err := r.turn(loose, false); err != nil {
		t.Fatal(err)
	}
	table, _, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range table.funcs {
		name := loose[int(r.names+f.nameOff):][:len(f.name)]
		if address := name[max(0, len(name)-digits):]; !kept[f.name] && !bytes.Equal(address, make([]byte, digits)) {
			t.Errorf("%s: its address is still in the name", f.name)
		}
	}
	if i := bytes.IndexFunc(loose[r.functab:r.functab+8*r.funcs], func(c rune) bool { return c != 0 }); i >= 0 {
		t.Errorf("an offset is still in a pair, at %d", i)
	}
}
