package mockfm

import (
	"net/http"
	"strconv"
	"time"
)

// simulatedClock is the header by which a rehearsal tells its clients that its
// Date is meant, however far it is from their own time.
const simulatedClock = "Simulated-Clock"

// faultKey finds the fault of a call in its context.
type faultKey struct{}

func faultOf(r *http.Request, kind FaultKind) *Fault {
	if f, ok := r.Context().Value(faultKey{}).(*Fault); ok && f.Kind == kind {
		return f
	}
	return nil
}

// listing is when something was listed by the host's clock: from its making to
// its deletion.
type listing struct{ made, deleted time.Time }

// shown reports whether a listing asked for by r has it: one that lags shows
// what was there then.
func (l listing) shown(r *http.Request) bool {
	at := time.Now()
	if f := faultOf(r, Lag); f != nil {
		at = at.Add(-f.Delay)
	}
	return !l.made.After(at) && (l.deleted.IsZero() || l.deleted.After(at))
}

// repeated is a copy of w under the next id. The caller holds the lock.
func (m *Mock) repeated(w *window) *window {
	again := *w
	m.lastID++
	again.id = strconv.Itoa(m.lastID)
	return &again
}
