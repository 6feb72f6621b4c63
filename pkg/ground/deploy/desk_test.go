package deploy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// A bench is the satellite on the desk, and a way in that a test can hold up.
type bench struct {
	t    *testing.T
	mock *mockfm.Mock
	url  string

	mu sync.Mutex
	on func(call string) // before a call takes effect
}

func newBench(t *testing.T, faults ...string) *bench {
	t.Helper()
	b := &bench{t: t, mock: mockfm.New(mockfm.Config{Satellites: []string{"FM1", "FM2"}, State: t.TempDir()})}
	for _, text := range faults {
		f, err := mockfm.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		b.mock.AddFault(f)
	}
	h := b.mock.Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		on := b.on
		b.mu.Unlock()
		if on != nil {
			on(r.Method + " " + strings.TrimPrefix(r.URL.Path, "/tasking/"))
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *bench) onCall(f func(call string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on = f
}

// said is what a Ground told.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) tell(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Total == 0 {
		s.lines = append(s.lines, e.Satellite+": "+e.Text)
	}
}

func (s *said) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// ground is one computer's way to the satellite, impatient, with listings that
// may be lag behind.
func (b *bench) ground(lag time.Duration) (*Ground, *said) {
	s := &said{}
	return &Ground{Tell: s.tell, API: &tasking.Client{
		API: b.url, Token: "t", Lag: lag, Try: 5 * time.Second, Patience: 10 * time.Second, MinWait: 2 * time.Millisecond, MaxWait: 20 * time.Millisecond,
	}}, s
}

// spec is the tutorial's pair, of programs with real files behind them.
func (b *bench) spec(change ...func(*plan.Spec)) plan.Spec {
	s := plan.Spec{
		Lead: 24 * time.Hour, UplinkRate: 125_000, SDRDuration: time.Minute, FetchDelay: 30 * time.Second, FetchDuration: time.Minute,
		SDR: []netip.Addr{netip.MustParseAddr("10.2.1.8")}, Port: plan.DefaultPort,
		Files: []plan.File{{Path: plan.DefaultPath, Name: "sdr_syslog"}}, DownlinkBudget: 1,
	}
	dir := b.t.TempDir()
	for _, n := range []string{plan.Server, plan.Fetcher, "payload"} {
		body := "#!/bin/sh\n# " + n + strings.Repeat("x", 433_000) + "\n"
		if err := os.WriteFile(filepath.Join(dir, n), []byte(body), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, c := range change {
		c(&s)
	}
	var err error
	if s.Artifacts, _, err = Artifacts(dir, s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// draft and apply are the two halves of a deployment, as the command does them.
func draft(t *testing.T, g *Ground, s plan.Spec) []Result {
	t.Helper()
	fleet, err := g.Look(context.Background(), !s.SkipUpload)
	if err != nil {
		t.Fatal(err)
	}
	return g.DraftAll(context.Background(), fleet, s, []string{"FM1"})
}

func run(t *testing.T, g *Ground, s plan.Spec) Result {
	t.Helper()
	all := draft(t, g, s)
	g.ApplyAll(context.Background(), all)
	return all[0]
}

// windows are the ids of what is scheduled on FM1, uploads those of what is
// sent, without any lag.
func (b *bench) windows() (out []string) {
	for _, w := range b.listing() {
		out = append(out, w.ID)
	}
	return out
}

func (b *bench) listing() []tasking.Window {
	s := httptest.NewServer(b.mock.Handler())
	defer s.Close()
	ws, err := (&tasking.Client{API: s.URL, Token: "t"}).Windows(context.Background(), "FM1")
	if err != nil {
		b.t.Fatal(err)
	}
	return ws
}

func (b *bench) posts(name string) (n int) {
	for _, c := range b.mock.Calls() {
		if c.Method == "POST" && c.Name == name {
			n++
		}
	}
	return n
}

func (b *bench) deletes() (n int) {
	for _, c := range b.mock.Calls() {
		if c.Method == "DELETE" {
			n++
		}
	}
	return n
}

// drop deletes a window behind everybody's back.
func (b *bench) drop(id string) {
	g, _ := b.ground(time.Second)
	if err := g.API.DeleteWindow(context.Background(), id); err != nil {
		b.t.Fatal(err)
	}
}

func file(path, name string) func(*plan.Spec) {
	return func(s *plan.Spec) { s.Files = []plan.File{{Path: path, Name: name}} }
}

func delay(seconds int) func(*plan.Spec) {
	return func(s *plan.Spec) { s.FetchDelay = time.Duration(seconds) * time.Second }
}

func ids(r Result) string {
	var out []string
	for _, p := range r.Passes {
		out = append(out, fmt.Sprintf("%s+%s", p.Windows[0].ID, p.Windows[1].ID))
	}
	return strings.Join(out, " ")
}

func parse(t *testing.T, text string) mockfm.Fault {
	t.Helper()
	f, err := mockfm.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
