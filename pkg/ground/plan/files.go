package plan

import (
	"path"
	"slices"
	"strings"

	"payload-ipc/pkg/flight/fetch"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/sabertooth"
	"payload-ipc/pkg/ground/survey"
	"payload-ipc/pkg/ground/tasking"
)

// File is one thing to be brought down.
type File struct {
	Path string // on the serving payload; a directory ends in a slash
	Name string // in the outbox; of a directory, what stands before its files' names, or that of the archive it comes as (.tar)
}

// ParseFile reads PATH[=NAME] as the fetcher does. Name is empty where none is
// given; Spec.Named finds one.
func ParseFile(arg string) (File, error) {
	p, err := sabertooth.ParsePath(arg)
	return File(p), err
}

// Named gives the files without a name one of their own: the serving payload's
// and the last part of the path, or all of it where that would meet another.
// A directory's name stands before those of its files.
func (s Spec) Named() []File {
	prefix := strings.ToLower(s.from().Name) + "_"
	whole := func(p string) string {
		if p = strings.Trim(p, "/"); p == "" {
			return prefix + "root"
		}
		return prefix + strings.ReplaceAll(p, "/", "_")
	}
	count := map[string]int{}
	last := func(f File) string {
		if strings.HasSuffix(f.Path, "/") {
			return whole(f.Path)
		}
		return prefix + path.Base(f.Path)
	}
	for _, f := range s.Files {
		if f.Name != "" {
			count[f.Name]++
			continue
		}
		count[last(f)]++
	}
	out := slices.Clone(s.Files)
	for i, f := range out {
		if f.Name != "" {
			continue
		}
		if out[i].Name = last(f); count[last(f)] > 1 {
			out[i].Name = whole(f.Path)
		}
	}
	return out
}

// args are the files as the fetcher's arguments.
func (s Spec) args() (out []string) {
	for _, f := range s.Files {
		if f.Name != "" {
			f.Path += "=" + f.Name
		}
		out = append(out, f.Path)
	}
	return out
}

// ours reports that review knows what is called name for a program's log or a
// payload's survey.
func ours(name string) bool {
	for _, p := range Payloads {
		if name == survey.Name(p.Name) {
			return true
		}
	}
	return name == "sdr-serve.log" || name == "sabertooth-fetch.log"
}

// checkFiles refuses what the fetcher would refuse, days later, and what it
// could only fail at.
func (s Spec) checkFiles() *SpecError {
	switch {
	case s.Tail < 0:
		return bad("tail", "%d is negative; give a size such as 64KiB", s.Tail)
	case s.MaxBytes < 0:
		return bad("max-bytes", "%d is negative; give a size such as 10MB", s.MaxBytes)
	case s.Depth < 0 || s.Depth > fetch.MaxDepth:
		return bad("depth", "%d is not 1 to %d", s.Depth, fetch.MaxDepth)
	case len(s.Files) > 1000:
		return bad("path", "%d are more than the fetcher takes; give at most 1,000", len(s.Files))
	case len(s.Files) == 0:
		return bad("path", "nothing to bring; give one such as %s", DefaultPath)
	}
	var names []string
	for _, f := range s.Files {
		switch {
		case s.Tail > 0 && fetch.Path(f).Archive():
			return bad("tail", "it is of files, and %s comes as an archive; leave out one of the two", f.Path)
		case !strings.HasPrefix(f.Path, "/"):
			return bad("path", "%q is not an absolute path on the %s; give one such as %s", f.Path, s.from().Name, DefaultPath)
		case !printable(f.Path):
			return bad("path", "%q has a control character, or is not UTF-8; the listing and the logs could not show it", f.Path)
		case len(f.Path) > 1024:
			return bad("path", "%d bytes are more than a path may have; give at most 1,024", len(f.Path))
		case dots(f.Path):
			return bad("path", "%q goes through \".\" or \"..\"; give the path that it leads to, such as %s", f.Path, path.Clean(f.Path))
		}
		if err := s.checkSlash(f); err != nil {
			return err
		}
		switch {
		case f.Name == "":
			continue
		case strings.HasPrefix(f.Name, "-") || strings.Contains(f.Name, "="):
			return bad("name", "%q cannot be the name of a file in the outbox; give a plain one such as sdr_syslog", f.Name)
		}
		if err := outbox.CheckName(f.Name); err != nil {
			return bad("name", "%q cannot be the name of a file in the outbox: %v; give a plain one such as sdr_syslog", f.Name, err)
		}
		if ours(f.Name) {
			return bad("name", "%q is what one of our programs calls a file of its own, and review would take yours for that; give another one such as sdr_syslog", f.Name)
		}
		names = append(names, f.Name)
	}
	for i, f := range s.Files {
		for _, g := range s.Files[:i] {
			switch {
			case f == g:
				return bad("path", "%s is there twice; give it once", f.Path)
			case f.Name != "" && f.Name == g.Name:
				return bad("path", "%s and %s would both be named %s; give each another name, as PATH=NAME", g.Path, f.Path, f.Name)
			}
		}
	}
	if err := outbox.CheckNames(names, Fetcher+".log", Server+".log"); err != nil {
		flag := "name"
		if len(s.Files) > 1 { // then --name gives none
			flag = "path"
		}
		return bad(flag, "%v; give each path another name, as PATH=NAME", err)
	}
	if err := s.checkSizes(); err != nil {
		return err
	}
	return s.checkAboard()
}

// checkAboard has the fetcher's own parser read what it will be given: it must
// find the very files that are meant.
func (s Spec) checkAboard() *SpecError {
	got, err := sabertooth.ParsePaths(s.args())
	if err != nil {
		return bad("path", "%v", err)
	}
	for i, f := range s.Files {
		if p := File(got[i]); p != f && (f.Name != "" || p.Path != f.Path) {
			return bad("path", "%q would be read aboard as %q with the name %q; give it a name of its own, as PATH=NAME", f.Path, p.Path, p.Name)
		}
	}
	return nil
}

// dots reports whether a part of the path is "." or "..".
func dots(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool { return part == "." || part == ".." })
}

// printable refuses control characters and what is not UTF-8.
func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\ufffd' {
			return false
		}
	}
	return true
}

// Brings are the files that a fetcher's window asks for, as PATH or PATH=NAME;
// none where its arguments are not listed, or it is no fetcher's.
func Brings(w tasking.Window) []string {
	if RoleOf(w) != Fetch || len(w.Args) == 0 {
		return nil
	}
	// They come last; no flag of ours has a path for its value.
	first := len(w.Args)
	for first > 0 && strings.HasPrefix(w.Args[first-1], "/") {
		first--
	}
	if first == len(w.Args) {
		return []string{DefaultPath + "=sdr_syslog"}
	}
	return w.Args[first:]
}
