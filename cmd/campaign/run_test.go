package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--no-such"}, 2, "unknown flag"},
		{[]string{"more"}, 2, "flags only"},
		{[]string{"--passes", "0"}, 2, "--passes"},
		{[]string{"--pass", "-1"}, 2, "--pass"},
		{[]string{"--soak", "-1s"}, 2, "--soak"},
		{[]string{"--cuts", "-1"}, 2, "--cuts"},
		{[]string{"--help"}, 0, "--seed"},
		{[]string{"--with", "rain"}, 2, "late, restart"},
		{[]string{"--bin", t.TempDir(), "--dir", t.TempDir()}, 1, "build it with make"},
		{[]string{"--bin", t.TempDir(), "--dir", t.TempDir(), "--soak", "1s"}, 1, "no such file"},
		{[]string{"--bin", t.TempDir(), "--dir", t.TempDir(), "--cuts", "1"}, 1, "build it with make"},
		{[]string{"supervisor", "nonsense"}, 1, "invalid character"},
	} {
		var out, err bytes.Buffer
		said := &err
		if c.code == 0 {
			said = &out // of help, which may go to a pager
		}
		if code := run(context.Background(), c.args, &out, &err); code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("%q: got exit %d, %q and %q, want %d and %q", c.args, code, out.String(), err.String(), c.code, c.says)
		}
	}
}
