package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// Each verb's --help, and the list of verbs, fits 80 columns and has examples.
func TestHelp(t *testing.T) {
	t.Parallel()
	help := func(args ...string) string {
		var out, errs bytes.Buffer
		io := stdio{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }, self: "ground"}
		if code := run(context.Background(), args, io); code != 0 || errs.Len() != 0 {
			t.Errorf("%q: exit %d: %s", args, code, &errs)
		}
		return out.String()
	}
	texts := map[string]string{"": help("--help")}
	for _, c := range verbs(&stdio{getenv: func(string) string { return "" }}) {
		text := help(c.Name(), "--help")
		texts[c.Name()] = text
		if n := strings.Count(c.Example, "\n") + 1; !c.Hidden && (n < 2 || n > 4) {
			t.Errorf("%s: %d examples, want 2 to 4", c.Name(), n)
		}
		if also := help("help", c.Name()); also != text {
			t.Errorf("ground help %s differs from its --help:\n%s", c.Name(), also)
		}
		if !c.Hidden && !strings.Contains(texts[""], "  ground "+c.Name()+" ") {
			t.Errorf("ground --help lacks %s", c.Name())
		}
	}
	for verb, text := range texts {
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
				t.Errorf("%s: a line of %d columns: %s", verb, n, line)
			}
			if strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") || strings.Contains(line, "`") {
				t.Errorf("%s: %q", verb, line)
			}
		}
	}
}
