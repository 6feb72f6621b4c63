package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, doc, want, err string }{
		{"nothing", "", "", ""},
		{"keys, comments and tables",
			"# mine\napi = 'x'\n\n[deploy]\n# so\nrepeat = 7\n[profile.test]\nsatellites = ['FM1', 'FM2']\n[profile.test.deploy]\nlead='2h'",
			"2 //api=x, 6 /deploy/repeat=7, 7 test//=<nil>, 8 test//satellites=[FM1 FM2], 10 test/deploy/lead=2h", ""},
		{"dotted keys", "deploy.repeat = 7\nprofile.x.status.every = '1s'", "1 /deploy/repeat=7, 2 x//=<nil>, 2 x/status/every=1s", ""},
		{"inline tables", "\ndeploy = { repeat = 7,\n hand-over = true }", "2 /deploy/hand-over=true, 2 /deploy/repeat=7", ""},
		{"an empty table", "[deplyo]", "1 /deplyo/=<nil>", ""},
		{"no TOML", "api = 'x'\nlead = 2h\n", "", ":2: no TOML: "},
		{"a key that is there twice", "api = 'x'\n\napi = 'y'\n", "", ":3: no TOML: "},
		{"a profile that is no table", "[profile]\nx = 1", "", ":2: profile.x is no table"},
		{"a table in a verb's", "[deploy.x]\ny = 1", "", ":1: [deploy.x] is a table in the table of a verb"},
		{"not UTF-8", "api = '\xff'", "", ":1: no TOML: "},
	} {
		file := filepath.Join(t.TempDir(), "payload-ipc.toml")
		if err := os.WriteFile(file, []byte(tt.doc), 0o644); err != nil {
			t.Fatal(err)
		}
		settings, err := Read(file)
		var got []string
		for _, s := range settings {
			got = append(got, fmt.Sprintf("%d %s/%s/%s=%v", s.Line, s.Profile, s.Verb, s.Key, s.Value))
		}
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), file+tt.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got error %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		if s := strings.Join(got, ", "); err != nil || s != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, s, err, tt.want)
		}
	}
}

// A file that is not there has no settings; one that others may write, or that
// cannot be read, is refused.
func TestReadWhatIsNotMine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if s, err := Read(filepath.Join(dir, "none")); s != nil || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("a directory was read")
	}
	file := filepath.Join(dir, "payload-ipc.toml")
	if err := os.WriteFile(file, []byte("api = 'x'"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		prepare func() error
		says    string
	}{
		{func() error { return nil }, ""},
		{func() error { return os.Chmod(file, 0o666) }, "everybody may write"},
		{func() error { return os.Chmod(file, 0o644) }, ""},
		{func() error {
			if os.Geteuid() != 0 {
				t.Skip("only root gives a file away")
			}
			return os.Chown(file, 12345, -1)
		}, ""}, // root, in a directory of its own
		{func() error { return os.Chmod(dir, 0o777) }, "belongs to another user"},
	} {
		if err := tt.prepare(); err != nil {
			t.Fatal(err)
		}
		_, err := Read(file)
		if got := fmt.Sprint(err); tt.says == "" && err != nil || !strings.Contains(got, tt.says) {
			t.Errorf("got %v, want %q", err, tt.says)
		}
	}
}

// Whatever a file holds, each setting stands on one of its lines, under its own
// key, and what is wrong is told in one line.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"api = 'x'\n[deploy]\nrepeat = 7", "[profile.a.b]\nc.d = {e = 1}", "'' = 1\n[\"\"]", "a.b = 1\n[[c]]\nd = [{x = 1}]", "x = 1979-05-27T07:32:00Z", "[a.\"\\u001b\"]\nx = 1", "[profile]\n\"\\u000a\" = 1", "a = nan # \u00e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		settings, err := parse("f", []byte(doc))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") || !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("%q", err)
			}
			return
		}
		all := strings.Split(doc, "\n")
		for _, s := range settings {
			if s.Line < 1 || s.Line > len(all) {
				t.Fatalf("line %d of %d", s.Line, len(all))
			}
		}
	})
}
