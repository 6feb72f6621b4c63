package mockfm

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Flight programs are for arm64; both ways of starting one work, by itself and
// from a sh head, and its clock is the satellite's.
func TestForeign(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH == "arm64" {
		t.Skip("not foreign here")
	}
	if _, err := exec.LookPath("qemu-aarch64-static"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	m := withNamespaces(t, Config{Shortest: 5 * time.Second})
	dir := t.TempDir()
	src := `package main
import ("fmt"; "os"; "runtime"; "time")
func main() { os.WriteFile(os.Args[1], []byte(fmt.Sprint(runtime.GOARCH, " ", time.Now().Unix(), " ", len(os.Environ()))), 0o644) }`
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "p"), filepath.Join(dir, "p.go"))
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	elf, err := os.ReadFile(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	status, body := sendUpload(t, m, "SDR", "/persist/p", string(elf))
	id(t, status, body)
	head := install(t, m, "SDR", "head", "exec /persist/p /outbox/head\n")
	at := tomorrow(m)
	run(t, m, "SDR", at, 10, "/persist/p", "/outbox/elf")
	run(t, m, "SDR", at.Add(time.Hour), 10, head)
	settle(t, m)
	files := bucketOf(t, m)
	for name, open := range map[string]time.Time{"elf": at, "head": at.Add(time.Hour)} {
		words := strings.Fields(files[name])
		if len(words) != 3 || words[0] != "arm64" || words[2] != map[string]string{"elf": "0", "head": "1"}[name] { // sh sets PWD
			t.Errorf("%s: got %q, want arm64, a time and no environment but sh's", name, files[name])
			continue
		}
		if now := atoi(words[1]); now < open.Unix() || now > open.Unix()+9 {
			t.Errorf("%s: its clock said %d in a window that opened at %d", name, now, open.Unix())
		}
	}
}
