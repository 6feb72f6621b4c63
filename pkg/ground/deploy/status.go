package deploy

import (
	"context"
	"fmt"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Status is what the API says about one satellite.
type Status struct {
	Satellite string         `json:"satellite"`
	Now       time.Time      `json:"now"`
	Uploads   []UploadStatus `json:"uploads"`
	Windows   []WindowStatus `json:"windows"`
	Warnings  []string       `json:"warnings"`
	Err       error          `json:"-"`
}

// UploadStatus is one upload. The API tells neither size nor age, so Expected
// is the latest day, counted from now, and only where the size is known here.
type UploadStatus struct {
	ID          string    `json:"id"`
	Payload     string    `json:"payload"`
	Destination string    `json:"destination"`
	Status      string    `json:"status"`
	Bytes       int64     `json:"bytes,omitempty"`
	Expected    time.Time `json:"expected,omitzero"`

	soonest time.Time
}

// Through reports whether nothing more happens to it.
func (u UploadStatus) Through() bool {
	return !plan.Waiting(tasking.Upload{Status: u.Status})
}

// WindowStatus is one window, of anybody.
type WindowStatus struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	State   string    `json:"state"`
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Run     string    `json:"run,omitempty"`
	Ours    bool      `json:"ours"`
	Command string    `json:"command"`
	Brings  []string  `json:"brings,omitempty"` // of a fetcher's window: PATH or PATH=NAME
	Alone   bool      `json:"alone,omitempty"`  // its pair has not begun, and the other window of it is not there
}

// Phase of a window, as its times and its state tell it; the text is for people.
type Phase string

const (
	Waits    Phase = "waits"                                 // for its start
	Open     Phase = "open"                                  // its program runs
	Over     Phase = "over"                                  // by its time
	Unsynced Phase = "over, and never reached the satellite" // its state was still PENDING_SYNC
	Dead     Phase = "failed"                                // its state speaks of an end: tasking.Live
)

// Phase is where the window is at now. One that was never SYNCED before it
// ended did not run; a state that nobody documented is not judged.
func (w WindowStatus) Phase(now time.Time) Phase {
	switch {
	case !tasking.Live(w.State):
		return Dead
	case now.Before(w.Start):
		return Waits
	case now.Before(w.End):
		return Open
	case w.State == "PENDING_SYNC":
		return Unsynced
	}
	return Over
}

// Over reports whether nothing more happens to it.
func (w WindowStatus) Over(now time.Time) bool { return !w.End.After(now) || !tasking.Live(w.State) }

// Failed reports whether it did not do its work, as far as the API can tell.
func (w WindowStatus) Failed(now time.Time) bool {
	p := w.Phase(now)
	return p == Dead || p == Unsynced
}

// Status asks for all satellites. sizes gives the bytes of uploads that are
// known here, by destination; rate is in bytes a day. Uploads that the API does
// not know (a MockFM) are none.
func (g *Ground) Status(ctx context.Context, satellites []string, sizes map[string]int64, rate int64) ([]Status, error) {
	ups, err := g.API.Uploads(ctx)
	if err != nil && !noUploads(err) {
		return nil, err
	}
	return g.look(ctx, satellites, ups, sizes, rate), nil
}

func (g *Ground) look(ctx context.Context, satellites []string, ups []tasking.Upload, sizes map[string]int64, rate int64) []Status {
	out := make([]Status, len(satellites))
	g.each(satellites, func(i int, sat string) {
		windows, err := g.API.Windows(ctx, sat)
		s := Status{Satellite: sat, Now: g.API.Now().UTC(), Uploads: []UploadStatus{}, Windows: []WindowStatus{}, Warnings: []string{}, Err: err}
		s.uploads(ups, sizes, rate)
		s.windows(windows)
		s.warn(windows, rate)
		out[i] = s
	})
	return out
}

