// Command pack rewrites flight programs; scripts/pack and the Makefile call it.
//
//	pack strip FILE     takes the line tables out of FILE, in place
//	pack filter FILE    writes FILE filtered for xz to standard output
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"payload-ipc/pkg/pack"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return errors.New("usage: pack strip FILE | pack filter FILE")
	}
	b, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "strip":
		if err := pack.Strip(b); err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		return os.WriteFile(args[1], b, 0o755)
	case "filter":
		f, err := pack.Filter(b)
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		_, err = stdout.Write(f)
		return err
	}
	return fmt.Errorf("unknown verb %q; usage: pack strip FILE | pack filter FILE", args[0])
}
