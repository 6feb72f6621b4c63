package sdrserve

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"payload-ipc/pkg/proof/browser"
)

// A person with a telephone: the listing shows every name, and a tap on an odd
// one brings the file.
func TestBrowser(t *testing.T) {
	b := browser.Open(t)
	root := t.TempDir()
	names := []string{"plain.bin", "sp ace.bin", "per%41cent.bin", "ha#sh?.bin", "<b>&lt;.bin", "quo\"te'.bin", "a:b.bin", "ünï.bin", "back\\slash.bin"}
	for _, name := range names {
		must(t, os.WriteFile(filepath.Join(root, name), append([]byte{0, 1, 2}, name...), 0o644))
	}
	p := launch(t, root)
	downloads := t.TempDir()
	b.Downloads(downloads)
	for _, screen := range browser.Screens {
		page := b.Visit(p.url("/"), screen)
		if wide := page.Overflow(); wide != "" {
			t.Errorf("%v: %s", screen, wide)
		}
		page.Keep("listing-" + screen.String())
		page.Close()
	}
	page := b.Visit(p.url("/"), browser.Screens[2])
	clicked := func(expression string) (n int) {
		page.Ask(expression, &n)
		return n
	}
	for _, name := range names {
		quoted, _ := json.Marshal(name)
		if got := clicked("[...document.links].filter(a => a.textContent === " + string(quoted) + ").map(a => a.click()).length"); got != 1 {
			t.Errorf("%q: %v links", name, got)
			continue
		}
		ok := false
		for range 500 {
			// The browser saves under a name that it takes to be safe.
			files, _ := os.ReadDir(downloads)
			for _, f := range files {
				got, _ := os.ReadFile(filepath.Join(downloads, f.Name()))
				ok = ok || bytes.Equal(got, append([]byte{0, 1, 2}, name...))
			}
			if ok {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if !ok {
			t.Errorf("%q was not downloaded", name)
		}
	}
}
