// Command bench measures the agents beside their peers:
// docs/evidence.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"payload-ipc/pkg/bench/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := app.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
