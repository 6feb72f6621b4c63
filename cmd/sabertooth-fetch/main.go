// Command sabertooth-fetch brings files from the SDR into /outbox.
package main

import (
	"payload-ipc/cmd/sabertooth-fetch/app"
	"payload-ipc/pkg/agent"
)

func main() { agent.Main(app.Run) }
