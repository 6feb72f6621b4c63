package pack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The places where the runtime looks at the name of a function, and what for.
// One that is not here is a reason to look at names.go before it flies.
var nameReaders = map[string]string{
	"symtab.go funcname":                          "what the others call",
	"symtab.go name":                              "what the others call",
	"symtab.go Name":                              "FuncForPC: to print",
	"symtab.go FuncForPC":                         "to print",
	"symtab.go Next":                              "CallersFrames: to print",
	"symtab.go funcpkgpath":                       "what the others call",
	"symtab.go pcvalue":                           "to print before a throw",
	"symtab.go moduledataverify1":                 "to print before a throw",
	"symtab.go runtime_FrameSymbolName":           "to print: profiles",
	"traceback.go showfuncinfo":                   "a dot; runtime., exported or not; runtime.gopanic, kept",
	"traceback.go isSystemGoroutine":              "runtime.",
	"traceback.go next":                           "to print before a throw",
	"traceback.go resolveInternal":                "to print before a throw",
	"traceback.go traceback2":                     "to print",
	"traceback.go printcreatedby1":                "to print",
	"traceback.go printAncestorTracebackFuncInfo": "to print",
	"cgocall.go cgoFormatErr":                     "to print; no cgo aboard",
	"debuglog.go printDebugLogPC":                 "to print",
	"heapdump.go dumpframe":                       "to write a heap dump",
	"heapdump.go dumpmemprof_callback":            "to write a heap dump",
	"heapdump.go dumptype":                        "a type's name",
	"hexdump.go hexdumpWords":                     "to print",
	"mcheckmark.go checkFinalizersAndCleanups":    "to print",
	"mgcmark.go scanframeworker":                  "to print",
	"plugin.go pluginftabverify":                  "plugins",
	"proc.go preemptPark":                         "to print before a throw",
	"race.go raceSymbolizeCode":                   "the race detector",
	"stack.go adjustframe":                        "to print",
	"stack.go adjustpointers":                     "to print before a throw",
	"stack.go newstack":                           "to print",
	"symtab.go funcspdelta":                       "to print before a throw",
	"panic.go panicCheck1":                        "runtime.",
	"error.go panicwrap":                          "package.(*Type).Method of a wrapper",
	"preempt.go isAsyncSafePoint":                 "runtime., internal/runtime/, reflect.",
	"stkframe.go argMapInternal":                  "reflect.makeFuncStub, reflect.methodValueCall: kept",
	"stkframe.go getStackMap":                     "to print before a throw",
	"debugcall.go debugCallCheck":                 "a debugger's calls; none is aboard",
	"proc.go doInit1":                             "GODEBUG=inittrace=1; the environment is empty",
	"proc.go sigprof":                             "profiles on arm; none is aboard",
}

func TestNameReaders(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "src", "runtime")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch fun := call.Fun.(type) {
				case *ast.Ident:
					if slices.Contains([]string{"funcname", "funcpkgpath", "printFuncName", "funcNameForPrint", "FuncForPC"}, fun.Name) {
						found[name+" "+f.Name.Name] = true
					}
				case *ast.SelectorExpr:
					if slices.Contains([]string{"name", "funcName"}, fun.Sel.Name) {
						found[name+" "+f.Name.Name] = true
					}
				}
				return true
			})
		}
	}
	for _, place := range slices.Sorted(maps.Keys(found)) {
		if _, ok := nameReaders[place]; !ok {
			t.Errorf("%s looks at names", place)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(nameReaders)) {
		if !found[place] {
			t.Errorf("%s no longer looks at names", place)
		}
	}
}

func TestBeginnings(t *testing.T) {
	for _, c := range []struct {
		name    string
		wrapper bool
		want    string
	}{
		{"main.main", false, "?."},
		{"payload-ipc/pkg/flight/serve.(*conn).answer", false, "?."},
		{"runtimes.x", false, "?."},
		{"type:.eq.main.thing", false, "?."},
		{"runtime.mallocgc", false, "runtime."},
		{"runtime.Goexit", false, "runtime.X"},
		{"runtime.(*Frames).Next", false, "runtime.X"},
		{"runtime.(*mheap).alloc", false, "runtime."},
		{"runtime.(*mheap).Alloc", false, "runtime."},
		{"runtime.main.func1", false, "runtime."},
		{"runtime.boundsError.Error", false, "runtime."},
		{"internal/runtime/maps.(*Map).Get", false, "internal/runtime/?."},
		{"reflect.Value.Len", false, "reflect."},
		{"internal/reflectlite.Value.Len", false, "?."},
		{"aeshashbody", false, ""},
		{"debugCall32", true, ""},
		{"main.(*value).Speak", true, "?.(*?)."},
		{"runtime.(*boundsError).Error", true, "runtime.(*?)."},
		{"internal/runtime/maps.(*unhashableTypeError).Error", true, "internal/runtime/?.(*?)."},
		{"reflect.(*Value).Len", true, "reflect.(*?)."},
	} {
		id := byte(0)
		if c.wrapper {
			id = 23
		}
		got := beginning(c.name, id)
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		// What is made of it answers as the whole name did.
		made := got + "00a4c20"
		for _, p := range []string{"runtime.", "internal/runtime/", "reflect."} {
			if strings.HasPrefix(made, p) != strings.HasPrefix(c.name, p) {
				t.Errorf("%s becomes %s: not the same for %s", c.name, made, p)
			}
		}
		if strings.Contains(made, ".") != strings.Contains(c.name, ".") {
			t.Errorf("%s becomes %s: a dot comes or goes", c.name, made)
		}
		if again := beginning(made, id); again != got {
			t.Errorf("%s becomes %s, and then %s", c.name, made, again)
		}
	}
}
