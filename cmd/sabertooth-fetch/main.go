// Command sabertooth-fetch brings files from the SDR into /outbox.
package main

import "payload-ipc/pkg/flight/agent"

func main() { agent.Main(run) }
