package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window is one of the two. ID is empty until it is scheduled.
type Window struct {
	Type       string        `json:"type"`
	Start      time.Time     `json:"start"`
	Duration   time.Duration `json:"-"`
	Seconds    int64         `json:"duration"`
	Before     int64         `json:"buffer_before"` // seconds
	After      int64         `json:"buffer_after"`
	Executable string        `json:"executable"`
	Args       []string      `json:"arguments"`
	ID         string        `json:"id,omitempty"`
	State      string        `json:"state,omitempty"`
}

// End is when it closes.
func (w Window) End() time.Time { return w.Start.Add(w.Duration) }

// Opens and Closes are its bounds with the buffers.
func (w Window) Opens() time.Time  { return w.Start.Add(-time.Duration(w.Before) * time.Second) }
func (w Window) Closes() time.Time { return w.End().Add(time.Duration(w.After) * time.Second) }

// RunID names a pair: satellites take one window of a type at a time, so start
// and satellite are unique, and the same wish always has the same name.
func RunID(satellite string, start time.Time) string {
	return start.UTC().Format("20060102T150405Z") + "-" + satellite
}

// Pair is the two windows of s for a start of the SDR's. Start is in UTC.
func (s Spec) Pair(satellite string, start time.Time) [2]Window {
	start = start.UTC()
	return [2]Window{
		s.window(SDRWindow, start, s.SDRDuration, s.serve(start.Add(s.SDRDuration))),
		s.window(SabertoothWindow, start.Add(s.FetchDelay), s.FetchDuration, s.fetch(satellite, start)),
	}
}

func (s Spec) window(typ string, start time.Time, d time.Duration, argv []string) Window {
	b := Buffers[typ]
	return Window{
		Type: typ, Start: start, Duration: d, Seconds: int64(d / time.Second),
		Before: int64(b.Before / time.Second), After: int64(b.After / time.Second),
		Executable: argv[0], Args: argv[1:],
	}
}

// end is how both agents are told their window: the end on the wall clock, and
// the length for the case that the payload's clock is not set (docs/contract.md, "Both programs").
func end(until time.Time, d time.Duration) []string {
	return []string{"--until", strconv.FormatInt(until.Unix(), 10), "--for", strconv.FormatInt(int64(d/time.Second), 10) + "s"}
}

func (s Spec) serve(until time.Time) []string {
	argv := []string{s.artifact(SDR).Destination()}
	if s.HandOver {
		argv = append(argv, "sdr-serve")
	}
	argv = append(argv, end(until, s.SDRDuration)...)
	if s.Port != DefaultPort {
		argv = append(argv, "--listen", fmt.Sprintf("0.0.0.0:%d", s.Port))
	}
	return argv
}

func (s Spec) fetch(satellite string, start time.Time) []string {
	argv := []string{s.artifact(Sabertooth).Destination()}
	if s.HandOver {
		argv = []string{"/bin/sh", "-c", s.bootstrap(), "sabertooth-fetch"}
	}
	argv = append(argv, end(start.Add(s.FetchDelay+s.FetchDuration), s.FetchDuration)...)
	argv = append(argv, "--run", RunID(satellite, start), "--from", strings.Join(s.candidates(), ","))
	return append(argv, s.Path+"="+s.Name)
}

func (s Spec) candidates() []string {
	out := make([]string, len(s.SDR))
	for i, a := range s.SDR {
		out[i] = fmt.Sprintf("%v:%d", a, s.Port)
		if a.Is6() {
			out[i] = fmt.Sprintf("[%v]:%d", a, s.Port)
		}
	}
	return out
}

// Wish is what is left of a window's arguments without the time: two windows
// with the same executable and wish differ only in when they run.
func Wish(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--until" || args[i] == "--run" {
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}

// RunOf is the run that a fetcher's arguments name, or "".
func RunOf(args []string) string {
	for i := 0; i+1 < len(args); i++ {
		if args[i] == "--run" {
			return args[i+1]
		}
	}
	return ""
}

// programs are the names under which our own programs lie on a payload.
var programs = []string{"sdr-serve-", "sabertooth-fetch-", "payload-"}

// Ours reports whether a window with this command is one of ours, of any
// version: only those are cancelled without being named one by one.
func Ours(executable string, args []string) bool {
	for _, p := range programs {
		if strings.HasPrefix(executable, "/persist/bin/"+p) {
			return true
		}
	}
	return executable == "/bin/sh" && len(args) > 2 && args[0] == "-c" && args[2] == "sabertooth-fetch"
}
