package mockfm

import (
	"os"
	"strings"
	"testing"
	"time"
)

// needProgram skips without one of the host's programs in a place that
// payloads see.
func needProgram(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// What the tutorial does without our agents, with its own commands, and what
// comes of it (docs/platform.md, What the scripts get wrong). These failures are
// the reason for this repository; a mock on which they succeed is not faithful.
func TestOldTutorial(t *testing.T) {
	t.Parallel()
	needProgram(t, "/usr/bin/python3")
	needProgram(t, "/usr/bin/wget")
	m := withNamespaces(t, Config{Shortest: 5 * time.Second, SyslogSize: 300_000})
	const server, client = "/usr/bin/python3", "/usr/bin/wget"
	const url = "http://10.2.1.8:10101/var/log/syslog"
	at := tomorrow(m)

	// As written: -o is wget's log. The document lands in / and does not come down.
	run(t, m, "SDR", at, 14, server, "-m", "http.server", "10101")
	run(t, m, "SABERTOOTH", at.Add(6*time.Second), 8, client, url, "-o", "/outbox/sdr_syslog.1")

	// With -O instead, in a window that ends too early: half a file comes down
	// under the name of the whole.
	run(t, m, "SDR", at.Add(2*time.Hour), 14, server, "-m", "http.server", "10101")
	run(t, m, "SABERTOOTH", at.Add(2*time.Hour+6*time.Second), 6, client, "--limit-rate=20k", "-O", "/outbox/sdr_syslog.2", url)

	// The server that is not there yet: nothing but an empty file.
	run(t, m, "SABERTOOTH", at.Add(4*time.Hour), 5, client, "-t", "1", "-O", "/outbox/sdr_syslog.3", url)
	settle(t, m)

	files := bucketOf(t, m)
	log := files["sdr_syslog.1"]
	if !strings.Contains(log, "200 OK") || !strings.Contains(log, "syslog") || strings.Contains(log, " sdr gnssd[") {
		t.Errorf("-o: got %.300q, want wget's log in place of the document", log)
	}
	half := files["sdr_syslog.2"]
	if len(half) == 0 || len(half) >= 300_000 || !strings.Contains(half, " sdr gnssd[") {
		t.Errorf("-O: got %d bytes, want a part of 300,000", len(half))
	}
	if body, ok := files["sdr_syslog.3"]; !ok || body != "" {
		t.Errorf("no server: got %q %v, want an empty file", body, ok)
	}
}
