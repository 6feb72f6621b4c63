package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"payload-ipc/pkg/desk/mockfm"
)

// A display is what a person sees who runs one command on a terminal of 130
// columns: lines, after every movement of the cursor.
type display struct {
	mu  sync.Mutex
	raw []byte
	tty *os.File // what the user types goes here
}

func (s *display) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = append(s.raw, b...)
	return len(b), nil
}

var control = regexp.MustCompile(`^\x1b\[(\d*)([A-Za-z])`)

// lines plays what was written. A control sequence that it does not know ends the
// test: it would be one that nobody looked at.
func (s *display) lines(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, row, col := []string{""}, 0, 0
	for b := s.raw; len(b) > 0; {
		if m := control.FindSubmatch(b); m != nil {
			n, _ := strconv.Atoi(string(m[1]))
			switch string(m[2]) {
			case "A":
				if row -= n; row < 0 {
					t.Fatalf("the cursor leaves the screen at %q", b[:min(len(b), 80)])
				}
			case "J": // from here to the end
				rows = append(rows[:row], rows[row][:min(col, len(rows[row]))])
			default:
				t.Fatalf("unknown control sequence %q", m[0])
			}
			b = b[len(m[0]):]
			continue
		}
		switch b[0] {
		case '\r': // comes before each \n
			col = 0
		case '\n':
			if row++; row == len(rows) {
				rows = append(rows, "")
			}
		case '\x1b', '\b', '\t', 0:
			t.Fatalf("byte %q before %q", b[0], b[:min(len(b), 80)])
		default:
			rows[row] += strings.Repeat(" ", max(0, col-len(rows[row])))
			rows[row] = rows[row][:col] + string(b[:1]) + rows[row][min(col+1, len(rows[row])):]
			col++
		}
		b = b[1:]
	}
	return rows
}

// onTerminal starts ground on a new terminal. typed is what the user types;
// wait returns its exit code.
func onTerminal(t *testing.T, env []string, typed string, args ...string) (s *display, wait func() int) {
	t.Helper()
	return onTerminalOf(t, 130, 50, env, typed, args...)
}

// onTerminalOf is onTerminal with so many columns and rows.
func onTerminalOf(t *testing.T, cols, rows uint16, env []string, typed string, args ...string) (s *display, wait func() int) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		skip(t, "no terminals here: "+err.Error())
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	}
	if err != nil {
		skip(t, "no terminals here: "+err.Error())
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		skip(t, "no terminals here: "+err.Error())
	}
	defer tty.Close()
	cmd := exec.Command("ground", args...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := master.WriteString(typed); err != nil {
		t.Fatal(err)
	}
	s = &display{tty: master}
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			s.Write(buf[:n])
			if err != nil {
				return // EIO once the last user of the terminal is gone
			}
		}
	}()
	return s, func() int {
		timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		defer timer.Stop()
		cmd.Wait()
		<-drawn
		return cmd.ProcessState.ExitCode()
	}
}

