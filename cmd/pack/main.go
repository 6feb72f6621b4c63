// Command pack rewrites flight programs; scripts/pack and the Makefile call it.
//
//	pack strip FILE     takes the line tables out of FILE, in place
//	pack filter FILE    writes FILE filtered for xz to standard output
//	pack patch OLD NEW  writes what makes NEW out of OLD to standard output
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

const usage = "usage: pack strip FILE | pack filter FILE | pack patch OLD NEW"

func run(args []string, stdout io.Writer) error {
	var files [][]byte
	for _, name := range args[min(1, len(args)):] {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, b)
	}
	if len(files) == 0 || len(files) != map[string]int{"strip": 1, "filter": 1, "patch": 2}[args[0]] {
		return errors.New(usage)
	}
	var out []byte
	var err error
	switch args[0] {
	case "strip":
		if err = pack.Strip(files[0]); err == nil {
			return os.WriteFile(args[1], files[0], 0o755)
		}
	case "filter":
		out, err = pack.Filter(files[0])
	case "patch":
		out, err = pack.Patch(files[0], files[1])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	_, err = stdout.Write(out)
	return err
}
