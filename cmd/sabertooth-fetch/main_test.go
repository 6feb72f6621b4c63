package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/agent"
	serve "payload-ipc/pkg/flight/sdrserve"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sabertooth-fetch": main,
		"sdr-serve":        func() { agent.Main(serve.Run) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PORT", strconv.Itoa(freePort(t)))
			env.Setenv("DARK", strconv.Itoa(freePort(t)))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// exits CODE PROGRAM ARGS...: that very exit code
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				err := ts.Exec(args[1], args[2:]...)
				got := 0
				if e, ok := err.(*exec.ExitError); ok {
					got = e.ExitCode()
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if strconv.Itoa(got) != args[0] {
					ts.Fatalf("exit: got %d, want %s", got, args[0])
				}
			},
			// listening ADDR waits until something accepts there
			"listening": func(ts *testscript.TestScript, neg bool, args []string) {
				waitFor(t, args[0])
			},
			// mkbig FILE BYTES
			"mkbig": func(ts *testscript.TestScript, neg bool, args []string) {
				n, _ := strconv.Atoi(args[1])
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(lines(0, n)), 0o644))
			},
		},
	})
}

// freePort is one above those that connections are made from, so that no
// client of another test can take it.
func freePort(t testing.TB) int {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port - 20_000
		l.Close()
		if l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func waitFor(t testing.TB, addr string) {
	t.Helper()
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nothing listens on %s", addr)
}

// program is the path of a command that TestMain made.
func program(t testing.TB, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lines are numbered, from the given number on, at least n bytes of them.
func lines(from, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%012d the quick brown fox jumps over the lazy dog, and so on\n", from)
		from++
	}
	return b.String()
}
