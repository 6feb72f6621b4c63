package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"payload-ipc/pkg/ground/pack"
)

const usage = "usage: pack strip FILE | pack filter FILE | pack patch OLD NEW"

func run(args []string, stdout, stderr io.Writer) error {
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
		err = pack.Strip(files[0])
		if errors.Is(err, pack.ErrForm) {
			fmt.Fprintf(stderr, "pack: %s stays as it is: %v\n", args[1], err)
			return nil
		}
		if err == nil {
			pack.ClearBuildInfo(files[0])
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
