package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	cases := []struct {
		name string
		ok   bool
	}{
		{"sdr_syslog", true}, {"a", true}, {"naïve name.log", true}, {"x.part", true}, {"a..b", true},
		{strings.Repeat("n", MaxName), true}, {strings.Repeat("n", MaxName+1), false},
		{"", false}, {".", false}, {"..", false}, {".hidden", false}, {"a/b", false}, {"x.receipt.json", false}, {"/a", false},
		{"a\x00b", false}, {"a\nb", false}, {"a\x7fb", false}, {"a\u0085b", false}, {"a\xffb", false},
	}
	for _, c := range cases {
		if err := CheckName(c.name); (err == nil) != c.ok {
			t.Errorf("%q: got %v, want ok %v", c.name, err, c.ok)
		}
	}
	if n := len(stageName(strings.Repeat("n", MaxName), 1) + cursorSuffix); n > nameMax {
		t.Errorf("the name on the stage has %d bytes", n)
	}
	if n := len(newName(strings.Repeat("n", MaxName) + receiptSuffix)); n > nameMax {
		t.Errorf("the name while replacing has %d bytes", n)
	}
}

func TestCheckNames(t *testing.T) {
	cases := []struct {
		names    []string
		reserved []string
		ok       bool
	}{
		{[]string{"a", "b"}, []string{"sabertooth-fetch.log"}, true},
		{[]string{"a", "a"}, nil, false},
		{[]string{"a", "a.part"}, nil, false},
		{[]string{"a.2.part", "a"}, nil, false},
		{[]string{"a.x.part", "a"}, nil, true},
		{[]string{"a.receipt.json", "a"}, nil, false},
		{[]string{"a", "a.new"}, nil, false},
		{[]string{"a.part"}, nil, true},
		{[]string{"sabertooth-fetch.log"}, []string{"sabertooth-fetch.log"}, false},
		{[]string{"a", ".b"}, nil, false},
	}
	for _, c := range cases {
		if err := CheckNames(c.names, c.reserved...); (err == nil) != c.ok {
			t.Errorf("%q: got %v, want ok %v", c.names, err, c.ok)
		}
	}
}

func FuzzEscapeName(f *testing.F) {
	for _, s := range []string{"", ".", "..", "syslog", "a/b", "%41", "A", "\xff", "ü\x00", ".x", "/" + strings.Repeat("ü", 200), strings.Repeat("%", 300)} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := EscapeName(a), EscapeName(b)
		if err := CheckName(x); err != nil {
			t.Fatalf("%q: %q: %v", a, x, err)
		}
		if a != b && x == y {
			t.Fatalf("%q and %q both become %q", a, b, x)
		}
	})
}

// Hostile bytes never panic, and what is accepted is what would be written.
func FuzzCursor(f *testing.F) {
	c := &cursor{seq: 7, gen: 3, name: "log", source: "/src",
		id:    Identity{Snapshot: "s", Validator: "v", Total: -1, Verified: VerifiedDigest, Sealed: true},
		marks: []mark{{end: 5}, {end: 9}}}
	f.Add(c.encode())
	f.Add(make([]byte, slotSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := decodeCursor(b); ok {
			e := c.encode()
			if len(e) > len(b) || string(e) != string(b[:len(e)]) {
				t.Fatal("decoded is not what was encoded")
			}
		}
		// The same bytes with a right sum get behind the checksum.
		if len(b) >= headSize {
			b = sign(b)
			if c, ok := decodeCursor(b); ok && string(c.encode()) != string(b) {
				t.Fatal("decoded is not what was encoded")
			}
		}
	})
}

func TestCursorFits(t *testing.T) {
	long := strings.Repeat("x", MaxText)
	c := &cursor{name: strings.Repeat("n", MaxName), source: long,
		id: Identity{Snapshot: long, Validator: long, Verified: VerifiedOverlap}}
	for i := range int64(1000) {
		c.marks = addMark(c.marks, mark{end: i + 1})
		if got := c.marks[len(c.marks)-1].end; got != i+1 {
			t.Fatalf("the last mark is at %d, want %d", got, i+1)
		}
	}
	if n := len(c.encode()); n > slotSize {
		t.Fatalf("a full cursor has %d bytes, a slot %d", n, slotSize)
	}
	if len(c.marks) > maxMarks || len(c.marks) < maxMarks/2 {
		t.Fatalf("got %d marks", len(c.marks))
	}
}

func sign(b []byte) []byte {
	b = append([]byte(nil), b...)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[len(magic):], uint32(len(b)))
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}
