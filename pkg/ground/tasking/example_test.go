package tasking_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"time"

	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/ground/tasking"
)

// api is the satellite on the desk: its Tasking API alone, for a few calls.
func api(faults ...string) (url string, close func()) {
	state, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	m := mockfm.New(mockfm.Config{State: state, Start: time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)})
	for _, text := range faults {
		f, err := mockfm.ParseFault(text)
		if err != nil {
			panic(err)
		}
		m.AddFault(f)
	}
	s := httptest.NewServer(m.Handler())
	return s.URL, func() { s.Close(); os.RemoveAll(state) }
}

// Asking and scheduling: a client, what is free, and a window in it.
func Example() {
	url, close := api()
	defer close()
	ctx := context.Background()
	c := &tasking.Client{API: url, Token: "secret"}

	free, err := c.Availability(ctx, "FM1", "PAYLOAD_SDR", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), 24*time.Hour)
	if err != nil {
		panic(err)
	}
	fmt.Println("free:", free[0].Start.Format(time.RFC3339), "to", free[0].End.Format(time.RFC3339))

	// The second context says how long an answer that is due is waited for; here
	// it is as patient as the first.
	w, err := c.CreateWindow(ctx, ctx, tasking.WindowRequest{
		Type: "PAYLOAD_SDR", Satellite: "FM1", Start: free[0].Start.Add(12 * time.Hour), Duration: time.Minute,
		Executable: "/bin/sh", Args: []string{"-c", "date >/outbox/date"}, DownlinkBudget: 1,
	})
	fmt.Println("id:", w.ID, err)
	// Output:
	// free: 2026-11-23T00:00:00Z to 2026-11-24T00:00:00Z
	// id: 3020553 <nil>
}

// The API has no idempotency key. A POST whose answer was lost is looked up in
// the listing before it is sent again: here it had taken effect, and is not.
func ExampleClient_CreateWindow_lost() {
	url, close := api("window=lost-after")
	defer close()
	ctx := context.Background()
	c := &tasking.Client{API: url, Token: "secret", MinWait: time.Millisecond,
		OnRetry: func(err *tasking.Error, _ time.Duration) { fmt.Println("again:", err.Call) }}
	w, err := c.CreateWindow(ctx, ctx, tasking.WindowRequest{
		Type: "PAYLOAD_SDR", Satellite: "FM1", Start: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Duration: time.Minute,
		Executable: "/bin/sh", DownlinkBudget: 1,
	})
	listed, _ := c.Windows(ctx, "FM1")
	fmt.Println("id:", w.ID, err, "- may be there twice:", w.Doubtful, "- listed:", len(listed))
	// Output:
	// id: 3020553 <nil> - may be there twice: true - listed: 1
}

// Each error is one sentence for a user, without the token, and says whether the
// call may have had an effect.
func ExampleError() {
	url, close := api("uploads=401")
	defer close()
	c := &tasking.Client{API: url, Token: "secret"}
	_, err := c.Uploads(context.Background())
	fmt.Println(err)
	fmt.Println("refused:", tasking.Refused(err), "- lost:", tasking.IsLost(err), "- status:", tasking.StatusOf(err))
	// Output:
	// GET /tasking/uploads: the API answered 401 (Unauthorized, on request): the token is not accepted; check that it is whole and not expired, and that the order is AUTH_TOKEN SAT_ID
	// refused: true - lost: false - status: 401
}
