package review

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/ground/survey"
)

// A scribe writes a program's log.
type scribe struct {
	b    strings.Builder
	zero time.Time
}

func (s *scribe) say(after float64, level, message string, fields map[string]any) {
	line := map[string]any{"time": s.zero.Add(time.Duration(after * float64(time.Second))).Format("2006-01-02T15:04:05.000Z"), "level": level, "message": message}
	for k, v := range fields {
		line[k] = v
	}
	b, _ := json.Marshal(line)
	s.b.Write(append(b, '\n'))
}

func (s *scribe) request(after, seconds float64, bytes int) {
	s.say(after, "info", "request", map[string]any{"peer": "10.2.1.10:42892", "method": "GET", "path": "/var/log/syslog", "status": 206, "bytes": bytes, "seconds": seconds, "complete": true})
}

// aRun puts into keys what comes down of a run: the SDR's window is [start, 60 s
// later], the SABERTOOTH's [30 s, 90 s]. fetch is from the start of the fetcher's
// window.
func aRun(keys map[string]string, start time.Time, serve, fetch func(*scribe), receipts map[string]string, files map[string]string) {
	dir := "a/directory/FM1/downlink/" + start.Format("2006/01/02/")
	stamp := func(after time.Duration) string { return dir + start.Add(after).Format("20060102T150405Z_") }
	for _, l := range []struct {
		program     string
		write       func(*scribe)
		start, shut time.Duration
	}{{"sdr-serve", serve, 0, time.Minute}, {"sabertooth-fetch", fetch, 30 * time.Second, 90 * time.Second}} {
		if l.write != nil {
			s := &scribe{zero: start.Add(l.start)}
			l.write(s)
			keys[stamp(l.shut)+l.program+".log"] = s.b.String()
		}
	}
	for name, r := range receipts {
		keys[stamp(90*time.Second)+name+receiptSuffix] = r
	}
	for name, body := range files {
		keys[stamp(90*time.Second)+name] = body
	}
}

var monday = time.Date(2026, 11, 23, 4, 31, 0, 0, time.UTC)

func between(start time.Time, from, to float64) func(map[string]any) {
	at := func(after float64) string {
		return start.Add(30*time.Second + time.Duration(after*float64(time.Second))).Format(time.RFC3339Nano)
	}
	return func(m map[string]any) { m["started"], m["finished"] = at(from), at(to) }
}

func runName(start time.Time) string { return start.Format("20060102T150405Z") + "-FM1" }

