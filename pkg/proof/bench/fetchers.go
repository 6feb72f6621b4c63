package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A fetcher is a program that brings files.
type fetcher struct {
	name   string
	server string   // whose files it fetches; "": sdr-serve
	needs  []string // programs, besides its own
	argv   func(f *errand) []string
}

// An errand is what one run of a fetcher is to do.
type errand struct {
	bin   string
	addr  string
	paths []string // under /
	out   string   // directory that the files go to, by their own names
	stage string
	d     string // at most so long
}

const (
	oursDigest = "sabertooth-fetch"
	oursPlain  = "sabertooth-fetch, no digests"
)

func sabertooth(e *errand) []string {
	argv := []string{filepath.Join(e.bin, "sabertooth-fetch"), "--from", e.addr, "--outbox", e.out, "--stage", e.stage,
		"--for", e.d, "--log", "-", "--max-bytes", "2GB"}
	for _, p := range e.paths {
		argv = append(argv, "/"+p)
	}
	return argv
}

// urls are of all paths, for programs that take several.
func (e *errand) urls(before ...string) (all []string) {
	for _, p := range e.paths {
		for _, b := range before {
			all = append(all, strings.ReplaceAll(b, "OUT", filepath.Join(e.out, p)))
		}
		all = append(all, "http://"+e.addr+"/"+p)
	}
	return all
}

var fetchers = []fetcher{
	{oursDigest, "", nil, sabertooth},
	{oursPlain, "nginx", []string{"nginx"}, sabertooth},
	{"curl --retry", "", []string{"curl"}, func(e *errand) []string {
		return append([]string{find("curl"), "-sS", "--fail", "--retry", "1000", "--retry-all-errors", "--retry-delay", "1", "--connect-timeout", "1"}, e.urls("-o", "OUT")...)
	}},
	// The best that can be made of curl: a loop around -C -.
	{"curl -C - in a loop", "", []string{"curl"}, func(e *errand) []string {
		script := ""
		for _, p := range e.paths {
			script += fmt.Sprintf("until %s -sS --fail -C - --connect-timeout 1 -o %s http://%s/%s; do sleep 0.2; done\n", find("curl"), filepath.Join(e.out, p), e.addr, p)
		}
		return []string{"/bin/sh", "-c", script}
	}},
	{"wget -c, retrying", "", []string{"wget"}, func(e *errand) []string {
		argv := []string{find("wget"), "-q", "-c", "--tries=0", "--retry-connrefused", "--waitretry=1", "--timeout=5", "-P", e.out}
		return append(argv, e.urls()...)
	}},
	{"aria2c, retrying", "", []string{"aria2c"}, func(e *errand) []string {
		argv := []string{find("aria2c"), "-q", "--no-conf", "--max-tries=0", "--retry-wait=1", "--connect-timeout=1", "--file-allocation=none", "-d", e.out}
		if len(e.paths) > 1 {
			argv = append(argv, "-Z")
		}
		return append(argv, e.urls()...)
	}},
}

// here says whether this machine can run f.
func (f fetcher) here() bool {
	for _, n := range f.needs {
		if find(n) == "" {
			return false
		}
	}
	return true
}

// alike compares what arrived with what it may be.
func alike(file string, originals ...string) bool {
	got, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for _, o := range originals {
		if want, err := os.ReadFile(o); err == nil && string(want) == string(got) {
			return true
		}
	}
	return false
}
