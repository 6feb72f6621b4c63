package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A rule of docs/architecture.md: packages may or may not import others. Without
// direct, what is imported by way of others counts too.
type rule struct {
	packages string // space separated; a last * stands for anything
	direct   bool
	only     string // nothing but these; empty for anything
	never    string // none of these
	why      string
}

// The prefix of a path is the rule: what flies is what is under pkg/flight, and
// the three commands over it.
const (
	wing   = "payload-ipc/pkg/flight/*"
	agents = "payload-ipc/cmd/sdr-serve payload-ipc/cmd/sabertooth-fetch payload-ipc/cmd/payload"
	flying = agents + " " + wing
	engine = "payload-ipc/pkg/flight/serve payload-ipc/pkg/flight/fetch payload-ipc/pkg/flight/peer payload-ipc/pkg/flight/outbox" +
		" payload-ipc/pkg/flight/http1 payload-ipc/pkg/flight/window payload-ipc/pkg/flight/sock payload-ipc/pkg/flight/sign payload-ipc/pkg/flight/date"
)

var rules = []rule{
	{"payload-ipc/pkg/flight/date payload-ipc/pkg/flight/sock", true, "std", "",
		"what all else stands on stands on the standard library alone"},
	{"payload-ipc/pkg/flight/window payload-ipc/pkg/flight/http1", true, "std payload-ipc/pkg/flight/date", "",
		"what all else stands on stands on the standard library and on dates alone"},
	{"payload-ipc/pkg/flight/sign", true, "std payload-ipc/pkg/flight/http1", "",
		"a signature is over a message and knows nothing of who sends it"},
	{"payload-ipc/pkg/flight/outbox", true, "std payload-ipc/pkg/flight/window", "",
		"staging and publishing know nothing of where bytes come from"},
	{"payload-ipc/pkg/flight/serve", true, "std payload-ipc/pkg/flight/http1 payload-ipc/pkg/flight/sign payload-ipc/pkg/flight/window", "",
		"the file server is an engine: no log, no flags, no fetching"},
	{"payload-ipc/pkg/flight/peer", true, "std payload-ipc/pkg/flight/http1 payload-ipc/pkg/flight/sign payload-ipc/pkg/flight/window github.com/cenkalti/backoff/v4", "",
		"who asks knows neither files nor disks; it dials through what it is given"},
	{"payload-ipc/pkg/flight/fetch", true, "std payload-ipc/pkg/flight/date payload-ipc/pkg/flight/http1 payload-ipc/pkg/flight/sign payload-ipc/pkg/flight/window payload-ipc/pkg/flight/outbox payload-ipc/pkg/flight/archive payload-ipc/pkg/flight/peer github.com/cenkalti/backoff/v4", "",
		"the retrieval is an engine: no log, no flags, no serving"},
	{engine, false, "",
		"github.com/spf13/pflag github.com/rs/zerolog*",
		"only agent and the commands know flags and logs; engines report by one callback"},
	{"payload-ipc/pkg/flight/serve", false, "", "payload-ipc/pkg/flight/fetch payload-ipc/pkg/flight/outbox", "a server that can fetch costs uplink"},
	{"payload-ipc/pkg/flight/fetch", false, "", "payload-ipc/pkg/flight/serve", "a fetcher that can serve costs uplink"},
	{agents, true, "std " + wing, "", "a command that flies is flags over pkg/flight"},
	{wing, true, "std " + wing + " github.com/rs/zerolog* github.com/cenkalti/backoff/v4 github.com/spf13/pflag", "",
		"what flies imports itself, the standard library and the owner's three libraries"},
	{flying, false, "", "net/http* crypto/tls crypto/x509", "2.5 MB packed: 20 days of uplink"},
	{flying, false, "", "text/template html/template", "calls methods by name, so the linker keeps every method of every type"},
	{flying, false, "", "regexp net/url html os/exec log/slog", "20 to 60 KB each, and none is needed"},
	{flying, false, "", "net/textproto", "62 KB, lenient and unbounded; http1 has its own bounds"},
	{flying, true, "", "encoding/json", "the flight build has a stand-in that only makes zerolog compile (pkg/flight/overlay/packages/encoding/json)"},
	{flying, true, "", "math/rand math/rand/v2 flag", "the flight build has stand-ins with what backoff and pflag need (pkg/flight/overlay)"},
	{"payload-ipc/pkg/ground/*", false, "", "payload-ipc/pkg/desk/* payload-ipc/pkg/proof/*", "the ground tool knows neither the satellite on the desk nor what proves"},
	{"payload-ipc/pkg/desk/*", false, "", "payload-ipc/pkg/proof/*", "the desk knows not what is proven with it"},
	{"payload-ipc/pkg/*", false, "", "payload-ipc/cmd/*", "a command stands on packages, none on a command"},
	{"payload-ipc/pkg/* " + agents, false, "", "github.com/spf13/cobra*", "the command line of the ground is cmd/ground's alone; the packages know no flags"},
	{flying, true, "", "testing testing/* net/http/httptest", "tests stay on the ground"},
}