// until waits for a screen with a line that has all words.
func (s *display) until(t *testing.T, words ...string) {
	t.Helper()
	for range 200 {
		if slices.ContainsFunc(s.lines(t), func(l string) bool { return has(l, words...) }) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no line with %q on the screen:\n%s", words, strings.Join(s.lines(t), "\n"))
}

func has(line string, words ...string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
}

// once wants exactly one line with all words.
func (s *display) once(t *testing.T, words ...string) {
	t.Helper()
	n := 0
	for _, l := range s.lines(t) {
		if has(l, words...) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d lines with %q on the screen, want one", n, words)
	}
}

// desk is a satellite whose time the test moves, and the settings for it.
func desk(t *testing.T) (*mockfm.Mock, []string) {
	t.Helper()
	m := mockfm.New(mockfm.Config{Token: token, State: t.TempDir(), Sandbox: "plain"})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, append(os.Environ(), "SPIRE_API="+m.URL(), "SPIRE_AUTH_TOKEN="+token, "TERM=xterm")
}

// On a terminal deploy asks, draws a bar for each upload below what it says,
// and status --watch draws one for each upload and window, in place.
func TestTerminal(t *testing.T) {
	t.Parallel()
	m, env := desk(t)
	programs := artifacts(t)
	s, wait := onTerminal(t, env, "n\n", "deploy", "--artifacts", programs, "-", "FM1")
	if code := wait(); code != 1 || len(m.Calls()) == 0 {
		t.Errorf("refused by the user: got exit %d, want 1", code)
	}
	s.once(t, "Go ahead on 1 satellite(s)? [y/N]")
	s.once(t, "nothing was done")
	for _, c := range m.Calls() {
		if c.Method != "GET" {
			t.Errorf("%s %s after the user said no", c.Method, c.Name)
		}
	}

	s, wait = onTerminal(t, env, "y\n", "deploy", "--artifacts", programs, "-", "FM1")
	if code := wait(); code != 0 {
		t.Errorf("deploy: got exit %d", code)
	}
	for _, words := range [][]string{
		{"Go ahead on 1 satellite(s)? [y/N]"},
		{"FM1: sent sdr-serve, upload"}, {"FM1: sent sabertooth-fetch, upload"},
		{"FM1: scheduled PAYLOAD_SDR"}, {"FM1: scheduled PAYLOAD_SABERTOOTH"},
		{"FM1 sdr-serve", "[======================================]", "bytes"},
		{"FM1 sabertooth-fetch", "[======================================]", "bytes"},
		{"Both windows on FM1 are scheduled"},
	} {
		s.once(t, words...)
	}
	if t.Failed() {
		t.Log(strings.Join(s.lines(t), "\n"))
	}

	s, wait = onTerminal(t, env, "", "status", "--watch", "--every", "100ms", "--artifacts", programs, "-", "FM1")
	s.until(t, "FM1 /persist/bin/sdr-serve-", "[----------------------------]", "PENDING expected by")
	s.until(t, "FM1 ", "Z PAYLOAD_SABERTOOTH 302", "[----------------------------]", "PENDING_SYNC in ")
	m.Skip(60 * 24 * time.Hour)
	if code := wait(); code != 0 {
		t.Errorf("status --watch: got exit %d", code)
	}
	for _, words := range [][]string{
		{"FM1 /persist/bin/sdr-serve-", "[============================]", "UPLOADED"},
		{"FM1 /persist/bin/sabertooth-fetch-", "[============================]", "UPLOADED"},
		{"FM1 ", "Z PAYLOAD_SDR 302", "[============================]", "over"},
		{"FM1 ", "Z PAYLOAD_SABERTOOTH 302", "[============================]", "over"},
	} {
		s.once(t, words...)
	}
	var left []string
	for _, l := range s.lines(t) {
		if strings.TrimSpace(l) != "" {
			left = append(left, l)
		}
	}
	if len(left) != 6 || !strings.Contains(left[0], "brings /var/log/syslog=sdr_syslog") || !strings.Contains(left[5], "review --run 2") {
		t.Errorf("status --watch leaves %d lines on the screen, want the pair, the 4 bars and what comes next:\n%s", len(left), strings.Join(left, "\n"))
	}
}

// A terminal that can do nothing but print gets lines.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	_, env := desk(t)
	programs := artifacts(t)
	s, wait := onTerminal(t, append(env, "TERM=dumb"), "", "deploy", "--yes", "--artifacts", programs, "-", "FM1")
	if code := wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	s.once(t, "FM1: sent sdr-serve, upload")
	if bytes.ContainsRune(s.raw, '\x1b') {
		t.Errorf("a control sequence was written: %q", s.raw)
	}
}

// In a pipe the same commands print lines, and nothing moves a cursor.
func TestPipe(t *testing.T) {
	t.Parallel()
	m, env := desk(t)
	programs := artifacts(t)
	watched := make(chan struct{})
	for _, args := range [][]string{
		{"deploy", "--artifacts", programs, "-", "FM1"},
		{"status", "--watch", "--every", "100ms", "--artifacts", programs, "-", "FM1"},
	} {
		var out bytes.Buffer
		cmd := exec.Command("ground", args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if args[0] == "status" {
			go func() {
				defer close(watched)
				time.Sleep(time.Second)
				m.Skip(60 * 24 * time.Hour)
			}()
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", args[0], err, &out)
		}
		for i, c := range out.Bytes() {
			if c < ' ' && c != '\n' {
				t.Fatalf("%s: byte %d is %q", args[0], i, c)
			}
		}
		want := []string{"sending sdr-serve", "sent sdr-serve", "Both windows on FM1 are scheduled"}
		if args[0] == "status" {
			want = []string{" PENDING expected by", " UPLOADED", "PENDING_SYNC waits", " over"}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s lacks %q:\n%s", args[0], w, &out)
			}
		}
	}
	<-watched
}

