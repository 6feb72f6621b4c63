package survey

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var sdr = Expected{Machine: "aarch64", Addrs: []string{"10.2.1.8", "10.2.1.12"}}

// good is what a payload as docs/platform.md has it would write.
const good = `survey 1 SDR 1796030979 60 100.50 r1
env ,
kernel Linux 4.14.0 aarch64
user uid=1000(user) gid=1000(user) groups=1000(user)
clock 1796030980
has sh /bin/sh
has bash /bin/bash
has busybox /bin/busybox
has xz /usr/bin/xz
has wget /usr/bin/wget
has sha256sum /usr/bin/sha256sum
has python3 /usr/bin/python3
xz xz (XZ Utils) 5.2.3
wget GNU Wget 1.19.5 built on linux-gnu.
python3 Python 3.5.5
busybox BusyBox v1.27.2 (2018-01-01 00:00:00 UTC) multi-call binary.
mount / ext4 ro,relatime
mount /persist ext4 rw,relatime
write /persist runs
space /persist /dev/mmcblk0p5 1000000 200000 800000 20% /persist
write /outbox runs
space /outbox /dev/mmcblk0p5 1000000 200000 800000 20% /outbox
write /tmp no
space /tmp
write /inbox runs
space /inbox
net 10.2.1.0 10.2.1.8 127.0.0.0 8 127.0.0.1 32 10.2.1.8
route Destination Gateway 0001020A 00000000
ping.10.2.1.10 0
agent 2026-11-30 09:28:49 ERROR 404: Not Found.
facts
up 101.00
up 130.00
signal TERM 158.00
up 160.20
`

func find(t *testing.T, all []Finding, part string) Finding {
	t.Helper()
	for _, f := range all {
		if strings.Contains(f.Assumption, part) {
			return f
		}
	}
	t.Fatalf("no finding on %q", part)
	return Finding{}
}

func TestAllHolds(t *testing.T) {
	f, ok := Parse(good)
	if !ok || !f.Whole || f.Payload != "SDR" || f.Run != "r1" || f.Duration != time.Minute || f.Start.Unix() != 1796030979 || f.Lived != 59700*time.Millisecond {
		t.Errorf("got %+v, %v", f, ok)
	}
	for _, finding := range f.Findings(sdr) {
		if finding.State != Holds || finding.Change != "" {
			t.Errorf("%+v", finding)
		}
	}
	for on, want := range map[string]string{"HOME and": "HOME unset, TMPDIR unset", "10.2.1.10 can": "answers", "its address": "10.2.1.8"} {
		if got := find(t, f.Findings(sdr), on).Got; got != want {
			t.Errorf("%s: got %q, want %q", on, got, want)
		}
	}
	if got := find(t, f.Findings(sdr), "how a window ends").Got; got != "SIGTERM 2 s before the last word" {
		t.Errorf("got %q", got)
	}
}

