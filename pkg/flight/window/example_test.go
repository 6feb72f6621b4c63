package window_test

import (
	"context"
	"fmt"
	"time"

	"payload-ipc/pkg/flight/window"
)

// A program works until a while before the end of its window, and has that
// while for what must be done last.
func Example() {
	w := window.Spec{For: time.Minute, Early: window.Margin}.Open()
	defer w.Close()

	reserve := time.Minute - time.Second // most of it here, so that the example is short
	work, cancel := w.Context(context.Background(), reserve)
	defer cancel()
	<-work.Done()

	fmt.Println(context.Cause(work))
	fmt.Println("time to publish:", w.Remaining() > 0)
	w.Close() // what a signal does
	fmt.Println("and then:", w.Remaining())
	// Output:
	// the window is over
	// time to publish: true
	// and then: 0s
}

// A payload's clock may be unset. Until is believed only where it agrees with
// For, which counts from the start of the process.
func ExampleWindow_Trusted() {
	end := time.Date(2027, 1, 8, 12, 10, 0, 0, time.UTC)
	for _, clock := range []time.Time{end.Add(-9 * time.Minute), time.Unix(0, 0), end.Add(time.Hour)} {
		w := window.Spec{Until: end, For: 10 * time.Minute, Wall: func() time.Time { return clock }}.Open()
		fmt.Printf("%s: set %t, trusted %t, %v left\n", w.Now().Format(time.DateTime), w.Set(), w.Trusted(), w.Remaining().Round(time.Minute))
		w.Close()
	}
	// Output:
	// 2027-01-08 12:01:00: set true, trusted true, 9m0s left
	// 1970-01-01 00:00:00: set false, trusted false, 10m0s left
	// 2027-01-08 13:10:00: set true, trusted false, 10m0s left
}
