package outbox

import (
	"os"
	"testing"
)

func TestProveToAndRewrite(t *testing.T) {
	c := Config{Stage: t.TempDir(), Outbox: t.TempDir()}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	target, err := s.Target("f", "/f")
	if err != nil {
		t.Fatal(err)
	}
	p, err := target.New(Identity{Total: 12, Base: 5})
	if err != nil {
		t.Fatal(err)
	}
	p.Append([]byte("aaaaBBBBcccc"))
	for _, c := range []struct {
		to, off int64
		b       string
		ok      bool
	}{
		{4, 3, "x", false}, {4, 4, "bbbb", true}, {2, 8, "CCCC", true}, {8, 7, "x", false},
		{8, 9, "xxxx", false}, {8, 8, "cccc", true}, {8, 1 << 40, "x", false},
	} {
		if err := p.ProveTo(c.to); err != nil {
			t.Fatal(err)
		}
		if err := p.Rewrite([]byte(c.b), c.off); (err == nil) != c.ok {
			t.Errorf("prove to %d, rewrite %q at %d: got %v, want ok %v", c.to, c.b, c.off, err, c.ok)
		}
	}
	if p.Proven() != 8 {
		t.Errorf("got %d proven, want 8", p.Proven())
	}
	p.Close()
	target, err = s.Target("f", "/f")
	if err != nil {
		t.Fatal(err)
	}
	if p = target.Parts()[0]; p.Proven() != 8 || p.Identity().Base != 5 {
		t.Fatalf("got %d proven at %d, want 8 at 5", p.Proven(), p.Identity().Base)
	}
	p.Append([]byte("cccc"))
	p.Prove()
	if _, err := p.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(c.Outbox + "/f"); string(b) != "aaaabbbbcccc" {
		t.Errorf("got %q", b)
	}
}
