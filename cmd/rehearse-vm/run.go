package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/desk/vm"
	"payload-ipc/pkg/proof/evidence"
	"payload-ipc/pkg/proof/rehearsal"

	"github.com/spf13/pflag"
)

// options are what the flags say.
type options struct {
	rehearsal.Rehearsal
	image, kernel, modules string
	asJSON                 bool
	file                   string // that gets the tables
}

// errBad: the rows say what is wrong.
var errBad = errors.New("a promise was not kept")

// run is the program: flags to the package, rows to tables. Its exit code is 0 when nothing wrong was seen or there
// are no machines to be had, 1 when something was or it could not run, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "rehearse-vm:", err)
		return 2
	}
	switch err := o.play(ctx, stdout); {
	case err == nil:
		return 0
	case errors.Is(err, vm.ErrMissing) && os.Getenv("REQUIRE_PEERS") != "1":
		fmt.Fprintln(stderr, "rehearse-vm: skipped:", err)
		return 0
	case err != errBad:
		fmt.Fprintln(stderr, "rehearse-vm:", err)
	}
	return 1
}

func parse(args []string, stdout, stderr io.Writer) (o *options, err error) {
	o = &options{Rehearsal: rehearsal.Rehearsal{Say: evidence.Progress(stderr)}}
	flags := pflag.NewFlagSet("rehearse-vm", pflag.ContinueOnError)
	flags.SetOutput(stdout) // of --help
	flags.IntVar(&o.Cuts, "cuts", 1, "power cuts of the fetching machine: the first in the middle, the others at random instants")
	flags.IntVar(&o.Disks, "disks", 1, "disks as a cut at a random write leaves them when their drive forgets")
	flags.Uint64Var(&o.Seed, "seed", 1, "what instants and disks are drawn from")
	flags.StringVar(&o.Only, "only", "", "play one scenario: "+strings.Join(rehearsal.Scenarios(), ", "))
	flags.StringVar(&o.Bin, "bin", "bin/uplink", "directory of the packed programs")
	flags.StringVar(&o.Dir, "dir", "", "scratch; default in memory")
	flags.StringVar(&o.Keep, "keep", "tmp/rehearse-vm", "directory for disks and consoles of what went wrong")
	flags.StringVar(&o.image, "image", "tmp/vm", "directory of what scripts/vm-image fetches")
	flags.StringVar(&o.kernel, "kernel", os.Getenv("VM_KERNEL"), "an arm64 Image to boot instead (VM_KERNEL)")
	flags.StringVar(&o.modules, "modules", os.Getenv("VM_MODULES"), "directory of its modules; none: virtio and ext4 are built in (VM_MODULES)")
	flags.BoolVar(&o.asJSON, "json", false, "a JSON line for each play")
	flags.StringVar(&o.file, "evidence", "", "put the tables into this file")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q: takes flags only", flags.Arg(0))
	case o.Cuts < 0 || o.Disks < 0:
		err = errors.New("--cuts, --disks: want a number, 0 for none")
	case o.Only != "" && !slices.Contains(rehearsal.Scenarios(), o.Only):
		err = fmt.Errorf("--only: there is no scenario %q; there are %s", o.Only, strings.Join(rehearsal.Scenarios(), ", "))
	case o.modules != "" && o.kernel == "":
		err = errors.New("--modules: goes with --kernel")
	}
	return o, err
}

// play plays the rehearsal and prints its rows.
func (o *options) play(ctx context.Context, stdout io.Writer) (err error) {
	if o.Image, err = vm.Open(o.image, o.kernel, o.modules); err != nil {
		return err
	}
	if o.Dir == "" {
		o.Dir = evidence.Scratch("rehearse-vm", 2<<30)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	for _, program := range []string{"sdr-serve", "sabertooth-fetch", "payload"} {
		if _, err := os.Stat(filepath.Join(o.Bin, program)); err != nil {
			return fmt.Errorf("%w: build it with make uplink", err)
		}
	}
	begun, load := time.Now(), evidence.Load()
	rows, err := o.Run(ctx)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	t := rehearsal.Tally{Rows: rows, Took: time.Since(begun), Seed: o.Seed}
	if o.asJSON {
		err = errors.Join(err, t.JSON(stdout))
	} else if len(rows) > 0 {
		fmt.Fprint(stdout, t.Text())
	}
	if err == nil && o.file != "" {
		err = evidence.Put(o.file, "rehearse-vm", evidence.Machine(load)+"\n\n"+t.Text())
	}
	if err == nil && t.Bad() {
		err = errBad
	}
	return err
}
