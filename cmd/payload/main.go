// Payload is both agents in one program, for the hand-over (design section 8):
// its first argument says which one.
package main

import (
	"context"
	"errors"

	fetch "payload-ipc/cmd/sabertooth-fetch/app"
	serve "payload-ipc/cmd/sdr-serve/app"
	"payload-ipc/pkg/agent"
)

func main() { agent.Main(run) }

func run(ctx context.Context, args []string, std agent.Stdio) int {
	got := "nothing"
	if len(args) > 0 {
		switch args[0] {
		case "sdr-serve":
			return serve.Run(ctx, args[1:], std)
		case "sabertooth-fetch":
			return fetch.Run(ctx, args[1:], std)
		}
		got = agent.Safe(args[0])
	}
	c := agent.NewCommand("payload", "sdr-serve|sabertooth-fetch [flags]")
	code, _ := c.Parse(args, std, func() error {
		return errors.New("the first argument names the program, sdr-serve or sabertooth-fetch, got " + got)
	})
	return code
}
