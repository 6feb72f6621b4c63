package sdrserve

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A browser is a headless Chromium, spoken to through its debugging pipe.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
}

func (b *browser) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.last++
	m := map[string]any{"id": b.last, "method": method, "params": params}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	s, err := json.Marshal(m)
	must(b.t, err)
	_, err = b.to.Write(append(s, 0))
	must(b.t, err)
	for {
		s, err := b.from.ReadBytes(0)
		must(b.t, err)
		var r struct {
			ID     int
			Result map[string]any
			Error  any
		}
		must(b.t, json.Unmarshal(s[:len(s)-1], &r))
		if r.ID != b.last {
			continue // an event
		}
		if r.Error != nil {
			b.t.Fatalf("%s: %v", method, r.Error)
		}
		return r.Result
	}
}

// eval returns what an expression comes to in the page.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	r := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true})
	return r["result"].(map[string]any)["value"]
}

// A person with a telephone: the listing shows every name, and a tap on an odd
// one brings the file.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not here")
	}
	root := t.TempDir()
	names := []string{"plain.bin", "sp ace.bin", "per%41cent.bin", "ha#sh?.bin", "<b>&lt;.bin", "quo\"te'.bin", "a:b.bin", "ünï.bin", "back\\slash.bin"}
	for _, name := range names {
		must(t, os.WriteFile(filepath.Join(root, name), append([]byte{0, 1, 2}, name...), 0o644))
	}
	p := launch(t, root)
	in, to, err := os.Pipe()
	must(t, err)
	from, out, err := os.Pipe()
	must(t, err)
	cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=412,915", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	in.Close()
	out.Close()
	defer cmd.Wait()
	b := &browser{t: t, to: to, from: bufio.NewReaderSize(from, 1<<20)}
	defer to.Close() // the browser ends with its pipe
	limit := time.AfterFunc(3*time.Minute, func() { cmd.Process.Kill() })
	defer limit.Stop()

	downloads := t.TempDir()
	b.call("Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": downloads})
	target := b.call("Target.createTarget", map[string]any{"url": p.url("/")})["targetId"]
	session := b.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"]
	b.session = session.(string)
	for range 500 {
		if b.eval("document.readyState") == "complete" && b.eval("location.pathname") == "/" && b.eval("document.links.length") != 0.0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	shot := b.call("Page.captureScreenshot", map[string]any{"format": "png"})["data"].(string)
	data, err := base64.StdEncoding.DecodeString(shot)
	must(t, err)
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	if wide := b.eval("document.documentElement.scrollWidth > innerWidth"); wide != false {
		t.Error("the listing is wider than the telephone")
	}
	for _, name := range names {
		quoted, _ := json.Marshal(name)
		if got := b.eval("[...document.links].filter(a => a.textContent === " + string(quoted) + ").map(a => a.click()).length"); got != 1.0 {
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
