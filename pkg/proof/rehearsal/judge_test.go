package rehearsal

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"payload-ipc/pkg/flight/outbox"
)

func TestJudge(t *testing.T) {
	p := &pair{Rehearsal: &Rehearsal{log: syslog(1)}}
	whole := string(p.log)
	other := string(syslog(2))
	told := func(status, body string) string {
		sum := sha256.Sum256([]byte(body))
		rec := outbox.Receipt{Name: name, Status: status, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}
		if status == "failed" {
			rec.Size, rec.SHA256 = 0, ""
		}
		return string(rec.Encode())
	}
	const receiptName, partName, lateName = name + ".receipt.json", name + ".part", name + ".earlier-run.receipt.json"
	unchanged := func(body string) string {
		sum, run := sha256.Sum256([]byte(body)), "earlier-run"
		rec := outbox.Receipt{Name: name, Status: "complete", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Unchanged: &run}
		return string(rec.Encode())
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // in the error; "" for none
		whole bool
		part  int64
		came  bool // in an earlier window
	}{
		{"nothing", nil, "", false, 0, false},
		{"whole", map[string]string{name: whole, receiptName: told("complete", whole)}, "", true, 0, false},
		{"cut before the receipt", map[string]string{name: whole, "sabertooth-fetch.log": "{"}, "", true, 0, false},
		{"part", map[string]string{partName: whole[:999], receiptName: told("partial", whole[:999])}, "", false, 999, false},
		{"failed", map[string]string{receiptName: told("failed", "")}, "", false, 0, false},
		{"torn", map[string]string{name: whole[:4096]}, "is not the file", false, 0, false},
		{"empty", map[string]string{name: ""}, "is not the file", false, 0, false},
		{"zeros at its end", map[string]string{name: whole[:4096] + strings.Repeat("\x00", len(whole)-4096)}, "is not the file", false, 0, false},
		{"another part", map[string]string{partName: other[:999]}, "no beginning", false, 0, false},
		{"torn receipt", map[string]string{name: whole, receiptName: told("complete", whole)[:40]}, "is torn", false, 0, false},
		{"empty receipt", map[string]string{name: whole, receiptName: ""}, "is torn", false, 0, false},
		{"receipt without its file", map[string]string{receiptName: told("complete", whole)}, "is not there", false, 0, false},
		{"receipt of another", map[string]string{name: whole, receiptName: told("complete", other)}, "not that of", false, 0, false},
		{"stray", map[string]string{".sdr_syslog.tmp": "x"}, "is in the outbox", false, 0, false},
		{"a late receipt", map[string]string{lateName: told("complete", whole), receiptName: unchanged(whole)}, "", true, 0, true},
		{"a late receipt, and fetched again", map[string]string{name: whole, lateName: told("complete", whole), receiptName: told("complete", whole)}, "", true, 0, true},
		{"a late receipt of what never came", map[string]string{lateName: told("complete", whole)}, "did not come in an earlier window", false, 0, false},
		{"a late receipt of another", map[string]string{lateName: told("complete", other)}, "did not come in an earlier window", false, 0, true},
		{"a late receipt of a part", map[string]string{lateName: told("partial", whole[:999])}, "did not come in an earlier window", false, 0, true},
		{"a torn late receipt", map[string]string{lateName: told("complete", whole)[:40]}, "is torn", false, 0, true},
		{"unchanged, and it never came", map[string]string{receiptName: unchanged(whole)}, "did not come in an earlier window", false, 0, false},
		{"unchanged, of another", map[string]string{receiptName: unchanged(other)}, "did not come in an earlier window", false, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for n, body := range c.files {
				if err := os.WriteFile(filepath.Join(dir, n), []byte(body), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			d, err := p.judge(dir, c.came)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || d.whole != c.whole || d.part != c.part {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}