// On 60 columns nothing is folded by the terminal and no state is cut; with more
// items than lines the rest is counted, and nothing is printed over and over. The
// time in between goes on by itself.
func TestSmallTerminal(t *testing.T) {
	t.Parallel()
	_, env := desk(t)
	programs := artifacts(t)
	const cols = 60
	narrow := func(s *display) {
		t.Helper()
		for _, l := range s.lines(t) {
			if len(l) > cols {
				t.Errorf("a line of %d columns: %q", len(l), l)
			}
		}
	}
	s, wait := onTerminalOf(t, cols, 50, env, "", "plan", "--artifacts", programs, "-", "FM1")
	if code := wait(); code != 0 {
		t.Errorf("plan: exit %d", code)
	}
	narrow(s)
	_, wait = onTerminalOf(t, cols, 50, env, "", "deploy", "--yes", "--artifacts", programs, "-", "FM1")
	if code := wait(); code != 0 {
		t.Errorf("deploy: exit %d", code)
	}
	for _, args := range [][]string{
		{"status", "--artifacts", programs, "-", "FM1"}, {"satellites", "-"}, {"slots", "--span", "2h", "-", "FM1"}, {"aboard", "-"},
		{"cancel", "--dry-run", "-", "FM1"}, {"config"}, {"config", "deploy"}, {"plan", "--artifacts", programs, "-", "FM1"},
	} {
		s, wait = onTerminalOf(t, cols, 200, env, "", args...)
		if code := wait(); code != 0 {
			t.Errorf("%q: exit %d", args, code)
		}
		narrow(s)
	}
	s, wait = onTerminalOf(t, cols, 50, env, "", "deploy", "--artifacts", programs, "--fetch-delay", "61s", "-", "FM1")
	if code := wait(); code != 2 {
		t.Errorf("deploy: exit %d", code)
	}
	narrow(s)

	watch := []string{"status", "--watch", "--every", "1h", "--artifacts", programs, "-", "FM1"}
	for _, rows := range []uint16{20, 4} {
		s, _ = onTerminalOf(t, cols, rows, env, "", watch...)

		s.until(t, "PENDING by")
		if rows == 20 {
			s.until(t, "FM1 ", "Z SABERTOOTH", "PENDING_SYNC in ")
			s.once(t, "FM1 sdr-serve-", "PENDING by")
		} else {
			s.until(t, "and 2 more")
		}
		time.Sleep(2500 * time.Millisecond) // three turns of the clock
		narrow(s)
		full := 0
		for _, l := range s.lines(t) {
			if strings.TrimSpace(l) != "" {
				full++
			}
		}
		if full > 2+min(4, int(rows)-1) { // two of them scroll away, and say once what the pair is
			t.Errorf("%d rows: %d lines on the screen:\n%s", rows, full, strings.Join(s.lines(t), "\n"))
		}
	}

}

// A ^C, which the terminal echoes in front of what is drawn in place, leaves
// every bar whole.
func TestInterruptedOnTerminal(t *testing.T) {
	t.Parallel()
	_, env := desk(t)
	programs := artifacts(t)
	_, wait := onTerminal(t, env, "", "deploy", "--yes", "--artifacts", programs, "-", "FM1")
	if code := wait(); code != 0 {
		t.Fatalf("deploy: exit %d", code)
	}
	s, wait := onTerminal(t, env, "", "status", "--watch", "--every", "1h", "--artifacts", programs, "-", "FM1")
	s.until(t, "PAYLOAD_SABERTOOTH", "PENDING_SYNC in ")
	if _, err := s.tty.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if code := wait(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	for _, l := range s.lines(t) {
		if l != "" && !strings.HasPrefix(l, "FM1 ") && !strings.HasPrefix(l, "ground status: interrupted") {
			t.Errorf("on the screen is %q:\n%s", l, strings.Join(s.lines(t), "\n"))
		}
	}
	s.once(t, "PAYLOAD_SDR", "PENDING_SYNC in ")
}

// A review of several runs fits 60 columns, and 80 with a table; what is cut
// in the table stands below it, whole. The listing is as aws prints it.
func TestReviewOnTerminal(t *testing.T) {
	t.Parallel()
	m, env := desk(t)
	keys := cameDown()
	maps.DeleteFunc(keys, func(k, _ string) bool { return !strings.Contains(k, "060000Z") })
	fill(t, m.S3URL(), keys)
	env = append(env, s3Env(m.S3URL(), s3Secret)[len(os.Environ()):]...)
	for _, cols := range []uint16{60, 80} {
		for _, verb := range []string{"review", "get"} {
			args := []string{verb, "s3://bucket/a/directory"}
			if verb == "get" {
				args = append(args, t.TempDir())
			}
			s, wait := onTerminalOf(t, cols, 50, env, "", args...)
			if code := wait(); code != 4 {
				t.Errorf("%q: exit %d, want 4", args, code)
			}
			for _, l := range s.lines(t) {
				if len(l) > int(cols) && !strings.Contains(l, "/downlink/") && !strings.HasPrefix(l, "ground review ") {
					t.Errorf("%q: a line of %d columns: %q", args, len(l), l)
				}
			}
			if verb == "review" {
				s.once(t, "run cut on FM1: PARTIAL")
			}
			if cols == 80 && verb == "review" {
				s.once(t, "RUN", "SATELLITE", "VERDICT", "FILES", "BYTES")
			}
		}
	}
}
