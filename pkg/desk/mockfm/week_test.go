package mockfm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/desk/sandbox"
)

// week is a Mock after a week, with something of everything: a pass with its
// faults and what came down of it, a missed window, a pass to come and its
// uploads under way. The second satellite has nothing.
func week(t *testing.T) *Mock {
	t.Helper()
	var faults []Fault
	for _, text := range []string{"SABERTOOTH=link-cut,at=14s,for=6s,times=1", "SDR=clock-step,at=10s,by=-1h,skip=3", "window=503,skip=50,times=2", "delete=lost-after,times=0"} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	begin := time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	m := desk(t, Config{Start: begin, Satellites: []string{"FM1", "FM2"}, Faults: faults})
	hour := func(h float64) time.Time { return begin.Add(time.Duration(h * float64(time.Hour))) }
	m.mu.Lock()
	sdr, sab, ipi := &payloads[0], &payloads[1], &payloads[2]
	up := func(p *payload, name string, size, sent int64, asked, aboard float64) {
		u := &upload{id: uuid(), satellite: "FM1", payload: p, path: "/persist/bin/" + name, size: size, sent: sent, status: Pending, asked: hour(asked)}
		if sent > 0 {
			u.status = Uploading
		}
		if sent == size {
			u.status, u.aboard, u.delivered = Uploaded, hour(aboard), true
		}
		m.uploads = append(m.uploads, u)
	}
	up(sdr, "sdr-serve-b1d26c7b", 433_641, 433_641, 0, 84)
	up(sab, "sabertooth-fetch-383b55c6", 475_052, 475_052, 0, 180)
	up(sdr, "sdr-serve-0d1e2f3a", 433_000, 62_500, 194, 0)
	up(sab, "sabertooth-fetch-99aa00bb", 475_000, 0, 194, 0)
	win := func(id string, p *payload, start time.Time, seconds int, phase, outcome string, argv ...string) *window {
		w := &window{id: id, satellite: "FM1", payload: p, start: start, end: start.Add(time.Duration(seconds) * time.Second), state: Synced, phase: phase, outcome: outcome,
			asked: start.Add(-30 * time.Hour), command: command{argv[0], argv[1:]}, parameters: json.RawMessage(`{}`)}
		m.windows = append(m.windows, w)
		return w
	}
	first := hour(188.48).Truncate(time.Second)
	a := win("3020553", sdr, first, 50, over, "exit 0 after 48.0 s", "/persist/bin/sdr-serve-b1d26c7b", "--until", "1796030979", "--for", "50s")
	b := win("3020554", sab, first.Add(20*time.Second), 40, over, "exit 3 after 22.5 s", "/persist/bin/sabertooth-fetch-383b55c6", "--until", "1796030989", "--for", "40s", "--run", "20261130T092849Z-FM1", "--from", "10.2.1.8:10101,10.2.1.12:10101", "/var/log/a name with blanks=sdr_syslog", "/persist/"+strings.Repeat("long", 30))
	win("3020555", ipi, hour(194), 60, missed, "no contact before its start: the satellite never heard of it", "/persist/x").state = PendingSync
	win("3020556", sdr, hour(400), 60, waiting, "", "/persist/bin/sdr-serve-0d1e2f3a", "--until", "1796030979", "--for", "60s")
	win("3020557", sab, hour(400).Add(30*time.Second), 60, waiting, "", "/persist/bin/sabertooth-fetch-99aa00bb", "--for", "60s").state = PendingSync
	m.faults[0].seen = 1
	m.mu.Unlock()
	tell := func(at time.Time, e Event) {
		m.clock.jump(at)
		m.tell(e)
	}
	m.note("FM1 SDR upload: 433641 bytes for /persist/bin/sdr-serve-b1d26c7b")
	tell(a.start, a.event(Opened, " window %s opens: %s %q", a.id, a.command.Executable, a.command.Arguments))
	tell(b.start, b.event(Faulted, " window %s: fault %s", b.id, m.faults[0]))
	m.tell(b.event(Opened, " window %s opens: %s %q", b.id, b.command.Executable, b.command.Arguments))
	tell(b.start.Add(14*time.Second), b.event(Unplugged, ": cable pulled"))
	tell(b.start.Add(20*time.Second), b.event(Plugged, ": cable plugged"))
	closed := func(w *window, o sandbox.Outcome) {
		e := w.event(Closed, " window %s closed: %s", w.id, o)
		e.Outcome = o
		tell(w.end, e)
	}
	closed(a, sandbox.Outcome{End: sandbox.Exited, After: 48 * time.Second})
	closed(b, sandbox.Outcome{End: sandbox.Exited, Exit: 3, After: 22500 * time.Millisecond})
	for _, name := range []string{"sdr-serve.log", "sabertooth-fetch.log", "sdr_syslog.part", "sdr_syslog.receipt.json", "<b>&\"'#?%41 name.txt"} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte("<script>alert(1)</script> "+name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		m.files.leave("FM1", name, file, m.Now())
	}
	m.clock.jump(hour(198.5))
	m.mu.Lock()
	m.contacts = 33
	m.mu.Unlock()
	for _, key := range m.files.land(hour(192)) {
		m.note("downlinked %s", key)
	}
	m.note("FM1 IPI window 3020555 missed: no contact before its start: the satellite never heard of it")
	return m
}
