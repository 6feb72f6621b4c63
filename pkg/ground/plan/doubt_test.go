package plan

import (
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// What cannot work is refused with the flag that it is about, and what may be a
// slip is warned of in the plan; neither says anything of what is right.
func TestDoubts(t *testing.T) {
	files := func(list ...File) func(*Spec) { return func(s *Spec) { s.Files = list } }
	for _, tt := range []struct {
		name    string
		change  func(*Spec)
		refused string // in the error
		warns   string // in the one warning
	}{
		{name: "the default", change: func(*Spec) {}},
		{name: "a directory as a file", change: files(File{"/etc", "sdr_etc"}), refused: "--path: /etc is a directory, and is asked for as a file without a slash at its end; give /etc/"},
		{name: "a directory below another", change: files(File{"/var/log", "log.tar"}), refused: "give /var/log/"},
		{name: "a directory, since something is in it", change: files(File{"/data/a", "a"}, File{"/data/a/b", "b"}), refused: "/data/a is a directory, since /data/a/b is in it"},
		{name: "the same with a directory in it", change: files(File{"/data/a", "a"}, File{"/data/a/b/", "b"}), refused: "/data/a is a directory"},
		{name: "a directory", change: files(File{"/etc/", "sdr_etc"}, File{"/var/log/", "log.tar"})},
		{name: "one name begins with another", change: files(File{"/data/a", "a"}, File{"/data/ab", "ab"})},
		{name: "a pattern", change: files(File{"/var/log/*.log", "x"}), warns: "a pattern of /var/log/*.log aboard: one file of exactly this name is asked for; give each path, or their directory with a slash at its end, /var/log/"},
		{name: "a pattern of one sign", change: files(File{"/var/log/syslog.?", "x"}), warns: "a pattern of"},
		{name: "a pattern of braces", change: files(File{"/var/log/{a;b}", "x"}), warns: "a pattern of"},
		{name: "a variable", change: files(File{"/home/$USER/x", "x"}), warns: "a variable or ~"},
		{name: "a dollar", change: files(File{"/data/5$", "x"})},
		{name: "a home", change: files(File{"/~/x", "x"}), warns: "a variable or ~"},
		{name: "a copy", change: files(File{"/data/x~", "x"})},
		{name: "commas", change: files(File{"/etc/hosts,/etc/hostname", "x"}), warns: "a comma parts no paths"},
		{name: "a comma in the name", change: files(File{"/etc/hosts", "a,b"}), warns: "a comma parts no paths"},
		{name: "another sign", change: files(File{"/etc/hosts:/etc/hostname", "x"}), warns: "is one path"},
		{name: "a space between", change: files(File{"/etc/hosts /etc/hostname", "x"}), warns: "is one path"},
		{name: "a space within", change: files(File{"/data/a b", "x"})},
		{name: "a space at the end", change: files(File{"/etc/hosts ", "x"}), warns: "begins or ends with a space"},
		{name: "an archive of a file", change: files(File{"/data/x", "x.tar"}), warns: "only a directory comes as an archive, and ends in a slash: /data/x/=x.tar"},
		{name: "a file that is an archive", change: files(File{"/data/x.tar", "x.tar"})},
		{name: "a device", change: files(File{"/dev/null", "x"}), warns: "/dev/null: the server opens no device"},
		{name: "in memory", change: files(File{"/dev/shm/x", "x"})},
		{name: "an uplink without its unit", change: func(s *Spec) { s.UplinkRate = 125 }, warns: "--uplink-rate 125 counts bytes"},
		{name: "a tail beyond the bound", change: func(s *Spec) { s.Tail, s.MaxBytes = 1<<20, 5000 }, refused: "--tail: the last 1,048,576 bytes of a file are more than the 5,000 that one pass brings (--max-bytes)"},
		{name: "a tail beyond the fetcher's own", change: func(s *Spec) { s.Tail = 100e6 + 1 }, refused: "--tail: "},
		{name: "a tail of the bound", change: func(s *Spec) { s.Tail, s.MaxBytes = 5000, 5000 }},
		{name: "tails beyond the bound", change: func(s *Spec) {
			s.Tail, s.MaxBytes, s.Files = 5000, 9000, []File{{"/data/x", "x"}, {"/data/y", "y"}}
		}, warns: "2 times the last 5,000 bytes are more than the 9,000"},
		{name: "tails within", change: func(s *Spec) {
			s.Tail, s.MaxBytes, s.Files = 4500, 9000, []File{{"/data/x", "x"}, {"/data/y", "y"}}
		}},
		{name: "a byte", change: func(s *Spec) { s.MaxBytes = 1 }, warns: "--max-bytes 1 counts bytes; "},
		{name: "no unit", change: func(s *Spec) { s.Tail = 64 }, warns: "--tail 64 counts bytes"},
		{name: "more than comes down", change: func(s *Spec) { s.MaxBytes = 100e6 + 1 }, warns: "in a day"},
		{name: "levels of nothing", change: func(s *Spec) { s.Depth = 3 }, warns: "--depth is of directories"},
		{name: "levels", change: func(s *Spec) { s.Depth, s.Files = 3, []File{{"/data/", "x"}} }},
		{name: "no budget", change: func(s *Spec) { s.DownlinkBudget = 0 }, warns: "--downlink-budget 0 may let nothing come down"},
		{name: "no budget of a survey", change: func(s *Spec) { s.DownlinkBudget, s.Survey, s.SkipUpload = 0, true, true }, warns: "--downlink-budget 0"},
	} {
		s := tutorial(tt.change)
		err := s.Check()
		if tt.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s: got %v, want %q", tt.name, err, tt.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		p := dryRun(t, s)
		if all := strings.Join(p.Warnings, "\n"); !strings.Contains(all, tt.warns) || (tt.warns == "") != (len(p.Warnings) == 0) || len(p.Warnings) > 1 {
			t.Errorf("%s: got %q, want %q", tt.name, p.Warnings, tt.warns)
		}
	}
}

// Of several passes the headings say of which they speak; of several paths it is
// said that their receipts wait for each other.
func TestHeadings(t *testing.T) {
	draw := func(p *Plan) string {
		var out strings.Builder
		p.Draw(&out, 0)
		return out.String()
	}
	week := tutorial(func(s *Spec) {
		s.Repeat, s.Every, s.Files = 7, Day, []File{{"/etc/hosts", "hosts"}, {"/etc/hostname", "hostname"}}
	})
	p := dryRun(t, week)
	all := draw(p)
	for _, want := range []string{
		"Plan for FM1, 7 passes, the first is run " + p.First().Run + "\n",
		"\n  From now to the end of the last of 7 passes (17.3 days, 11.2 days to the first)\n",
		"\n  The windows of the first pass, in seconds after ",
		" come down at a contact after each pass, up to 5 h later.\n",
		"\n  Note: receipts are written last, all together: one path that is not there ",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("a week lacks %q:\n%s", want, all)
		}
	}
	for _, want := range []string{">To the end of 7 passes: 17.3 days<", ">7 passes, the first is run " + p.First().Run + "<", ">The windows of the first pass overlap for 30 s<"} {
		if svg := string(p.SVG()); !strings.Contains(svg, want) {
			t.Errorf("the picture of a week lacks %q", want)
		}
	}
	folders := draw(dryRun(t, tutorial(func(s *Spec) {
		s.Files, s.FetchDuration = []File{{"/var/log/", "log.tar"}, {"/etc/", "sdr_etc"}}, 10*time.Minute
	})))
	for _, want := range []string{"Brings what is in /var/log/ as the archive log.tar, what is in /etc/ as sdr_etc_... from the SDR,",
		"Note: the server's window ends first; in the 9.5 min that the fetcher's goes on nothing can come"} {
		if !strings.Contains(folders, want) {
			t.Errorf("of directories: want %q:\n%s", want, folders)
		}
	}
	one := draw(dryRun(t, tutorial()))
	if strings.Contains(one, "receipts are written last") || strings.Contains(one, "first pass") {
		t.Errorf("of one file and pass:\n%s", one)
	}
	// In the middle of the week, and at its end.
	var windows []tasking.Window
	for k := range 7 {
		windows = append(windows, pairAt(week, time.Duration(k)*Day-49*time.Hour, string(rune('a'+2*k)), string(rune('b'+2*k)))...)
	}
	p, err := New(week, Facts{Satellite: "FM1", Now: now, Asked: true, Windows: windows}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := draw(p); !strings.Contains(all, "(4 days, 23 h to the next)") {
		t.Errorf("in the middle:\n%s", all)
	}
	p, err = New(week, Facts{Satellite: "FM1", Now: now.Add(95*time.Hour + time.Second), Asked: true, Windows: windows}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := draw(p); !strings.Contains(all, "From now to the end of the last of 7 passes (89 s)") {
		t.Errorf("at its end:\n%s", all)
	}
}
