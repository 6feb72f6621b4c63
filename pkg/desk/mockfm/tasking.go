package mockfm

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A span of satellite time.
type span struct{ from, to time.Time }

// MarshalJSON writes a span as the API does: epoch seconds, the inner ones.
func (s span) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{"start": ceil(s.from), "end": s.to.Unix()})
}

func ceil(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

// free lists where windows of p may lie within the span asked for, given what
// is scheduled: windows of one payload keep their buffers clear of each other,
// those of different payloads may overlap. The caller holds the lock.
func (m *Mock) free(sat string, p *payload, ask span) []span {
	open := []span{}
	from := ask.from
	if soonest := m.clock.now().Add(p.before); from.Before(soonest) {
		from = soonest
	}
	var taken []span
	for _, w := range m.windows {
		if w.satellite == sat && w.payload == p {
			taken = append(taken, span{w.busyFrom().Add(-p.after), w.busyTo().Add(p.before)})
		}
	}
	slices.SortFunc(taken, func(a, b span) int { return a.from.Compare(b.from) })
	for _, t := range append(taken, span{ask.to, ask.to}) {
		to := t.from
		if to.After(ask.to) {
			to = ask.to
		}
		if to.Sub(from) >= max(m.shortest(p), time.Second) {
			open = append(open, span{from, to})
		}
		if t.to.After(from) {
			from = t.to
		}
	}
	return open
}

// shortest is how long a window must last.
func (m *Mock) shortest(p *payload) time.Duration { return min(p.minimum, m.cfg.Shortest) }

// getAvailability answers the spans inside [start, start+duration] in which a
// window (without its buffers) may be scheduled.
func (m *Mock) getAvailability(r *http.Request) (any, error) {
	q := r.URL.Query()
	s, err := m.satellite(q.Get("satellite_id"))
	if err != nil {
		return nil, err
	}
	p := findPayload(q.Get("window_type"))
	if p == nil || !strings.HasPrefix(q.Get("window_type"), windowPrefix) {
		return nil, refuse(http.StatusBadRequest, "there is no window_type %q", q.Get("window_type"))
	}
	start, err1 := strconv.ParseInt(q.Get("start"), 10, 64)
	length, err2 := strconv.ParseInt(q.Get("duration"), 10, 64)
	if err1 != nil || err2 != nil || length <= 0 || length > 366*86400 {
		return nil, refuse(http.StatusBadRequest, "start and duration must be whole seconds, the duration between 1 and a year's")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return map[string][]span{"available": m.free(s.ID, p, span{time.Unix(start, 0).UTC(), time.Unix(start+length, 0).UTC()})}, nil
}

type windowRequest struct {
	Type       string          `json:"type"`
	Satellite  string          `json:"satellite_id"`
	Start      int64           `json:"start"`
	Duration   int64           `json:"duration"`
	Parameters json.RawMessage `json:"parameters"`
}

func (m *Mock) postWindow(r *http.Request) (any, error) {
	var ask windowRequest
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		return nil, refuse(http.StatusBadRequest, "not a window request: %v", err)
	}
	s, err := m.satellite(ask.Satellite)
	if err != nil {
		return nil, err
	}
	p := findPayload(ask.Type)
	if p == nil || !strings.HasPrefix(ask.Type, windowPrefix) {
		return nil, refuse(http.StatusBadRequest, "there is no window type %q", ask.Type)
	}
	var params struct {
		Command struct {
			Executable string    `json:"executable"`
			Arguments  *[]string `json:"executable_arguments"`
		} `json:"user_command"`
		Budget *int64 `json:"downlink_budget"`
	}
	if err := json.Unmarshal(ask.Parameters, &params); err != nil {
		return nil, refuse(http.StatusBadRequest, "parameters: %v", err)
	}
	// The real API may be content without the last two; clients are told to
	// always send them (docs/platform.md), so this one insists.
	if params.Command.Executable == "" || params.Command.Arguments == nil || params.Budget == nil {
		return nil, refuse(http.StatusBadRequest, "parameters need user_command with executable and executable_arguments, and downlink_budget")
	}
	if ask.Duration < int64(m.shortest(p)/time.Second) || ask.Duration < 1 || ask.Duration > 86400 {
		return nil, refuse(http.StatusUnprocessableEntity, "a window of %s lasts between %v and a day", ask.Type, m.shortest(p))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	start := time.Unix(ask.Start, 0).UTC()
	now := m.clock.now()
	if start.Before(now.Add(p.before)) {
		return nil, refuse(http.StatusUnprocessableEntity, "start %d is less than %v from now, %d", ask.Start, p.before, now.Unix())
	}
	w := &window{
		satellite: s.ID, payload: p, state: PendingSync, phase: waiting, asked: now,
		start: start, end: start.Add(time.Duration(ask.Duration) * time.Second),
		parameters: ask.Parameters,
		command:    command{params.Command.Executable, *params.Command.Arguments},
	}
	for _, other := range m.windows {
		if other.satellite == s.ID && other.payload == p && w.busyFrom().Before(other.busyTo()) && other.busyFrom().Before(w.busyTo()) {
			return nil, refuse(http.StatusConflict, "window %s of the same payload is in the way, with its buffers from %d to %d",
				other.id, other.busyFrom().Unix(), other.busyTo().Unix())
		}
	}
	m.lastID++
	w.id = strconv.Itoa(m.lastID)
	w.made = time.Now()
	m.windows = append(m.windows, w)
	if faultOf(r, Twice) != nil {
		m.windows = append(m.windows, m.repeated(w))
	}
	m.wake()
	m.note("%s window %s: %s, %s for %v", s.ID, w.id, ask.Type, w.start.Format(time.RFC3339), w.end.Sub(w.start))
	return map[string]string{"id": w.id}, nil
}

func (m *Mock) getWindows(r *http.Request) (any, error) {
	type row struct {
		ID         string          `json:"id"`
		Type       string          `json:"type"`
		Satellite  string          `json:"satellite_id"`
		State      string          `json:"state"`
		Start      int64           `json:"start"`
		Duration   int64           `json:"duration"`
		Parameters json.RawMessage `json:"parameters"`
	}
	s, err := m.satellite(r.URL.Query().Get("satellite_id"))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := []row{}
	for _, w := range append(slices.Clone(m.windows), m.deleted...) {
		if w.satellite == s.ID && w.shown(r) {
			rows = append(rows, row{w.id, windowPrefix + w.payload.name, w.satellite, w.state, w.start.Unix(), int64(w.end.Sub(w.start) / time.Second), w.parameters})
		}
	}
	return rows, nil
}

func (m *Mock) deleteWindow(r *http.Request) (any, error) {
	id := r.URL.Query().Get("id") // undocumented, as assumed in docs/platform.md
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, w := range m.windows {
		if w.id != id {
			continue
		}
		if w.phase != waiting {
			return nil, refuse(http.StatusConflict, "window %s is %s", id, w.phase)
		}
		m.windows = slices.Delete(m.windows, i, i+1)
		w.deleted = time.Now()
		m.deleted = append(m.deleted, w)
		m.wake()
		m.note("%s window %s deleted", w.satellite, w.id)
		return map[string]string{"id": id}, nil
	}
	return nil, refuse(http.StatusNotFound, "there is no window %q", id)
}
