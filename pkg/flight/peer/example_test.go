package peer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	"payload-ipc/pkg/flight/peer"
	"payload-ipc/pkg/flight/window"
)

// A machine has two addresses, and it is not known at which of them it will
// answer: both are asked, and the first good answer is taken.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.ServeContent(w, q, "", time.Time{}, strings.NewReader("all is well\n"))
	}))
	defer server.Close()
	nobody := netip.MustParseAddrPort("127.0.0.1:1")
	there := netip.MustParseAddrPort(server.Listener.Addr().String())

	w := window.Spec{For: 10 * time.Second}.Open()
	defer w.Close()
	client := peer.New(peer.Config{
		From:   []netip.AddrPort{nobody, there},
		Window: w,
		Left:   w.Remaining,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		},
		Observe: func(peer.Event) {},
	})
	defer client.Drop()

	ctx, cancel := w.Context(context.Background(), 0)
	defer cancel()
	tally := peer.Tally{Path: "/status"}
	a, err := client.Ask(ctx, &tally, peer.Request{Target: "/status", First: 7, Last: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Status, a.Host() == there.String())
	in := client.Read(ctx, &tally, a)
	for b := in.Next(); !b.End; b = in.Next() {
		if b.Err != nil {
			fmt.Println(b.Err)
			break
		}
		fmt.Printf("%s\n", b.Bytes)
	}
	in.Done(0)
	fmt.Println(tally.Received, "bytes")
	// Output:
	// 206 true
	// well
	// 4 bytes
}
