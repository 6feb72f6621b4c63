// Command crash grows its stack, collects garbage in the middle of it, is
// interrupted while it computes, prints, and ends badly: what reads the tables
// of functions. Its argument says how; without one it panics.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

type thing struct{ n int }

func (t *thing) breaks(why string) { panic(why) }

// A value has Speak from a wrapper too, which a nil pointer gets into.
type value struct{ n int }

func (v value) Speak() int { return v.n }

var silent interface{ Speak() int } = (*value)(nil)

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

func caught(f func()) {
	defer func() { fmt.Println("caught:", recover()) }()
	f()
}

func again() {
	defer func() { panic("and again") }()
	panic("first")
}

// later is struck at the first instruction of a line.
func later(t *thing) int {
	n := len(os.Args)
	n += t.n
	return n
}

func generic[T any](t *T) T { return *t }

var none []int

// survives keeps memory that only its stack knows of, while what is freed is
// used again.
func survives() bool {
	first := numbers(1)
	runtime.GC()
	for range 100 {
		kept = numbers(2)
	}
	second := numbers(3)
	runtime.GC()
	for range 100 {
		kept = numbers(4)
	}
	for i := range first {
		if first[i] != 1 || second[i] != 3 {
			return false
		}
	}
	return true
}

var kept []int

func numbers(n int) []int {
	list := make([]int, 1000)
	for i := range list {
		list[i] = n
	}
	return list
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
	fmt.Println("what is in use survives:", survives())
	switch len(os.Args) {
	case 1:
		recurse(0, &thing{})
	default:
		endings[os.Args[1]]()
	}
}

var endings = map[string]func(){
	"caught": func() {
		caught(func() { fmt.Println(none[len(os.Args)]) })
		caught(func() { fmt.Println(silent.Speak()) })
		caught(func() { var m map[int]int; m[len(os.Args)] = 1 })
		caught(again)
	},
	"again":  again,
	"first":  func() { generic[thing](nil) },
	"signal": func() { later(nil) },
	"index":  func() { fmt.Println(none[len(os.Args)]) },
	"nil":    func() { fmt.Println(silent.Speak()) },
	"asleep": func() { select {} },
	"goexit": func() {
		go func() {
			defer func() { panic("on the way out") }()
			runtime.Goexit()
		}()
		select {}
	},
	"other": func() {
		go func() { panic("elsewhere") }()
		select {}
	},
	"fatal": func() { new(sync.Mutex).Unlock() },
	"throw": func() {
		debug.SetMaxStack(1 << 16)
		overflow(1)
	},
}

func overflow(n int) int { return overflow(n+1) + n }
