// Command payload is both agents in one program, for the hand-over (docs/contract.md,
// "What goes up"): its first argument says which one.
package main

import "payload-ipc/pkg/flight/agent"

func main() { agent.Main(run) }
