package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/tasking"
)

// stdio is the world as a command sees it. hold ends when the user insists on
// leaving at once; tune, for tests, makes the client less patient.
type stdio struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string
	self   string // the command's own name
	hold   context.Context
	tune   func(*tasking.Client)
}

const usage = `ground: two programs on one satellite, from the ground

  ground plan       [flags] AUTH_TOKEN SAT_ID...   what deploy would do; asks the API, changes nothing
  ground deploy     [flags] AUTH_TOKEN SAT_ID...   send both programs, schedule both windows or none
  ground status     [flags] AUTH_TOKEN [SAT_ID...] uploads and windows; --watch follows them
  ground cancel     [flags] AUTH_TOKEN [SAT_ID...] cancel windows; --run ID or --window ID picks some
  ground aboard     [flags] AUTH_TOKEN [SAT_ID...] which of our programs are there, and what needs them
  ground slots      [flags] AUTH_TOKEN SAT_ID      when both windows fit in the next days
  ground satellites [flags] AUTH_TOKEN             what the token may use
  ground review     [flags] s3://BUCKET/PREFIX     what came down, and whether it is whole
  ground get        [flags] s3://BUCKET/PREFIX [DIR]  brings it to the desk, checked

AUTH_TOKEN may be "-" (taken from SPIRE_AUTH_TOKEN), or be left out with --token-file.
ground VERB --help lists the flags. Exit: 0 done, 1 failed and rolled back, 2 usage,
3 the API refuses, 4 no time fits, 5 (status --watch) cancelled; of review and get: 0 delivered, 3 partial, 4 missing.
`

type verb func(ctx context.Context, args []string, io stdio) int

var verbs = map[string]verb{
	"plan":       func(ctx context.Context, a []string, io stdio) int { return runDeploy(ctx, "plan", a, io) },
	"deploy":     func(ctx context.Context, a []string, io stdio) int { return runDeploy(ctx, "deploy", a, io) },
	"status":     status,
	"cancel":     cancel,
	"satellites": satellites,
	"review":     reviewVerb,
	"get":        getVerb,
	"slots":      slots,
	"aboard":     aboard,
}

func run(ctx context.Context, args []string, io stdio) int {
	if len(args) == 0 {
		fmt.Fprint(io.err, usage)
		return deploy.Usage
	}
	switch args[0] {
	case "help", "--help", "-h":
		fmt.Fprint(io.out, usage)
		return deploy.Done
	case "version", "--version":
		fmt.Fprintln(io.out, agent.VersionLine("ground"))
		return deploy.Done
	}
	v, ok := verbs[args[0]]
	if !ok {
		// The word may be a token in the wrong place: it is not repeated.
		fmt.Fprintln(io.err, "ground: the first word is not a verb; use plan, deploy, status, cancel, slots, aboard, satellites, review or get")
		return deploy.Usage
	}
	return v(ctx, args[1:], io)
}

// usageError is a wrong command line.
type usageError struct{ why string }

func (e *usageError) Error() string { return e.why }

func wrong(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// fail prints err as one sentence and returns its exit code.
func fail(io stdio, name string, err error) int {
	fmt.Fprintf(io.err, "ground %s: %v\n", name, err)
	var u *usageError
	if errors.As(err, &u) {
		return deploy.Usage
	}
	return deploy.ExitOf(err)
}

// parse reads the flags; done means that there is nothing more to do.
func parse(fs *pflag.FlagSet, args []string, io stdio, what string) (code int, done bool) {
	fs.SortFlags = false
	fs.Usage = func() {}
	showVersion := fs.Bool("version", false, "print name, version and what it is built from")
	err := fs.Parse(args)
	switch {
	case err == nil && *showVersion:
		fmt.Fprintln(io.out, agent.VersionLine("ground"))
		return deploy.Done, true
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(io.out, "usage: ground %s\n\n%s", what, fs.FlagUsages())
		return deploy.Done, true
	case err != nil:
		fmt.Fprintf(io.err, "ground %s: %s; ground %s --help lists the flags\n", fs.Name(), flagFault(err), fs.Name())
		return deploy.Usage, true
	}
	return 0, false
}

func printJSON(io stdio, v any) {
	e := json.NewEncoder(io.out)
	e.SetIndent("", "  ")
	e.Encode(v)
}

// flagFault says what is wrong with a flag without repeating what follows a
// lone dash: pflag would take a token apart there.
func flagFault(err error) string {
	s := strings.ReplaceAll(err.Error(), "\n", " ")
	if strings.HasPrefix(s, "unknown shorthand flag") {
		return "an argument begins with a single dash and is no flag"
	}
	return s
}
