package mockfm

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/desk/flash"
)

func TestParseFault(t *testing.T) {
	for _, c := range []struct {
		text string
		want Fault
	}{
		{"window=lost-after", Fault{Place: "window", Kind: "lost-after", Times: 1, Delay: 5 * time.Second}},
		{"any=503,times=0,skip=2", Fault{Place: "any", Kind: "status", Status: 503, Skip: 2}},
		{"upload=429,retry-after=3s", Fault{Place: "upload", Kind: "status", Status: 429, Times: 1, RetryAfter: 3 * time.Second}},
		{"SDR=clock-step,at=10s,by=-1h", Fault{Place: "SDR", Kind: "clock-step", At: 10 * time.Second, By: -time.Hour}},
		{"SDR=disk-slow,rate=2MB,stall=3s", Fault{Place: "SDR", Kind: DiskSlow, Rate: 2e6, Sync: 200 * time.Millisecond, Stall: 3 * time.Second}},
		{"SDR=disk-error,op=sync,nth=3,errno=enospc", Fault{Place: "SDR", Kind: DiskError, Op: flash.Sync, Nth: 3, Errno: syscall.ENOSPC}},
		{"SDR=absent", Fault{Place: "SDR", Kind: Absent, Program: "wget"}},
		{"SDR=says,program=xz,text=xz (XZ Utils) 5.0.8", Fault{Place: "SDR", Kind: Says, Program: "xz", Text: "xz (XZ Utils) 5.0.8"}},
		{"SDR=read-only,dir=/outbox", Fault{Place: "SDR", Kind: ReadOnly, Dir: "/outbox"}},
		{"SDR=address,addr=10.2.1.9", Fault{Place: "SDR", Kind: Address, Addr: "10.2.1.9"}},
		{"IPI=disk-full,size=4KiB,times=1", Fault{Place: "IPI", Kind: "disk-full", Size: 4096, Times: 1}},
	} {
		if got, err := ParseFault(c.text); err != nil || got != c.want {
			t.Errorf("%s: got %+v %v, want %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{
		"", "window", "window=", "window=200", "window=600", "window=clock-unset", "SDR=lost-after", "GPS=power-cut",
		"any=slow,delay=-1s", "any=slow,delay=1", "window=503,times=x", "SDR=disk-full,size=0", "SDR=power-cut,when=3s",
		"SDR=disk-error,nth=0", "SDR=disk-error,errno=eperm", "SDR=disk-error,op=read", "SDR=disk-slow,sync=-1s",
		"SDR=absent,program=/bin/sh", "SDR=absent,program=", "SDR=read-only,dir=persist", "SDR=read-only,dir=/../x", "SDR=address,addr=x", "window=absent",
	} {
		if got, err := ParseFault(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// A fault's text makes the same fault again, and each of its fields is in it.
func TestFaultText(t *testing.T) {
	for _, text := range []string{
		"window=lost-after", "any=503,skip=2,times=0", "upload=429,retry-after=3s", "SDR=clock-step,at=10s,by=-1h", "IPI=disk-full,times=1,size=4096",
		"SABERTOOTH=link-cut,at=1h30m,for=1m30s", "delete=slow,delay=1m", "DEXTER=power-cut,skip=1,at=1.5s", "windows=unknown-state",
		"SDR=disk-slow,rate=2000000,sync=1s,stall=3s", "SDR=disk-error,nth=3,op=sync,errno=enospc",
		"SDR=absent,program=python3", "SDR=says,program=id,text=uid=0(root)", "SDR=read-only,dir=/outbox", "SDR=address,addr=10.2.1.9",
	} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String(); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	for i := range reflect.TypeFor[Fault]().NumField() {
		f, err := ParseFault("SDR=disk-full")
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(&f).Elem()
		if field := v.Type().Field(i); v.Field(i).CanInt() && field.IsExported() && field.Name != "Status" && field.Name != "Op" {
			v.Field(i).SetInt(77)
			if got, err := ParseFault(f.String()); err != nil || got != f {
				t.Errorf("%s is lost in %s", field.Name, f.String())
			}
		}
	}
}

// Each fault of the API, what the client sees of it, and whether the call took
// effect all the same.
func TestCallFaults(t *testing.T) {
	for _, c := range []struct {
		fault     string
		status    int // 0: no whole answer
		body      string
		scheduled bool
	}{
		{"window=lost-before", 0, "", false},
		{"window=lost-after", 0, "", true},
		{"any=lost-after,skip=1", 200, `"id"`, true}, // hits the look-up afterwards
		{"window=half", 0, `{"data":{`, true},
		{"window=503", 503, "Service Unavailable", false},
		{"window=429,retry-after=2s", 429, "Too Many", false},
		{"window=html", 200, "<!DOCTYPE html>", false},
		{"window=types", 200, `[7]`, false},
		{"window=big", 200, "xxxx", false},
		{"window=slow,delay=300ms", 200, `"id"`, true},
		{"windows=503", 200, `"id"`, true},
	} {
		t.Run(c.fault, func(t *testing.T) {
			m := desk(t, Config{})
			f, err := ParseFault(c.fault)
			if err != nil {
				t.Fatal(err)
			}
			m.AddFault(f)
			begun := time.Now()
			status, body := sendWindow(t, m, "SDR", m.Now().Add(24*time.Hour), 60, "/x")
			if status != c.status || !strings.Contains(string(body), c.body) {
				t.Errorf("got %d %.80s, want %d %s", status, body, c.status, c.body)
			}
			if took := time.Since(begun); f.Kind == "slow" && took < f.Delay {
				t.Errorf("took %v, want %v", took, f.Delay)
			}
			m.mu.Lock()
			scheduled := len(m.windows) == 1
			m.mu.Unlock()
			if scheduled != c.scheduled {
				t.Errorf("scheduled %v, want %v", scheduled, c.scheduled)
			}
			calls := m.Calls()
			if len(calls) != 1 || calls[0].Name != "window" || calls[0].Body == "" {
				t.Errorf("calls: %+v", calls)
			}
		})
	}
	t.Run("unknown-state", func(t *testing.T) {
		m := desk(t, Config{Faults: []Fault{{Place: "windows", Kind: "unknown-state"}}})
		sendWindow(t, m, "SDR", m.Now().Add(24*time.Hour), 60, "/x")
		if _, body := get(t, m, "/tasking/windows?satellite_id=FM1"); !strings.Contains(string(body), `"state":"ON_HOLD"`) {
			t.Errorf("got %s", body)
		}
	})
}

// One misfortune for each payload, and a second window without.
func TestPayloadFaults(t *testing.T) {
	t.Parallel()
	faults := []string{
		"SDR=clock-unset,times=1", "SABERTOOTH=clock-step,at=3s,by=-1h", "IPI=power-cut,at=4s", "DEXTER=disk-full,size=64KB",
	}
	cfg := Config{Shortest: 5 * time.Second}
	for _, text := range faults {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Faults = append(cfg.Faults, f)
	}
	m := withNamespaces(t, cfg)
	const prog = `
busybox date +%s >/outbox/$1.from
busybox dd if=/dev/zero of=/outbox/$1.big bs=1000 count=100 2>/outbox/$1.dd
busybox sleep 5
busybox date +%s >/outbox/$1.to
`
	at := tomorrow(m)
	outcomes := map[string]string{}
	for payload, name := range map[string]string{"SDR": "unset", "SABERTOOTH": "step", "IPI": "power", "DEXTER": "disk"} {
		outcomes[name] = run(t, m, payload, at, 15, install(t, m, payload, "prog", prog), name)
	}
	run(t, m, "SDR", at.Add(4*time.Hour), 15, "/persist/prog", "none")
	settle(t, m)
	files := bucketOf(t, m)
	stamp := func(name string) (n int64) { fmt.Sscan(files[name], &n); return n }
	if got := stamp("unset.from"); got < 0 || got > 5 {
		t.Errorf("clock-unset: the window opened at %d, want 1970", got)
	}
	if got := stamp("step.to") - stamp("step.from"); got < -3600+3 || got > -3600+13 {
		t.Errorf("clock-step: 5 s took %d s on the payload, want -3595", got)
	}
	if got := outcomeOf(t, m, outcomes["power"]); got != "killed by the power cut" {
		t.Errorf("power-cut: outcome %q", got)
	}
	if _, ok := files["power.to"]; ok {
		t.Errorf("power-cut: what was to be written after it came down")
	}
	if got := len(files["disk.big"]); got == 0 || got > 64_000 {
		t.Errorf("disk-full: %d bytes in an outbox of 64,000", got)
	}
	if got := len(files["none.big"]); got != 100_000 {
		t.Errorf("no fault: got %d bytes, want 100000", got)
	}
	if from := stamp("none.from"); from < at.Add(4*time.Hour).Unix() {
		t.Errorf("no fault: clock %d", from)
	}
}

// A power cut takes what was not synced; the end of a window takes it too, but
// not from the outbox.
func TestForgets(t *testing.T) {
	t.Parallel()
	m := withNamespaces(t, Config{Shortest: 5 * time.Second, Faults: []Fault{
		{Place: "SDR", Kind: PowerCut, At: 4 * time.Second},
		{Place: "IPI", Kind: DiskError, Op: flash.Sync, Nth: 2, Errno: syscall.EIO},
	}})
	if err := m.Disk(); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	const prog = `
for d in /outbox /persist; do
	echo safe >$d/$1.synced
	sync $d/$1.synced
	echo "sync $d: $?" >>/outbox/$1.log
	for i in 0 1 2 3 4 5 6 7 8 9; do echo lost? >$d/$1.$i; done
done
sync /outbox/$1.log
sync /outbox /persist
: >/persist/$1.last
busybox sleep 60
`
	at := tomorrow(m)
	for payload, name := range map[string]string{"SDR": "cut", "SABERTOOTH": "end", "IPI": "error"} {
		run(t, m, payload, at, 8, install(t, m, payload, "prog", prog), name)
	}
	settle(t, m)
	files := bucketOf(t, m)
	kept := map[string]int{}
	for _, name := range []string{"cut", "end"} {
		root := filepath.Join(m.cfg.State, "payloads/FM1", map[string]string{"cut": "SDR", "end": "SABERTOOTH"}[name], "root/persist")
		if b, err := os.ReadFile(filepath.Join(root, name+".synced")); err != nil || string(b) != "safe\n" || files[name+".synced"] != "safe\n" {
			t.Errorf("%s: what was synced: got %q in /persist, %v, and %q", name, b, err, files[name+".synced"])
		}
		for i := range 10 {
			file := fmt.Sprintf("%s.%d", name, i)
			if files[file] == "lost?\n" {
				kept[name+" outbox"]++
			}
			if b, _ := os.ReadFile(filepath.Join(root, file)); string(b) == "lost?\n" {
				kept[name+" persist"]++
			}
		}
	}
	if kept["end outbox"] != 10 {
		t.Errorf("at the end of a window %d of 10 files came down", kept["end outbox"])
	}
	for _, where := range []string{"cut outbox", "cut persist", "end persist"} {
		if kept[where] == 10 {
			t.Errorf("%s: all was there that nobody synced", where)
		}
	}
	if got, want := files["error.log"], "sync /outbox: 0\nsync /persist: 1\n"; got != want {
		t.Errorf("disk-error: got %q, want %q", got, want)
	}
}

// A pulled cable is silence, not a refusal, and heals.
func TestLinkCut(t *testing.T) {
	t.Parallel()
	f, _ := ParseFault("SDR=link-cut,at=6s,for=6s")
	m := withNamespaces(t, Config{Shortest: 5 * time.Second, Faults: []Fault{f}})
	server := install(t, m, "SDR", "server", "echo hello >/persist/hi; exec busybox httpd -f -p 10101 -h /persist\n")
	client := install(t, m, "SABERTOOTH", "client", `
while :; do
	busybox timeout 1 busybox wget -q -O - http://10.2.1.12:10101/hi >/dev/null 2>&1 && echo yes || echo no
	busybox sleep 0.5
done >/outbox/log`)
	at := tomorrow(m)
	run(t, m, "SDR", at, 22, server)
	run(t, m, "SABERTOOTH", at, 22, client)
	settle(t, m)
	log := bucketOf(t, m)["log"]
	cut, healed := strings.Index(log, "yes\nno\n"), strings.LastIndex(log, "no\nyes\n")
	if cut < 0 || healed < cut {
		t.Errorf("want yes, then no, then yes; got %q", log)
	}
}

// The grammar that --help prints is the one that is parsed.
func TestFaultHelp(t *testing.T) {
	for _, word := range callNames {
		if !strings.Contains(FaultHelp, word) {
			t.Errorf("FaultHelp does not mention %s", word)
		}
	}
	for _, word := range slices.Concat(callKinds, payloadKinds) {
		if !strings.Contains(FaultHelp, string(word)) {
			t.Errorf("FaultHelp does not mention %s", word)
		}
	}
}
