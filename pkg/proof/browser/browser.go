// Package browser drives a headless Chromium from tests, by the Chrome DevTools
// Protocol over a pipe: it opens pages as a person would see them on a desk or
// on a telephone, by day or by night, and asks what is on them.
package browser

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// limit is when a test's browser is killed, whatever it is at.
const limit = 3 * time.Minute

// programs that speak the protocol, the first that is here is taken.
var programs = []string{"chromium", "google-chrome"}

// A Browser is one Chromium with an empty profile. It belongs to one test and
// one goroutine; what goes wrong with it ends the test.
type Browser struct {
	t      testing.TB
	to     *os.File
	from   *bufio.Reader
	last   int
	events []message // not yet asked for
}

// Open starts a browser that ends with the test. Without a Chromium the test is
// skipped, or fails where REQUIRE_PEERS is 1. It is skipped in short mode, too,
// which is for other processors: a page is the same on all.
func Open(t testing.TB) *Browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds to start")
	}
	var program string
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatalf("none of %v is here; scripts/peers installs chromium", programs)
		}
		t.Skipf("none of %v is here; scripts/peers installs chromium", programs)
	}
	in, to, err := os.Pipe()
	must(t, err)
	from, out, err := os.Pipe()
	must(t, err)
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	must(t, cmd.Start())
	in.Close()
	out.Close()
	kill := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	b := &Browser{t: t, to: to, from: bufio.NewReaderSize(from, 1<<20)}
	t.Cleanup(func() {
		if !t.Failed() {
			b.call("", "Browser.close", nil)
		}
		to.Close() // it ends with its pipe as well
		cmd.Wait()
		kill.Stop()
		from.Close()
	})
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func (b *Browser) read() message {
	b.t.Helper()
	s, err := b.from.ReadBytes(0)
	must(b.t, err)
	var m message
	must(b.t, json.Unmarshal(s[:len(s)-1], &m))
	return m
}

// call returns the answer to one command; events before it are kept.
func (b *Browser) call(session, method string, params any) json.RawMessage {
	b.t.Helper()
	b.last++
	if params == nil {
		params = struct{}{}
	}
	p, err := json.Marshal(params)
	must(b.t, err)
	s, err := json.Marshal(message{ID: b.last, Method: method, Params: p, Session: session})
	must(b.t, err)
	_, err = b.to.Write(append(s, 0))
	must(b.t, err)
	for {
		m := b.read()
		if m.ID != b.last {
			b.events = append(b.events, m)
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		return m.Result
	}
}

// wait returns once an event has come.
func (b *Browser) wait(session, method string) {
	b.t.Helper()
	is := func(m message) bool { return m.Method == method && m.Session == session }
	for !slices.ContainsFunc(b.events, is) {
		b.events = append(b.events, b.read())
	}
}

// Downloads puts what links offer for saving into dir.
func (b *Browser) Downloads(dir string) {
	b.t.Helper()
	b.call("", "Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": dir})
}

// A Screen is what a page is looked at with. Sizes are CSS pixels.
type Screen struct {
	Width, Height int
	Dark          bool
	Phone         bool // zooms out where a page is wider, and goes by its viewport
}

func (s Screen) String() string {
	if s.Dark {
		return fmt.Sprint(s.Width, "-dark")
	}
	return fmt.Sprint(s.Width, "-light")
}

// Screens are those a page is to be good on: a desk's and a telephone's, by day
// and by night.
var Screens = []Screen{{1280, 900, false, false}, {1280, 900, true, false}, {390, 844, false, true}, {390, 844, true, true}}

// A Page is one tab.
type Page struct {
	b       *Browser
	session string
	width   int
}

// Visit opens an address on a screen and returns once it is loaded.
func (b *Browser) Visit(address string, s Screen) *Page {
	b.t.Helper()
	var target struct{ TargetID string }
	must(b.t, json.Unmarshal(b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}), &target))
	var session struct{ SessionID string }
	must(b.t, json.Unmarshal(b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}), &session))
	p := &Page{b, session.SessionID, s.Width}
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": s.Width, "height": s.Height, "deviceScaleFactor": 1, "mobile": s.Phone})
	p.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		p.call(domain+".enable", nil)
	}
	var done struct{ ErrorText string }
	must(b.t, json.Unmarshal(p.call("Page.navigate", map[string]any{"url": address}), &done))
	if done.ErrorText != "" {
		b.t.Fatalf("%s: %s", address, done.ErrorText)
	}
	b.wait(p.session, "Page.loadEventFired")
	return p
}

