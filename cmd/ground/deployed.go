package main

import (
	"fmt"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// showPlans draws the plans of a few satellites, or a line for each of many.
func showPlans(io *stdio, name string, results []deploy.Result) {
	for _, r := range results {
		switch {
		case r.Err != nil:
			say(io, name, fmt.Errorf("%s: %w", r.Satellite, r.Err))
		case len(results) <= 3:
			r.Plan.Draw(io.out, columns(io.out))
			fmt.Fprintln(io.out)
		default:
			line(io.out, "%-10s %s  overlap %d s  %d to be sent", r.Satellite,
				plan.Stamp(r.Plan.First().Windows[0].Start), r.Plan.First().Overlap, len(r.Plan.Missing()))
			for _, s := range r.Plan.Warnings {
				line(io.out, "%-10s warning: %s", "", s)
			}
		}
	}
}

type jsonResult struct {
	Satellite string      `json:"satellite"`
	Exit      int         `json:"exit"`
	Result    deploy.Did  `json:"result"`
	Error     string      `json:"error,omitempty"`
	LeftOver  []string    `json:"left_behind"`
	Passes    []plan.Pass `json:"passes"`
	Warnings  []string    `json:"warnings"`
	Plan      *plan.Plan  `json:"plan,omitempty"`
}

// report ends the run: a table for a fleet, a sentence for one.
func (w *deployFlags) report(io *stdio, name string, results []deploy.Result) {
	switch {
	case w.json:
		w.reportJSON(io, results)
		return
	case w.dryRun:
		fmt.Fprintln(io.out, "Dry run: nothing was sent.")
		return
	case name == "plan":
		return
	}
	for _, r := range results {
		if r.Err != nil && r.Plan != nil { // a failed draft was told already
			say(io, name, fmt.Errorf("%s: %w", r.Satellite, r.Err))
		}
	}
	switch {
	case len(results) > 1:
		showFleet(io, results)
	case results[0].Err == nil:
		w.showResult(io, results[0])
	}
	for _, r := range results {
		for _, late := range r.Warnings {
			line(io.err, "warning: %s: %s", r.Satellite, late)
		}
	}
}

// showFleet has a line for each pass of each satellite.
func showFleet(io *stdio, results []deploy.Result) {
	t := table{heading: []string{"SATELLITE", "RESULT", "START", "WINDOWS"}}
	for _, r := range results {
		if r.Err != nil {
			t.add(r.Satellite, fmt.Sprintf("failed, exit %d", deploy.ExitOf(r.Err)), "-", "")
			continue
		}
		for _, p := range r.Passes {
			t.add(r.Satellite, string(r.Did), plan.Stamp(p.Windows[0].Start), p.Windows[0].ID+" "+p.Windows[1].ID)
		}
	}
	t.write(io.out)
}

func (w *deployFlags) showResult(io *stdio, r deploy.Result) {
	verb := "are scheduled"
	if r.Did == deploy.AlreadyScheduled {
		verb = "were scheduled already, nothing to do"
		if len(r.Sent) > 0 {
			verb = "were scheduled already; what they lacked was sent"
		}
	}
	for _, p := range r.Passes {
		line(io.out, "Both windows on %s %s: %s and %s, run %s.", r.Satellite, verb, p.Windows[0].ID, p.Windows[1].ID, p.Run)
	}
	line(io.out, "Follow them with: %s", w.again(io, "status --watch", r.Satellite))
}

func (w *deployFlags) reportJSON(io *stdio, results []deploy.Result) {
	out := struct {
		Exit       int          `json:"exit"`
		Satellites []jsonResult `json:"satellites"`
	}{deploy.Exit(results), []jsonResult{}}
	for _, r := range results {
		j := jsonResult{Satellite: r.Satellite, Exit: deploy.ExitOf(r.Err), Result: r.Did, Plan: r.Plan,
			LeftOver: some(r.LeftBehind()), Passes: some(r.Passes), Warnings: some(r.Warnings)}
		if r.Err != nil {
			j.Error = r.Err.Error()
		}
		out.Satellites = append(out.Satellites, j)
	}
	printJSON(io, out)
}

// some is l, or an empty list where there is none: JSON has no null for it.
func some[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
