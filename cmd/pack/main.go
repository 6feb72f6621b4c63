// Command pack rewrites flight programs; scripts/pack and the Makefile call it.
//
//	pack strip FILE     takes names, lines and the list of modules out of FILE, in place
//	pack filter FILE    writes FILE filtered for xz to standard output
//	pack patch OLD NEW  writes what makes NEW out of OLD to standard output
//
// A program of a Go release that strip does not know stays as it is; filter
// exits 3 then.
package main

import (
	"errors"
	"fmt"
	"os"

	"payload-ipc/pkg/ground/pack"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		if errors.Is(err, pack.ErrForm) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}
