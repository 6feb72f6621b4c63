package plan

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/sabertooth"
	"payload-ipc/pkg/flight/sdrserve"
)

// What the user types for a path, and what becomes of it.
func TestParseFile(t *testing.T) {
	for _, tt := range []struct {
		arg  string
		want File   // "" for its Name: Named finds one
		says string // "" for none
	}{
		{"/var/log/syslog", File{"/var/log/syslog", ""}, ""},
		{"/var/log/syslog=s", File{"/var/log/syslog", "s"}, ""},
		{"/a/x=in/side=side", File{"/a/x=in/side", "side"}, ""},
		{"/a/x=in/=side", File{"/a/x=in/", "side"}, ""},
		{"/a/x=in/side", File{}, "a NAME cannot have a slash, nor be empty; if the equals sign is of the path, write a NAME too: /a/x=in/side=NAME"},
		{"/a/x=in/", File{}, "write a NAME too: /a/x=in/=NAME"},
		{"/a=", File{}, "empty; if the equals sign is of the path, write a NAME too: /a==NAME"},
		{"/a==b", File{"/a=", "b"}, ""},
		{"/=a/b", File{}, "write a NAME too: /=a/b=NAME"},
		{"/a/=/b", File{}, "write a NAME too: /a/=/b=NAME"},
		{"/=a/b=b", File{"/=a/b", "b"}, ""},
		{"a", File{}, "absolute"},
		{"", File{}, "absolute"},
	} {
		got, err := ParseFile(tt.arg)
		if said := errText(err); got != tt.want && err == nil || !strings.Contains(said, tt.says) || (tt.says == "") != (err == nil) {
			t.Errorf("%q: got %v, %v; want %v, %q", tt.arg, got, err, tt.want, tt.says)
		}
	}
	for _, p := range []string{"/var/log/..", "/var/../etc/x", "/a/.", "/./a", ".."} {
		if err := tutorial(func(s *Spec) { s.Files = []File{{p, "x"}} }).Check(); err == nil || !strings.Contains(err.Error(), "--path: ") {
			t.Errorf("%q: got %v, want a refusal", p, err)
		}
	}
	if got := (Spec{Files: []File{{"/", ""}}}).Named()[0].Name; got != "sdr_root" {
		t.Errorf("got %q for the root, want sdr_root", got)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

var pathRunes = []rune("abcdefg==//.- _%é\n")

// What the ground takes is taken aboard, by the programs themselves, and as what
// was meant; what is refused aboard, as it was typed, is refused on the ground.
func TestFilesAsAboard(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			p := "/" + rapid.StringOfN(rapid.SampledFrom(pathRunes), 0, 12, -1).Draw(t, "path")
			if rapid.Bool().Draw(t, "named") {
				p += "=" + rapid.StringOfN(rapid.SampledFrom(pathRunes), 0, 4, -1).Draw(t, "name")
			}
			return p
		}), 1, 3).Draw(t, "typed")
		s := tutorial(func(s *Spec) { s.Files = nil })
		var err, aboard error
		whole := true // each has a name of the user's
		for _, arg := range typed {
			f, ferr := ParseFile(arg)
			if err == nil {
				err = ferr
			}
			p, perr := sabertooth.ParsePath(arg)
			if perr != nil {
				aboard = perr
			}
			whole = whole && p.Name != ""
			s.Files = append(s.Files, f)
		}
		meant := s.Files
		s.Files = s.Named()
		s.Tail = rapid.Int64Range(0, 1<<40).Draw(t, "tail")
		s.MaxBytes = rapid.Int64Range(0, 1<<40).Draw(t, "most")
		s.NoSalvage = rapid.Bool().Draw(t, "no salvage")
		s.Port = rapid.SampledFrom([]int{MinPort, DefaultPort, 65535}).Draw(t, "port")
		s.Allow = rapid.SampledFrom([][]netip.Prefix{nil, {netip.MustParsePrefix("10.2.1.10/8")}, {netip.MustParsePrefix("::/0"), netip.MustParsePrefix("10.2.1.10/32")}}).Draw(t, "allow")
		s.SDR = rapid.SampledFrom([][]netip.Addr{s.SDR, {netip.MustParseAddr("fd00::1")}, {netip.MustParseAddr("::ffff:10.2.1.9")}}).Draw(t, "sdr")
		if err == nil {
			err = s.Check()
		}
		if whole { // else a name that it finds may be what is wrong, and the ground finds others
			_, aboard = sabertooth.ParsePaths(typed)
		}
		if aboard != nil && err == nil {
			t.Fatalf("%q is refused aboard: %v", typed, aboard)
		}
		if err != nil {
			return
		}
		pass := s.Pass("FM1", now)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for i, program := range []func(context.Context, []string, agent.Stdio) int{sdrserve.Run, sabertooth.Run} {
			args := pass.Windows[i].Args
			// Past its flags the window is over, or there is no place to work in.
			nowhere := [][]string{{"--root", root}, {"--outbox", "/dev/null/x", "--stage", "/dev/null/y"}}[i]
			var said bytes.Buffer
			if code := program(ctx, slices.Concat(nowhere, []string{"--log", "-"}, args), agent.Stdio{Out: &said, Err: &said}); code == agent.ExitUsage {
				t.Fatalf("%q: refused aboard: %s", args, said.String())
			}
		}
		got, _ := sabertooth.ParsePaths(s.args())
		for i, p := range got {
			if p.Path != meant[i].Path || meant[i].Name != "" && p.Name != meant[i].Name {
				t.Fatalf("%q is %q aboard, want %q", typed[i], p, meant[i])
			}
		}
	})
}

// What a window brings is read from its arguments: of both ways to the program,
// and not of what is not listed.
func TestBrings(t *testing.T) {
	for _, change := range []func(*Spec){func(*Spec) {}, handover} {
		s := tutorial(change, func(s *Spec) {
			s.Files, s.Tail, s.NoSalvage = []File{{"/var/log/kern.log", "kern"}, {"/etc/", "sdr_etc"}}, 9, true
		})
		pass := s.Pass("FM1", now)
		want := []string{"/var/log/kern.log=kern", "/etc/=sdr_etc"}
		if got := Brings(listedWindow(pass.Windows[1], "2")); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := Brings(listedWindow(pass.Windows[0], "1")); got != nil {
			t.Errorf("the server brings %q", got)
		}
		w := listedWindow(pass.Windows[1], "2")
		w.Args = nil
		if got := Brings(w); got != nil {
			t.Errorf("nothing is listed, got %q", got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "125KB": 125_000, "125 kB/d": 125_000, "64KiB": 65_536, "1.5MB": 1_500_000, "10MB/day": 10_000_000, "1MiB": 1 << 20, "2GB": 2e9, "7B": 7} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: got %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "KB", "-1", "0", "0.5", "9999999999MB", "NaN", "Inf", "fast"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}
