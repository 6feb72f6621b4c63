package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/ground/plan"
)

const usage = `usage: mockfm [flags]

A satellite on your desk: the Tasking API, payloads that run what was uploaded
when their windows open, and the bucket that their outboxes end up in.

`

// anID is what a satellite may be called: it is part of the names of files.
var anID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]*$`)

// listens reports whether a server can be told to listen there, a port of 0
// being any.
func listens(address string) bool {
	_, port, err := net.SplitHostPort(address)
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil
}

// check refuses what a Mock would take for nothing given, and replace, and what
// it could not begin with.
func check(fs *pflag.FlagSet, cfg mockfm.Config) error {
	for _, d := range []struct {
		flag string
		bad  bool
		want string
	}{
		{"contact-every", cfg.ContactEvery <= 0, "above zero, such as 6h"},
		{"warp-after", cfg.WarpAfter <= 0, "above zero, such as 2s"},
		{"syslog-rate", cfg.SyslogRate <= 0, "1 or more"},
		{"syslog-rotate", cfg.SyslogRotate == 0, "such as 25s; a negative one is never"},
		{"token", cfg.Token == "" && fs.Changed("token"), "a token; left out, any is accepted"},
		{"satellites", len(cfg.Satellites) == 0 || slices.ContainsFunc(cfg.Satellites, func(id string) bool { return !anID.MatchString(id) }), "ids, such as FM1,FM2"},
		{"satellites", len(slices.Compact(slices.Sorted(slices.Values(cfg.Satellites)))) < len(cfg.Satellites), "each once"},
		{"sandbox", !slices.Contains([]string{"auto", "namespaces", "plain"}, cfg.Sandbox), "auto, namespaces or plain"},
		{"listen", !listens(cfg.Listen), "an address and a port, such as 127.0.0.1:8600"},
		{"s3-listen", !listens(cfg.S3Listen), "an address and a port, such as 127.0.0.1:8601"},
	} {
		if d.bad {
			return fmt.Errorf("--%s: want %s", d.flag, d.want)
		}
	}
	return nil
}

// run returns 0 after a signal, 1 if it could not start or end well, 2 for
// wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cfg mockfm.Config
	var faults []string
	var rate string
	fs := pflag.NewFlagSet("mockfm", pflag.ContinueOnError)
	fs.SetOutput(stdout) // of --help
	fs.SortFlags = false
	fs.StringVar(&cfg.Listen, "listen", "127.0.0.1:8600", "Tasking API and page")
	fs.StringVar(&cfg.S3Listen, "s3-listen", "127.0.0.1:8601", "S3 endpoint of bucket "+mockfm.Bucket)
	fs.StringVar(&cfg.Token, "token", "", "the one token to accept (default: any)")
	fs.StringSliceVar(&cfg.Satellites, "satellites", []string{"FM1"}, "satellite ids")
	fs.StringVar(&cfg.State, "state", "tmp/mockfm", "directory for everything, emptied at start")
	fs.StringVar(&rate, "uplink-rate", "125KB", "bytes a day that go up")
	fs.DurationVar(&cfg.ContactEvery, "contact-every", 6*time.Hour, "time between contacts")
	fs.StringVar(&cfg.Sandbox, "sandbox", "auto", "auto, namespaces or plain")
	fs.StringVar(&cfg.Disk, "disk", "emmc", "what payloads stand on: emmc, sdcard (a worn one) or memory (no time)")
	fs.Uint64Var(&cfg.Seed, "seed", 1, "of what a disk forgets and when it stalls")
	fs.StringVar(&cfg.Emulator, "emulator", "qemu-aarch64-static", "runs arm64 programs")
	fs.BoolVar(&cfg.Warp, "warp", false, "while no window is open, jump to the next event")
	fs.DurationVar(&cfg.WarpAfter, "warp-after", 2*time.Second, "... once nothing was uploaded, scheduled or deleted for so long")
	syslog := fs.String("syslog-size", "8KB", "bytes the SDR's syslog starts with")
	fs.IntVar(&cfg.SyslogRate, "syslog-rate", 40, "lines a second it grows by during windows")
	fs.DurationVar(&cfg.SyslogRotate, "syslog-rotate", 25*time.Second, "it is renamed to syslog.1 so often; negative: never")
	fs.StringArrayVar(&faults, "fault", nil, "what goes wrong, may be repeated (grammar below)")
	fs.Usage = func() {
		fmt.Fprint(stdout, usage, fs.FlagUsages(), "\n--fault SPEC is ", mockfm.FaultHelp, "\n")
	}
	err := fs.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err == nil {
		if _, derr := flash.Preset(cfg.Disk); derr != nil {
			err = fmt.Errorf("--disk: %v", derr)
		}
	}
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("%q is not a flag, and flags are all there is", fs.Arg(0))
	}
	if err == nil {
		err = check(fs, cfg)
	}
	if err == nil {
		if cfg.UplinkRate, err = plan.ParseSize(rate); err != nil {
			err = fmt.Errorf("--uplink-rate: %v", err)
		}
	}
	if err == nil {
		if cfg.SyslogSize, err = plan.ParseSize(*syslog); err != nil {
			err = fmt.Errorf("--syslog-size: %v", err)
		}
	}
	for _, text := range faults {
		f, ferr := mockfm.ParseFault(text)
		if ferr != nil && err == nil {
			err = fmt.Errorf("--fault: %v", ferr)
		}
		cfg.Faults = append(cfg.Faults, f)
	}
	if err != nil {
		fmt.Fprintf(stderr, "mockfm: %s; see mockfm --help\n", strings.TrimSpace(err.Error()))
		return 2
	}
	cfg.Event = func(e mockfm.Event) { fmt.Fprintln(stdout, e) }
	m := mockfm.New(cfg)
	if err := m.Start(); err != nil {
		fmt.Fprintf(stderr, "mockfm: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "api %s\ns3 %s\nsandbox %s\nstate %s\n", m.URL(), m.S3URL(), m.Sandbox(), cfg.State)
	if err := m.Disk(); err == nil {
		fmt.Fprintf(stdout, "disk %s\n", cfg.Disk)
	} else {
		fmt.Fprintf(stdout, "disk this machine's: fast, and a power cut keeps what nobody synced: %v\n", err)
	}
	if how, err := m.Foreign(); err == nil {
		fmt.Fprintf(stdout, "arm64 yes %s\n", how)
	} else {
		fmt.Fprintf(stdout, "arm64 no: %v\n", err)
	}
	<-ctx.Done()
	if err := m.Close(); err != nil {
		fmt.Fprintf(stderr, "mockfm: %v\n", err)
		return 1
	}
	return 0
}