func matches(list, path string) bool {
	for _, p := range strings.Fields(list) {
		if prefix, ok := strings.CutSuffix(p, "*"); path == p || ok && strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// imports tells, for all packages that fly and all they stand on, what each
// imports: in linux/arm64, without tests.
func imports(t *testing.T) (direct, all map[string][]string, std map[string]bool) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}} {{join .Imports \" \"}}", "payload-ipc/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	direct, all, std = map[string][]string{}, map[string][]string{}, map[string]bool{}
	// -deps lists what is imported before what imports it.
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		name, deps := f[0], f[2:]
		direct[name], std[name] = deps, f[1] == "true"
		for _, d := range deps {
			all[name] = append(append(all[name], d), all[d]...)
		}
		slices.Sort(all[name])
		all[name] = slices.Compact(all[name])
	}
	return direct, all, std
}

// broken returns a line for each import that r forbids.
func (r rule) broken(name string, imports []string, std map[string]bool) (lines []string) {
	for _, i := range imports {
		if matches(r.never, i) || r.only != "" && !matches(r.only, i) && !(matches(r.only, "std") && std[i]) {
			lines = append(lines, name+" imports "+i+": "+r.why)
		}
	}
	return lines
}

func TestImportRules(t *testing.T) {
	direct, all, std := imports(t)
	for name := range direct {
		if f := strings.Split(name, "/"); f[0] == "payload-ipc" && f[1] == "pkg" && !slices.Contains([]string{"flight", "ground", "desk", "proof"}, f[2]) {
			t.Errorf("%s is in none of the wings flight, ground, desk and proof", name)
		}
	}
	for _, r := range rules {
		hit := false
		for name := range direct {
			if !matches(r.packages, name) {
				continue
			}
			hit = true
			deps := all[name]
			if r.direct {
				deps = direct[name]
			}
			for _, line := range r.broken(name, deps, std) {
				t.Error(line)
			}
		}
		if !hit {
			t.Errorf("no package %s", r.packages)
		}
	}
}

// A rule can be broken: by the package itself, by what it imports, and by a
// package outside a closed list.
func TestImportRulesCanFail(t *testing.T) {
	direct, all, std := imports(t)
	const name = "payload-ipc/pkg/ground/tasking"
	for _, c := range []struct {
		rule rule
		deps []string
		want bool
	}{
		{rule{direct: true, never: "net/http"}, direct[name], true},
		{rule{never: "crypto/tls"}, all[name], true},
		{rule{direct: true, never: "crypto/tls"}, direct[name], false},
		{rule{direct: true, only: "std"}, direct["payload-ipc/pkg/flight/serve"], true},
		{rule{direct: true, only: "std payload-ipc/*"}, direct["payload-ipc/pkg/flight/serve"], false},
	} {
		if got := c.rule.broken(name, c.deps, std) != nil; got != c.want {
			t.Errorf("%+v: broken %v, want %v", c.rule, got, c.want)
		}
	}
}
