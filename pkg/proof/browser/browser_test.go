package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What this package says of a page is so, and the contrary of another page.
func TestPage(t *testing.T) {
	b := Open(t)
	const head = `<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>t</title>`
	visit := func(t *testing.T, s Screen, body string) *Page {
		t.Helper()
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(head+"</head><body>"+body+"</body></html>"), 0o644); err != nil {
			t.Fatal(err)
		}
		return b.Visit("file://"+file, s)
	}
	for _, s := range Screens {
		t.Run(s.String(), func(t *testing.T) {
			good := visit(t, s, `<p>One</p><p>Two</p>`)
			if got := good.Overflow(); got != "" {
				t.Errorf("a page that fits: %s", got)
			}
			if got := good.Clashes("p"); got != nil {
				t.Errorf("labels apart: %q", got)
			}
			if got := good.Trouble(); got != nil {
				t.Errorf("a page without trouble: %q", got)
			}
			if got := good.Requests(); len(got) != 1 {
				t.Errorf("a page by itself asks for %q", got)
			}
			var dark bool
			if good.Ask(`matchMedia("(prefers-color-scheme: dark)").matches`, &dark); dark != s.Dark {
				t.Errorf("dark: got %v, want %v", dark, s.Dark)
			}
			good.Close()

			bad := visit(t, s, `<p style="width: 1500px">Wide</p><b style="position: absolute; left: 0; top: 0">One</b><b style="position: absolute; left: 5px; top: 0">Two</b>
				<img src="elsewhere.png"><script>nothing.here()</script>`)
			if got := bad.Overflow(); !strings.Contains(got, "P. Wide") {
				t.Errorf("a wide page: %q", got)
			}
			if got := bad.Clashes("b"); len(got) != 1 || got[0] != "One and Two" {
				t.Errorf("labels on each other: %q", got)
			}
			if got := bad.Trouble(); !strings.Contains(strings.Join(got, "; "), "nothing is not defined") {
				t.Errorf("a script that fails: %q", got)
			}
			if got := bad.Requests(); len(got) != 2 || !strings.HasSuffix(got[1], "/elsewhere.png") {
				t.Errorf("a page with a picture asks for %q", got)
			}
			bad.Close()
		})
	}
}
