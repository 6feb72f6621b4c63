package vm

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

const testSector = 512

// recording makes the file of one: each write is its sector on the disk and the
// bytes that fill its sectors; a flush has none.
func recording(t *testing.T, writes []testWrite) *Recording {
	t.Helper()
	le := binary.LittleEndian
	b := make([]byte, testSector)
	le.PutUint64(b, logMagic)
	le.PutUint64(b[8:], 1)
	le.PutUint32(b[24:], testSector)
	for _, w := range writes {
		head := make([]byte, testSector)
		le.PutUint64(head, uint64(w.at))
		le.PutUint64(head[8:], uint64(len(w.fill)))
		le.PutUint64(head[16:], w.flags)
		b = append(b, head...)
		if w.flags&flagDiscard == 0 {
			for _, c := range []byte(w.fill) {
				b = append(b, bytes.Repeat([]byte{c}, testSector)...)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(file, append(b, make([]byte, 4*testSector)...), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRecording(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

type testWrite struct {
	at    int64
	fill  string // a byte for each sector
	flags uint64
}

func TestCut(t *testing.T) {
	r := recording(t, []testWrite{
		{0, "ab", 0},
		{2, "c", 0},
		{0, "", flagFlush},
		{0, "xy", 0},
		{3, "zz", flagDiscard},
		{5, "f", flagFUA},
		{2, "uvw", 0},
	})
	half := func(n int64) int64 { return n / 2 }
	for _, c := range []struct {
		name string
		n    int
		fate Fate
		disk string
		left Remains
	}{
		{"nothing was flushed, all is lost", 2, Drop, "......", Remains{Dropped: 2}},
		{"nothing was flushed, all is kept", 2, Keep, "abc...", Remains{Kept: 2}},
		{"what was flushed stays", 3, Drop, "abc...", Remains{Dropped: 1}},
		{"behind the flush all is lost", 4, Drop, "abc...", Remains{Dropped: 1}},
		{"a write that is on the medium when done stays", 5, Drop, "abc..f", Remains{Dropped: 1}},
		{"all of it", 6, Keep, "xyuvwf", Remains{Kept: 2}},
		{"torn", 6, half, "xbu..f", Remains{Torn: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(disk, bytes.Repeat([]byte{'.'}, 6*testSector), 0o644); err != nil {
				t.Fatal(err)
			}
			left, err := r.Cut(disk, c.n, c.fate)
			if err != nil {
				t.Fatal(err)
			}
			body, err := os.ReadFile(disk)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for i := 0; i < len(body); i += testSector {
				if s := body[i : i+testSector]; !bytes.Equal(s, bytes.Repeat(s[:1], testSector)) {
					t.Fatalf("sector %d is mixed", i/testSector)
				}
				got = append(got, body[i])
			}
			if string(got) != c.disk || left != c.left {
				t.Errorf("got disk %q, %+v, want %q, %+v", got, left, c.disk, c.left)
			}
		})
	}
}

// A volatile drive does all three, and never more than there is.
func TestVolatile(t *testing.T) {
	var all Remains
	for seed := range uint64(50) {
		fate := Volatile(rand.New(rand.NewPCG(seed, 0)))
		for range 20 {
			switch n := fate(8); {
			case n == 8:
				all.Kept++
			case n == 0:
				all.Dropped++
			case n > 0 && n < 8:
				all.Torn++
			default:
				t.Fatalf("%d of 8 sectors", n)
			}
		}
	}
	if all.Kept < 100 || all.Dropped < 100 || all.Torn < 10 {
		t.Errorf("got %+v of 1000 writes, want some of each", all)
	}
}

func TestOpenRecordingRefuses(t *testing.T) {
	for name, body := range map[string][]byte{"empty": nil, "another file": bytes.Repeat([]byte("x"), 1024)} {
		file := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(file, body, 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := OpenRecording(file); err == nil {
			r.Close()
			t.Errorf("%s: taken for a recording", name)
		}
	}
}
