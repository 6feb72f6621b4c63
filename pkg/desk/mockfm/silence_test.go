package mockfm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Where the peer falls silent and stays so to the end of the window, a program
// whose --until is that very end has gone before it, and its last line comes
// down; whose power was cut has none.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	const seconds = 10
	programs := buildFlight(t)
	for _, c := range []struct {
		fault string
		cut   string // the payload without power at the end
	}{
		{"SDR=link-cut,at=5s", ""},
		{"SABERTOOTH=link-cut,at=5s", ""},
		{"SDR=power-cut,at=5s", "SDR"},
		{"SABERTOOTH=power-cut,at=5s", "SABERTOOTH"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			fault, err := ParseFault(c.fault)
			if err != nil {
				t.Fatal(err)
			}
			m := withNamespaces(t, Config{Shortest: 5 * time.Second, Faults: []Fault{fault}})
			send := func(payload, name string) {
				b, err := os.ReadFile(filepath.Join(programs, name))
				if err != nil {
					t.Fatal(err)
				}
				status, body := sendUpload(t, m, payload, "/persist/"+name, string(b))
				id(t, status, body)
			}
			send("SDR", "sdr-serve")
			send("SABERTOOTH", "sabertooth-fetch")
			server := install(t, m, "SDR", "server", `
busybox truncate -s 5000000000 /persist/big
exec /persist/sdr-serve --until $1
`)
			// One client takes nothing of an answer under way.
			client := install(t, m, "SABERTOOTH", "client", `
(
	busybox sleep 2
	(busybox printf 'GET /persist/big HTTP/1.1\r\nHost: sdr\r\n\r\n'; busybox sleep 60) | busybox nc 10.2.1.8 10101 | busybox sleep 60
) &
exec /persist/sabertooth-fetch --until $1 /var/log/no-such-file
`)
			at := tomorrow(m)
			until := strconv.FormatInt(at.Unix()+seconds, 10)
			outcomes := map[string]string{
				"SDR":        run(t, m, "SDR", at, seconds, server, until),
				"SABERTOOTH": run(t, m, "SABERTOOTH", at, seconds, client, until),
			}
			settle(t, m)
			files := bucketOf(t, m)
			for payload, want := range map[string]struct{ log, outcome, last string }{
				"SDR":        {"sdr-serve.log", "exit 0 after ", `"message":"done"}`},
				"SABERTOOTH": {"sabertooth-fetch.log", "exit 4 after ", `"message":"done"}`},
			} {
				if payload == c.cut {
					want.outcome = "killed by the power cut"
				}
				if got := outcomeOf(t, m, outcomes[payload]); !strings.HasPrefix(got, want.outcome) {
					t.Errorf("%s: got outcome %q, want %q", payload, got, want.outcome)
				}
				if payload == c.cut {
					continue
				}
				log := strings.TrimSpace(files[want.log])
				last := log[strings.LastIndexByte(log, '\n')+1:]
				if !strings.HasSuffix(last, want.last) || payload == "SDR" && !strings.Contains(log, `"cut_at"`) {
					t.Errorf("%s: the last line is %q of\n%s", payload, last, log)
				}
			}
		})
	}
}

// buildFlight returns a directory with the two programs for this machine.
func buildFlight(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the programs")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir+"/", "payload-ipc/cmd/sdr-serve", "payload-ipc/cmd/sabertooth-fetch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}