// weekOfPasses has something of everything: a quick delivery in which two
// addresses raced, a window that was cut, one that completed it, one in which
// nobody answered, one with an unset clock, a file without a receipt, and one whose
// power went.
func weekOfPasses() map[string]string {
	keys := map[string]string{dir: ""}
	whole := strings.Repeat("x", 84_868)
	serving := func(s *scribe) {
		s.say(0.6, "info", "serving", map[string]any{"listen": "0.0.0.0:10101"})
		s.request(30.32, 0.02, 65_536)
		s.request(30.35, 0.03, 65_536)
		s.request(30.38, 0.01, 19_332)
		s.say(59.4, "info", "done", map[string]any{"requests": 3, "bytes": 150_404, "omitted": 0, "exit": 0})
	}
	fetching := func(s *scribe) {
		s.say(0.2, "info", "fetching", map[string]any{"from": "10.2.1.8:10101,10.2.1.12:10101"})
		s.say(0.25, "warn", "attempt failed", map[string]any{"from": "10.2.1.12:10101", "class": "refused"})
		s.say(0.4, "info", "published", map[string]any{"bytes": 84_868})
		s.say(0.5, "info", "done", map[string]any{"received": 84_868, "attempts": 3, "exit": 0})
	}
	aRun(keys, monday, serving, fetching,
		map[string]string{"sdr_syslog": receipt(runName(monday), "sdr_syslog", "complete", whole, set("bytes_received", 84_868), set("errors", map[string]int{"refused": 1}), between(monday, 0.2, 0.5))},
		map[string]string{"sdr_syslog": whole})

	tuesday := monday.Add(24 * time.Hour)
	cut := func(s *scribe) {
		s.say(1, "info", "serving", nil)
		for i := range 12 {
			s.request(31.5+float64(i), 0.9, 200_000)
		}
		s.say(44, "warn", "cut", map[string]any{"bytes": 100_000, "seconds": 0.5, "cut_at": 2_500_000, "error": "connection reset by peer"})
		s.say(59.4, "info", "done", map[string]any{"requests": 13, "bytes": 2_500_000, "omitted": 4})
	}
	retrying := func(s *scribe) {
		s.say(0.2, "info", "fetching", nil)
		for i := range 20 {
			s.say(13+float64(i)*0.8, "warn", "attempt failed", map[string]any{"class": "timeout", "error": "no answer for 1 s", "from": "10.2.1.8:10101"})
		}
		s.say(58, "warn", "done", map[string]any{"received": 2_400_000, "attempts": 33, "exit": 3, "reason": "the window ended before everything was there"})
	}
	part := strings.Repeat("y", 2_400_000)
	aRun(keys, tuesday, cut, retrying,
		map[string]string{"sdr_syslog": receipt(runName(tuesday), "sdr_syslog", "partial", part, set("total", 5_242_880), set("attempts", 33), set("errors", map[string]int{"timeout": 20}), set("reason", "the window ended before everything was there: the link went 46 s before the end and did not come back"), set("generation", "g1"), between(tuesday, 0.2, 58))},
		map[string]string{"sdr_syslog.part": part})

	wednesday := tuesday.Add(24 * time.Hour)
	all := part + strings.Repeat("z", 100_000)
	aRun(keys, wednesday, nil, nil,
		map[string]string{"sdr_syslog": receipt(runName(wednesday), "sdr_syslog", "complete", all, set("bytes_received", 100_000), set("generation", "g1"), between(wednesday, 0.2, 4))},
		map[string]string{"sdr_syslog": all})

	thursday := wednesday.Add(24 * time.Hour)
	aRun(keys, thursday, nil, func(s *scribe) {
		s.say(0.1, "info", "fetching", nil)
		for i := range 3000 {
			s.say(0.2+float64(i)*0.019, "warn", "attempt failed", map[string]any{"class": "refused", "error": "connection refused", "from": "10.2.1.8:10101"})
		}
	}, map[string]string{"sdr_syslog": receipt(runName(thursday), "sdr_syslog", "failed", "", set("sha256", nil), set("total", nil), set("attempts", 3000), set("errors", map[string]int{"refused": 3000}), set("bytes_received", 0), set("reason", "nobody answered"), between(thursday, 0.1, 58))}, nil)

	friday := thursday.Add(24 * time.Hour)
	aRun(keys, friday, serving, func(s *scribe) {
		s.zero = time.Unix(5, 0).UTC()
		fetching(s)
	}, map[string]string{"sdr_syslog": receipt(runName(friday), "sdr_syslog", "complete", "hello\n", set("clock", "untrusted"), set("started", "1970-01-01T00:00:05Z"), set("finished", "1970-01-01T00:00:06Z"))},
		map[string]string{"sdr_syslog": "hello\n", "stray_" + strings.Repeat("long", 40): "?"})

	// The power went, with the file half there.
	aRun(keys, friday.Add(24*time.Hour), serving, func(s *scribe) {
		s.say(0.2, "info", "fetching", map[string]any{"run": runName(friday.Add(24 * time.Hour)), "paths": 1})
		s.say(2, "warn", "attempt failed", map[string]any{"path": "/var/log/syslog", "class": "timeout", "error": "no answer for 1 s"})
	}, nil, map[string]string{"sdr_syslog.part": "half"})

	// Before all, both payloads were asked.
	for payload, text := range map[string]string{"SDR": surveyed("SDR", "10.2.1.8", "wget /usr/bin/wget", "wget "), "SABERTOOTH": surveyed("SABERTOOTH", "10.2.1.10")} {
		keys[dir+monday.Add(-24*time.Hour).Format("20060102T150405Z_")+survey.Name(payload)] = text
	}
	return keys
}

// writePage reviews a bucket and keeps the page in a file.
func writePage(t *testing.T, keys map[string]string) (rep *Report, page, file string) {
	t.Helper()
	endpoint := fakeS3(t, keys)
	rep = reviewAll(t, Choice{})
	var out bytes.Buffer
	link := func(key string) string { return endpoint + "/bucket/" + key }
	if err := rep.WriteHTML(&out, "s3://bucket/a/directory/", link, time.UTC); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return rep, out.String(), file
}
