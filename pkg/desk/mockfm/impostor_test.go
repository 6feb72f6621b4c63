package mockfm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// On the address of the other candidate somebody else answers, sooner, with
// right digests of other bytes: of those not one is published. A neighbour that
// asks the server gets 401 for everything.
func TestImpostorOnTheOtherAddress(t *testing.T) {
	t.Parallel()
	programs := buildFlight(t)
	m := withNamespaces(t, Config{Shortest: 5 * time.Second})
	for payload, names := range map[string][]string{"SDR": {"sdr-serve"}, "IPI": {"sdr-serve"}, "SABERTOOTH": {"sabertooth-fetch"}} {
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(programs, name))
			if err != nil {
				t.Fatal(err)
			}
			status, body := sendUpload(t, m, payload, "/persist/"+name, string(b))
			id(t, status, body)
		}
	}
	const (
		fill   = "busybox yes \"$1 of these lines there are many\" | busybox head -c 3000000 >/persist/f\n"
		key    = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
		other  = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
		window = 14
	)
	server := install(t, m, "SDR", "server", fill+`
busybox sleep 2 # the impostor is there first
exec /persist/sdr-serve --for 13s --key $2
`)
	impostor := install(t, m, "IPI", "impostor", fill+`
/persist/sdr-serve --for 13s --allow 10.2.1.0/24 --log - &
/persist/sdr-serve --for 13s --allow 10.2.1.0/24 --log - --listen 0.0.0.0:10102 --key $2 &
busybox sleep 5
for path in / /persist/ /persist/f /proc/self/exe /proc/self/cmdline /var/log/syslog '/persist/f?snapshot=1-2-3' /no; do
	busybox wget -q -S -O /outbox/taken http://10.2.1.8:10101$path 2>&1 | busybox grep '^  HTTP/1'
done >/outbox/answers
wait
`)
	at := tomorrow(m)
	run(t, m, "IPI", at, window, impostor, "impostor", other)
	run(t, m, "SDR", at, window, server, "sdr", key)
	run(t, m, "SABERTOOTH", at, window, "/persist/sabertooth-fetch", "--for", "13s", "--key", key, "--run", "r",
		"--from", "10.2.1.16:10101,10.2.1.16:10102,10.2.1.8:10101", "/persist/f=f", "/persist/=all")
	settle(t, m)
	files := bucketOf(t, m)
	want := strings.Repeat("sdr of these lines there are many\n", 100_000)[:3_000_000]
	for _, name := range []string{"f", "all_f"} {
		if files[name] != want {
			t.Errorf("%s: %d bytes, %.60q", name, len(files[name]), files[name])
		}
	}
	for name, content := range files {
		if strings.Contains(content, "impostor of") {
			t.Errorf("%s has bytes of the impostor", name)
		}
		if strings.Contains(content, key[4:20]) {
			t.Errorf("the key came down in %s", name)
		}
	}
	var receipt struct {
		Status, Verified, Source string
		Errors                   map[string]int
	}
	if err := json.Unmarshal([]byte(files["f.receipt.json"]), &receipt); err != nil || receipt.Status != "complete" || receipt.Verified != "digest" ||
		receipt.Source != "http://10.2.1.8:10101/persist/f" || receipt.Errors["unsigned"] == 0 {
		t.Errorf("%v: %s", err, files["f.receipt.json"])
	}
	if got := strings.Count(files["answers"], "401 Unauthorized"); got != 8 || strings.Count(files["answers"], "\n") != 8 || files["taken"] != "" {
		t.Errorf("a neighbour was answered %q, and has %d bytes", files["answers"], len(files["taken"]))
	}
	if t.Failed() {
		t.Logf("%s\n%s", files["sabertooth-fetch.log"], files["sdr-serve.log"])
	}
}
