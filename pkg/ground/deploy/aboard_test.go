package deploy

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What is aboard is told by its hash, with the windows that need it.
func TestAboard(t *testing.T) {
	b := newBench(t)
	g, _ := b.ground(100 * time.Millisecond)
	s := b.spec()
	if r := run(t, g, s); r.Err != nil {
		t.Fatal(r.Err)
	}
	table := filepath.Join(t.TempDir(), "releases.tsv")
	serve := s.Artifacts[0]
	os.WriteFile(table, []byte("# version\n0.1.0\tabc\tgo\tarm64\tsdr-serve\t433022\t"+serve.SHA256+"\n"), 0o644)
	rows, err := Releases(table)
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Aboard(context.Background(), []string{"FM1", "FM2"}, rows, nil, 125_000)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	if a := got[0]; a.Version != "0.1.0" || a.Commit != "abc" || a.Bytes != 433022 || a.Program != "sdr-serve" || len(a.Windows) != 1 {
		t.Errorf("%+v", a)
	}
	if a := got[1]; a.Version != "" || a.Payload != "SABERTOOTH" || len(a.Windows) != 1 {
		t.Errorf("%+v", a)
	}
	for _, w := range b.windows() {
		b.drop(w)
	}
	if got, err = g.Aboard(context.Background(), []string{"FM1"}, nil, nil, 125_000); err != nil || len(got[0].Windows) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"a\tb\n", "v\tc\tg\tarm64\tsdr-serve\tmany\thash\n"} {
		os.WriteFile(table, []byte(bad), 0o644)
		if _, err := Releases(table); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if rows, err := Releases(table + "x"); err != nil || rows != nil {
		t.Errorf("%v %v", rows, err)
	}
}
