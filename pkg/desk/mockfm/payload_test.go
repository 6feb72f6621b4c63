package mockfm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/survey"
)

// One window shows everything a program is promised or denied.
func TestPayload(t *testing.T) {
	t.Parallel()
	m := withNamespaces(t, Config{Shortest: 5 * time.Second})
	prog := install(t, m, "SDR", "look", `
exec 2>&1 >/outbox/report
echo argv:$#:$1:$2
echo cwd:$(busybox pwd)
echo env:$(busybox tr '\0' ' ' </proc/$$/environ)
echo host:$(busybox hostname)
echo uid:$(busybox id -u)
echo fds:$(busybox ls /proc/self/fd | busybox tr '\n' ' ')
echo first:$(busybox cat /proc/1/comm)
echo addr:$(busybox ip -4 -o addr show eth0 | busybox awk '{print $4}' | busybox tr '\n' ' ')
echo now:$(busybox date +%s):$(date +%s)
for d in bin etc usr var var/log home proc sys dev; do
	(: >/$d/x) 2>/dev/null && echo writable:/$d
	[ -d /$d ] || echo missing:/$d
done
for d in / /persist /inbox /outbox; do (: >$d/x) 2>/dev/null || echo readonly:$d; done
busybox rm /outbox/x
for d in /root /tmp /work /mnt /run; do [ -e $d ] && echo visible:$d; done
(busybox timeout 2 busybox wget -q -O - http://10.2.1.10:10101/ || busybox ping -c 1 -W 1 10.2.1.10) >/dev/null 2>&1 && echo reached
busybox wc -l </var/log/syslog >/persist/lines
busybox sleep 3
[ $(busybox wc -l </var/log/syslog) -gt $(busybox cat /persist/lines) ] && echo syslog:grows
echo not in the outbox
`)
	at := tomorrow(m)
	w := run(t, m, "SDR", at, 20, prog, "a b", "")
	settle(t, m)
	report := bucketOf(t, m)["report"]
	for _, want := range []string{
		"argv:2:a b:\n", "cwd:/\n", "env:\n", "host:sdr\n", "uid:1000\n", "fds:0 1 2 3\n", "first:exe\n",
		"addr:10.2.1.8/24 10.2.1.12/24\n", "syslog:grows\n",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("report lacks %q", want)
		}
	}
	for _, bad := range []string{"writable:", "missing:", "readonly:", "visible:", "reached"} {
		if strings.Contains(report, bad) {
			t.Errorf("report has %q", bad)
		}
	}
	var first, second int64
	for _, line := range strings.Split(report, "\n") {
		if rest, ok := strings.CutPrefix(line, "now:"); ok {
			parts := strings.Split(rest, ":")
			first, second = atoi(parts[0]), atoi(parts[1])
		}
	}
	if first < at.Unix() || second > at.Unix()+10 {
		t.Errorf("the payload's clock said %d and %d in a window that opened at %d", first, second, at.Unix())
	}
	if got := outcomeOf(t, m, w); !strings.HasPrefix(got, "exit 0 after ") {
		t.Errorf("got outcome %q, want exit 0", got)
	}
	if t.Failed() {
		t.Log(report)
	}
	// Discarded, but kept on the desk.
	stdout, err := os.ReadFile(filepath.Join(m.cfg.State, "windows", w, "stdout"))
	if err != nil || len(stdout) != 0 {
		t.Errorf("stdout: %q, %v", stdout, err)
	}
}

func atoi(s string) (n int64) {
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	return n
}

