package agent

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary a small agent when it is told to.
func TestMain(m *testing.M) {
	switch os.Getenv("AGENT_TEST") {
	case "wait":
		Main(func(ctx context.Context, args []string, std Stdio) int {
			std.Out.Write([]byte("ready\n"))
			<-ctx.Done()
			if len(args) > 0 { // a program that does not end
				std.Out.Write([]byte("stuck\n"))
				select {}
			}
			return 7
		})
	case "crash":
		Main(func(ctx context.Context, args []string, std Stdio) int {
			c := NewCommand("agent", "")
			c.Parse(args, std, nil)
			_, log := c.Start(ctx, std, 0)
			log.Info().Msg("before the crash")
			panic("our bug")
		})
	}
	os.Exit(m.Run())
}

func child(t *testing.T, mode string, args ...string) *exec.Cmd {
	argv := append([]string{os.Args[0]}, args...)
	if emulator := os.Getenv("EMULATOR"); emulator != "" { // this is a program for another processor
		argv = append([]string{emulator}, argv...)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "AGENT_TEST="+mode)
	return cmd
}

func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPWR} {
		for _, stuck := range []bool{false, true} {
			var args []string
			want := 7
			if stuck {
				args, want = []string{"stuck"}, 128+int(sig)
			}
			cmd := child(t, "wait", args...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 6)
			out.Read(buf)
			cmd.Process.Signal(sig)
			if stuck {
				out.Read(buf)
				cmd.Process.Signal(sig)
			}
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("%v, stuck %v: got exit %d, want %d", sig, stuck, got, want)
			}
		}
	}
}

func TestCrashIsLeftInTheLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	cmd := child(t, "crash", "--log", log)
	if err := cmd.Run(); err == nil {
		t.Fatal("a panic exited 0")
	}
	b, err := os.ReadFile(log)
	if err != nil || !bytes.Contains(b, []byte("before the crash")) || !bytes.Contains(b, []byte("our bug")) {
		t.Errorf("log: %v\n%s", err, b)
	}
}

func TestParse(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	keyFile, fifo := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "fifo")
	if err := errors.Join(os.WriteFile(keyFile, []byte(" "+secret+"\r\n"), 0o600), os.WriteFile(keyFile+".bad", []byte(secret+"\n"+secret+"\n"), 0o600),
		syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		done bool
		says string // on stderr, or on stdout where code is 0
	}{
		{"", 0, false, ""},
		{"--for 60s --until 1763900000", 0, false, ""},
		{"--version", 0, true, "prog dev unknown " + runtime.GOOS + "/" + runtime.GOARCH},
		{"--help", 0, true, "usage: prog [flags]"},
		{"--nope", 2, true, "--nope"},
		{"--until tomorrow", 2, true, "--until"},
		{"--until", 2, true, "--until"},
		{"--for 0s", 2, true, "--for"},
		{"--for -5s", 2, true, "--for"},
		{"--for soon", 2, true, "--for"},
		{"--log-level loud", 2, true, "--log-level"},
		{"--size 0", 2, true, "--size"},
		{"--size 9999999999GB", 2, true, "--size"},
		{"--check", 2, true, "--check: no"},
		{"--key " + secret, 0, false, ""},
		{"--key " + strings.ToUpper(secret), 0, false, ""},
		{"--key-file " + keyFile, 0, false, ""},
		{"--key", 2, true, "--key"},
		{"--key=", 2, true, "--key: want 64 hexadecimal digits"},
		{"--key= " + secret, 2, true, "--key: want 64 hexadecimal digits"},
		{"--key " + secret[1:], 2, true, "--key: want 64 hexadecimal digits"},
		{"--key " + secret + "0", 2, true, "--key: want 64 hexadecimal digits"},
		{"--key 0x" + secret[2:], 2, true, "--key: want 64 hexadecimal digits"},
		{"--key " + secret[1:] + "g", 2, true, "--key: want 64 hexadecimal digits"},
		{"--key " + secret + " --key-file " + keyFile, 2, true, "--key, --key-file: want one"},
		{"--key-file " + keyFile + ".bad", 2, true, "--key-file: want 64 hexadecimal digits"},
		{"--key-file /no/such/file", 2, true, "--key-file: open /no/such/file"},
		{"--key-file /", 2, true, "--key-file: read /"},
		{"--key-file /dev/zero", 2, true, "--key-file: want 64 hexadecimal digits"},
		{"--key-file " + fifo, 2, true, "--key-file: want 64 hexadecimal digits"},
	} {
		var out, errs bytes.Buffer
		log := filepath.Join(t.TempDir(), "log")
		cmd := NewCommand("prog", "[flags]")
		var size Size = 1 << 20
		cmd.Flags.Var(&size, "size", "")
		check := cmd.Flags.Bool("check", false, "")
		args := append([]string{"--log", log}, strings.Fields(c.args)...)
		code, done := cmd.Parse(args, Stdio{Out: &out, Err: &errs}, func() error {
			if *check {
				return errors.New("--check: no")
			}
			return nil
		})
		if key := strings.Contains(c.args, "--key"); (cmd.Key != nil) != (key && c.code == 0) || key && cmd.Key != nil && hex.EncodeToString(cmd.Key[:]) != secret {
			t.Errorf("%s: got the key %x", c.args, cmd.Key)
		}
		if all, _ := os.ReadFile(log); strings.Contains(strings.ToLower(out.String()+errs.String()+string(all)), secret[5:20]) {
			t.Errorf("%s: some of the key is told: %s%s", c.args, errs.String(), all)
		}
		if code != c.code || done != c.done {
			t.Errorf("%s: got %d %v, want %d %v", c.args, code, done, c.code, c.done)
		}
		text := out.String()
		if c.code != 0 {
			text = errs.String()
			if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "prog: ") {
				t.Errorf("%s: not one sentence: %q", c.args, text)
			}
			if b, err := os.ReadFile(log); err != nil || !json.Valid(b) || !strings.Contains(string(b), `"exit":2`) {
				t.Errorf("%s: nothing left in the log: %v %q", c.args, err, b)
			}
		}
		if !strings.Contains(text, c.says) {
			t.Errorf("%s: got %q, want %q in it", c.args, text, c.says)
		}
	}
}

