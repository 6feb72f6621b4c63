package fetch_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"time"

	"payload-ipc/pkg/flight/fetch"
	"payload-ipc/pkg/flight/window"
)

// A file is brought from a server into a directory that is sent down. The
// server cuts the first answer: the rest is asked for, with the last bytes
// that are held once more, so that it is known to be of the same file. The
// receipt, beside the file, says how far that is proven.
func Example() {
	log := strings.Repeat("all is well\n", 20_000)
	cut, written := true, time.Unix(1e9, 0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if cut {
			cut = false
			w.Header().Set("Content-Length", "240000")
			w.Header().Set("Last-Modified", written.UTC().Format(http.TimeFormat))
			w.Write([]byte(log[:100_000]))
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, q, "", written, strings.NewReader(log))
	}))
	defer server.Close()

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.Mkdir(dir+"/outbox", 0o755)

	w := window.Spec{For: 20 * time.Second}.Open()
	defer w.Close()
	result := fetch.Fetcher{
		From:   []netip.AddrPort{netip.MustParseAddrPort(server.Listener.Addr().String())},
		Paths:  []fetch.Path{{Path: "/var/log/syslog", Name: "sdr_syslog"}},
		Outbox: dir + "/outbox",
		Stage:  dir + "/stage",
		Window: w,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		},
	}.Run(context.Background())

	fmt.Println("exit", result.Exit)
	fmt.Println(result.Reason)
	files, _ := os.ReadDir(dir + "/outbox")
	for _, f := range files {
		fmt.Println(f.Name())
	}
	// Output:
	// exit 0
	// complete: 240000 bytes, not all of it with a digest from the server; head and tail read twice were equal
	// sdr_syslog
	// sdr_syslog.receipt.json
}
