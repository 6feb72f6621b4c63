package main

import (
	"context"
	"errors"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/sabertooth"
	"payload-ipc/pkg/flight/sdrserve"
)

func run(ctx context.Context, args []string, std agent.Stdio) int {
	got := "nothing"
	if len(args) > 0 {
		switch args[0] {
		case "sdr-serve":
			return sdrserve.RunBoth(ctx, args[1:], std)
		case "sabertooth-fetch":
			return sabertooth.Run(ctx, args[1:], std)
		}
		got = agent.Safe(args[0])
	}
	c := agent.NewCommand("payload", "sdr-serve|sabertooth-fetch [flags]")
	code, _ := c.Parse(args, std, func() error {
		return errors.New("the first argument names the program, sdr-serve or sabertooth-fetch, got " + got)
	})
	return code
}
