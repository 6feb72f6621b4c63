package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	for _, c := range rootCommand(&stdio{getenv: func(string) string { return "" }}).Commands() { // the hidden ones too
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
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%s: a line of %d columns: %s", verb, n, line)
			}
			if strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") || strings.Contains(line, "`") {
				t.Errorf("%s: %q", verb, line)
			}
		}
	}
}

// mandoc(1) has nothing to say of a manual page, and finds all flags of a verb
// on its page.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	io := stdio{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }, self: "ground"}
	if code := run(context.Background(), []string{"man", dir}, io); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		skip(t, "mandoc is not here; scripts/peers brings it")
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "*.1"))
	if len(pages) < 11 {
		t.Errorf("%d pages: %q", len(pages), pages)
	}
	for _, page := range pages {
		if said, err := exec.Command(mandoc, "-Tlint", "-Wwarning", page).CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("%v: %s", err, said)
		}
	}
	text, err := exec.Command(mandoc, "-Tascii", filepath.Join(dir, "ground-deploy.1")).Output()
	text = regexp.MustCompile(".\b").ReplaceAll(text, nil) // bold is a letter printed twice
	for _, want := range []string{"--hand-over", "--every DURATION", "Uplink", "EXAMPLES", "ground deploy - FM1"} {
		if err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%v: the page of deploy lacks %q", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ground-man.1")); err == nil {
		t.Error("a hidden verb has a page")
	}
}
