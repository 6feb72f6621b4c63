package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     []string
		path     string // where programs are looked for; "" as here
		required string
		code     int
		says     string
	}{
		{"unknown flag", []string{"--no-such"}, "", "", 2, "unknown flag"},
		{"argument", []string{"more"}, "", "", 2, `"more": takes flags only`},
		{"cuts", []string{"--cuts", "-1"}, "", "", 2, "--cuts"},
		{"disks", []string{"--disks", "-1"}, "", "", 2, "--disks"},
		{"scenario", []string{"--only", "nonsense"}, "", "", 2, "pass, cut, unplugged"},
		{"modules alone", []string{"--modules", "/m"}, "", "", 2, "--kernel"},
		{"help", []string{"--help"}, "", "", 0, "--disks"},
		{"no emulator", nil, "/nonexistent", "", 0, "skipped: no virtual machines here: "},
		{"no emulator, and that is a failure", nil, "/nonexistent", "1", 1, "is not installed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("REQUIRE_PEERS", c.required)
			if c.path != "" {
				t.Setenv("PATH", c.path)
			}
			var out, err bytes.Buffer
			said := &err
			if c.code == 0 && c.args != nil {
				said = &out // of help, which may go to a pager
			}
			if code := run(context.Background(), c.args, &out, &err); code != c.code || !strings.Contains(said.String(), c.says) {
				t.Errorf("%q: got exit %d, %q and %q, want %d and %q", c.args, code, out.String(), err.String(), c.code, c.says)
			}
		})
	}
}
