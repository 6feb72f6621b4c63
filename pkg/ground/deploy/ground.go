// Package deploy carries plans out: it reconciles them with what is aboard and
// scheduled, schedules both windows or none, follows and cancels them. It
// speaks to the satellites through pkg/ground/tasking and to the user not at all:
// results and events go to the caller.
package deploy

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Exit codes of the ground's commands (docs/contract.md, "Ground").
const (
	Done    = 0
	Failed  = 1 // and nothing is left half-scheduled, or the output says what
	Usage   = 2
	Refused = 3 // by the API: token, unknown satellite, no such window
	NoSlot  = 4 // no time at which both windows fit

	WasCancelled = 5 // status --watch: the windows were cancelled meanwhile
)

// Worse orders exit codes, so that a fleet has the one of its worst satellite: a
// failure may have left something behind, a refusal or a full calendar has not.
func Worse(a, b int) int {
	rank := map[int]int{Done: 0, WasCancelled: 1, NoSlot: 2, Refused: 3, Usage: 4, Failed: 5}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// ExitOf is the exit code that err stands for.
func ExitOf(err error) int {
	var noSlot *plan.NoSlot
	var spec *plan.SpecError
	var orphan *Orphaned
	var unknown *Unknown
	switch {
	case err == nil:
		return Done
	case errors.As(err, &orphan), errors.Is(err, ErrInterrupted):
		return Failed
	case errors.As(err, &noSlot):
		return NoSlot
	case errors.As(err, &spec):
		return Usage
	case errors.As(err, &unknown), tasking.Refused(err):
		return Refused
	}
	return Failed
}

// Unknown is a satellite or window that the token cannot see, or a satellite
// without the windows that a pair needs.
type Unknown struct{ Why string }

func (e *Unknown) Error() string { return e.Why }

// Event is a step worth telling while it happens. Total > 0 is progress: Moved
// of Total bytes of What.
type Event struct {
	Satellite string
	Text      string
	What      string
	Moved     int64
	Total     int64
}

// Ground is the way to the satellites.
type Ground struct {
	API    *tasking.Client
	AtOnce int         // satellites worked on at the same time; 8
	Tell   func(Event) // may be nil; called from many goroutines

	// Command spells a command of cmd/ground, as the user would give it here;
	// nil: plainly.
	Command func(verb, args string) string

	// Hold ends when the user insists on leaving at once: until then a POST on
	// its way is waited for, and windows are rolled back. Nil: never.
	Hold context.Context
}

func (g *Ground) tell(satellite, format string, a ...any) {
	if g.Tell != nil {
		g.Tell(Event{Satellite: satellite, Text: fmt.Sprintf(format, a...)})
	}
}

func (g *Ground) command(verb, args string) string {
	if g.Command != nil {
		return g.Command(verb, args)
	}
	return "ground " + verb + " - " + args
}

func (g *Ground) hold(ctx context.Context) context.Context {
	if g.Hold != nil {
		return g.Hold
	}
	return context.WithoutCancel(ctx)
}

// cancelCommand removes windows of satellite by hand. It asks nobody, since it
// names what it means.
func (g *Ground) cancelCommand(satellite, what string) string {
	return g.command("cancel", satellite+" "+what+" --yes")
}

// each runs f for every satellite, AtOnce at a time, and waits for all. An
// error of one does not stop the others.
func (g *Ground) each(satellites []string, f func(i int, satellite string)) {
	var group errgroup.Group
	n := g.AtOnce
	if n < 1 {
		n = 8
	}
	group.SetLimit(n)
	for i, s := range satellites {
		group.Go(func() error {
			f(i, s)
			return nil
		})
	}
	group.Wait()
}
