package review

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/sabertooth"
	"payload-ipc/pkg/flight/sdrserve"
)

// Of a run with a key review says that every answer was signed with it, of one
// without nothing of the kind, and of one whose server had another that its
// answers were not: by the receipts of the programs themselves.
func TestKeyIsTold(t *testing.T) {
	const key, other = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	for _, tt := range []struct {
		name       string
		serve, get []string
		verdict    Verdict
		why        string
		note       string
	}{
		{"no key", nil, nil, Delivered, "proven piece by piece against the server", ""},
		{"a key", []string{"--key", key}, []string{"--key", key}, Delivered, "proven piece by piece against the server, every answer signed with this run's key", ""},
		{"another key", []string{"--key", other}, []string{"--key", key}, Missing, "", "not signed with this run's key, and nothing of them was taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, out := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(root, "syslog"), []byte("one line\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			at := l.Addr().String()
			l.Close()
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan struct{})
			var said bytes.Buffer
			go func() {
				defer close(ended)
				sdrserve.Run(ctx, append([]string{"--listen", at, "--root", root, "--log", "-", "--for", "60s"}, tt.serve...), agent.Stdio{Out: &said, Err: &said})
			}()
			defer func() { stop(); <-ended }()
			length := "60s"
			if tt.verdict != Delivered {
				length = "4s" // it tries to the end
			}
			var told bytes.Buffer
			sabertooth.Run(context.Background(), append(append([]string{"--from", at, "--outbox", out, "--stage", filepath.Join(t.TempDir(), "stage"), "--log", "-", "--for", length, "--run", "r"}, tt.get...), "/syslog"), agent.Stdio{Out: &told, Err: &told})
			keys := map[string]string{}
			list, _ := filepath.Glob(filepath.Join(out, "*"))
			for _, file := range list {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				keys[dir+"20261123T043229Z_"+filepath.Base(file)] = string(b)
			}
			fakeS3(t, keys)
			rep := reviewAll(t, Choice{})
			if len(rep.Runs) != 1 || len(rep.Runs[0].Items) != 1 {
				t.Fatalf("got %d runs of %v\n%s", len(rep.Runs), list, &told)
			}
			it := rep.Runs[0].Items[0]
			if notes := strings.Join(it.Notes, "\n"); it.Verdict != tt.verdict || !strings.HasSuffix(it.Why, tt.why) || !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("got %v, %q, %q; want %v, %q, %q", it.Verdict, it.Why, it.Notes, tt.verdict, tt.why, tt.note)
			}
			if text := fmt.Sprint(it.Why, it.Notes); tt.get == nil && strings.Contains(text, "key") {
				t.Errorf("without a key: %s", text)
			}
		})
	}
}
