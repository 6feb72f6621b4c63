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
	c := campaign.Campaign{}
	flags := pflag.NewFlagSet("campaign", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&c.Seed, "seed", 1, "what all faults are drawn from")
	flags.IntVar(&c.Passes, "passes", 300, "how many")
	flags.StringVar(&c.With, "with", "", "only passes with this fault, such as power or 'disk errors'")
	flags.IntVar(&c.Parallel, "parallel", 16, "how many at a time")
	flags.DurationVar(&c.Budget, "budget", 19*time.Minute, "begin no pass after it")
	flags.BoolVar(&c.Old, "old", true, "also play the old commands")
	flags.StringVar(&c.Bin, "bin", "bin", "directory of the agents' programs")
	flags.StringVar(&c.Dir, "dir", "", "scratch; default in memory, for a dozen passes at once would wait for one disk")
	flags.StringVar(&c.Keep, "keep", "tmp/campaign", "directory for the stories of bad passes")
	soak := flags.Duration("soak", 0, "no passes: windows back to back for so long, and what of them piles up")
	file := flags.String("evidence", "", "put the tables into this file, the picture beside it")
	asJSON := flags.Bool("json", false, "a JSON line for each pass of each contender, or for each level of a soak")
	one := flags.Int("pass", 0, "play this pass alone and tell its story")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return 0
		}
		fmt.Fprintln(stderr, "campaign:", err)
		return 2
	}
	if flags.NArg() > 0 || c.Passes < 1 || c.Parallel < 1 {
		fmt.Fprintln(stderr, "campaign: takes flags only, with numbers above 0")
		return 2
	}
	name := "campaign"
	if *soak > 0 {
		name = "soak"
	}
	if c.Dir == "" {
		c.Dir = evidence.Scratch(name, 2<<30)
	}
	fail := func(err error) int {
		fmt.Fprintln(stderr, "campaign:", err)
		return 1
	}
	if *soak > 0 {
		return runSoak(ctx, campaign.Soak{For: *soak, Bin: c.Bin, Dir: c.Dir, Say: evidence.Progress(stderr)}, *file, *asJSON, stdout, stderr)
	}
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	c.Self = self
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return fail(err)
	}
	if *one > 0 {
		c.First, c.Passes, c.Story = *one, 1, stdout
	} else {
		c.First, c.Progress = 1, evidence.Progress(stderr)
	}
	begin, load := time.Now(), evidence.Load()
	rows, err := c.Run(ctx)
	if errors.Is(err, campaign.ErrNotHere) && os.Getenv("REQUIRE_PEERS") != "1" {
		fmt.Fprintln(stderr, "campaign: skipped:", err)
		return 0
	}
	t := campaign.Tally(rows)
	switch {
	case len(rows) == 0:
	case *asJSON:
		err = errors.Join(err, t.JSON(stdout))
	default:
		fmt.Fprint(stdout, t.Text(c, time.Since(begin)))
	}
	if err != nil {
		return fail(err)
	}
	if *file != "" {
		if err := t.Publish(*file, c, time.Since(begin), load); err != nil {
			return fail(err)
		}
	}
	if t.Bad() {
		return 1
	}
	return 0
}

func runSoak(ctx context.Context, s campaign.Soak, file string, asJSON bool, stdout, stderr io.Writer) int {
	load := evidence.Load()
	l, err := s.Run(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "campaign --soak:", err)
		return 1
	}
	if asJSON {
		err = l.JSON(stdout)
	} else {
		_, err = fmt.Fprint(stdout, l.Text())
	}
	if err != nil {
		fmt.Fprintln(stderr, "campaign --soak:", err)
		return 1
	}
	if file != "" {
		if err := evidence.Put(file, "soak", evidence.Machine(load)+"\n\n"+l.Text()); err != nil {
			fmt.Fprintln(stderr, "campaign --soak:", err)
			return 1
		}
	}
	if !l.Flat() {
		return 1
	}
	return 0
}
