package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// aCommand is a line of a document that is to be typed. A comment or the
// shell's own signs end it.
var aCommand = regexp.MustCompile(`(?m)^(?: {4})?(?:\$ )?(?:bin/)?(ground|\./deploy) ((?:[^#\n>|&]|&[^&\n ])*)`)

// Each command line that a document says to type is one that the command
// takes: its verb, and all its flags with values of the right kind.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, name := range []string{"../../README.md", "../../docs/operations.md", "../../docs/release.md", "../../docs/receipt.md"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range aCommand.FindAllStringSubmatch(string(b), -1) {
			args := strings.Fields(m[2])
			if m[1] == "./deploy" {
				args = append([]string{"deploy"}, args...)
			}
			var out, errs bytes.Buffer
			root := rootCommand(&stdio{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }, self: "ground"})
			verb, rest, err := root.Find(args)
			if err == nil {
				err = verb.ParseFlags(rest)
			}
			if err != nil || verb == root {
				t.Errorf("%s: %q: %v", name, m[0], err)
			}
			seen[verb.Name()]++
		}
	}
	for _, verb := range []string{"deploy", "plan", "status", "cancel", "review", "get", "survey", "slots", "aboard", "satellites"} {
		if seen[verb] == 0 {
			t.Errorf("no document says how to type ground %s", verb)
		}
	}
}
