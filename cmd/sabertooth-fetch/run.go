package main

import (
	"context"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/sabertooth"
)

func run(ctx context.Context, args []string, std agent.Stdio) int {
	return sabertooth.Run(ctx, args, std)
}
