package vm

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A module of the kernel.
type module struct {
	name string // ext4.ko
	body []byte
}

// load reads the modules called names, and those that they depend on, from the
// tree dir, in an order in which they can be loaded. A name that has no file is
// built in.
func load(dir string, names []string) (list []module, err error) {
	files := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(d.Name(), ".ko"); ok {
			files[moduleName(name)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		name = moduleName(name)
		path, ok := files[name]
		if !ok || seen[name] {
			return nil
		}
		seen[name] = true
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		needs, err := depends(body)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, n := range needs {
			if err := add(n); err != nil {
				return err
			}
		}
		list = append(list, module{name + ".ko", body})
		return nil
	}
	for _, n := range names {
		if err := add(n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// moduleName is the one spelling: file names have either.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// depends reads which modules must be there before this one, from the section
// .modinfo: strings NAME=VALUE, each with a zero behind it.
func depends(body []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("no module: it has no .modinfo")
	}
	info, err := s.Data()
	if err != nil {
		return nil, err
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
