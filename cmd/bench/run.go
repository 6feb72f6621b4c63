package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"payload-ipc/pkg/proof/bench"
	"payload-ipc/pkg/proof/evidence"

	"github.com/spf13/pflag"
)

// run is the program: flags to the package, rows to tables. Its exit code is 0 when it ran and our fetcher delivered
// nothing wrong (with --strict: and every target holds), else 1; 2 for usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	b := bench.Bench{Say: evidence.Progress(stderr)}
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&b.Bin, "bin", "bin", "directory of the agents' programs")
	flags.IntVar(&b.Rounds, "rounds", 5, "how often each measurement is made")
	big := flags.Int64("big", 1024, "MiB of the big file")
	file := flags.Int64("file", 64, "MiB of the file that fetchers bring")
	verify := flags.Int64("verify", 256, "MiB that are fetched with digests, against curl")
	flags.IntVar(&b.Trials, "trials", 100, "of the time from accept to published")
	flags.DurationVar(&b.Load, "load", time.Second, "of one run of small requests")
	strict := flags.Bool("strict", false, "fail if a target does not hold")
	flags.StringVar(&b.Only, "only", "", "measure only servers, only fetchers, or only durable: fetchers on a disk that takes its time")
	flags.BoolVar(&b.Ours, "ours", false, "of the fetchers, measure only ours")
	asJSON := flags.Bool("json", false, "a JSON line for each target and each measurement")
	doc := flags.String("evidence", "", "put tables and pictures into this file and beside it")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return 0
		}
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	if flags.NArg() > 0 || b.Rounds < 1 || *big < 1 || *file < 1 || *verify < 1 || b.Trials < 1 {
		fmt.Fprintln(stderr, "bench: takes flags only, with numbers above 0")
		return 2
	}
	b.Big, b.Fetch, b.Verify = *big<<20, *file<<20, *verify<<20
	fail := func(err error) int {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	var err error
	if b.Bin, err = filepath.Abs(b.Bin); err != nil {
		return fail(err)
	}
	for _, program := range []string{"sdr-serve", "sabertooth-fetch"} {
		if _, err := os.Stat(filepath.Join(b.Bin, program)); err != nil {
			return fail(fmt.Errorf("%w: build it with make", err))
		}
	}
	b.Dir, err = filepath.Abs(evidence.Scratch("bench", b.Big+2*b.Verify+8*b.Fetch))
	if err != nil {
		return fail(err)
	}
	load, begin := evidence.Load(), time.Now()
	r, err := b.Run(ctx)
	if err != nil {
		return fail(err)
	}
	took := fmt.Sprintf("%s\n%s took %s with ", evidence.Machine(load), "The whole", time.Since(begin).Round(time.Second))
	durable := evidence.Machine(load) + "\n\n" + r.Durable(b)
	text := took + r.Text(b) + "\n" + r.Durable(b)
	if b.Only == "durable" {
		text = durable
	}
	if *asJSON {
		err = r.JSON(stdout, b)
	} else {
		_, err = fmt.Fprint(stdout, text)
	}
	if err != nil {
		return fail(err)
	}
	if *doc != "" {
		if err := evidence.Put(*doc, "durable", durable); err != nil {
			return fail(err)
		}
		if b.Only == "durable" {
			return 0
		}
		if err := evidence.Put(*doc, "bench", took+r.Text(b)); err != nil {
			return fail(err)
		}
		for name, svg := range r.Charts() {
			if err := evidence.Draw(*doc, name, svg); err != nil {
				return fail(err)
			}
		}
	}
	if r.Wrong() > 0 {
		return fail(errors.New("sabertooth-fetch delivered something wrong"))
	}
	if why := r.Broken(); why != "" {
		return fail(errors.New("sdr-serve: " + why))
	}
	if *strict {
		for _, t := range r.Targets(b.Verify) {
			if t.Known && !t.Holds {
				return fail(errors.New("does not hold: " + t.What))
			}
		}
	}
	return 0
}
