package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// start is a sandbox for one test.
func start(t *testing.T, kind string) Sandbox {
	t.Helper()
	s, err := New(Config{Kind: kind, Dir: filepath.Join(t.TempDir(), "bus"), Event: func(e Event) { t.Log(e) }})
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" || kind == "plain" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := s.Shut(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// payload is one that runs a script.
func payload(t *testing.T, id, script string) Payload {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"root/persist", "root/outbox", "system/etc", "system/home", "system/var"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Payload{ID: id, Bus: "FM1", Name: "SDR", Root: dir + "/root", System: dir + "/system", Addrs: []string{"10.2.1.8"},
		Program: "/bin/sh", Args: []string{"-c", script}, Stdout: dir + "/stdout", Stderr: dir + "/stderr", Disk: &flash.Spec{}}
}

// How programs end is told as what it is, without an API in sight.
func TestOutcome(t *testing.T) {
	for _, kind := range []string{"namespaces", "plain"} {
		t.Run(kind, func(t *testing.T) {
			s := start(t, kind)
			for _, c := range []struct {
				name, script string
				cut          bool
				want         Outcome
			}{
				{"exits", "exit 7", false, Outcome{End: Exited, Exit: 7}},
				{"dies", "kill -SEGV $$", false, Outcome{End: Signaled, Signal: "segmentation fault"}},
				{"lives", "sleep 100", false, Outcome{End: Killed}},
				{"lives to the cut", "sleep 100", true, Outcome{End: Lost}},
				{"is over before the cut", "exit 0", true, Outcome{End: Exited}},
			} {
				p := payload(t, c.name, c.script)
				if err := s.Open(p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if c.cut {
					if err := s.Cut(p.ID); err != nil {
						t.Error(err)
					}
				}
				got := s.Close(p.ID)
				if (got.After > 0) != (c.want.End == Exited || c.want.End == Signaled) {
					t.Errorf("%s: after %v", c.name, got.After)
				}
				if got.End != c.want.End || got.Exit != c.want.Exit || got.Signal != c.want.Signal {
					t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
				}
			}
			p := payload(t, "none", "")
			p.Program = "/no/such/program"
			err := s.Open(p)
			time.Sleep(300 * time.Millisecond)
			if got := s.Close(p.ID); err != nil || got.End != Refused || !strings.Contains(got.Why, "no such file") {
				t.Errorf("a program that is not there: got %+v, %v", got, err)
			}
			if got := s.Close("never on"); got.End != Killed {
				t.Errorf("a payload that never was on: got %+v", got)
			}
		})
	}
}

// A sync that the power ends is told.
func TestHeld(t *testing.T) {
	s := start(t, "namespaces")
	if err := s.Disk(); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	p := payload(t, "held", "echo x >/persist/f; sync /persist/f")
	p.Disk = &flash.Spec{SyncMin: time.Minute, SyncMax: time.Minute}
	if err := s.Open(p); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	got := s.Close(p.ID)
	if got.End != Killed || len(got.Syncs) != 1 || !got.Syncs[0].Held {
		t.Errorf("got %+v, want it killed in a sync", got)
	}
	if _, err := New(Config{Kind: "jail"}); err == nil || !strings.Contains(err.Error(), "jail") {
		t.Errorf("got %v", err)
	}
}
