package plan

import (
	"regexp"
	"strings"
	"time"

	"payload-ipc/pkg/ground/survey"
	"payload-ipc/pkg/ground/tasking"
)

// Role is what a window of ours does.
type Role int

const (
	Foreign Role = iota // not ours
	Serve               // runs sdr-serve
	Fetch               // runs sabertooth-fetch
	Survey              // runs a survey, as either half of a pair
)

// RoleOf tells the role of a window, of any version of our programs. Only what
// is ours is ever cancelled without being named one by one.
func RoleOf(w tasking.Window) Role {
	name, ok := strings.CutPrefix(w.Executable, binDir)
	first := ""
	if len(w.Args) > 0 {
		first = w.Args[0]
	}
	switch {
	case ok && strings.HasPrefix(name, Server+"-"), ok && strings.HasPrefix(name, Both+"-") && first == Server:
		return Serve
	case ok && strings.HasPrefix(name, Fetcher+"-"), ok && strings.HasPrefix(name, Both+"-") && first == Fetcher:
		return Fetch
	case ok && strings.HasPrefix(name, Both+"-"): // its arguments are not listed
		if w.Type == windowPrefix+Sabertooth {
			return Fetch
		}
		return Serve
	case w.Executable == survey.Executable && surveys(w.Args):
		return Survey
	case w.Executable == "/bin/sh" && len(w.Args) > 2 && w.Args[0] == "-c" && w.Args[2] == Fetcher:
		return Fetch
	}
	return Foreign
}

func surveys(args []string) bool {
	_, ok := survey.RunOf(args)
	return ok
}

// ListedPair is a server's window and the fetcher's that goes with it, or the two
// of a survey.
type ListedPair struct{ Serve, Fetch tasking.Window }

// Run is the name of the pair.
func (p ListedPair) Run(satellite string) string {
	if run := RunOf(p.Fetch.Args); run != "" {
		return run
	}
	return runID(satellite, p.Serve.Start, p.Serve.Type, p.Fetch.Type)
}

// SortPairs sorts our windows, of any version and command, into pairs and halves
// that are alone. The fetcher's --run names the server's start. Where arguments
// are not listed, windows that overlap are taken for a pair, or at least not for
// alone: nothing that may belong to a complete pair is ever a half.
func SortPairs(windows []tasking.Window) (pairs []ListedPair, halves []tasking.Window) {
	paired := map[string]bool{}
	var live []tasking.Window
	for _, w := range windows {
		if tasking.Live(w.State) && w.ID != "" {
			live = append(live, w)
		}
	}
	for _, f := range live {
		if !second(f) {
			continue
		}
		if s, ok := server(f, live); ok {
			pairs = append(pairs, ListedPair{s, f})
			paired[s.ID], paired[f.ID] = true, true
		}
	}
	for _, w := range live {
		if RoleOf(w) != Foreign && !paired[w.ID] && !protected(w, live) {
			halves = append(halves, w)
		}
	}
	return pairs, halves
}

// PairStart is when the first window of the pair begins that w, one of ours, is
// half of; ok is false where nothing tells.
func PairStart(w tasking.Window) (start time.Time, ok bool) {
	if RoleOf(w) == Serve {
		return w.Start, true
	}
	return RunStart(RunOf(w.Args))
}

// second reports whether f is the fetcher's window of a pair, or of a survey the
// one in its place.
func second(f tasking.Window) bool {
	_, from, _ := parseRun(RunOf(f.Args))
	role := RoleOf(f)
	return role == Fetch || role == Survey && f.Type != from
}

// mayPair reports whether s may be the first window of a pair of which f is the
// second.
func mayPair(s, f tasking.Window) bool {
	switch RoleOf(s) {
	case Serve:
		return RoleOf(f) == Fetch
	case Survey:
		return RoleOf(f) == Survey && RunOf(s.Args) == RunOf(f.Args)
	}
	return false
}

// server finds the window that f fetches from.
func server(f tasking.Window, live []tasking.Window) (best tasking.Window, ok bool) {
	start, from, named := parseRun(RunOf(f.Args))
	for _, s := range live {
		if s.Type == f.Type || !mayPair(s, f) {
			continue
		}
		if named && s.Start.Equal(start) && (!ok || s.Type == from) || !named && overlap(s, f) && !ok {
			best, ok = s, true
		}
	}
	return best, ok
}

// protected reports whether w may be half of a pair that the listing does not
// tell of: a window of another type overlaps it, and the command of one of the
// two is not told.
func protected(w tasking.Window, live []tasking.Window) bool {
	for _, o := range live {
		untold := o.Executable == "" || len(o.Args) == 0 || len(w.Args) == 0 && RoleOf(o) != Foreign
		if o.ID != w.ID && o.Type != w.Type && untold && overlap(o, w) {
			return true
		}
	}
	return false
}

func overlap(a, b tasking.Window) bool { return a.Start.Before(b.End()) && b.Start.Before(a.End()) }

// needs finds in a hand-over's script the program that it wants aboard.
var needs = regexp.MustCompile(`fetching (` + Both + `(-[0-9a-f]+)+)`)

// Needs is the destination of the program that a window runs, "" if it is none
// of ours.
func Needs(w tasking.Window) string {
	switch {
	case RoleOf(w) == Foreign:
		return ""
	case strings.HasPrefix(w.Executable, binDir):
		return w.Executable
	}
	if m := needs.FindStringSubmatch(w.Args[1]); m != nil {
		return binDir + m[1]
	}
	return ""
}

// RunOf is the run that the arguments of a fetcher or a survey name, or "".
func RunOf(args []string) string {
	if run, ok := survey.RunOf(args); ok {
		return run
	}
	for i := 0; i+1 < len(args); i++ {
		if args[i] == "--run" {
			return args[i+1]
		}
	}
	return ""
}

const (
	runTime      = "20060102T150405Z"
	surveySuffix = "-survey" // of a run's name
)

// runID names a pair: satellites take one window of a type at a time, so the
// server's start, the satellite and the two types are unique, and the same spec
// always has the same name. The usual types are left out.
func runID(satellite string, start time.Time, serve, fetch string) string {
	id := start.UTC().Format(runTime) + "-" + satellite
	if serve != windowPrefix+SDR || fetch != windowPrefix+Sabertooth {
		id += "-" + strings.TrimPrefix(serve, windowPrefix) + "-" + strings.TrimPrefix(fetch, windowPrefix)
	}
	return id
}

// parseRun takes the server's start and window type out of a run's name; ok is
// false for a name that is none of runID's.
func parseRun(run string) (start time.Time, serve string, ok bool) {
	stamp, rest, cut := strings.Cut(strings.TrimSuffix(run, surveySuffix), "-")
	start, err := time.Parse(runTime, stamp)
	if !cut || err != nil {
		return time.Time{}, "", false
	}
	words := strings.Split(rest, "-")
	if n := len(words); n >= 3 {
		_, to := PayloadNamed(words[n-1])
		if from, ok := PayloadNamed(words[n-2]); ok && to {
			return start, from.Window(), true
		}
	}
	return start, windowPrefix + SDR, true
}

// RunOfHalf is the run of a window of ours that is alone: the one that its
// arguments name, or for a server the one that its start gives.
func RunOfHalf(satellite string, w tasking.Window) string {
	run := RunOf(w.Args)
	if run == "" && RoleOf(w) == Serve {
		run = runID(satellite, w.Start, w.Type, windowPrefix+Sabertooth)
	}
	return run
}
