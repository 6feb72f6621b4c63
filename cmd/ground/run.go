package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/profile"
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

	from   map[string]profile.Setting // of flags that a file has set
	checks checks
}

func run(ctx context.Context, args []string, io stdio) int {
	// A token may stand in the place of anything on a command line.
	if token := strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN")); token != "" {
		io.hide(token)
	}
	root := rootCommand(&io)
	if len(args) == 0 {
		showRoot(io.err, root)
		return deploy.Usage
	}
	// cobra would repeat a first word that it does not know, which may be a token.
	if err := firstWord(root, args[0]); err != nil {
		return fail(&io, "", err, slices.Contains(args, "--json"))
	}
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	var code told
	switch {
	case err == nil:
		return deploy.Done
	case errors.As(err, &code):
		return int(code)
	}
	if exitOf(err) == deploy.Usage {
		err = located(&io, err)
	}
	return fail(&io, c.Name(), err, wantsJSON(c, args))
}

// wantsJSON reports whether --json counts, also where the flags could not be
// read to their end.
func wantsJSON(c *cobra.Command, args []string) bool {
	f := c.Flags().Lookup("json")
	return f != nil && (f.Value.String() == "true" || slices.Contains(args, "--json"))
}

// told is the exit code of a verb that has already said why.
type told int

func (t told) Error() string { return fmt.Sprintf("exit %d", int(t)) }

// exit is code as a verb returns it.
func exit(code int) error {
	if code == deploy.Done {
		return nil
	}
	return told(code)
}

// usageError is a wrong command line.
type usageError struct{ why string }

func (e *usageError) Error() string { return e.why }

func wrong(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// exitOf is the exit code of err.
func exitOf(err error) int {
	var u *usageError
	var p *profile.Error
	if errors.As(err, &u) || errors.As(err, &p) {
		return deploy.Usage
	}
	return deploy.ExitOf(err)
}

// fail prints err as one sentence, and as an object where JSON is asked for,
// and returns its exit code.
func fail(io *stdio, name string, err error, asJSON bool) int {
	say(io, name, err)
	code := exitOf(err)
	if asJSON {
		printJSON(io, failure{Exit: code, Error: err.Error()})
	}
	return code
}

// failure is what --json prints in the place of a result.
type failure struct {
	Exit  int    `json:"exit"`
	Error string `json:"error"`
}

// say prints err as one sentence.
func say(io *stdio, name string, err error) {
	line(io.err, "%s: %v", strings.TrimSpace("ground "+name), err)
}

func printJSON(io *stdio, v any) {
	e := json.NewEncoder(io.out)
	e.SetIndent("", "  ")
	e.Encode(v)
}

// verbs are all commands, in the order of a deployment.
func verbs(io *stdio) []*cobra.Command {
	return []*cobra.Command{
		planCommand(io), deployCommand(io), statusCommand(io), cancelCommand(io),
		satellitesCommand(io), aboardCommand(io), slotsCommand(io), surveyCommand(io),
		reviewCommand(io), getCommand(io),
		configCommand(io), completionCommand(io), manCommand(io), versionCommand(io),
	}
}
