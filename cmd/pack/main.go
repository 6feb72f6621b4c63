// Command pack rewrites flight programs; scripts/pack and the Makefile call it.
//
//	pack strip FILE     takes the line tables and the list of modules out of FILE, in place
//	pack filter FILE    writes FILE filtered for xz to standard output
//	pack patch OLD NEW  writes what makes NEW out of OLD to standard output
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}