// Each assumption can be found wrong, or not seen.
func TestDiffers(t *testing.T) {
	for _, c := range []struct {
		old, new, on string
		want         State
	}{
		{"4.14.0 aarch64", "4.6.0 armv7l", "Linux on", Differs},
		{"kernel Linux 4.14.0 aarch64\n", "", "Linux on", Unknown},
		{"write /persist runs", "write /persist no", "/persist takes", Differs},
		{"write /persist runs", "write /persist /persist/.s7: Permission denied", "/persist takes", Differs},
		{"write /outbox runs", "write /outbox no", "/outbox takes", Differs},
		{" 800000 20% /persist", " 8000 20% /persist", "free", Differs},
		{" 1000000 200000 800000 20% /persist", "", "room", Unknown},
		{"has xz /usr/bin/xz", "has xz", "there is xz", Differs},
		{"has xz /usr/bin/xz\n", "", "there is xz", Unknown},
		{"has wget /usr/bin/wget", "has wget ", "there is wget", Differs},
		{"Utils) 5.2.3", "Utils) 5.0.8", "5.2 or newer", Differs},
		{"Utils) 5.2.3", "Utils) 5.10.0", "5.2 or newer", Holds},
		{"Utils) 5.2.3", "Utils) 4.999.9beta", "5.2 or newer", Differs},
		{"xz xz (XZ Utils) 5.2.3", "xz survey: xz: not found", "5.2 or newer", Unknown},
		{"10.2.1.8 127.0.0.0 8 127.0.0.1 32 10.2.1.8", "10.2.1.77", "its address", Differs},
		{"10.2.1.0 10.2.1.8 127.0.0.0 8 127.0.0.1 32 10.2.1.8", "127.0.0.1", "its address", Unknown},
		{"ping.10.2.1.10 0", "ping.10.2.1.10 1", "10.2.1.10 can", Unknown},
		{"clock 1796030980", "clock 12", "clock is right", Differs},
		{"clock 1796030980\n", "", "clock is right", Unknown},
		{"up 160.20\n", "", "as long as", Holds},
		{"signal TERM 158.00\nup 160.20\n", "", "as long as", Differs},
		{"up 101.00\nup 130.00\nsignal TERM 158.00\nup 160.20\n", "", "as long as", Unknown},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not there", c.old)
		}
		if c.on == "as long as" && c.want == Holds {
			text = strings.Replace(text, "signal TERM 158.00\n", "up 158.00\n", 1)
		}
		f, ok := Parse(text)
		if got := find(t, f.Findings(sdr), c.on); !ok || got.State != c.want || (got.Change != "") != (c.want == Differs) {
			t.Errorf("%q for %q: got %+v, want %s", c.new, c.old, got, c.want)
		}
	}
}

// What is cut, torn or something else is no survey, or one without what is
// not there.
func TestParseAnything(t *testing.T) {
	for _, text := range []string{"", "hello\n", "survey 2 SDR 1 1 1\n", "survey 1 SDR x 1 1\n", "survey 1 SDR 1 1\n", "survey 1 SDR 1 1 1 a b\n", "survey 1 SDR 1 1 1", "<html>\n"} {
		if f, ok := Parse(text); ok {
			t.Errorf("%q: got %+v", text, f)
		}
	}
	for n := range len(good) {
		f, ok := Parse(good[:n] + "\x00\x00\x00")
		if ok {
			f.Findings(sdr)
		}
		if f.Whole && n < strings.Index(good, "\nfacts")+6 {
			t.Errorf("cut at %d, yet whole", n)
		}
	}
}

// The script stays below its limit, and each shell that a payload may have
// runs it, with nothing in its environment.
func TestScript(t *testing.T) {
	if len(Script) > MaxScript {
		t.Errorf("got %d bytes, want at most %d", len(Script), MaxScript)
	}
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		path, err := exec.LookPath(shell[0])
		if err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Errorf("%s is not here", shell[0])
			}
			t.Logf("skipped: %s is not here", shell[0])
			continue
		}
		t.Run(shell[0], func(t *testing.T) {
			dir := t.TempDir()
			start := time.Now()
			args := Args("r1", "SDR", start, time.Minute, "127.0.0.1")
			// Only where it writes is another place here, and where it reads a name in it.
			args[1] = strings.ReplaceAll(args[1], "/outbox", dir)
			args[1] = strings.ReplaceAll(args[1], "localhost:2005", "127.0.0.1:1")
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			cmd := exec.CommandContext(ctx, path, append(shell[1:], args...)...)
			cmd.Env, cmd.Dir = []string{}, "/"
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, Name("SDR"))
			var f Facts
			var text []byte
			for deadline := time.Now().Add(time.Minute); f.Lived == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				text, _ = os.ReadFile(file)
				f, _ = Parse(string(text))
			}
			stop()
			cmd.Wait()
			if !f.Whole || f.Payload != "SDR" || f.Run != "r1" || f.Start.Unix() != start.Unix() {
				t.Fatalf("got %+v\n%s", f, text)
			}
			for key, want := range map[string]string{"kernel": "Linux ", "clock": strconv.FormatInt(start.Unix(), 10)[:8], "has sh": "/", "write " + dir: "runs", "net": "127.0.0.1"} {
				if got, _ := f.value(key); !strings.HasPrefix(got, want) && !strings.Contains(got, want) {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
		})
	}
}
