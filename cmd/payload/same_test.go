package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// source makes a tree of HEAD in dir, the way that how names.
func source(t *testing.T, how, dir string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(repo)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case "clone":
		command(t, "git", "clone", "-q", "file://"+root, dir)
	case "shallow":
		command(t, "git", "clone", "-q", "--depth=1", "file://"+root, dir)
	case "export":
		command(t, "sh", "-c", `mkdir "$1" && git -C "$0" archive HEAD | tar -xC "$1"`, root, dir)
	}
	return dir
}

// needHistory skips where this tree is an export itself.
func needHistory(t *testing.T) {
	t.Helper()
	need(t, "git")
	if _, err := os.Stat(repo + "/.git"); err != nil {
		t.Skip("no history here to clone")
	}
}

// elves are the flight programs of a tree, built in an environment that has
// more than usual.
func elves(t *testing.T, tree, arch string, env ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("make", "-s", "FLIGHT_ARCH="+arch, "payload")
	cmd.Dir, cmd.Env = tree, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tree, err, out)
	}
	all := map[string]string{}
	for _, name := range programs {
		b, err := os.ReadFile(filepath.Join(tree, "bin", "linux-"+arch, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(b)
	}
	return all
}

func sameElves(t *testing.T, want, got map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %d bytes that are not the %d of a clone", name, len(got[name]), len(want[name]))
		}
	}
}

// The same source gives the same bytes, stamp included: whatever history comes
// with it, whoever owns it, wherever it lies, and whatever the environment
// says of processors, experiments, flags and compression.
func TestSameBytesForEveryone(t *testing.T) {
	needHistory(t)
	dir := t.TempDir()
	want := elves(t, source(t, "clone", filepath.Join(dir, "clone")), "arm64")
	for name, c := range map[string]struct {
		how, place string
		env        []string
	}{
		"shallow clone":      {"shallow", "shallow", nil},
		"export":             {"export", "export", nil},
		"another's":          {"clone", "owned", []string{"GOENV=off"}},
		"below another tree": {"export", "clone/tmp/x", nil},
		"odd path":           {"clone", `a |b'c"d&e%f;g[h]i*j`, nil},
		"environment": {"clone", "environment", []string{"GOARM64=v8.1", "GOARM=5", "GOARCH=amd64", "GOOS=freebsd", "GOEXPERIMENT=greenteagc", "GODEBUG=netdns=go",
			"GOFIPS140=latest", "GOFLAGS=-gcflags=-N -tags=netgo,appengine -buildvcs=true", "CGO_ENABLED=1", "CC=false", "GOROOT=/nowhere",
			"VERSION=9", "STAMP=x", "AGENTS=x", "HOST=x", "LC_ALL=tr_TR.UTF-8", "POSIXLY_CORRECT=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := source(t, c.how, filepath.Join(dir, c.place))
			if name == "another's" {
				if os.Getuid() != 0 {
					t.Skip("only root can give a tree away")
				}
				command(t, "chown", "-R", "65534", tree)
			}
			sameElves(t, want, elves(t, tree, "arm64", c.env...))
		})
	}
	t.Run("settings of the go command", func(t *testing.T) {
		file := filepath.Join(dir, "goenv")
		if err := os.WriteFile(file, []byte("GOARM64=v9.0\nGOFLAGS=-gcflags=-N\nGOEXPERIMENT=greenteagc\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		sameElves(t, want, elves(t, source(t, "clone", filepath.Join(dir, "goenv.d")), "arm64", "GOENV="+file))
	})
	t.Run("another patch level", func(t *testing.T) {
		other := exec.Command("go", "env", "GOROOT")
		other.Dir, other.Env = "/", append(os.Environ(), "GOTOOLCHAIN=go1.26.7")
		root, err := other.Output()
		if err != nil {
			t.Skip("no go1.26.7 here, and none to be had")
		}
		// That go fetches the toolchain of go.mod into its module cache.
		tree := source(t, "shallow", filepath.Join(dir, "older"))
		sameElves(t, want, elves(t, tree, "arm64", "GO="+filepath.Join(strings.TrimSpace(string(root)), "bin", "go")))
	})
}

// A program's stamp tells apart whatever changes its bytes, and nothing else.
func TestStamp(t *testing.T) {
	needHistory(t)
	tree := source(t, "shallow", filepath.Join(t.TempDir(), "tree"))
	write := func(name, text string) func() {
		return func() {
			f, err := os.OpenFile(filepath.Join(tree, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	stamps := func() (all [2]string) {
		for i, name := range []string{"sdr-serve", "sabertooth-fetch"} {
			all[i] = command(t, tree+"/scripts/flight-stamp", "arm64", name)
		}
		return all
	}
	have := stamps()
	for _, c := range []struct {
		name    string
		change  func()
		changed [2]bool // sdr-serve, sabertooth-fetch
	}{
		{"an untracked file", write("pkg/flight/window/zz.go", "package window\n\nvar unheard = 1\n"), [2]bool{true, true}},
		{"what one of them has", write("pkg/flight/serve/zz.go", "package serve\n\nvar unheard = 1\n"), [2]bool{true, false}},
		{"a test", write("pkg/flight/window/zz_test.go", "package window\n"), [2]bool{}},
		{"another processor's file", write("pkg/flight/window/zz_amd64.go", "package window\n"), [2]bool{}},
		{"the ground's", write("pkg/ground/plan/zz.go", "package plan\n"), [2]bool{}},
		{"a page", write("README.md", "\nMore.\n"), [2]bool{}},
		{"a module of the ground", func() {
			command(t, "sh", "-c", `sed -i 's|\(smithy-go\) v.*|\1 v1.99.0|' "$0"/go.mod`, tree)
		}, [2]bool{}},
		{"a stand-in", write("pkg/flight/overlay/packages/flag/flag.go", "\n// More.\n"), [2]bool{true, true}},
		{"the packing", write("scripts/unpack.sh", "# more\n"), [2]bool{true, true}},
		{"the filter", write("pkg/ground/pack/zz.go", "package pack\n"), [2]bool{true, true}},
	} {
		c.change()
		now := stamps()
		for i := range now {
			if (now[i] != have[i]) != c.changed[i] {
				t.Errorf("%s: stamp %d changed %v, want %v", c.name, i, now[i] != have[i], c.changed[i])
			}
		}
		have = now
	}
	t.Run("cannot be told", func(t *testing.T) {
		write("pkg/flight/window/zz.go", "no Go")()
		if out, err := exec.Command("make", "-sC", tree, "bin/linux-arm64/sdr-serve").CombinedOutput(); err == nil {
			t.Errorf("built what has no stamp: %s", out)
		}
	})
}

// The modules of what flies are those that the tests ran with, and a toolchain
// is named exactly.
func TestFlightModules(t *testing.T) {
	read := func(name string) map[string]string {
		b, err := os.ReadFile(filepath.Join(repo, name))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) >= 2 {
				all[f[0]] = f[1]
			}
		}
		return all
	}
	flight, ground := read("pkg/flight/flight.mod"), read("go.mod")
	for _, module := range []string{"github.com/rs/zerolog", "github.com/cenkalti/backoff/v4", "github.com/spf13/pflag", "go"} {
		if flight[module] == "" || flight[module] != ground[module] {
			t.Errorf("%s: flight.mod has %q, go.mod %q", module, flight[module], ground[module])
		}
	}
	if v := ground["toolchain"]; strings.Count(v, ".") != 2 || !strings.HasPrefix(v, "go1.") {
		t.Errorf("go.mod names the toolchain %q, want an exact one such as go1.26.8", v)
	}
}
