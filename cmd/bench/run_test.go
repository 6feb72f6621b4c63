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
		{[]string{"--rounds", "0"}, 2, "--rounds"},
		{[]string{"--load", "0s"}, 2, "--load"},
		{[]string{"--big", "8796093022208"}, 2, "--big"},
		{[]string{"--only", "nonsense"}, 2, "servers, fetchers, directory and durable"},
		{[]string{"--help"}, 0, "--rounds"},
		{[]string{"--bin", t.TempDir()}, 1, "build it with make"},
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
