package main

import (
	"archive/tar"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKillDirectory kills the program at a random instant while it brings a
// directory, as files or as one archive: what has a name is final, an archive
// is one, nothing is twice in it, and a last run brings everything.
// FETCH_KILLS sets how often.
func TestKillDirectory(t *testing.T) {
	kills := 60
	if testing.Short() {
		kills = 20
	}
	if s := os.Getenv("FETCH_KILLS"); s != "" {
		kills, _ = strconv.Atoi(s)
	}
	dir := memory(t)
	root := dir + "/served"
	os.MkdirAll(root+"/many/sub", 0o755)
	b := newBox(t, dir)
	sdr(t, root, b.addr(), "--for", "20m")
	killed, finished, parts := 0, 0, 0
	for round := 0; killed < kills; round++ {
		want := map[string]string{}
		for i := range 150 {
			want[fmt.Sprintf("f%d", i)] = lines(round*1000+i, 500+i*40)
		}
		want["large"] = lines(round, 500_000)
		for name, data := range want {
			if err := os.WriteFile(root+"/many/"+name, []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		path := "/many/"
		if round%2 == 1 {
			path = "/many/=many.tar"
		}
		for n := 0; n < 10; n++ {
			c := b.command("--from", b.addr(), "--for", "10s", path)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			// Every other one is told that its window ends, and publishes.
			how := syscall.SIGKILL
			if n%3 == 2 {
				how = syscall.SIGTERM
			}
			time.Sleep(time.Duration(rand.IntN(70)) * time.Millisecond)
			c.Process.Signal(how)
			killed++
			if c.Wait() == nil {
				finished++
			}
			r := b.look()
			for name, got := range r.files {
				switch {
				case strings.HasPrefix(name, "many.tar"):
					parts++
					unpacked(t, name, got, want)
				case strings.HasSuffix(name, ".part"):
					if whole := want[strings.TrimSuffix(name, ".part")]; !strings.HasPrefix(whole, got) {
						t.Fatalf("killed: %s is no part", name)
					}
				case got != want[name]:
					t.Fatalf("killed: %s has %d bytes, want %d", name, len(got), len(want[name]))
				}
			}
			for name, x := range r.receipts {
				if !told(x) && x.Status == "complete" && sum(r.files[name]) != x.SHA256 {
					t.Fatalf("killed: %s and its receipt disagree", name)
				}
			}
			if rand.IntN(2) == 0 {
				b.empty()
			}
		}
		b.empty()
		r := b.fetch("--for", "20s", path)
		if r.exit != 0 {
			t.Fatalf("did not converge: exit %d\n%s", r.exit, r.log)
		}
		if data, ok := r.files["many.tar"]; ok {
			if in := unpacked(t, "many.tar", data, want); len(in) != len(want)+1 {
				t.Fatalf("%d members, want %d", len(in), len(want)+1)
			}
		} else {
			for name, data := range want { // or an earlier window had published it, and this one tells so
				if x := r.receipts[name]; r.files[name] != data && (x.SHA256 != sum(data) || x.Unchanged == nil) {
					t.Fatalf("did not converge: %s, %+v", name, x)
				}
			}
		}
		b.empty()
	}
	t.Logf("killed %d times, %d had ended before, %d archives looked at", killed, finished, parts)
}

// unpacked reads an archive, and holds its files against those that it was
// made of.
func unpacked(t *testing.T, name, data string, want map[string]string) map[string]bool {
	t.Helper()
	in, r, last := map[string]bool{}, tar.NewReader(strings.NewReader(data)), ""
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := io.ReadAll(r)
		if err != nil || in[h.Name] {
			t.Fatalf("%s: %s (%v), there before: %v", name, h.Name, err, in[h.Name])
		}
		last = h.Name
		if in[h.Name] = true; h.Typeflag == tar.TypeReg && last != "MANIFEST.jsonl" && string(b) != want[strings.TrimPrefix(h.Name, "many/")] {
			t.Fatalf("%s: %s is another", name, h.Name)
		}
	}
	if last != "MANIFEST.jsonl" {
		t.Fatalf("%s: the last member is %q", name, last)
	}
	delete(in, last)
	return in
}
