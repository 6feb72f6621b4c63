package main

import (
	"bytes"
	"errors"
	"go/ast"
	"go/constant"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// flightPackages is what flies of this module: the prefix and the commands.
var flightPackages = append(strings.Fields(agents), "payload-ipc/pkg/flight/...")

// shown says what pkg/flight/overlay/packages/fmt can print with a verb.
var shown = map[string]*regexp.Regexp{
	"v": regexp.MustCompile(`^(string|error|text|bool|\[\]string|u?int(8|16|32|64)?|byte|rune|nil)$`),
	"s": regexp.MustCompile(`^(string|error|text|\[\]byte|\[\]string)$`),
	"q": regexp.MustCompile(`^(string|error|text|\[\]byte|\[\]string|rune|byte)$`),
	"d": regexp.MustCompile(`^(u?int(8|16|32|64)?|byte|rune)$`),
	"x": regexp.MustCompile(`^(u?int(8|16|32|64)?|byte|rune|string|\[\]byte)$`),
	"c": regexp.MustCompile(`^(rune|byte|int)$`),
	"t": regexp.MustCompile(`^bool$`),
	"w": regexp.MustCompile(`^error$`),
}

// kind is how pkg/flight/overlay/packages/fmt sees a value of a type: by its methods, else by its
// name, which must be a predeclared one.
func kind(t types.Type, verb string) string {
	errorType := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	if types.Implements(t, errorType) {
		return "error"
	}
	m, _, _ := types.LookupFieldOrMethod(t, false, nil, "String")
	if f, ok := m.(*types.Func); ok && f.Signature().String() == "func() string" && verb != "d" {
		return "text"
	}
	if b, ok := t.(*types.Basic); ok {
		return strings.TrimPrefix(b.Name(), "untyped ")
	}
	return t.String()
}

// Each call of fmt that flies is one that the stand-in prints as fmt does.
func TestFlightFormats(t *testing.T) {
	cfg := &packages.Config{
		Mode: packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
		Env:  append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"),
		Dir:  repo,
	}
	pkgs, err := packages.Load(cfg, flightPackages...)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
		for _, file := range p.Syntax {
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if name := fmtFunc(p, call); name != "" {
						calls++
						if why := badCall(p, name, call.Args); why != "" {
							t.Errorf("%s: %s", p.Fset.Position(call.Pos()), why)
						}
					}
				}
				return true
			})
		}
	}
	if calls == 0 {
		t.Error("no call of fmt was seen")
	}
}

// fmtFunc returns the name of the function of fmt that is called, or "".
func fmtFunc(p *packages.Package, call *ast.CallExpr) string {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	f, ok := p.TypesInfo.Uses[s.Sel].(*types.Func)
	if !ok || f.Pkg() == nil || f.Pkg().Path() != "fmt" {
		return ""
	}
	return f.Name()
}

var verbs = regexp.MustCompile(`%[^a-zA-Z%]*.`)

// badCall says what is wrong with a call, or "".
func badCall(p *packages.Package, name string, args []ast.Expr) string {
	if strings.HasPrefix(name, "Fprint") || strings.HasPrefix(name, "Append") {
		args = args[1:]
	}
	found := []string{}
	if strings.HasSuffix(name, "f") {
		format := p.TypesInfo.Types[args[0]].Value
		if format == nil {
			return "the format is not constant"
		}
		for _, v := range verbs.FindAllString(constant.StringVal(format), -1) {
			if v != "%%" {
				found = append(found, v)
			}
		}
		args = args[1:]
	} else {
		for range args {
			found = append(found, "%v")
		}
	}
	if len(found) != len(args) {
		return "verbs and values do not match"
	}
	for i, v := range found {
		width, verb := v[1:len(v)-1], v[len(v)-1:]
		k := kind(p.TypesInfo.Types[args[i]].Type, verb)
		if strings.Trim(width, "0123456789") != "" || shown[verb] == nil || !shown[verb].MatchString(k) {
			return "pkg/flight/overlay/packages/fmt cannot print " + k + " with " + v
		}
	}
	return ""
}

// What both builds of a program say, on this machine and in flight form, is
// the same: pflag and zerolog print through the stand-ins too.
func TestFlightSpeaksTheSame(t *testing.T) {
	need(t, "qemu-aarch64-static")
	bin := flightDir(t)
	command(t, "make", "-sC", repo, "BIN="+bin, bin+"/payload")
	for _, args := range []string{"--help", "", "nobody", "sdr-serve --help", "sabertooth-fetch --help",
		"sdr-serve --for x", "sdr-serve --for -1s", "sdr-serve --until yesterday", "sdr-serve --nothing", "sdr-serve -x", "sdr-serve --max-conns",
		"sdr-serve --max-conns many", "sdr-serve --max-conns 0", "sdr-serve --listen 10.2.1.8", "sdr-serve --listen 10.2.1.8:80", "sdr-serve --allow all",
		"sdr-serve --root /no/where", "sdr-serve --log-level loud", "sdr-serve --version=maybe", "sdr-serve over",
		"sabertooth-fetch --piece 1XB", "sabertooth-fetch --piece 99999999999999999999", "sabertooth-fetch --from nobody:1", "sabertooth-fetch a/../b=../c",
		"sabertooth-fetch /a=x /b=x", "sabertooth-fetch /a=x.part /b=x",
		"sabertooth-fetch --for 1s --log - --outbox /proc --stage /proc/self/x --from 127.0.0.1:10199",
	} {
		t.Run(args, func(t *testing.T) {
			host := speak(t, exec.Command(filepath.Join(bin, "payload"), strings.Fields(args)...))
			flight := speak(t, exec.Command("qemu-aarch64-static", append([]string{filepath.Join(bin, "linux-arm64", "payload")}, strings.Fields(args)...)...))
			if host != flight {
				t.Errorf("got in flight form\n%s\nwant\n%s", flight, host)
			}
		})
	}
}

// differs is what two runs never have in common.
var differs = regexp.MustCompile(`"(time|started|finished)":"[^"]*"|"(elapsed|took)[a-z_]*":[0-9.]+|pid=?[ 0-9]+`)

func speak(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return differs.ReplaceAllString(out.String(), "-") + cmd.ProcessState.String()
}
