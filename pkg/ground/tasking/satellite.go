package tasking

import (
	"context"
	"net/url"
	"sort"
	"strconv"
	"time"
)

// Satellite is one that the token may use.
type Satellite struct {
	ID       string   `json:"id"`
	NORAD    string   `json:"norad_id"`
	Windows  []string `json:"supported_windows"`
	Payloads []string `json:"supported_payloads,omitempty"` // may be absent
}

// Satellites lists what the token may use.
func (c *Client) Satellites(ctx context.Context) ([]Satellite, error) {
	r := request{method: "GET", path: "satellites"}
	data, err := c.idempotent(ctx, r)
	if err != nil {
		return nil, err
	}
	items, err := list[struct {
		ID       text  `json:"id"`
		NORAD    text  `json:"norad_id"`
		Windows  texts `json:"supported_windows"`
		Payloads texts `json:"supported_payloads"`
	}](data)
	if err != nil {
		return nil, &Error{Call: r.call(), Err: err, fatal: true}
	}
	var out []Satellite
	for _, it := range items {
		if it.ID != "" {
			windows := []string{} // none: not told
			out = append(out, Satellite{it.ID.String(), it.NORAD.String(), append(windows, it.Windows...), it.Payloads})
		}
	}
	if len(items) > 0 && len(out) == 0 {
		return nil, &Error{Call: r.call(), Err: errNotJSON, fatal: true}
	}
	return out, nil
}

// Interval is a time in which a window may be scheduled: [Start, End).
type Interval struct {
	Start, End time.Time
}

// Availability asks when a window of windowType may be scheduled on satellite
// between start and start+span (whole seconds). The intervals come back sorted,
// touching ones joined, since a search is cut into several calls.
func (c *Client) Availability(ctx context.Context, satellite, windowType string, start time.Time, span time.Duration) ([]Interval, error) {
	r := request{method: "GET", path: "availability", query: url.Values{
		"satellite_id": {satellite},
		"window_type":  {windowType},
		"start":        {seconds(start)},
		"duration":     {strconv.FormatInt(whole(span), 10)},
	}}
	data, err := c.idempotent(ctx, r)
	if err != nil {
		return nil, err
	}
	type interval struct {
		Start number `json:"start"`
		End   number `json:"end"`
	}
	raw, err := payload(data)
	var items []interval
	if err == nil && len(raw) > 0 && raw[0] == '[' {
		items, err = list[interval](raw)
	} else if err == nil {
		var wrap []struct {
			Available *[]interval `json:"available"`
		}
		if wrap, err = list[struct {
			Available *[]interval `json:"available"`
		}](raw); err == nil {
			if len(wrap) != 1 || wrap[0].Available == nil {
				err = errNotJSON
			} else {
				items = *wrap[0].Available
			}
		}
	}
	if err != nil {
		return nil, &Error{Call: r.call(), Err: err, fatal: true}
	}
	var out []Interval
	for _, it := range items {
		if it.End > it.Start {
			out = append(out, Interval{time.Unix(int64(it.Start), 0).UTC(), time.Unix(int64(it.End), 0).UTC()})
		}
	}
	return Join(out), nil
}

// Join sorts intervals and makes one of those that touch or overlap.
func Join(in []Interval) []Interval {
	sort.Slice(in, func(i, j int) bool { return in[i].Start.Before(in[j].Start) })
	var out []Interval
	for _, it := range in {
		if n := len(out); n > 0 && !it.Start.After(out[n-1].End) {
			if it.End.After(out[n-1].End) {
				out[n-1].End = it.End
			}
			continue
		}
		out = append(out, it)
	}
	return out
}