// At its end a window is over for everybody in it, and what lies in the outbox
// goes down as it is; what was synced of the rest is there the next time.
func TestEnd(t *testing.T) {
	t.Parallel()
	m := withNamespaces(t, Config{Shortest: 5 * time.Second})
	prog := install(t, m, "SABERTOOTH", "stubborn", `
trap '' TERM INT HUP
busybox cat /persist/run 2>/dev/null >/outbox/earlier
echo x >>/persist/run
sync /persist/run /persist # or the power takes it
busybox ls -A /inbox /outbox >/outbox/boxes
echo left >/inbox/note
echo hidden >/outbox/.dot
: >/outbox/empty
busybox mkdir /outbox/dir
busybox setsid busybox sh -c 'trap "" TERM; while :; do echo $$ >>/persist/daemon; sync /persist/daemon /persist; busybox sleep 0.2; done' &
while :; do echo half a >>/outbox/partial; busybox sleep 0.1; done
`)
	at := tomorrow(m)
	w1 := run(t, m, "SABERTOOTH", at, 8, prog)
	w2 := run(t, m, "SABERTOOTH", at.Add(time.Hour), 8, prog)
	settle(t, m)
	for _, w := range []string{w1, w2} {
		if got, want := outcomeOf(t, m, w), "killed at the end of the window"; got != want {
			t.Errorf("got outcome %q, want %q", got, want)
		}
	}
	files := bucketOf(t, m)
	for _, name := range []string{".dot", "empty", "partial", "boxes"} {
		if _, ok := files[name]; !ok {
			t.Errorf("%s was not downlinked", name)
		}
	}
	if got, want := files["boxes"], "/inbox:\n\n/outbox:\nboxes\nearlier\n"; got != want {
		t.Errorf("second window found %q in the boxes, want them empty but for its own: %q", got, want)
	}
	if got := files["earlier"]; got != "x\n" {
		t.Errorf("/persist did not persist: got %q", got)
	}
	daemon := filepath.Join(m.cfg.State, "payloads/FM1/SABERTOOTH", "root", "persist/daemon")
	before, err := os.ReadFile(daemon)
	if err != nil || len(before) == 0 {
		t.Fatalf("the daemon never ran: %v", err)
	}
	time.Sleep(time.Second)
	if after, _ := os.ReadFile(daemon); len(after) != len(before) {
		t.Error("a process outlived its window")
	}
}

// Windows meet only while both are open.
func TestOverlap(t *testing.T) {
	t.Parallel()
	m := withNamespaces(t, Config{Shortest: 5 * time.Second})
	server := install(t, m, "SDR", "server", "busybox mkdir -p /persist/www; echo hello >/persist/www/hi; exec busybox httpd -f -p 10101 -h /persist/www\n")
	client := install(t, m, "SABERTOOTH", "client", `
while :; do
	busybox timeout 2 busybox wget -q -O - http://10.2.1.8:10101/hi >/dev/null 2>&1 && echo yes || echo no
	busybox sleep 1
done >/outbox/$1`)
	at := tomorrow(m)
	run(t, m, "SDR", at, 16, server)
	run(t, m, "SABERTOOTH", at.Add(6*time.Second), 18, client, "together")
	run(t, m, "SDR", at.Add(2*time.Hour), 8, server)
	run(t, m, "SABERTOOTH", at.Add(2*time.Hour+9*time.Second), 8, client, "apart")
	settle(t, m)
	files := bucketOf(t, m)
	together, apart := files["together"], files["apart"]
	if !strings.HasPrefix(together, "yes\nyes\n") || !strings.HasSuffix(together, "no\n") {
		t.Errorf("windows overlap by 10 s, reached: %q", together)
	}
	if strings.Contains(apart, "yes") || !strings.Contains(apart, "no") {
		t.Errorf("windows a second apart, reached: %q", apart)
	}
}

// A payload without power sends no farewell: who talks to it when its window
// ends hears silence, not an end of the stream.
func TestNoFarewell(t *testing.T) {
	t.Parallel()
	m := withNamespaces(t, Config{Shortest: 5 * time.Second})
	server := install(t, m, "SDR", "server", "while :; do echo tick; busybox sleep 0.2; done | busybox nc -l -p 10101\n")
	client := install(t, m, "SABERTOOTH", "client", `
busybox sleep 60 | (
	busybox nc 10.2.1.8 10101 >/outbox/ticks
	echo $? >/outbox/end
)`)
	at := tomorrow(m)
	run(t, m, "SDR", at, 10, server)
	run(t, m, "SABERTOOTH", at.Add(4*time.Second), 12, client)
	settle(t, m)
	files := bucketOf(t, m)
	if n := strings.Count(files["ticks"], "tick\n"); n < 5 {
		t.Errorf("windows overlap by 6 s, got %d ticks", n)
	}
	if code, ended := files["end"]; ended {
		t.Errorf("the connection ended, exit %q, want silence", code)
	}
}

