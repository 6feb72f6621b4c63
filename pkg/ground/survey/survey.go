// Package survey asks a payload, before any program is uplinked, what this
// project assumes of it. Survey windows run /bin/sh with a script of under
// MaxScript bytes as an argument: nothing is sent but the window. What the
// script leaves in /outbox is judged here, assumption by assumption
// (docs/platform.md).
package survey

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Script is what the payload's /bin/sh runs. It does with dash, bash and busybox
// sh and an empty environment, and writes lines of a key and values, the last
// ones each second until power goes: so it tells how long the window really is,
// and which signals came before its end.
//
//go:embed survey.sh
var Script string

// MaxScript is the limit of Script, bytes: a window's arguments are no place
// for programs.
const MaxScript = 1024

// Executable is the program of a survey's window.
const Executable = "/bin/sh"

// Name is the file in /outbox that a payload's survey writes. The payload is
// not told in the key of a downlinked file, so the name tells it.
func Name(payload string) string { return "survey-" + payload + ".txt" }

// Args are the arguments of the window of run that surveys payload from start for
// duration. peers are the addresses that it looks for.
func Args(run, payload string, start time.Time, duration time.Duration, peers ...string) []string {
	return []string{"-c", Script, Name(payload), payload,
		strconv.FormatInt(start.Unix(), 10), strconv.FormatInt(int64(duration/time.Second), 10), strings.Join(peers, " "), run}
}

// RunOf is the run that args, of a window, name; ok is false where they are not
// Args, of whatever version.
func RunOf(args []string) (run string, ok bool) {
	if len(args) != 8 || args[0] != "-c" || args[2] != Name(args[3]) {
		return "", false
	}
	return args[7], true
}

// WithoutTimes is args without what tells when they run, for two windows of the
// same survey.
func WithoutTimes(args []string) []string {
	return append(slices.Clone(args[:4]), args[5:7]...)
}

// Facts are what one survey found.
type Facts struct {
	Payload  string        `json:"payload"`
	Run      string        `json:"run"`
	Start    time.Time     `json:"start"`    // of the window, as scheduled
	Duration time.Duration `json:"duration"` // of the window, as scheduled
	Whole    bool          `json:"whole"`    // the script came to the end of its questions
	Lived    time.Duration `json:"lived"`    // from the script's start to its last word

	values  map[string]string // by key, or key and name: "kernel", "has xz"
	pings   [][2]string
	signals []signal
}

// A signal came before power went.
type signal struct {
	Name string
	At   time.Duration // after the script's start, to the second
}

// Parse reads what the script wrote. ok is false for what is no survey. A line
// that is cut, by the end of power, is left out.
func Parse(text string) (f Facts, ok bool) {
	f.values = map[string]string{}
	var born float64
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		key, rest, _ := strings.Cut(line, " ")
		if !whole || strings.Contains(line, "\x00") {
			continue
		}
		switch key {
		case "survey":
			fields := strings.Fields(rest)
			if len(fields) == 5 { // of no run
				fields = append(fields, "")
			}
			if len(fields) != 6 || fields[0] != "1" {
				return Facts{}, false
			}
			start, err1 := strconv.ParseInt(fields[2], 10, 64)
			seconds, err2 := strconv.ParseInt(fields[3], 10, 32)
			uptime, err3 := strconv.ParseFloat(fields[4], 64)
			if err1 != nil || err2 != nil || err3 != nil {
				return Facts{}, false
			}
			// A window that was run twice is told by its last run.
			f = Facts{Payload: fields[1], Run: fields[5], Start: time.Unix(start, 0).UTC(), Duration: time.Duration(seconds) * time.Second, values: map[string]string{}}
			born, ok = uptime, true
		case "facts":
			f.Whole = true
		case "up":
			f.Lived = max(f.Lived, since(born, rest))
		case "signal":
			name, at, _ := strings.Cut(rest, " ")
			f.signals = append(f.signals, signal{name, since(born, at)})
		case "has", "write", "space", "mount":
			name, value, _ := strings.Cut(rest, " ")
			f.values[key+" "+name] = value
		default:
			if to, is := strings.CutPrefix(key, "ping."); is {
				f.pings = append(f.pings, [2]string{to, rest})
			} else {
				f.values[key] = rest
			}
		}
	}
	return f, ok
}

// since is the time from born to now, both seconds after boot.
func since(born float64, now string) time.Duration {
	n, err := strconv.ParseFloat(now, 64)
	if err != nil || n < born {
		return 0
	}
	return time.Duration((n - born) * float64(time.Second)).Round(time.Second / 100)
}
