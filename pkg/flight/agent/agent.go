// Package agent is what both payload programs share: streams, signals, exit
// codes, the log, the version and the flags that tell the window.
//
// The exit code of a program is reported nowhere and its standard streams are
// not downlinked (docs/platform.md, "Running user code"), so whatever ends a
// program is also a line in its log.
package agent

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/window"
)

// Exit codes that mean the same in both programs (docs/contract.md).
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// Version and Commit are set by the linker: the version that CHANGELOG.md
// begins with, and 9 hex digits of what the program is built from.
var (
	Version = "dev"
	Commit  = "unknown"
)

// VersionLine is what --version prints: name, version, commit, platform.
func VersionLine(name string) string {
	return name + " " + Version + " " + Commit + " " + runtime.GOOS + "/" + runtime.GOARCH
}

// Stdio is where a program speaks, and since when it has been there.
type Stdio struct {
	Out, Err io.Writer
	Start    time.Time // of its process; zero where a part of another process plays it
}

// Main runs run and exits with what it returns. The first of the signals by
// which others ask a program to end cancels ctx, which means that the window
// ends now; a second one exits at once. A closed stderr is no reason to die.
func Main(run func(ctx context.Context, args []string, std Stdio) int) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPWR)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		if s, ok := (<-signals).(syscall.Signal); ok {
			os.Exit(128 + int(s))
		}
	}()
	os.Exit(run(ctx, os.Args[1:], Stdio{os.Stdout, os.Stderr, window.ProcessStart()}))
}
