package vm

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// multiarch is the directory of Debian's libraries for arm64, in which the
// dynamic linker looks without being told.
const multiarch = "aarch64-linux-gnu"

// loader is the dynamic linker of arm64, by the name that stands in programs.
const loader = "ld-linux-aarch64.so.1"

// program adds a program of the Debian tree root to what a payload has, and the
// libraries it needs.
func (a *archive) program(root, name string) error {
	body, err := find(root, name, "bin", "usr/bin")
	if err != nil {
		return err
	}
	a.file("payload/bin/"+name, 0o755, body)
	return a.libraries(root, body)
}

// libraries adds the libraries that body, an ELF file, needs, and what they need.
func (a *archive) libraries(root string, body []byte) error {
	f, err := elf.NewFile(bytes.NewReader(body))
	if err != nil {
		return err
	}
	names, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, name := range names {
		at := "payload/lib/" + multiarch + "/" + name
		if name == loader {
			at = "payload/lib/" + name
		}
		if a.has[at] {
			continue
		}
		library, err := find(root, name, "lib/"+multiarch, "usr/lib/"+multiarch)
		if err != nil {
			return err
		}
		a.file(at, 0o755, library)
		if err := a.libraries(root, library); err != nil {
			return err
		}
	}
	return nil
}

// find reads name from the first of dirs that has it.
func find(root, name string, dirs ...string) ([]byte, error) {
	for _, d := range dirs {
		body, err := os.ReadFile(filepath.Join(root, d, name))
		if !errors.Is(err, os.ErrNotExist) {
			return body, err
		}
	}
	return nil, fmt.Errorf("%s holds no %s: delete it, scripts/vm-image fetches it again", root, name)
}
