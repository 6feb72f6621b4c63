package browser

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

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

// picture returns the page as PNG: the screen, or with whole all of the page.
func (p *Page) picture(whole bool) []byte {
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
		must(p.b.t, os.WriteFile(dir+"/"+name+".png", p.picture(true), 0o644))
	}
}

// Close closes the tab.
func (p *Page) Close() { p.call("Page.close", nil) }
