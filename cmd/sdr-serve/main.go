// Command sdr-serve shares a file system over HTTP until its window ends.
package main

import "payload-ipc/pkg/flight/agent"

func main() { agent.Main(run) }
