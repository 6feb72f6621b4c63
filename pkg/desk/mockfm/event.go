package mockfm

import (
	"fmt"
	"time"

	"payload-ipc/pkg/desk/sandbox"
)

// A Happening is a kind of Event.
type Happening int

const (
	Note      Happening = iota // what only a person cares for
	Opened                     // a payload is on, its program runs
	PowerLost                  // the power went before the window's end
	Unplugged                  // the cable was pulled
	Plugged                    // and plugged
	Closed                     // the window is over, Outcome tells how
	Faulted                    // a fault of the payload that is in force from here on
)

// An Event is one thing that happened in orbit or on the way there.
type Event struct {
	At        time.Time // satellite time
	What      Happening
	Satellite string // of all but Note
	Payload   string // likewise
	Window    string // of all but Note, its id
	Outcome   sandbox.Outcome
	Text      string // for a person, without the time
}

// String is the event as a line for a person.
func (e Event) String() string { return e.At.Format("2006-01-02T15:04:05Z ") + e.Text }

func (m *Mock) tell(e Event) {
	e.At = m.clock.now()
	m.feed.add(e)
	if m.cfg.Event != nil {
		m.cfg.Event(e)
	}
}

func (m *Mock) note(format string, args ...any) {
	m.tell(Event{Text: fmt.Sprintf(format, args...)})
}

// event is one of a window's payload.
func (w *window) event(what Happening, format string, args ...any) Event {
	return Event{What: what, Satellite: w.satellite, Payload: w.payload.name, Window: w.id,
		Text: w.satellite + " " + w.payload.name + fmt.Sprintf(format, args...)}
}
