// Command crash grows its stack, collects garbage in the middle of it, is
// interrupted while it computes, prints, and panics: what reads the tables of
// functions.
package main

import (
	"fmt"
	"runtime"
	"time"
)

type thing struct{ n int }

func (t *thing) breaks(why string) { panic(why) }

func recurse(n int, t *thing) int {
	var frame [64]int
	frame[n%64] = n
	if n == 1000 {
		runtime.GC()
		fmt.Println("grown", n)
		t.breaks("our bug")
	}
	defer func() { frame[0]++ }()
	return recurse(n+1, t) + frame[n%64]
}

func main() {
	done := make(chan bool)
	go func() {
		// A loop without a call, which the scheduler can only interrupt.
		sum := 0
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
			for i := range 1 << 20 {
				sum += i
			}
		}
		done <- sum > 0
	}()
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	<-done
	recurse(0, &thing{})
}
