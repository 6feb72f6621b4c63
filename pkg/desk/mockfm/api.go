package mockfm

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxBody of a window's JSON.
const maxBody = 1 << 20

// A Call is one request the API has seen, for tests to count.
type Call struct {
	Name   string // satellites, availability, upload, uploads, window, windows, delete
	Method string
	Target string // path and query
	Body   string // of a window request
	Status int    // 0: the connection was cut instead
}

// Calls returns every API request so far, oldest first.
func (m *Mock) Calls() []Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// refusal is an answer other than success. Real bodies are unknown
// (docs/platform.md); clients must go by the status.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// Handler answers the Tasking API, a page for people at /, and /idle, which
// answers once nothing is scheduled or under way any more.
func (m *Mock) Handler() http.Handler {
	mux := http.NewServeMux()
	calls := []struct {
		name, pattern string
		answer        func(*http.Request) (any, error)
	}{
		{"satellites", "GET /tasking/satellites", m.getSatellites},
		{"availability", "GET /tasking/availability", m.getAvailability},
		{"upload", "POST /tasking/upload", m.postUpload},
		{"uploads", "GET /tasking/uploads", m.getUploads},
		{"window", "POST /tasking/window", m.postWindow},
		{"windows", "GET /tasking/windows", m.getWindows},
		{"delete", "DELETE /tasking/window", m.deleteWindow},
	}
	for _, c := range calls {
		mux.HandleFunc(c.pattern, func(w http.ResponseWriter, r *http.Request) { m.serveCall(w, r, c.name, c.answer) })
	}
	mux.HandleFunc("GET /{$}", m.servePage)
	mux.HandleFunc("GET /events", m.serveEvents)
	mux.HandleFunc("GET /files/{key...}", m.serveFiles)
	mux.HandleFunc("GET /idle", func(w http.ResponseWriter, r *http.Request) {
		if m.Idle(r.Context()) == nil {
			fmt.Fprintln(w, "idle")
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The ground takes "now" from here, however far it is from its own.
		w.Header().Set("Date", m.clock.now().Format(http.TimeFormat))
		w.Header().Set(simulatedClock, "1")
		mux.ServeHTTP(w, r)
	})
}

func (m *Mock) serveCall(w http.ResponseWriter, r *http.Request, name string, answer func(*http.Request) (any, error)) {
	call := Call{Name: name, Method: r.Method, Target: r.URL.RequestURI()}
	if name == "window" {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return
		}
		call.Body = string(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if r.Method != http.MethodGet {
		m.hold()
		defer func() { m.release(call.Status == http.StatusOK) }()
	}
	defer func() {
		m.mu.Lock()
		m.calls = append(m.calls, call)
		m.mu.Unlock()
	}()
	fault := m.takeFault(name)
	if fault.before(w, r, &call) {
		return
	}
	if fault != nil {
		r = r.WithContext(context.WithValue(r.Context(), faultKey{}, fault))
	}
	status, body := m.answer(r, answer)
	if fault.after(w, r, &call, status, body) {
		return
	}
	call.Status = status
	writeJSON(w, status, body)
}

// answer runs one call and encodes what it says.
func (m *Mock) answer(r *http.Request, call func(*http.Request) (any, error)) (int, []byte) {
	var data any
	err := m.authorize(r)
	if err == nil {
		data, err = call(r)
	}
	if err != nil {
		status := http.StatusInternalServerError
		var no *refusal
		if errors.As(err, &no) {
			status = no.status
		}
		body, _ := json.Marshal(map[string]string{"error": err.Error()})
		return status, body
	}
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		panic(err) // only our own types go in
	}
	return http.StatusOK, body
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// patience is how long time waits for a client to try again.
const patience = 15 * time.Second

// hold keeps time from jumping while a call that changes something is in
// flight, and release for some time after: a client in the middle of a
// deployment must not see days go by between two of its calls.
func (m *Mock) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy++
}

func (m *Mock) release(ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy--
	m.quiet = time.Now().Add(m.cfg.WarpAfter)
	if !ok {
		m.quiet = time.Now().Add(max(m.cfg.WarpAfter, patience))
	}
	m.wake()
}

func (m *Mock) authorize(r *http.Request) error {
	got := []byte(r.Header.Get("Authorization"))
	want := []byte("Bearer " + m.cfg.Token)
	if m.cfg.Token == "" {
		if len(got) > len(want) && bytes.HasPrefix(got, want) {
			return nil
		}
	} else if subtle.ConstantTimeCompare(got, want) == 1 {
		return nil
	}
	return refuse(http.StatusUnauthorized, "the bearer token is not accepted")
}

// satellite finds one by id; the caller holds no lock, the list never changes.
func (m *Mock) satellite(id string) (*satellite, error) {
	for _, s := range m.satellites {
		if s.ID == id {
			return s, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no satellite %q", id)
}

func (m *Mock) getSatellites(*http.Request) (any, error) {
	type row struct {
		ID       string   `json:"id"`
		NORAD    string   `json:"norad_id"`
		Windows  []string `json:"supported_windows"`
		Payloads []string `json:"supported_payloads"`
	}
	rows := []row{}
	for _, s := range m.satellites {
		r := row{ID: s.ID, NORAD: s.NORAD}
		for _, p := range payloads {
			r.Windows = append(r.Windows, windowPrefix+p.name)
			r.Payloads = append(r.Payloads, p.name)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
