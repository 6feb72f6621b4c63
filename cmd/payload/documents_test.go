package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named finds documents in comments and pages by their ending, linked finds
// the targets of a page's links.
var (
	named  = regexp.MustCompile(`[A-Za-z0-9_][A-Za-z0-9_./-]*\.(md|schema\.json)\b`)
	linked = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
)

// missingDocuments lists what text, which stands in the file at path, names
// and the tree below root does not have. A bare name may mean a page of docs.
func missingDocuments(root, path, text string) (missing []string) {
	there := func(candidates ...string) bool {
		for _, c := range candidates {
			if _, err := os.Stat(c); err == nil {
				return true
			}
		}
		return false
	}
	dir := filepath.Dir(path)
	for _, name := range named.FindAllString(text, -1) {
		if !there(filepath.Join(root, name), filepath.Join(dir, name), filepath.Join(root, "docs", name)) {
			missing = append(missing, name)
		}
	}
	if strings.HasSuffix(path, ".md") {
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], "://") && !there(filepath.Join(dir, m[1])) {
				missing = append(missing, m[1])
			}
		}
	}
	return missing
}

// No comment and no page names a document that is not in the tree.
func TestDocumentsAreThere(t *testing.T) {
	seen := 0
	for path := range strings.Lines(command(t, "git", "-C", repo, "ls-files", "--cached", "--others", "--exclude-standard")) {
		path = strings.TrimSpace(path)
		switch {
		case strings.HasSuffix(path, ".go"), strings.HasSuffix(path, ".md"), strings.HasSuffix(path, ".s"),
			path == "Makefile", path == "deploy", strings.HasPrefix(path, "scripts/"):
		default:
			continue
		}
		path = filepath.Join(repo, path)
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // removed and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		seen++
		text := string(b)
		if strings.HasSuffix(path, ".go") {
			text = comments(t, path, b)
		}
		for _, name := range missingDocuments(repo, path, text) {
			t.Errorf("%s names %s, which is not there", path, name)
		}
	}
	if seen < 100 {
		t.Errorf("looked at %d files only", seen)
	}
}

// comments is all that the comments of a Go file say.
func comments(t *testing.T, path string, source []byte) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, c := range file.Comments {
		all.WriteString(c.Text())
	}
	return all.String()
}

func TestMissingDocuments(t *testing.T) {
	for text, want := range map[string]string{
		"(docs/none.md, \"X\")":                 "docs/none.md",
		"see nothing.md":                        "nothing.md",
		"docs/wire.md, and README.md":           "",
		"[a](none.svg) [b](https://x.example/)": "none.svg",
		"[c](evidence.md#part) [d](wire.md)":    "",
	} {
		if got := strings.Join(missingDocuments(repo, filepath.Join(repo, "docs", "x.md"), text), " "); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
