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

// run is the program: flags to the package, rows to tables. Its exit code is 0 when nothing wrong was seen or there
// are no machines to be had, 1 when something was or it could not run, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	r := rehearsal.Rehearsal{Say: evidence.Progress(stderr)}
	flags := pflag.NewFlagSet("rehearse-vm", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&r.Cuts, "cuts", 1, "power cuts of the fetching machine: the first in the middle, the others at random instants")
	flags.IntVar(&r.Disks, "disks", 1, "disks as a cut at a random write leaves them when their drive forgets")
	flags.Uint64Var(&r.Seed, "seed", 1, "what instants and disks are drawn from")
	flags.StringVar(&r.Only, "only", "", "play one scenario: "+strings.Join(rehearsal.Scenarios(), ", "))
	flags.StringVar(&r.Bin, "bin", "bin/uplink", "directory of the packed programs")
	flags.StringVar(&r.Dir, "dir", "", "scratch; default in memory")
	flags.StringVar(&r.Keep, "keep", "tmp/rehearse-vm", "directory for disks and consoles of what went wrong")
	image := flags.String("image", "tmp/vm", "directory of what scripts/vm-image fetches")
	kernel := flags.String("kernel", os.Getenv("VM_KERNEL"), "an arm64 Image to boot instead (VM_KERNEL)")
	modules := flags.String("modules", os.Getenv("VM_MODULES"), "directory of its modules; none: virtio and ext4 are built in (VM_MODULES)")
	asJSON := flags.Bool("json", false, "a JSON line for each play")
	file := flags.String("evidence", "", "put the tables into this file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return 0
		}
		fmt.Fprintln(stderr, "rehearse-vm:", err)
		return 2
	}
	usage := ""
	switch {
	case flags.NArg() > 0:
		usage = fmt.Sprintf("%q: takes flags only", flags.Arg(0))
	case r.Cuts < 0 || r.Disks < 0:
		usage = "--cuts, --disks: want a number, 0 for none"
	case r.Only != "" && !slices.Contains(rehearsal.Scenarios(), r.Only):
		usage = fmt.Sprintf("--only: there is no scenario %q; there are %s", r.Only, strings.Join(rehearsal.Scenarios(), ", "))
	case *modules != "" && *kernel == "":
		usage = "--modules: goes with --kernel"
	}
	if usage != "" {
		fmt.Fprintln(stderr, "rehearse-vm:", usage)
		return 2
	}
	fail := func(err error) int {
		fmt.Fprintln(stderr, "rehearse-vm:", err)
		return 1
	}
	var err error
	if r.Image, err = vm.Open(*image, *kernel, *modules); errors.Is(err, vm.ErrMissing) && os.Getenv("REQUIRE_PEERS") != "1" {
		fmt.Fprintln(stderr, "rehearse-vm: skipped:", err)
		return 0
	} else if err != nil {
		return fail(err)
	}
	if r.Dir == "" {
		r.Dir = evidence.Scratch("rehearse-vm", 2<<30)
	}
	if r.Dir, err = filepath.Abs(r.Dir); err != nil {
		return fail(err)
	}
	for _, program := range []string{"sdr-serve", "sabertooth-fetch", "payload"} {
		if _, err := os.Stat(filepath.Join(r.Bin, program)); err != nil {
			return fail(fmt.Errorf("%w: build it with make uplink", err))
		}
	}
	begun, load := time.Now(), evidence.Load()
	rows, err := r.Run(ctx)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	t := rehearsal.Tally{Rows: rows, Took: time.Since(begun), Seed: r.Seed}
	if *asJSON {
		err = errors.Join(err, t.JSON(stdout))
	} else if len(rows) > 0 {
		fmt.Fprint(stdout, t.Text())
	}
	if err != nil {
		return fail(err)
	}
	if *file != "" {
		if err := evidence.Put(*file, "rehearse-vm", evidence.Machine(load)+"\n\n"+t.Text()); err != nil {
			return fail(err)
		}
	}
	if t.Bad() {
		return 1
	}
	return 0
}