// An upload is in the payload's file system from the first window of its
// payload that opens once it is aboard, whatever the schedule hoped for.
func TestDelivery(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("windows take their time")
	}
	m := desk(t, Config{Shortest: 3 * time.Second})
	aboard := m.epoch.Add(18 * time.Hour) // the third contact: 31,250 bytes in each
	prog := install(t, m, "SDR", "late", "echo here >outbox/late; exit\n"+strings.Repeat("#", 70_000))
	windows := []struct {
		what    string
		payload string
		start   time.Duration // from when it is aboard
		jump    time.Duration // to there
		want    string
		id      string
	}{
		{what: "before", payload: "SDR", start: -time.Hour, jump: -time.Hour, want: "no such file"},
		{what: "open when it arrives", payload: "SDR", start: -time.Second, jump: 500 * time.Millisecond, want: "no such file"},
		{what: "of another payload", payload: "SABERTOOTH", start: 30 * time.Minute, jump: 30 * time.Minute, want: "no such file"},
		{what: "after", payload: "SDR", start: time.Hour, jump: time.Hour, want: "exit 0"},
	}
	for i, w := range windows {
		windows[i].id = run(t, m, w.payload, aboard.Add(w.start), 4, prog)
	}
	for _, w := range windows {
		m.Skip(aboard.Add(w.jump).Sub(m.Now()))
		got := ""
		for deadline := time.Now().Add(20 * time.Second); got == "" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			got = outcomeOf(t, m, w.id)
		}
		if !strings.Contains(got, w.want) {
			t.Errorf("window %s: got outcome %q, want %q", w.what, got, w.want)
		}
	}
}

// Without namespaces a rehearsal still works, for programs that can be told
// where their files are, and processes still end.
func TestPlain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("windows take their time")
	}
	m := start(t, Config{Sandbox: "plain", Shortest: 3 * time.Second})
	if _, err := m.Foreign(); err == nil || m.Sandbox() != "plain" {
		t.Errorf("sandbox %s, arm64 programs: %v", m.Sandbox(), err)
	}
	prog := install(t, m, "SDR", "sdr-serve", `
trap '' TERM
echo "$*" >outbox/args
(while :; do echo >>persist/alive; sleep 0.1; done) &
wait`)
	w := run(t, m, "SDR", tomorrow(m), 3, prog, "--out=/outbox/x", "--from", "10.2.1.8:10101,10.2.1.12:10101", "/var/log/syslog")
	run(t, m, "SABERTOOTH", tomorrow(m), 3, append([]string{"/bin/sh"}, survey.Args("r", "SABERTOOTH", tomorrow(m), 3*time.Second)...)...)
	settle(t, m)
	if got := bucketOf(t, m)[survey.Name("SABERTOOTH")]; !strings.HasPrefix(got, "survey 1 SABERTOOTH ") {
		t.Errorf("a script wrote elsewhere, got %q", got)
	}
	root := m.cfg.State + "/payloads/FM1/SDR/root"
	want := "--out=" + root + "/outbox/x --from 127.0.0.1:10101,127.0.0.1:10101 /var/log/syslog --root=" + root + " --log=" + root + "/outbox/sdr-serve.log\n"
	if got := bucketOf(t, m)["args"]; got != want {
		t.Errorf("got arguments %q, want %q", got, want)
	}
	if got := outcomeOf(t, m, w); got != "killed at the end of the window" {
		t.Errorf("got outcome %q", got)
	}
	if log, err := os.ReadFile(root + "/var/log/syslog"); err != nil || len(log) < 8000 {
		t.Errorf("syslog: %d bytes, %v", len(log), err)
	}
	before, err := os.ReadFile(root + "/persist/alive")
	if err != nil || len(before) < 10 {
		t.Fatalf("it did not run for 3 s: %d, %v", len(before), err)
	}
	time.Sleep(500 * time.Millisecond)
	if after, _ := os.ReadFile(root + "/persist/alive"); len(after) != len(before) {
		t.Error("a process outlived its window")
	}
}
