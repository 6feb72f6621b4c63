package window

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain makes the test binary a program that tells how old it is.
func TestMain(m *testing.M) {
	if os.Getenv("WINDOW_TEST") != "" {
		os.Stdout.WriteString(strconv.FormatInt(time.Since(ProcessStart()).Milliseconds(), 10))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The process is as old as it was before exec, also under an emulator.
func TestProcessStart(t *testing.T) {
	argv := []string{os.Args[0]}
	if emulator := os.Getenv("EMULATOR"); emulator != "" { // this is a program for another processor
		path, err := exec.LookPath(emulator)
		if err != nil {
			t.Fatal(err)
		}
		argv = []string{path, os.Args[0]}
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", `sleep 1; exec "$0" "$@"`}, argv...)...)
	cmd.Env = append(os.Environ(), "WINDOW_TEST=1")
	begin := time.Now()
	out, err := cmd.Output()
	took := time.Since(begin)
	ms, _ := strconv.ParseInt(string(out), 10, 64)
	if age := time.Duration(ms) * time.Millisecond; err != nil || age < time.Second || age > took+tick {
		t.Errorf("%v: got %q ms, want 1 s to %v", err, out, took)
	}
}

func TestStartOf(t *testing.T) {
	const rest = " S 1 2 3 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 "
	for _, c := range []struct {
		stat string
		want time.Duration // -1 for none
	}{
		{"12 (cat)" + rest + "345 1 2\n", 3450 * time.Millisecond},
		{"12 (a) S 1 2 (b c)" + rest + "345 1 2\n", 3450 * time.Millisecond},
		{"12 (cat)" + rest + "0 1 2\n", -1}, // not told
		{"12 (cat)" + rest + "-1 1 2\n", -1},
		{"12 (cat)" + rest + "18446744073709551615 1 2\n", -1},
		{"12 (cat)" + rest + "9223372036854775807 1 2\n", -1},
		{"12 (cat)" + strings.TrimSpace(rest), -1},
		{"12 (cat", -1},
		{"", -1},
	} {
		got, ok := startOf([]byte(c.stat))
		if ok != (c.want >= 0) || ok && got != c.want {
			t.Errorf("%q: got %v, %v, want %v", c.stat, got, ok, c.want)
		}
	}
}
