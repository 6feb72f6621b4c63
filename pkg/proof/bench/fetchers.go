package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A fetcher is a program that brings files.
type fetcher struct {
	name   string
	server string   // whose files it fetches; "": sdr-serve
	needs  []string // programs, besides its own
	argv   func(j *fetchJob) []string
}

// A fetchJob is what one run of a fetcher is to do.
type fetchJob struct {
	bin   string
	addr  string
	paths []string // under /
	out   string   // directory that the files go to, by their own names
	stage string
	limit time.Duration
}

const (
	oursDigest = "sabertooth-fetch"
	oursPlain  = "sabertooth-fetch, no digests"
)

// fetchJob brings paths from addr into a directory out below dir, within limit.
func (b Bench) fetchJob(dir, addr string, limit time.Duration, paths ...string) *fetchJob {
	return &fetchJob{bin: b.Bin, addr: addr, paths: paths, out: filepath.Join(dir, "out"), stage: filepath.Join(dir, "stage"), limit: limit}
}

func sabertooth(j *fetchJob) []string {
	argv := []string{filepath.Join(j.bin, "sabertooth-fetch"), "--from", j.addr, "--outbox", j.out, "--stage", j.stage,
		"--for", j.limit.String(), "--log", "-", "--max-bytes", "2GB"}
	for _, p := range j.paths {
		argv = append(argv, "/"+p)
	}
	return argv
}

// urls are of all paths, for programs that take several.
func (j *fetchJob) urls(before ...string) (all []string) {
	for _, p := range j.paths {
		for _, b := range before {
			all = append(all, strings.ReplaceAll(b, "OUT", filepath.Join(j.out, p)))
		}
		all = append(all, "http://"+j.addr+"/"+p)
	}
	return all
}

var fetchers = []fetcher{
	{oursDigest, "", nil, sabertooth},
	{oursPlain, "nginx", []string{"nginx"}, sabertooth},
	{"curl --retry", "", []string{"curl"}, func(j *fetchJob) []string {
		return append([]string{find("curl"), "-sS", "--fail", "--retry", "1000", "--retry-all-errors", "--retry-delay", "1", "--connect-timeout", "1"}, j.urls("-o", "OUT")...)
	}},
	// The best that can be made of curl: a loop around -C -.
	{"curl -C - in a loop", "", []string{"curl"}, func(j *fetchJob) []string {
		script := ""
		for _, p := range j.paths {
			script += fmt.Sprintf("until %s -sS --fail -C - --connect-timeout 1 -o %s http://%s/%s; do sleep 0.2; done\n", find("curl"), filepath.Join(j.out, p), j.addr, p)
		}
		return []string{"/bin/sh", "-c", script}
	}},
	{"wget -c, retrying", "", []string{"wget"}, func(j *fetchJob) []string {
		argv := []string{find("wget"), "-q", "-c", "--tries=0", "--retry-connrefused", "--waitretry=1", "--timeout=5", "-P", j.out}
		return append(argv, j.urls()...)
	}},
	{"aria2c, retrying", "", []string{"aria2c"}, func(j *fetchJob) []string {
		argv := []string{find("aria2c"), "-q", "--no-conf", "--max-tries=0", "--retry-wait=1", "--connect-timeout=1", "--file-allocation=none", "-d", j.out}
		if len(j.paths) > 1 {
			argv = append(argv, "-Z")
		}
		return append(argv, j.urls()...)
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
