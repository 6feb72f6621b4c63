package mockfm

import (
	"slices"
	"sync"
)

// feedLength is how many of the last events the page can still be told.
const feedLength = 500

// A feed keeps what happened, for the page: the last events, and those of each
// window. It has its own lock, because events are told with and without the
// Mock's.
type feed struct {
	mu      sync.Mutex
	last    []Event
	count   int64 // of all events so far
	windows map[string][]Event
	more    chan struct{} // closed by the next event
}

func newFeed() *feed {
	return &feed{windows: map[string][]Event{}, more: make(chan struct{})}
}

func (f *feed) add(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.last) == feedLength {
		f.last = slices.Delete(f.last, 0, 1)
	}
	f.last = append(f.last, e)
	f.count++
	if e.Window != "" {
		f.windows[e.Window] = append(f.windows[e.Window], e)
	}
	close(f.more)
	f.more = make(chan struct{})
}

// since returns the events after the first n, as far as they are kept, how many
// there have been in all, and what is closed when there is another one.
func (f *feed) since(n int64) (events []Event, count int64, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fresh := min(f.count-n, int64(len(f.last))); fresh > 0 {
		events = slices.Clone(f.last[int64(len(f.last))-fresh:])
	}
	return events, f.count, f.more
}

// of are the events of one window, oldest first.
func (f *feed) of(window string) []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.windows[window])
}
