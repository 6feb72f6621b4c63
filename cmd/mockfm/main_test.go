package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv("MOCKFM_TEST_MAIN") == "1" {
		main()
	}
	os.Exit(m.Run())
}

func TestUsage(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--help", 0, "--fault SPEC is PLACE=KIND"},
		{"--nonsense", 2, "unknown flag: --nonsense"},
		{"argument", 2, "not a flag"},
		{"--uplink-rate 0", 2, "--uplink-rate"},
		{"--syslog-size much", 2, "--syslog-size"},
		{"--fault window=explodes", 2, `window cannot have "explodes"`},
		{"--disk tape", 2, "emmc, memory, sdcard"},
		{"--contact-every 0s", 2, "--contact-every: want above zero"},
		{"--contact-every -1h", 2, "--contact-every: want above zero"},
		{"--warp --warp-after -1s", 2, "--warp-after: want above zero"},
		{"--syslog-rate 0", 2, "--syslog-rate: want 1 or more"},
		{"--syslog-rotate 0", 2, "--syslog-rotate: want such as 25s"},
		{"--token=", 2, "--token: want a token; left out, any is accepted"},
		{"--satellites=", 2, "--satellites: want ids"},
		{"--satellites FM1,", 2, "--satellites: want ids"},
		{"--satellites FM1/..", 2, "--satellites: want ids"},
		{"--satellites ..", 2, "--satellites: want ids"},
		{"--satellites FM1,FM2,FM1", 2, "--satellites: want each once"},
		{"--sandbox jail", 2, "--sandbox: want auto, namespaces or plain"},
		{"--listen 8600", 2, "--listen: want an address and a port, such as 127.0.0.1:8600"},
		{"--listen 127.0.0.1:86000", 2, "--listen: want an address and a port"},
		{"--s3-listen localhost", 2, "--s3-listen: want an address and a port"},
		{"--listen 256.0.0.1:1 --sandbox plain --state " + t.TempDir(), 1, "give --listen another address"},
		{"--state " + full, 1, "not of mockfm"},
		{"--state /proc/version/x", 1, "state directory"},
	} {
		var out, err bytes.Buffer
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		code := run(ctx, strings.Fields(c.args), &out, &err)
		said := &err
		if c.code == 0 {
			said = &out // of help, which may go to a pager
		}
		if code != c.code || !strings.Contains(said.String(), c.want) {
			t.Errorf("%s: got %d, %q and %q, want %d and %q", c.args, code, out.String(), err.String(), c.code, c.want)
		}
		if c.code != 0 && strings.Count(err.String(), "\n") != 1 {
			t.Errorf("%s: got %q, want one line", c.args, err.String())
		}
	}
	if _, err := os.Stat(filepath.Join(full, "thesis.tex")); err != nil {
		t.Error(err)
	}
}

// mock starts the command in a process of its own.
func mock(t *testing.T, state string, args ...string) (cmd *exec.Cmd, env map[string]string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(exe, append([]string{"--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--token", "t",
		"--warp", "--warp-after", "100ms", "--state", state}, args...)...)
	cmd.Env = append(os.Environ(), "MOCKFM_TEST_MAIN=1")
	os.Remove(filepath.Join(state, "env")) // an earlier run's
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	env = map[string]string{}
	for range 300 {
		if b, err := os.ReadFile(filepath.Join(state, "env")); err == nil && bytes.HasSuffix(b, []byte("\n")) {
			for _, word := range strings.Fields(string(b)) {
				if k, v, ok := strings.Cut(word, "="); ok {
					env[k] = v
				}
			}
			return cmd, env
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("mockfm did not come up")
	return nil, nil
}

// openWindow has a program run in a window that is open on return.
func openWindow(t *testing.T, mock *exec.Cmd, api, script string, processes int) []int {
	t.Helper()
	start := time.Now().Add(24 * time.Hour).Unix()
	body := fmt.Sprintf(`{"type":"PAYLOAD_SDR","satellite_id":"FM1","start":%d,"duration":600,"parameters":{"user_command":{"executable":"/bin/sh","executable_arguments":["-c",%q]},"downlink_budget":1}}`, start, script)
	req, _ := http.NewRequest("POST", api+"/tasking/window", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer t")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("window: %s", resp.Status)
	}
	for range 500 {
		if all := family(mock.Process.Pid); len(all) >= processes {
			return all
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("fewer than %d processes run", processes)
	return nil
}

// machine is what a run could leave behind outside its state directory.
func machine(t *testing.T) (all []string) {
	t.Helper()
	for _, glob := range []string{"/sys/class/net/*", "/run/netns/*", "/proc/sys/fs/binfmt_misc/*"} {
		names, _ := filepath.Glob(glob)
		all = append(all, names...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return append(all, strings.Split(string(mounts), "\n")...)
}

// family lists the processes that descend from pid.
func family(pid int) []int {
	parents := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var id, parent int
		var state string
		fmt.Sscan(string(b), &id)
		fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &parent)
		parents[parent] = append(parents[parent], id)
	}
	all := []int{}
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		all = append(all, parents[queue[0]]...)
		queue = append(queue, parents[queue[0]]...)
	}
	return all
}

// ended is true of zombies too: whose child it becomes reaps at its leisure.
func ended(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.HasPrefix(b[bytes.LastIndexByte(b, ')')+1:], []byte(" Z"))
}

// However a run ends, in the middle of a window, nothing of it is left but
// files in its state directory; and those do not hinder the next.
func TestNothingLeft(t *testing.T) {
	state := t.TempDir()
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGABRT, syscall.SIGTERM} {
		before := machine(t)
		cmd, env := mock(t, state)
		if sandbox := filepath.Join(state, "bus"); how == syscall.SIGINT {
			if _, err := os.Stat(sandbox); err != nil {
				if os.Getenv("REQUIRE_PEERS") == "1" {
					t.Fatal("no namespaces on this machine")
				}
				t.Skip("no namespaces on this machine")
			}
		}
		// bus, init, sh and two sleeps
		left := openWindow(t, cmd, env["SPIRE_API"], `trap "" TERM INT HUP; busybox setsid busybox sleep 1000 & busybox sleep 1000 & wait; wait`, 5)
		cmd.Process.Signal(how)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); (how == syscall.SIGINT || how == syscall.SIGTERM) && code != 0 {
			t.Errorf("%v: exit %d, want 0", how, code)
		}
		for range 100 {
			left = slices.DeleteFunc(left, ended)
			if len(left) == 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Errorf("%v: processes %v are left", how, left)
		}
		if after := machine(t); !slices.Equal(before, after) {
			t.Errorf("%v: the machine was\n%v\nand is\n%v", how, before, after)
		}
	}
}
