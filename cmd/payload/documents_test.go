package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named finds documents in comments and pages by their ending, cited those
// whose section is named behind them, linked the targets of a page's links.
var (
	cited  = regexp.MustCompile(`([A-Za-z0-9_/-]+\.md),?\s+"([^"]+)"`)
	space  = regexp.MustCompile(`\s+#?\s*`) // in a script, the next line of a comment
	named  = regexp.MustCompile(`[A-Za-z0-9_][A-Za-z0-9_./-]*\.(md|schema\.json)\b`)
	linked = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
)

// missingDocuments lists what text, which stands in the file at path, names
// and the tree below root does not have: documents, and their sections by the
// beginning of a heading. A bare name may mean a page of docs.
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
	for _, m := range cited.FindAllStringSubmatch(text, -1) {
		section := space.ReplaceAllString(m[2], " ")
		for _, doc := range []string{filepath.Join(root, m[1]), filepath.Join(root, "docs", m[1])} {
			if page, err := os.ReadFile(doc); err == nil && !hasSection(string(page), section) {
				missing = append(missing, m[1]+", "+section)
			}
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

func hasSection(page, name string) bool {
	for line := range strings.Lines(page) {
		if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(strings.TrimSpace(heading), name) {
			return true
		}
	}
	return false
}

// No comment and no page names a document, or a section of one, that is not in
// the tree.
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
	const md = ".md" // so that no example here is taken for a document
	for text, want := range map[string]string{
		"(docs/none" + md + ", \"X\")":          "docs/none" + md,
		"see nothing" + md:                      "nothing" + md,
		"docs/wire.md, \"Snap\nshots\"":         "docs/wire.md, Snap shots",
		"wire.md \"Digests\"":                   "",
		"platform.md, \"Running user\n# code\"": "",
		"docs/wire.md, and README.md":           "",
		"[a](none.svg) [b](https://x.example/)": "none.svg",
		"[c](evidence.md#part) [d](wire.md)":    "",
	} {
		if got := strings.Join(missingDocuments(repo, filepath.Join(repo, "docs", "x"+md), text), " "); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// The maps of README.md and docs/architecture.md have every package, and none
// that is not there.
func TestMaps(t *testing.T) {
	var want []string
	for file := range strings.Lines(command(t, "git", "-C", repo, "ls-files", "pkg/*/*/*")) {
		if p := strings.Split(file, "/"); !slices.Contains(want, p[2]) {
			want = append(want, p[2])
		}
	}
	slices.Sort(want)
	for _, m := range []struct{ file, from, to, names string }{
		{"README.md", "| where | what |", "\n\n", "`([a-z0-9]+)`"},
		{"docs/architecture.md", "pkg/flight/\n", "\n```", `(?m)^  ([a-z0-9]+(?: [a-z0-9]+)?)  `},
	} {
		b, err := os.ReadFile(filepath.Join(repo, m.file))
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), m.from)
		text, _, _ = strings.Cut(text, m.to)
		var got []string
		for _, match := range regexp.MustCompile(m.names).FindAllStringSubmatch(text, -1) {
			got = append(got, strings.Fields(match[1])...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", m.file, got, want)
		}
	}
}
