// Package browser drives a headless Chromium from tests, by the Chrome DevTools
// Protocol over a pipe: it opens pages as a person would see them on a desk or
// on a telephone, by day or by night, and asks what is on them.
package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
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
