package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ranged serves body as S3 does, but breaks off after so many bytes, the first
// times.
func ranged(body string, after, times int, sent *int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n := len(body)
		if times--; times >= 0 {
			n = after
		}
		http.ServeContent(&broken{ResponseWriter: w, left: n, sent: sent}, r, "", time.Time{}, strings.NewReader(body))
	}
}

type broken struct {
	http.ResponseWriter
	left int
	sent *int64
}

func (b *broken) Write(p []byte) (int, error) {
	if len(p) > b.left {
		b.ResponseWriter.Write(p[:b.left])
		*b.sent += int64(b.left)
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	*b.sent += int64(len(p))
	return b.ResponseWriter.Write(p)
}

// A file comes whole, from where it broke off, and nothing that is here is
// overwritten.
func TestGet(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	size := int64(len(body))
	noRanges := func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(body)) }
	for _, tt := range []struct {
		name  string
		serve func(sent *int64) http.HandlerFunc
		left  string // of an earlier get
		there string // under its own name
		err   string
		here  bool
		most  int64 // bytes sent, at most
	}{
		{"at once", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, "", "", "", false, size},
		{"broken off three times", func(s *int64) http.HandlerFunc { return ranged(body, 200<<10, 3, s) }, "", "", "", false, size},
		{"broken off at once, always", func(s *int64) http.HandlerFunc { return ranged(body, 0, 99, s) }, "", "", "broke off in the middle", false, 0},
		{"left off earlier", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, body[:1<<19], "", "", false, size / 2},
		{"left off after all of it", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, body, "", "", false, 0},
		{"something else was left", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, "xyz", "", "", false, 2 * size},
		{"more than all was left", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, body + "x", "", "", false, size},
		{"a server without ranges", func(*int64) http.HandlerFunc { return noRanges }, body[:1000], "", "", false, size},
		{"it is here", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, "", body, "", true, 0},
		{"another is here", func(s *int64) http.HandlerFunc { return ranged(body, 0, 0, s) }, "", "precious", "is here already, with other bytes", true, 0},
		{"deleted since", func(*int64) http.HandlerFunc { return s3Error(404, "NoSuchKey") }, "", "", "deleted since", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent int64
			key := dir + s1 + "a"
			o := &odd{keys: map[string]string{key: body, key + receiptSuffix: receipt("r/1", "a", "complete", body)}, get: map[string]http.HandlerFunc{}}
			serveOdd(t, o)
			ctx := context.Background()
			b, err := Open(ctx, "bucket", "a/directory/", "", 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			l, err := b.List(ctx)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := b.Review(ctx, l, Choice{})
			if err != nil {
				t.Fatal(err)
			}
			to := t.TempDir()
			ds := rep.Downloads(to)
			if len(ds) != 1 || ds[0].File != filepath.Join(to, "r%2F1", "a") || ds[0].Part {
				t.Fatalf("got %+v", ds)
			}
			d := ds[0]
			os.MkdirAll(filepath.Dir(d.File), 0o755)
			temporary := filepath.Join(filepath.Dir(d.File), ".a.get")
			if tt.left != "" {
				os.WriteFile(temporary, []byte(tt.left), 0o644)
			}
			if tt.there != "" {
				os.WriteFile(d.File, []byte(tt.there), 0o644)
			}
			o.get[key] = tt.serve(&sent)
			var last int64
			here, err := b.Get(ctx, d, func(n int64) { last = n })
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || here != tt.here {
				t.Fatalf("here %v, %v", here, err)
			}
			if sent > tt.most {
				t.Errorf("%d bytes were sent, want at most %d", sent, tt.most)
			}
			got, _ := os.ReadFile(d.File)
			switch {
			case errors.Is(err, ErrOther) && string(got) != "precious":
				t.Error("what was here is gone")
			case err == nil && (!bytes.Equal(got, []byte(body)) || last != size && tt.left != body):
				t.Errorf("%d bytes, %d told", len(got), last)
			case err == nil && !here:
				if _, err := os.Stat(temporary); err == nil {
					t.Error("the temporary file is left")
				}
				if r, _ := os.ReadFile(d.File + receiptSuffix); !bytes.Contains(r, []byte(`"run":"r/1"`)) {
					t.Errorf("the receipt is %q", r)
				}
			}
		})
	}
}

// Parts are named as parts, older pieces come with them, and what no receipt
// vouches for stays.
func TestDownloads(t *testing.T) {
	sum := func(s string) string {
		return strings.Split(strings.SplitAfter(receipt("", "", "complete", s), `"sha256":"`)[1], `"`)[0]
	}
	fakeS3(t, map[string]string{
		dir + s1 + "a.part": "half", dir + s1 + "a" + receiptSuffix: receipt("r1", "a", "partial", "half"),
		dir + s1 + "b": "whole", dir + s1 + "b.part": "old", dir + s1 + "b" + receiptSuffix: receipt("r1", "b", "complete", "whole",
			set("sealed", []any{map[string]any{"name": "b.part", "size": 3, "sha256": sum("old")}})),
		dir + s1 + "c": "xx", dir + s1 + "c" + receiptSuffix: receipt("r1", "c", "complete", "yy"),
		dir + s1 + "stranger": "z", dir + s1 + "d" + receiptSuffix: receipt("r1", "d", "failed", "", set("sha256", nil)),
	})
	var got []string
	for _, d := range reviewAll(t, Choice{}).Downloads("to") {
		got = append(got, d.File+map[bool]string{true: " part", false: ""}[d.Part])
	}
	if want := "to/r1/a.part part, to/r1/b, to/r1/b.part part"; !same(got, want) {
		t.Errorf("got %q", got)
	}
	var lacks []string
	for _, l := range reviewAll(t, Choice{}).Lacks() {
		lacks = append(lacks, fmt.Sprintf("%s/%s %s %.12s", l.Run, l.Name, l.Verdict, l.Why))
	}
	if want := "r1/c partial a file of th, r1/d missing nothing came, /stranger partial 1 bytes with"; !same(lacks, want) {
		t.Errorf("lacks %q, want %q", lacks, want)
	}
}

// What a later run brought is no lack, but where that run is not looked at.
func TestLacksOfACompletedRun(t *testing.T) {
	fakeS3(t, map[string]string{
		dir + s1 + "a" + receiptSuffix:             receipt("r1", "a", "failed", "", set("sha256", nil)),
		dir + "20261124T043229Z_a":                 "whole",
		dir + "20261124T043229Z_a" + receiptSuffix: receipt("r2", "a", "complete", "whole"),
	})
	for run, want := range map[string]int{"": 0, "r1": 1, "r2": 0} {
		if got := reviewAll(t, Choice{Run: run}).Lacks(); len(got) != want {
			t.Errorf("run %q: lacks %v, want %d", run, got, want)
		}
	}
}

func same(got []string, want string) bool {
	words := strings.Split(want, ", ")
	for _, w := range words {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			return false
		}
	}
	return len(words) == len(got)
}
