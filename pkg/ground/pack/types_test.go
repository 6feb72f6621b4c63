package pack

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What reads the descriptions of types at run time reads the same of a stripped
// program, and names that only fields had, or methods nobody calls, are gone.
func TestStrippedTypes(t *testing.T) {
	for _, goarch := range []string{"arm64", "amd64", "386"} {
		for _, gcflags := range []string{plain, ""} {
			t.Run(goarch+" "+gcflags, func(t *testing.T) {
				t.Parallel()
				linked := buildOf(t, "types", goarch, gcflags)
				p := bytes.Clone(linked)
				if err := Strip(p); err != nil {
					t.Fatal(err)
				}
				again := bytes.Clone(p)
				if err := Strip(again); err != nil || !bytes.Equal(again, p) {
					t.Errorf("a stripped program changes once more: %v", err)
				}
				// As a name stands: no flags, its length, what it is.
				for name, is := range map[string]bool{
					"\x00\x05width":       goarch == "386", // a field's
					"\x00\x04shut":        true,            // of a method too
					"\x01\x04Open":        true,
					"\x00\x01_":           true,
					"\x00\x0bneverCalled": goarch == "386",
				} {
					if !bytes.Contains(linked, []byte(name)) || bytes.Contains(p, []byte(name)) != is {
						t.Errorf("%q is there: %t", name, !is)
					}
				}
				want, _, wantErr := run(t, goarch, linked, nil)
				got, errs, err := run(t, goarch, p, nil)
				if got != want || wantErr != nil || err != nil || len(want) < 1000 {
					t.Errorf("got %q, %v, %.300s, want %q, %v", got, err, errs, want, wantErr)
				}
			})
		}
	}
}

// The types of a program that reflects are left as they are.
func TestReflectingTypes(t *testing.T) {
	p := stripped(t, "arm64", plain)
	_, f, err := open(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, links := section(f, p, ".typelink"); !bytes.Contains(links, []byte{1}) {
		t.Error("the list of types is empty")
	}
}

// Descriptions that lead out of their place are refused, and nothing changes.
func TestRefusedTypes(t *testing.T) {
	p := buildOf(t, "types", "arm64", plain)
	_, f, err := open(p)
	if err != nil {
		t.Fatal(err)
	}
	module, words := section(f, p, ".go.module")
	links, _ := section(f, p, ".typelink")
	list := p[links.Offset:]
	typ := int(links.Offset) // of the first in the list
	for _, load := range f.Progs {
		if a := le.Uint64(words[8*moduleTypes:]) + uint64(le.Uint32(list)); a >= load.Vaddr && a < load.Vaddr+load.Filesz {
			typ = int(a - load.Vaddr + load.Off)
		}
	}
	for name, at := range map[string]int{
		"types end":    int(module.Offset) + 8*(moduleTypes+1) + 2,
		"list of many": int(module.Offset) + 8*(moduleTypelinks+1) + 4,
		"list":         int(module.Offset) + 8*moduleTypelinks + 5,
		"itabs":        int(module.Offset) + 8*moduleItablinks + 5,
		"type":         int(links.Offset) + 2,
		"element":      typ + typeSize + 5,
	} {
		b := bytes.Clone(p)
		b[at] ^= 0x7f
		before := bytes.Clone(b)
		if err := Strip(b); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%s: Strip refused it, and changed it", name)
		}
	}
}

// The places outside of package reflect that read what stripTypes takes out, or
// look at fields, and what for. One that is not here is a reason to look at
// types.go before it flies.
var typeReaders = map[string]string{
	"runtime/alg.go typehash":                                  "which fields are blank: _ is kept",
	"runtime/cgocall.go cgoCheckArg":                           "types of fields; no cgo aboard",
	"runtime/iface.go itabInit":                                "names of methods that are an interface's too: the linker keeps those",
	"internal/reflectlite/type.go implements":                  "the same",
	"internal/reflectlite/type.go exportedMethods":             "how many there are",
	"runtime/runtime1.go reflect_typelinks":                    "for reflect",
	"runtime/syscall_windows.go tryRegAssignArg":               "windows",
	"runtime/type.go buildGCMask":                              "types of fields",
	"runtime/type.go typelinksinit":                            "of a program in several modules",
	"runtime/type.go typesEqual":                               "of a program in several modules",
	"internal/runtime/maps/map.go mapKeyError2":                "which fields are blank: _ is kept",
	"internal/reflectlite/type.go NumField":                    "how many there are",
	"internal/reflectlite/type.go haveIdenticalUnderlyingType": "whether a struct without a name may become another: errors.As, of which no error is one",
	"unique/clone.go buildStructCloneSeq":                      "types of fields",
}

func TestTypeReaders(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	taken := []string{"Mcount", "ExportedMethods", "Tfn", "PtrToThis", "typelinks", "Fields", "IsBlank", "Embedded"}
	found := map[string]bool{}
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(src, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"cmd", "reflect", "internal/abi"}, name):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(parsed.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"internal/abi"` }) && !strings.HasPrefix(name, "runtime/") {
			return nil
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(taken, s.Sel.Name) {
					found[name+" "+f.Name.Name] = true
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range slices.Sorted(maps.Keys(found)) {
		if _, ok := typeReaders[place]; !ok {
			t.Errorf("%s looks at types", place)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(typeReaders)) {
		if !found[place] {
			t.Errorf("%s no longer looks at types", place)
		}
	}
}
