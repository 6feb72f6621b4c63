package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ./deploy asks ground what it has to build, with the files of settings and all,
// and builds nothing for a command line that is wrong.
func TestWrapper(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../deploy")
	if err != nil {
		t.Fatal(err)
	}
	ground, err := exec.LookPath("ground")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, profile string
		args          []string
		code          int
		made, says    string
	}{
		{"as it is", "", []string{"--dry-run", "FM1"}, 1, "B/ground; uplink", "B/uplink/sdr-serve is not there"},
		{"a processor", "", []string{"--dry-run", "--to-payload=dexter", "FM1"}, 1, "B/ground; uplink; FLIGHT_ARCH=arm uplink", "B/uplink/sdr-serve is not there"},
		{"from a file", "[deploy]\nto-payload = 'DEXTER'\nupdate-from = 'v1'\nsatellites = ['FM1']", []string{"--dry-run"}, 1, "B/ground; uplink; FLIGHT_ARCH=arm uplink; update FROM=v1", "B/uplink/from-v1/sdr-serve is not there"},
		{"others' programs", "", []string{"--dry-run", "--artifacts", "other", "FM1"}, 2, "", "--artifacts: there is no directory other"},
		{"others' by a file", "artifacts = 'other'", []string{"--dry-run", "FM1"}, 2, "B/ground", "payload-ipc.toml:1: --artifacts: there is no directory other"},
		{"no satellite", "", []string{"token"}, 2, "B/ground", "ground deploy: the satellite is missing"},
		{"as JSON", "", []string{"--json", "token"}, 2, "B/ground", `"exit": 2`},
		{"a slip in the file", "repeat = 'x'", []string{"token", "FM1"}, 2, "B/ground", "payload-ipc.toml:1: repeat is a whole number"},
		{"it does not build", "", []string{"--update-from", "nosuch", "--dry-run", "FM1"}, 1, "B/ground; uplink; update FROM=nosuch", "update: version nosuch is not here"},
		{"help", "", []string{"--help"}, 0, "", "usage: ground deploy"},
	} {
		tree := t.TempDir()
		bin := filepath.Join(tree, "bin")
		for name, text := range map[string]string{
			"deploy":           string(script),
			"bin/uplink/.keep": "",
			"bin/make": "#!/bin/sh\nshift 3\necho \"$*${FROM:+ FROM=$FROM}\" >>" + tree + "/made\n" +
				"[ \"$FROM\" != nosuch ] || { echo update: version nosuch is not here >&2; exit 2; }\n",
		} {
			file := filepath.Join(tree, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(ground, filepath.Join(bin, "ground")); err != nil {
			t.Fatal(err)
		}
		if tt.profile != "" {
			if err := os.WriteFile(filepath.Join(tree, "payload-ipc.toml"), []byte(tt.profile), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(context.Background(), filepath.Join(tree, "deploy"), tt.args...)
		cmd.Dir = tree
		cmd.Env = append(os.Environ(), "BIN="+bin, "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+tree, "XDG_CONFIG_HOME=")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.Run()
		log, _ := os.ReadFile(filepath.Join(tree, "made"))
		made := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(string(log)), "\n", "; "), bin, "B")
		said := strings.ReplaceAll(out.String(), bin, "B")
		if code := cmd.ProcessState.ExitCode(); code != tt.code || made != tt.made || !strings.Contains(said, tt.says) {
			t.Errorf("%s: exit %d, want %d; made %q, want %q; said, and want %q:\n%s", tt.name, code, tt.code, made, tt.made, tt.says, said)
		}
		if tt.code == 2 && !strings.Contains(said, "exit") && strings.Count(said, "\n") != 1 {
			t.Errorf("%s: said, and want one sentence:\n%s", tt.name, said)
		}
	}
}
