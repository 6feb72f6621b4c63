package plan

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"payload-ipc/pkg/flight/fetch"
)

// directories are what the Filesystem Hierarchy Standard 3.0 and
// docs/platform.md call one on every payload.
var directories = strings.Fields(`/bin /boot /dev /etc /home /inbox /lib /lib64 /media /mnt /opt /outbox /persist /proc
	/root /run /sbin /srv /sys /tmp /usr /var /etc/init.d /etc/network /persist/bin /persist/var /usr/bin /usr/lib /usr/local
	/usr/sbin /usr/share /var/cache /var/lib /var/log /var/run /var/spool /var/tmp`)

// checkSlash refuses a directory that is asked for as a file: the server
// redirects to the slash, and the fetcher takes that for a refusal.
func (s Spec) checkSlash(f File) *SpecError {
	if strings.HasSuffix(f.Path, "/") {
		return nil
	}
	why := ""
	if slices.Contains(directories, f.Path) {
		why = "is a directory"
	}
	for _, g := range s.Files {
		if strings.HasPrefix(g.Path, f.Path+"/") {
			why = "is a directory, since " + g.Path + " is in it"
		}
	}
	if why == "" {
		return nil
	}
	return bad("path", "%s %s, and is asked for as a file without a slash at its end; give %s/", f.Path, why, f.Path)
}

// most is how many bytes a pass brings at most.
func (s Spec) most() int64 {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return fetch.DefaultMaxBytes
}

// checkSizes refuses bounds of which one lets nothing of the other through.
func (s Spec) checkSizes() *SpecError {
	if s.Tail > s.most() {
		return bad("tail", "the last %s bytes of a file are more than the %s that one pass brings (--max-bytes), and would always come as a part; make it less, or that more", Grouped(s.Tail), Grouped(s.most()))
	}
	return nil
}

const (
	tiny    = 1000        // bytes; a smaller bound mostly lacks its unit
	daily   = 100_000_000 // bytes that come down in a day (docs/platform.md)
	parting = ",;: "      // signs that do not part two paths
)

var (
	pattern  = regexp.MustCompile(`[*?]|\[.*\]|\{.*\}`)
	variable = regexp.MustCompile(`\$[A-Za-z_{(]|/~`)
)

// doubts are what may well be a slip, a sentence each: it can be carried out,
// and would waste the windows if it is not meant.
func (s Spec) doubts() (out []string) {
	doubt := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if s.DownlinkBudget == 0 {
		doubt("--downlink-budget 0 may let nothing come down; its unit is not documented, and the operator's tutorial gives 1")
	}
	if s.Survey {
		return out
	}
	folders := 0
	for _, f := range s.Files {
		dir := strings.HasSuffix(f.Path, "/")
		if dir {
			folders++
		}
		switch {
		case pattern.MatchString(f.Path):
			doubt("nothing makes a pattern of %s aboard: one file of exactly this name is asked for; give each path, or their directory with a slash at its end, %s", f.Path, strings.TrimSuffix(path.Dir(f.Path), "/")+"/")
		case variable.MatchString(f.Path):
			doubt("nothing replaces a variable or ~ in %s aboard: one file of exactly this name is asked for; give the path that is meant", f.Path)
		case strings.ContainsAny(f.Path+f.Name, ","):
			doubt("a comma parts no paths: %s is one; if several are meant, give each its own --path", f.Path)
		case slices.ContainsFunc(strings.Split(parting, ""), func(c string) bool { return strings.Contains(f.Path, c+"/") }):
			doubt("%q is one path; if several are meant, give each its own --path", f.Path)
		case strings.TrimSpace(f.Path) != f.Path || strings.TrimSpace(f.Name) != f.Name:
			doubt("%q, as %q, begins or ends with a space, which is then of the name", f.Path, f.Name)
		case strings.HasPrefix(f.Path, "/dev/") && !strings.HasPrefix(f.Path, "/dev/shm/"):
			doubt("%s: the server opens no device, and hands out regular files only", f.Path)
		case !dir && strings.HasSuffix(f.Name, ".tar") && path.Ext(f.Path) != ".tar":
			doubt("%s comes as it is, under the name %s: only a directory comes as an archive, and ends in a slash: %s/=%s", f.Path, f.Name, f.Path, f.Name)
		}
	}
	if s.Depth > 1 && folders == 0 {
		doubt("--depth is of directories, of which none is asked for; one ends in a slash")
	}
	for _, x := range []struct {
		flag  string
		bytes int64
	}{{"tail", s.Tail}, {"max-bytes", s.MaxBytes}, {"uplink-rate", s.UplinkRate}} {
		if x.bytes > 0 && x.bytes < tiny {
			doubt("--%s %d counts bytes; for thousands and millions of them write KB or MB behind the number", x.flag, x.bytes)
		}
	}
	if n := int64(len(s.Files)); s.Tail > 0 && s.Tail <= s.most() && n > s.most()/s.Tail {
		doubt("%d times the last %s bytes are more than the %s that one pass brings (--max-bytes): what is beyond them comes as a part, or not at all", n, Grouped(s.Tail), Grouped(s.most()))
	}
	if s.MaxBytes > daily {
		doubt("--max-bytes: %s bytes in one pass are more than the %s that the operator brings down in a day", Grouped(s.MaxBytes), Grouped(daily))
	}
	return out
}