func TestLog(t *testing.T) {
	var errs bytes.Buffer
	path := filepath.Join(t.TempDir(), "log")
	os.WriteFile(path, []byte("earlier\n"), 0o644)
	c := NewCommand("prog", "")
	if _, done := c.Parse([]string{"--log", path, "--for", "1m"}, Stdio{Out: &errs, Err: &errs}, nil); done {
		t.Fatal(errs.String())
	}
	w, log := c.Start(t.Context(), Stdio{Out: &errs, Err: &errs}, 0)
	log.Info().Str("path", "/x\n\x1b[31m").Msg("one")
	log.Debug().Msg("hidden")
	log.Close(time.Second)
	w.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(string(b), "earlier\n")
	if !ok || rest != errs.String() {
		t.Fatalf("file %q, stderr %q", b, errs.String())
	}
	var line struct{ Level, Message, Time, Path string }
	if err := json.Unmarshal([]byte(rest), &line); err != nil {
		t.Fatal(err)
	}
	stamp, err := time.Parse("2006-01-02T15:04:05.000Z", line.Time)
	if err != nil || time.Since(stamp).Abs() > time.Minute {
		t.Errorf("time %q: %v", line.Time, err)
	}
	if line.Level != "info" || line.Message != "one" || line.Path != "/x\n\x1b[31m" || strings.Contains(rest, "\x1b") {
		t.Errorf("got %q", rest)
	}
}

// After a power cut a log may end anywhere in a line, or in zeros.
func TestLogBeginsALine(t *testing.T) {
	for _, c := range []struct{ before, want string }{
		{"", ""}, {"earlier\n", "earlier\n"}, {"ear", "ear\n"},
		{"earlier\n\x00\x00\x00", "earlier\n\x00\x00\x00\n"}, {"\n", "\n"}, {"x\r", "x\r\n"},
	} {
		path := filepath.Join(t.TempDir(), "log")
		os.WriteFile(path, []byte(c.before), 0o644)
		var errs bytes.Buffer
		cmd := NewCommand("prog", "")
		cmd.Parse([]string{"--log", path}, Stdio{Out: &errs, Err: &errs}, nil)
		w, log := cmd.Start(t.Context(), Stdio{Out: &errs, Err: &errs}, 0)
		log.Info().Msg("one")
		log.Close(time.Second)
		w.Close()
		if b, err := os.ReadFile(path); err != nil || string(b) != c.want+errs.String() || errs.Len() == 0 {
			t.Errorf("%q: got %q, want %q before %q", c.before, b, c.want, errs.String())
		}
	}
}

func TestLogThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "no", "log"), "/dev/full", fifo} {
		var errs bytes.Buffer
		c := NewCommand("prog", "")
		c.Parse([]string{"--log", path}, Stdio{Out: &errs, Err: &errs}, nil)
		w, log := c.Start(t.Context(), Stdio{Out: &errs, Err: &errs}, 0)
		log.Info().Msg("one")
		log.Info().Msg("two")
		log.Close(time.Second)
		w.Close()
		if n := strings.Count(errs.String(), "cannot be written"); n != 1 || strings.Count(errs.String(), "\n") != 3 {
			t.Errorf("%s: got %q", path, errs.String())
		}
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64 // 0 for refused
		back string
	}{
		{"1MiB", 1 << 20, "1MiB"}, {"100MB", 100e6, "100MB"}, {"125KB", 125e3, "125KB"}, {"64kB", 64e3, "64KB"},
		{"4096", 4096, "4KiB"}, {"7B", 7, "7"}, {"8GiB", 8 << 30, "8GiB"}, {"3GB", 3e9, "3GB"},
		{"", 0, ""}, {"0", 0, ""}, {"-1", 0, ""}, {"1.5MB", 0, ""}, {"MB", 0, ""}, {"1 MB", 0, ""},
		{"1TB", 0, ""}, {"9223372036854775807", 1<<63 - 1, "9223372036854775807"}, {"9223372036854775808", 0, ""}, {"+5", 0, ""},
		{"9007199254740992KiB", 0, ""},
	} {
		var n Size
		err := n.Set(c.in)
		if int64(n) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%q: got %d, %v, want %d", c.in, n, err, c.want)
		}
		if err == nil && n.String() != c.back {
			t.Errorf("%q: got back %q, want %q", c.in, n.String(), c.back)
		}
	}
}

func TestParseAddr(t *testing.T) {
	for s, ok := range map[string]bool{
		"10.2.1.8:10101": true, "[::1]:10000": true, "0.0.0.0:65535": true,
		"10.2.1.8": false, "10.2.1.8:80": false, "10.2.1.8:9999": false, "sdr:10101": false, ":10101": false,
		"10.2.1.8:65536": false, "": false,
	} {
		if a, err := ParseAddr(s); (err == nil) != ok || err == nil && a.String() != s {
			t.Errorf("%q: got %v, %v, want ok %v", s, a, err, ok)
		}
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"/var/log/syslog": "/var/log/syslog", "a b": "a b", "": "",
		"a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\xff": `\xff`, "\u009b": `\u009b`, `a\n`: `a\\n`, "é": `\u00e9`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q): got %q, want %q", in, got, want)
		}
	}
}
