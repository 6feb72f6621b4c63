package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/ground/survey"
)

// Window is one of the two of a pass. ID is empty until it is scheduled.
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

// Opens is when the buffer before it begins.
func (w Window) Opens() time.Time { return w.Start.Add(-time.Duration(w.Before) * time.Second) }

// Closes is when the buffer behind it ends.
func (w Window) Closes() time.Time { return w.End().Add(time.Duration(w.After) * time.Second) }

// Pass is one pair of overlapping windows, of which both are scheduled or none:
// the server's and the fetcher's.
type Pass struct {
	Run     string    `json:"run"`
	Windows [2]Window `json:"windows"`
	Overlap int64     `json:"overlap"` // seconds
}

// Scheduled reports whether both windows exist.
func (p Pass) Scheduled() bool { return p.Windows[0].ID != "" && p.Windows[1].ID != "" }

// Opens is when the first of both windows' buffers begins.
func (p Pass) Opens() time.Time { return earlier(p.Windows[0].Opens(), p.Windows[1].Opens()) }

// Closes is when the last of both windows' buffers ends.
func (p Pass) Closes() time.Time { return later(p.Windows[0].Closes(), p.Windows[1].Closes()) }

// End is when the later of both windows closes.
func (p Pass) End() time.Time { return later(p.Windows[0].End(), p.Windows[1].End()) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Pass is the two windows of s for a start of the server's.
func (s Spec) Pass(satellite string, start time.Time) Pass {
	start = start.UTC()
	return Pass{
		Run: s.run(satellite, start),
		Windows: [2]Window{
			window(s.from(), start, s.SDRDuration, s.serve(satellite, start)),
			window(s.to(), start.Add(s.FetchDelay), s.FetchDuration, s.fetch(satellite, start)),
		},
		Overlap: int64(s.Overlap() / time.Second),
	}
}

func window(p Payload, start time.Time, d time.Duration, argv []string) Window {
	return Window{
		Type: p.Window(), Start: start, Duration: d, Seconds: int64(d / time.Second),
		Before: int64(p.Before / time.Second), After: int64(p.After / time.Second),
		Executable: argv[0], Args: argv[1:],
	}
}

// end is how both agents are told their window: the end on the wall clock, and
// the length for the case that the payload's clock is not set (docs/contract.md, "Both programs").
func end(until time.Time, d time.Duration) []string {
	return []string{"--until", strconv.FormatInt(until.Unix(), 10), "--for", strconv.FormatInt(int64(d/time.Second), 10) + "s"}
}

// run names the pass that starts so.
func (s Spec) run(satellite string, start time.Time) string {
	run := runID(satellite, start, s.from().Window(), s.to().Window())
	if s.Survey {
		run += surveySuffix
	}
	return run
}

// survey is the command that asks p, in a window from start for d, and whether
// it reaches peer.
func (s Spec) survey(satellite string, start time.Time, p, peer Payload, offset, d time.Duration) []string {
	var peers []string
	for _, a := range peer.Addrs {
		peers = append(peers, a.String())
	}
	return append([]string{survey.Executable}, survey.Args(s.run(satellite, start), p.Name, start.Add(offset), d, peers...)...)
}

func (s Spec) serve(satellite string, start time.Time) []string {
	if s.Survey {
		return s.survey(satellite, start, s.from(), s.to(), 0, s.SDRDuration)
	}
	until := start.Add(s.SDRDuration)
	argv := []string{s.artifact(s.from().Name).Destination()}
	if s.HandOver {
		argv = append(argv, Server)
	}
	argv = append(argv, end(until, s.SDRDuration)...)
	if s.Port != DefaultPort {
		argv = append(argv, "--listen", fmt.Sprintf("0.0.0.0:%d", s.Port))
	}
	for _, p := range s.Allow {
		argv = append(argv, "--allow", p.String())
	}
	if s.Key {
		argv = append(argv, "--key", s.key(s.run(satellite, start)))
	}
	return argv
}

func (s Spec) fetch(satellite string, start time.Time) []string {
	if s.Survey {
		return s.survey(satellite, start, s.to(), s.from(), s.FetchDelay, s.FetchDuration)
	}
	argv := []string{s.artifact(s.to().Name).Destination()}
	if s.HandOver {
		argv = []string{"/bin/sh", "-c", s.bootstrap(), Fetcher}
	}
	argv = append(argv, end(start.Add(s.FetchDelay+s.FetchDuration), s.FetchDuration)...)
	argv = append(argv, "--run", s.run(satellite, start),
		"--from", strings.Join(s.candidates(), ","))
	if s.Tail > 0 {
		argv = append(argv, "--tail", strconv.FormatInt(s.Tail, 10))
	}
	if s.MaxBytes > 0 {
		argv = append(argv, "--max-bytes", strconv.FormatInt(s.MaxBytes, 10))
	}
	if s.Depth > 1 {
		argv = append(argv, "--depth", strconv.Itoa(s.Depth))
	}
	if s.NoSalvage {
		argv = append(argv, "--no-salvage")
	}
	if s.Key {
		argv = append(argv, "--key", s.key(s.run(satellite, start)))
	}
	return append(argv, s.args()...)
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

// ArgsWithoutTimes is what is left of a window's arguments without the time, and
// without the key of the run that the time names: two windows with the same
// executable and the same rest differ only in when they run.
func ArgsWithoutTimes(args []string) []string {
	if _, ok := survey.RunOf(args); ok {
		return survey.WithoutTimes(args)
	}
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--until" || args[i] == "--run" {
			i++
			continue
		}
		out = append(out, args[i])
		if args[i] == "--key" {
			i++
		}
	}
	return out
}
