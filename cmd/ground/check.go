package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"

	"payload-ipc/pkg/ground/plan"
)

// checks are what each verb refuses of its flags before anybody is asked. The
// verb itself calls its own, and ground config that of each verb.
type checks map[string]func() error

// checked notes the check of a verb.
func (io *stdio) checked(c *cobra.Command, check func() error) {
	if io.checks == nil {
		io.checks = checks{}
	}
	io.checks[c.Name()] = check
}

// lookAt is os.Stat; nil is what is not there, and the error that of a name that
// cannot be looked at.
func lookAt(name string) (os.FileInfo, error) {
	info, err := os.Stat(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return info, nil
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return nil, fmt.Errorf("cannot look at %s: %w", name, err)
}

// writable refuses, before anything is asked, a file that could not be written
// at the end. An empty one is not asked for.
func writable(flag, file string) error {
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return wrong("--%s: %s is a directory; give a file in it", flag, file)
	}
	dir := filepath.Dir(file)
	switch info, err := lookAt(dir); {
	case err != nil:
		return wrong("--%s: %v; give another FILE", flag, err)
	case info == nil || !info.IsDir():
		return wrong("--%s: there is no directory %s to put the file into; make it, or give another FILE", flag, dir)
	}
	return nil
}

// programs refuses a directory of packed programs that is none. That of make may
// still have to be made, and a verb that sends nothing has none.
func programs(dir string) error {
	if dir == "" || dir == defaultArtifacts {
		return nil
	}
	switch info, err := lookAt(dir); {
	case err != nil:
		return wrong("--artifacts: %v; give the directory of the packed programs", err)
	case info == nil:
		return wrong("--artifacts: there is no directory %s; make uplink builds the programs, into %s where the project is", dir, defaultArtifacts)
	case !info.IsDir():
		return wrong("--artifacts: %s is a file; give the directory of the packed programs", dir)
	}
	return nil
}

// directory refuses a directory to write to that is a file, or would lie in one.
func directory(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := lookAt(at)
		switch {
		case err != nil:
			return wrong("%v; give a directory to put the files into, there or to be made", err)
		case info != nil && !info.IsDir():
			return wrong("%s is a file; give a directory to put the files into, there or to be made", at)
		case info != nil || at == filepath.Dir(at):
			return nil
		}
	}
}

var (
	digits  = regexp.MustCompile(`^[0-9]+$`)
	dayTime = regexp.MustCompile(`^[0-9]{8}`) // begins as a run of ground's does
)

// oneWord reports whether s may be a name of the API's or of a run at all.
func oneWord(s string) bool {
	return s != "" && !strings.HasPrefix(s, "-") && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("/=,", r)
	})
}

const runForm = "give the name of a run, such as 20261204T034932Z-FM1; ground status and review tell them"

// checkRun refuses what is no run's name. Windows that were scheduled by hand may
// have one of another form than ground gives, so that only what is surely
// something else is refused.
func checkRun(run string) error {
	_, ours := plan.RunStart(run)
	switch {
	case ours && oneWord(run):
		return nil
	case !oneWord(run):
		return wrong("--run: %q is no name; %s", run, runForm)
	case documented.MatchString(run):
		return wrong("--run: %s is a satellite; %s", run, runForm)
	case digits.MatchString(run) && len(run) < 10:
		return wrong("--run: %s is rather the id of a window; %s", run, runForm)
	case dayTime.MatchString(run):
		return wrong("--run: %s is not whole; %s", run, runForm)
	}
	return nil
}

// checkWindow refuses what is no window's id. Those are the API's to choose.
func checkWindow(id string) error {
	_, run := plan.RunStart(id)
	switch {
	case !oneWord(id):
		return wrong("--window: %q is no id; give one such as 3020553, which ground status tells", id)
	case run:
		return wrong("--window: %s is a run; give it as --run, or the id of one window", id)
	case documented.MatchString(id):
		return wrong("--window: %s is a satellite; give the id of a window, such as 3020553, which ground status tells", id)
	}
	return nil
}

// checkRunOf refuses a run of ours that is of none of the satellites.
func checkRunOf(run string, sats []string) error {
	if _, ours := plan.RunStart(run); !ours || len(sats) == 0 {
		return nil
	}
	_, of, _ := strings.Cut(run, "-")
	if slices.ContainsFunc(sats, func(s string) bool { return of == s || strings.HasPrefix(of, s+"-") }) {
		return nil
	}
	return wrong("--run: %s is no run of %s; leave the satellite out, or give its own", run, plan.List(sats))
}
