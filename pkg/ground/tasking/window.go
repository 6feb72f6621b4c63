package tasking

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Window is one that the API lists. State is PENDING_SYNC or SYNCED, or a word
// that nobody documented: it is shown, never judged, except by Live.
type Window struct {
	ID         string
	Type       string
	Satellite  string
	State      string
	Start      time.Time
	Duration   time.Duration
	Executable string
	Args       []string // empty: the listing did not tell
}

// End is when the window closes.
func (w Window) End() time.Time { return w.Start.Add(w.Duration) }

// Live reports whether a window or upload in this state still counts. States
// other than the documented ones are unknown; those that speak of an end by
// their very name do not count, all others do.
func Live(state string) bool {
	s := strings.ToUpper(state)
	for _, dead := range []string{"CANCEL", "DELET", "REJECT", "FAIL", "ERROR", "EXPIRE", "ABORT"} {
		if strings.Contains(s, dead) {
			return false
		}
	}
	return true
}

// WindowRequest is a window to be scheduled. Start and Duration are sent in
// whole seconds.
type WindowRequest struct {
	Type           string
	Satellite      string
	Start          time.Time
	Duration       time.Duration
	Executable     string
	Args           []string
	DownlinkBudget int
}

// Is reports whether w is what r asked for. Arguments decide, because they hold
// the end of the window; where the listing does not tell them, the time does.
func (w Window) Is(r WindowRequest) bool {
	if w.Type != r.Type || (w.Satellite != "" && w.Satellite != r.Satellite) {
		return false
	}
	if w.Executable != "" && w.Executable != r.Executable {
		return false
	}
	if w.Executable != "" && (len(w.Args) > 0 || len(r.Args) == 0) {
		return slices.Equal(w.Args, r.Args)
	}
	return w.Start.Equal(r.Start.Truncate(time.Second)) && w.Duration == r.Duration.Truncate(time.Second)
}

type command struct {
	Executable string   `json:"executable"`
	Args       []string `json:"executable_arguments"`
}

// windowBody is POST /tasking/window, fields in the documented order.
type windowBody struct {
	Type       string `json:"type"`
	Satellite  string `json:"satellite_id"`
	Start      int64  `json:"start"`
	Duration   int64  `json:"duration"`
	Parameters struct {
		Command        command `json:"user_command"`
		DownlinkBudget int     `json:"downlink_budget"`
	} `json:"parameters"`
}

// deleteParameter names the window to be deleted in the query of DELETE
// /tasking/window. It is an assumption (docs/platform.md, "Tasking API"), so the
// callers look afterwards whether the window is really gone.
const deleteParameter = "id"

// Windows lists the windows of one satellite.
func (c *Client) Windows(ctx context.Context, satellite string) ([]Window, error) {
	r := request{method: "GET", path: "windows", query: url.Values{"satellite_id": {satellite}}}
	data, err := c.idempotent(ctx, r)
	if err != nil {
		return nil, err
	}
	out, err := windows(data, satellite)
	if err != nil {
		return nil, &Error{Call: r.call(), Err: err, fatal: true}
	}
	return out, nil
}

func windows(data []byte, satellite string) ([]Window, error) {
	items, err := list[struct {
		ID         text            `json:"id"`
		Type       text            `json:"type"`
		Satellite  text            `json:"satellite_id"`
		State      text            `json:"state"`
		Start      number          `json:"start"`
		Duration   number          `json:"duration"`
		Parameters json.RawMessage `json:"parameters"`
	}](data)
	if err != nil {
		return nil, err
	}
	var out []Window
	for _, it := range items {
		if it.ID == "" && it.Type == "" {
			return nil, errNotJSON // not a window at all
		}
		if it.Satellite != "" && string(it.Satellite) != satellite {
			continue
		}
		w := Window{
			ID: it.ID.String(), Type: it.Type.String(), Satellite: satellite, State: it.State.String(),
			Start:    time.Unix(int64(it.Start), 0).UTC(),
			Duration: time.Duration(it.Duration) * time.Second,
		}
		var p struct {
			Command struct {
				Executable text  `json:"executable"`
				Args       texts `json:"executable_arguments"`
			} `json:"user_command"`
		}
		if json.Unmarshal(it.Parameters, &p) == nil {
			w.Executable, w.Args = string(p.Command.Executable), p.Command.Args
		}
		out = append(out, w)
	}
	return out, nil
}

// nearby is how close in time a window of the same type may be for the API to
// refuse another one: buffers are a few minutes (docs/platform.md).
const nearby = 15 * time.Minute

// CreateWindow schedules w. ctx stops further tries; a POST that is already on
// its way is waited for as long as hold lives, since its effect cannot be
// called back. Before a second try the listing is asked whether the first took
// effect. If the error IsLost, the window may exist.
func (c *Client) CreateWindow(ctx, hold context.Context, w WindowRequest) (Created, error) {
	b := windowBody{Type: w.Type, Satellite: w.Satellite, Start: w.Start.Unix(), Duration: whole(w.Duration)}
	b.Parameters.Command = command{w.Executable, w.Args}
	if w.Args == nil {
		b.Parameters.Command.Args = []string{} // always a list
	}
	b.Parameters.DownlinkBudget = w.DownlinkBudget
	body, err := json.Marshal(b)
	if err != nil {
		return Created{}, &Error{Call: "POST /tasking/window", Err: err, fatal: true}
	}
	r := request{
		method: "POST", path: "window", ctype: "application/json", size: int64(len(body)),
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	find := func(ctx context.Context) (found sighting, err error) {
		ws, err := c.Windows(ctx, w.Satellite)
		if err != nil {
			return found, err
		}
		for _, have := range ws {
			switch {
			case have.ID == "" || !Live(have.State):
			case have.Is(w):
				return sighting{id: have.ID}, nil
			case have.Type == w.Type && have.Start.Before(w.Start.Add(w.Duration+nearby)) && w.Start.Before(have.End().Add(nearby)):
				found.inTheWay = true
			}
		}
		return found, nil
	}
	return c.ensure(ctx, hold, r, find)
}

// DeleteWindow asks for the deletion of a window. A window that is not there
// is a success: the first of two tries may have been the one that worked.
func (c *Client) DeleteWindow(ctx context.Context, id string) error {
	_, err := c.idempotent(ctx, request{method: "DELETE", path: "window", query: url.Values{deleteParameter: {id}}})
	if s := StatusOf(err); s == http.StatusNotFound || s == http.StatusGone {
		return nil
	}
	return err
}
