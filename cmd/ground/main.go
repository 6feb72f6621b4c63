// Command ground plans, deploys, follows, cancels and reviews runs of the
// payload programs. See docs/operations.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := context.WithCancel(context.Background())
	hold, leave := context.WithCancel(context.Background())
	if len(os.Args) > 1 && slices.Contains([]string{"deploy", "survey", "cancel"}, os.Args[1]) {
		// A reader that goes away must not end the work between two windows.
		signal.Ignore(syscall.SIGPIPE)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals // the first: stop, and roll back
		stop()
		<-signals // the second: leave at once, and say what is left
		leave()
		<-signals
		os.Exit(1)
	}()
	os.Exit(run(ctx, os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, self: os.Args[0], hold: hold}))
}
