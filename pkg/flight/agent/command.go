package agent

import (
	"context"
	"errors"
	"io"
	"time"

	"payload-ipc/pkg/flight/sign"
	"payload-ipc/pkg/flight/window"

	"github.com/spf13/pflag"
)

// A Command is a payload program while its arguments are read. Flags gains
// the flags of the program; those that both programs have are there already.
type Command struct {
	Name  string
	Usage string // what follows the name in the synopsis
	Flags *pflag.FlagSet
	Key   *sign.Key // of --key or --key-file once Parse has returned, nil for none

	key      string
	keyFile  string
	until    Time
	duration time.Duration
	logPath  string
	logLevel string
	version  bool
}

// NewCommand returns the command name with the flags of docs/contract.md, "Both
// programs".
func NewCommand(name, usage string) *Command {
	c := &Command{Name: name, Usage: usage, Flags: pflag.NewFlagSet(name, pflag.ContinueOnError)}
	f := c.Flags
	f.SortFlags = false
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.Var(&c.until, "until", "when power may go: Unix seconds or RFC 3339")
	f.DurationVar(&c.duration, "for", 0, "the same, from the start of the process")
	f.StringVar(&c.key, "key", "", "64 hexadecimal digits: sign with this key, and take nothing that is not")
	f.StringVar(&c.keyFile, "key-file", "", "the same, from a file")
	f.StringVar(&c.logPath, "log", defaultLog(name), "append the log to this file, - for none")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&c.version, "version", false, "print the version and exit")
	return c
}

// Parse reads args and then asks check what else is wrong with them. When
// done is true the program ends with code: help or version was asked for, or
// something was refused, which one sentence on stderr and in the log tells.
func (c *Command) Parse(args []string, std Stdio, check func() error) (code int, done bool) {
	err := c.Flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		io.WriteString(std.Out, "usage: "+c.Name+" "+c.Usage+"\n"+c.Flags.FlagUsages())
		return ExitOK, true
	case err == nil && c.version:
		io.WriteString(std.Out, VersionLine(c.Name)+"\n")
		return ExitOK, true
	case err == nil && c.Flags.Changed("for") && c.duration <= 0:
		err = errors.New("--for: want a duration above 0, like 60s")
	}
	if err == nil {
		_, err = parseLevel(c.logLevel)
	}
	if err == nil {
		c.Key, err = c.readKey()
	}
	if err == nil && check != nil {
		err = check()
	}
	if err == nil {
		return 0, false
	}
	io.WriteString(std.Err, c.Name+": "+err.Error()+"\n")
	// The only place where the operator can see it.
	log := openLog(c.logPath, "error", io.Discard, window.Spec{}.Open())
	log.Error().Int("exit", ExitUsage).Msg(err.Error())
	log.Close(time.Second)
	return ExitUsage, true
}

// Start opens the window, which ctx ends early, and the log. The window ends
// closing before the program must be gone, which is window.Margin before power
// may go; with closing above 0, earlier where the log's syncs take long. The
// caller must call both Window.Close and Log.Close.
func (c *Command) Start(ctx context.Context, std Stdio, closing time.Duration) (*window.Window, *Log) {
	w := window.Spec{Until: c.until.Time, For: c.duration, Start: std.Start, Early: window.Margin + closing}.Open()
	w.CloseWith(ctx)
	log := openLog(c.logPath, c.logLevel, std.Err, w)
	log.closing.Store(int64(closing))
	return w, log
}