func (s *Status) uploads(ups []tasking.Upload, sizes map[string]int64, rate int64) {
	q := plan.NewQueue(s.Now, rate, plan.ContactEvery)
	for _, u := range ups {
		if u.Satellite != s.Satellite {
			continue
		}
		us := UploadStatus{ID: u.ID, Payload: u.Payload, Destination: u.Destination, Status: u.Status, Bytes: sizes[u.Destination]}
		if plan.Waiting(u) {
			a := q.Add(us.Bytes, u.Status)
			us.Expected, us.soonest = a.Expected, a.Soonest
		}
		s.Uploads = append(s.Uploads, us)
	}
}

func (s *Status) windows(windows []tasking.Window) {
	runs := map[string]string{}
	pairs, halves := plan.SortPairs(windows)
	for _, p := range pairs {
		runs[p.Serve.ID], runs[p.Fetch.ID] = p.Run(s.Satellite), p.Run(s.Satellite)
	}
	alone := map[string]bool{}
	for _, w := range halves {
		runs[w.ID] = plan.RunOfHalf(s.Satellite, w)
		// Once the pair has begun, the other window may be over and not listed.
		start, ok := plan.PairStart(w)
		alone[w.ID] = ok && start.After(s.Now)
		if alone[w.ID] {
			s.Warnings = append(s.Warnings, half(w, runs[w.ID], windows))
		}
	}
	for _, w := range windows {
		run := runs[w.ID]
		if run == "" {
			run = plan.RunOf(w.Args)
		}
		s.Windows = append(s.Windows, WindowStatus{
			ID: w.ID, Type: w.Type, State: w.State, Start: w.Start, End: w.End(),
			Run: run, Ours: plan.RoleOf(w) != plan.Foreign,
			Command: plan.Command(plan.Window{Executable: w.Executable, Args: w.Args}),
			Brings:  plan.Brings(w),
			Alone:   alone[w.ID],
		})
	}
}

// half says that w is alone, and what has become of the other window if one of
// the run is listed.
func half(w tasking.Window, run string, windows []tasking.Window) string {
	other := map[plan.Role]string{plan.Serve: "no fetcher's window", plan.Fetch: "no server's window", plan.Survey: "no other window"}[plan.RoleOf(w)]
	state := ""
	for _, o := range windows {
		if o.ID != w.ID && !tasking.Live(o.State) && (plan.RunOf(o.Args) == run || plan.RoleOf(o) == plan.Serve && o.Start.Equal(startOf(w))) {
			state = fmt.Sprintf(" (window %s is %s)", o.ID, o.State)
		}
	}
	return fmt.Sprintf("window %s (%s at %s) is half a pair and brings nothing: %s of run %s is scheduled%s; the same deployment again completes it, ground cancel --window %s removes it",
		w.ID, w.Type, plan.Stamp(w.Start), other, run, state, w.ID)
}

func startOf(w tasking.Window) time.Time {
	start, _ := plan.PairStart(w)
	return start
}

// warn compares each window with the upload that it needs, and finds what was
// sent more than once.
func (s *Status) warn(windows []tasking.Window, rate int64) {
	soonest := map[string]time.Time{} // the first upload to a place counts
	aboard := map[string]bool{}
	count := map[string]int{}
	for _, u := range s.Uploads {
		if !tasking.Live(u.Status) {
			continue
		}
		if count[u.Payload+u.Destination]++; count[u.Payload+u.Destination] == 2 {
			cost := ""
			if u.Bytes > 0 {
				cost = ": the second costs " + plan.Upload{Artifact: plan.Artifact{Size: u.Bytes}}.Cost(rate) + ", for nothing"
			}
			s.Warnings = append(s.Warnings, u.Destination+" was sent more than once"+cost)
		}
		if u.Through() {
			aboard[u.Destination] = true
		} else if _, ok := soonest[u.Destination]; !ok {
			soonest[u.Destination] = u.soonest
		}
	}
	for _, w := range windows {
		need := plan.Needs(w)
		if need == "" || aboard[need] || !w.End().After(s.Now) || !tasking.Live(w.State) {
			continue
		}
		if at := soonest[need]; at.After(w.Start) {
			s.Warnings = append(s.Warnings, plan.Late(w.ID, w.Type, w.Start, need, at))
		}
	}
}
