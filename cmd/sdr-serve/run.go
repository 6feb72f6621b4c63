package main

import (
	"context"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/sdrserve"
)

func run(ctx context.Context, args []string, std agent.Stdio) int {
	return sdrserve.Run(ctx, args, std)
}
