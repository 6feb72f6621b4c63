package deploy

import (
	"context"
	"strings"
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
}

// Through reports whether nothing more happens to it.
func (u UploadStatus) Through() bool { return u.Status == "UPLOADED" || !tasking.Live(u.Status) }

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
}

// Over reports whether nothing more happens to it.
func (w WindowStatus) Over(now time.Time) bool { return !w.End.After(now) || !tasking.Live(w.State) }

// Status asks for all satellites. sizes gives the bytes of uploads that are
// known here, by destination; rate is in bytes a day. Uploads that the API does
// not know (a MockFM) are none.
func (g *Ground) Status(ctx context.Context, satellites []string, sizes map[string]int64, rate int64) ([]Status, error) {
	ups, err := g.API.Uploads(ctx)
	if s := tasking.StatusOf(err); err != nil && s != 404 && s != 405 && s != 501 {
		return nil, err
	}
	return g.look(ctx, satellites, ups, sizes, rate), nil
}

func (g *Ground) look(ctx context.Context, satellites []string, ups []tasking.Upload, sizes map[string]int64, rate int64) []Status {
	out := make([]Status, len(satellites))
	g.each(satellites, func(i int, sat string) {
		s := Status{Satellite: sat, Uploads: []UploadStatus{}, Windows: []WindowStatus{}}
		windows, err := g.API.Windows(ctx, sat)
		s.Err, s.Now = err, g.API.Now().UTC()
		wait, known := 0.0, true
		for _, u := range ups {
			if u.Satellite != sat {
				continue
			}
			us := UploadStatus{ID: u.ID, Payload: u.Payload, Destination: u.Destination, Status: u.Status, Bytes: sizes[u.Destination]}
			if !us.Through() {
				known = known && us.Bytes > 0
				wait += float64(us.Bytes) / float64(max(1, rate))
				if known {
					us.Expected = s.Now.Add(time.Duration(min(wait, 36500) * float64(plan.Day))).Truncate(time.Second)
				}
			}
			s.Uploads = append(s.Uploads, us)
		}
		for _, w := range windows {
			s.Windows = append(s.Windows, WindowStatus{
				ID: w.ID, Type: w.Type, State: w.State, Start: w.Start, End: w.End(),
				Run: plan.RunOf(w.Args), Ours: plan.Ours(w.Executable, w.Args),
				Command: strings.TrimSpace(plan.Command(plan.Window{Executable: w.Executable, Args: w.Args})),
			})
		}
		nameRuns(s.Windows)
		out[i] = s
	})
	return out
}

// nameRuns gives an SDR's window, whose arguments name no run, the run of the
// fetcher's window that it is open together with.
func nameRuns(ws []WindowStatus) {
	for i := range ws {
		if !ws[i].Ours || ws[i].Run != "" || ws[i].Type != plan.SDRWindow {
			continue
		}
		for _, f := range ws {
			if f.Type == plan.SabertoothWindow && f.Run != "" && f.Start.Before(ws[i].End) && ws[i].Start.Before(f.End) {
				ws[i].Run = f.Run
			}
		}
	}
}
