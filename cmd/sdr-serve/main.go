// Sdr-serve shares a file system over HTTP until its window ends.
package main

import (
	"payload-ipc/cmd/sdr-serve/app"
	"payload-ipc/pkg/agent"
)

func main() { agent.Main(app.Run) }
