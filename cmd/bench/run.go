package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"payload-ipc/pkg/proof/bench"
	"payload-ipc/pkg/proof/evidence"

	"github.com/spf13/pflag"
)

// options are what the flags say.
type options struct {
	bench.Bench
	strict bool
	asJSON bool
	file   string // that gets tables and pictures
}

// run is the program: flags to the package, samples to tables. Its exit code is 0 when it ran and our fetcher delivered
// nothing wrong (with --strict: and every target holds), else 1; 2 for usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	if err := o.measure(ctx, stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout, stderr io.Writer) (o options, err error) {
	o.Say = evidence.Progress(stderr)
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SetOutput(stdout) // of --help
	flags.StringVar(&o.Bin, "bin", "bin", "directory of the agents' programs")
	flags.IntVar(&o.Rounds, "rounds", 5, "how often each measurement is made")
	big := flags.Int64("big", 1024, "MiB of the big file")
	file := flags.Int64("file", 64, "MiB of the file that fetchers bring")
	verify := flags.Int64("verify", 256, "MiB that are fetched with digests, against curl")
	flags.IntVar(&o.Trials, "trials", 100, "of the time from accept to published")
	flags.DurationVar(&o.Load, "load", time.Second, "of one run of small requests")
	flags.BoolVar(&o.strict, "strict", false, "fail if a target does not hold")
	flags.StringVar(&o.Only, "only", "", "measure only servers, fetchers, directory (many small files), or durable: fetchers on a disk that takes its time")
	flags.BoolVar(&o.Ours, "ours", false, "of the fetchers, measure only ours")
	flags.BoolVar(&o.asJSON, "json", false, "a JSON line for each target and each measurement")
	flags.StringVar(&o.file, "evidence", "", "put tables and pictures into this file and beside it")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	const most = 1 << 20 // MiB, so that no number of bytes overflows
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q: takes flags only", flags.Arg(0))
	case o.Rounds < 1 || o.Trials < 1 || o.Load <= 0:
		err = errors.New("--rounds, --trials, --load: want numbers above 0")
	case min(*big, *file, *verify) < 1 || max(*big, *file, *verify) > most:
		err = errors.New("--big, --file, --verify: want MiB above 0, at most a million")
	case !slices.Contains([]string{"", "servers", "fetchers", "directory", "durable"}, o.Only):
		err = fmt.Errorf("--only: there are servers, fetchers, directory and durable, not %q", o.Only)
	}
	o.Big, o.Fetch, o.Verify = *big<<20, *file<<20, *verify<<20
	return o, err
}

// measure runs the bench, prints its result, and judges it.
func (o options) measure(ctx context.Context, stdout io.Writer) (err error) {
	if o.Bin, err = filepath.Abs(o.Bin); err != nil {
		return err
	}
	for _, program := range []string{"sdr-serve", "sabertooth-fetch"} {
		if _, err := os.Stat(filepath.Join(o.Bin, program)); err != nil {
			return fmt.Errorf("%w: build it with make", err)
		}
	}
	if o.Dir, err = filepath.Abs(evidence.Scratch("bench", o.Big+2*o.Verify+8*o.Fetch)); err != nil {
		return err
	}
	load, begin := evidence.Load(), time.Now()
	r, err := o.Run(ctx)
	if err != nil {
		return err
	}
	whole := fmt.Sprintf("%s\nThe whole took %s with %s", evidence.Machine(load), time.Since(begin).Round(time.Second), r.Text(o.Bench))
	durable := evidence.Machine(load) + "\n\n" + r.Durable(o.Bench)
	switch {
	case o.asJSON:
		err = r.JSON(stdout, o.Bench)
	case o.Only == "durable":
		_, err = fmt.Fprint(stdout, durable)
	default:
		_, err = fmt.Fprint(stdout, whole+"\n"+r.Durable(o.Bench))
	}
	if err == nil && o.file != "" {
		err = o.publish(r, whole, durable)
	}
	if err != nil {
		return err
	}
	return o.judge(r)
}

// publish puts the result into the file. What has only been measured in part
// takes no other part's place.
func (o options) publish(r *bench.Results, whole, durable string) error {
	if err := evidence.Put(o.file, "durable", durable); err != nil || o.Only == "durable" {
		return err
	}
	if err := evidence.Put(o.file, "bench", whole); err != nil {
		return err
	}
	for name, svg := range r.Charts() {
		if err := evidence.Draw(o.file, name, svg); err != nil {
			return err
		}
	}
	return nil
}

// judge says what a result has that none may have.
func (o options) judge(r *bench.Results) error {
	if r.Wrong() > 0 {
		return errors.New("sabertooth-fetch delivered something wrong")
	}
	if why := r.Broken(); why != "" {
		return errors.New("sdr-serve: " + why)
	}
	if o.strict {
		for _, t := range r.Targets(o.Verify) {
			if t.Known && !t.Holds {
				return errors.New("does not hold: " + t.What)
			}
		}
	}
	return nil
}
