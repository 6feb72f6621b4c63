package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"payload-ipc/pkg/flight/agent"
)

// manCommand writes the manual pages; make man calls it.
func manCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Hidden: true,
		Short:  "write the manual pages into a directory",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrong("give one directory")
			}
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return fmt.Errorf("cannot write the manual: %w; give another directory", err)
			}
			c.Root().DisableAutoGenTag = true
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Section: "1", Source: "payload-ipc " + agent.Version, Manual: "payload-ipc"}, args[0])
		},
	}
}
