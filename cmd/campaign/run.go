package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"payload-ipc/pkg/proof/campaign"
	"payload-ipc/pkg/proof/evidence"

	"github.com/spf13/pflag"
)

// options are what the flags say.
type options struct {
	campaign.Campaign
	soak   time.Duration // no passes, but a soak for so long
	cuts   int           // no passes, but directories, cut off so often
	one    int           // the one pass that is played, 0: all
	asJSON bool
	file   string // that gets the tables
}

// errBad: the table says what is.
var errBad = errors.New("our agents did what they must never do")

// run is the program: flags to the package, rows to tables. Its exit code is 0 when nothing bad was seen, 1 when
// something was or it could not run, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 2 && args[0] == "supervisor" { // aboard, in a payload
		if err := campaign.Supervise(ctx, args[1]); err != nil {
			fmt.Fprintln(stderr, "campaign supervisor:", err)
			return 1
		}
		return 0
	}
	o, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "campaign:", err)
		return 2
	}
	name, play := "campaign", o.play
	switch {
	case o.soak > 0:
		name, play = "campaign --soak", o.playSoak
	case o.cuts > 0:
		name, play = "campaign --cuts", o.playCuts
	}
	switch err := play(ctx, stdout); {
	case err == nil:
		return 0
	case errors.Is(err, campaign.ErrNotHere) && os.Getenv("REQUIRE_PEERS") != "1":
		fmt.Fprintf(stderr, "%s: skipped: %v\n", name, err)
		return 0
	case err != errBad:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
	}
	return 1
}

func parse(args []string, stdout, stderr io.Writer) (o options, err error) {
	flags := pflag.NewFlagSet("campaign", pflag.ContinueOnError)
	flags.SetOutput(stdout) // of --help
	flags.Uint64Var(&o.Seed, "seed", 1, "what all faults are drawn from")
	flags.IntVar(&o.Passes, "passes", 300, "how many")
	flags.StringVar(&o.With, "with", "", "only passes with this fault, such as power or 'disk errors'")
	flags.IntVar(&o.Parallel, "parallel", 16, "how many at a time")
	flags.DurationVar(&o.Budget, "budget", 19*time.Minute, "begin no pass after it")
	flags.BoolVar(&o.Old, "old", true, "also play the old commands")
	flags.StringVar(&o.Bin, "bin", "bin", "directory of the agents' programs")
	flags.StringVar(&o.Dir, "dir", "", "scratch; default in memory, for a dozen passes at once would wait for one disk")
	flags.StringVar(&o.Keep, "keep", "tmp/campaign", "directory for the stories of bad passes")
	flags.DurationVar(&o.soak, "soak", 0, "no passes: windows back to back for so long, and what of them piles up")
	flags.IntVar(&o.cuts, "cuts", 0, "no passes: directories, as files and as archives, in windows that are cut off so often in all")
	flags.StringVar(&o.file, "evidence", "", "put the tables into this file, the picture beside it")
	flags.BoolVar(&o.asJSON, "json", false, "a JSON line for each pass of each contender, or for each level of a soak")
	flags.IntVar(&o.one, "pass", 0, "play this pass alone and tell its story")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q: takes flags only", flags.Arg(0))
	case o.Passes < 1 || o.Parallel < 1:
		err = errors.New("--passes, --parallel: want numbers above 0")
	case o.soak < 0 || o.one < 0 || o.cuts < 0:
		err = errors.New("--soak, --pass, --cuts: want numbers above 0, or nothing")
	default:
		err = o.Check()
	}
	o.Progress = evidence.Progress(stderr)
	return o, err
}

// play plays the campaign and prints its table.
func (o options) play(ctx context.Context, stdout io.Writer) (err error) {
	c := o.Campaign
	if c.Dir == "" {
		c.Dir = evidence.Scratch("campaign", 2<<30)
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return err
	}
	if c.Self, err = os.Executable(); err != nil {
		return err
	}
	c.First = 1
	if o.one > 0 {
		c.First, c.Passes, c.Story, c.Progress = o.one, 1, stdout, nil
	}
	begin, load := time.Now(), evidence.Load()
	rows, err := c.Run(ctx)
	t := campaign.Tally(rows)
	switch {
	case len(rows) == 0:
	case o.asJSON:
		err = errors.Join(err, t.JSON(stdout))
	default:
		fmt.Fprint(stdout, t.Text(c, time.Since(begin)))
	}
	if err == nil && o.file != "" {
		err = t.Publish(o.file, c, time.Since(begin), load)
	}
	if err == nil && t.Bad() {
		err = errBad
	}
	return err
}

// playSoak soaks and prints the levels.
func (o options) playSoak(ctx context.Context, stdout io.Writer) error {
	s := campaign.Soak{For: o.soak, Bin: o.Bin, Dir: o.Dir, Say: o.Progress}
	if s.Dir == "" {
		s.Dir = evidence.Scratch("soak", 2<<30)
	}
	load := evidence.Load()
	l, err := s.Run(ctx)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = l.JSON(stdout)
	} else {
		_, err = fmt.Fprint(stdout, l.Text())
	}
	if err == nil && o.file != "" {
		err = evidence.Put(o.file, "soak", evidence.Machine(load)+"\n\n"+l.Text())
	}
	if err == nil && !l.Flat() {
		err = errBad
	}
	return err
}

// playCuts plays directories and prints what was seen of them.
func (o options) playCuts(ctx context.Context, stdout io.Writer) error {
	c := campaign.Cuts{Seed: o.Seed, Cuts: o.cuts, First: 1, Parallel: o.Parallel, Bin: o.Bin, Dir: o.Dir, Keep: o.Keep, Say: o.Progress}
	if o.one > 0 {
		c.First, c.Plays = o.one, 1
	}
	if c.Dir == "" {
		c.Dir = evidence.Scratch("cuts", 1<<30)
	}
	load := evidence.Load()
	t, err := c.Run(ctx)
	if err != nil {
		return err
	}
	if o.one > 0 && len(t.Plays) > 0 {
		fmt.Fprint(stdout, t.Plays[0].Story)
	}
	if o.asJSON {
		err = t.JSON(stdout)
	} else {
		_, err = fmt.Fprint(stdout, t.Text(c))
	}
	if err == nil && o.file != "" {
		err = evidence.Put(o.file, "cuts", evidence.Machine(load)+"\n\n"+t.Text(c))
	}
	if err == nil && t.Bad() {
		err = errBad
	}
	return err
}