func (p *Page) call(method string, params any) json.RawMessage {
	p.b.t.Helper()
	return p.b.call(p.session, method, params)
}

// Ask puts what a JavaScript expression comes to, a promise's value included,
// into v.
func (p *Page) Ask(expression string, v any) {
	p.b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	must(p.b.t, json.Unmarshal(p.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}), &r))
	if e := r.ExceptionDetails; e != nil {
		p.b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if v != nil {
		if err := json.Unmarshal(r.Result.Value, v); err != nil {
			p.b.t.Fatalf("%s: %v", expression, err)
		}
	}
}

// patience is how long Wait waits, on however slow a machine.
const patience = 30 * time.Second

// Wait returns once an expression is true.
func (p *Page) Wait(expression string) {
	p.b.t.Helper()
	var ok bool
	p.Ask(fmt.Sprintf(`new Promise(done => { const end = Date.now() + %d, look = () => (%s) ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 20); look() })`,
		patience.Milliseconds(), expression), &ok)
	if !ok {
		p.b.t.Fatalf("not so after %v: %s", patience, expression)
	}
}

// Overflow names what reaches beyond the right edge of the screen, in a page
// that is wider than it, or "".
func (p *Page) Overflow() (names string) {
	p.b.t.Helper()
	// Not innerWidth, which grows with the page where a telephone zooms out.
	p.Ask(fmt.Sprintf(`(width => {
		const wide = document.documentElement.scrollWidth
		if (wide <= width) return ""
		const out = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 0.5)
		return "the page is " + wide + " px wide on " + width + ": " +
			out.slice(-5).map(e => e.tagName + "." + (e.getAttribute("class") || "") + " " + e.textContent.slice(0, 40)).join("; ")
	})(%d)`, p.width), &names)
	return names
}

// Clashes names pairs of the elements that a selector finds whose boxes are in
// each other's way: labels that nobody can read.
func (p *Page) Clashes(selector string) (pairs []string) {
	p.b.t.Helper()
	p.Ask(fmt.Sprintf(`(selector => {
		const all = [...document.querySelectorAll(selector)].map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width && e.textContent), out = []
		for (const [i, [e, a]] of all.entries()) for (const [o, b] of all.slice(i + 1))
			if (a.left + 0.5 < b.right && b.left + 0.5 < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
				out.push(e.textContent + " and " + o.textContent)
		return out
	})(%q)`, selector), &pairs)
	if len(pairs) == 0 {
		return nil
	}
	return pairs
}

// Trouble lists what the page complained of since it was opened: exceptions,
// and what the browser logs as an error, as where a policy forbids something.
func (p *Page) Trouble() (all []string) {
	p.Ask("0", nil) // what happened before is told before
	for _, e := range p.b.events {
		var v struct {
			Entry            struct{ Level, Text string }
			ExceptionDetails struct{ Exception struct{ Description string } }
		}
		if e.Session != p.session || json.Unmarshal(e.Params, &v) != nil {
			continue
		}
		switch {
		case e.Method == "Runtime.exceptionThrown":
			all = append(all, v.ExceptionDetails.Exception.Description)
		case e.Method == "Log.entryAdded" && v.Entry.Level == "error":
			all = append(all, v.Entry.Text)
		}
	}
	return all
}

// Requests are the addresses that the page asked for, its own first.
func (p *Page) Requests() (all []string) {
	p.Ask("0", nil)
	for _, e := range p.b.events {
		var v struct{ Request struct{ URL string } }
		if e.Session == p.session && e.Method == "Network.requestWillBeSent" && json.Unmarshal(e.Params, &v) == nil {
			all = append(all, v.Request.URL)
		}
	}
	return all
}

// Picture returns the page as PNG: the screen, or with whole all of the page.
func (p *Page) Picture(whole bool) []byte {
	p.b.t.Helper()
	var shot struct{ Data string }
	must(p.b.t, json.Unmarshal(p.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": whole}), &shot))
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	must(p.b.t, err)
	if !strings.HasPrefix(string(data), "\x89PNG") {
		must(p.b.t, errors.New("the screenshot is no PNG"))
	}
	return data
}

// Keep writes a picture of the whole page into the directory that the
// environment's KEEP_PAGES names, if it does, for a person to look at.
func (p *Page) Keep(name string) {
	p.b.t.Helper()
	if dir := os.Getenv("KEEP_PAGES"); dir != "" {
		must(p.b.t, os.WriteFile(dir+"/"+name+".png", p.Picture(true), 0o644))
	}
}

// Close closes the tab.
func (p *Page) Close() { p.call("Page.close", nil) }
