package sandbox

import (
	"os"
	"runtime"
)

// A payload in namespaces needs three processes of our own, which are this very
// executable under other names, as container runtimes do it:
//
//	bus   first in new user, mount, network and process namespaces, where it is
//	      root and the host's root is out of reach: bridges, mounts and
//	      binfmt_misc entries live and die with it. When its user dies, by
//	      whatever death, its standard input ends, it exits, and the kernel ends
//	      all that is left.
//	init  first process of one payload for one window: builds the root, keeps
//	      the clock, reaps. Killing it is pulling the plug.
//	exec  becomes the program.
const (
	busName  = "sandbox-bus"
	initName = "sandbox-init"
	execName = "sandbox-exec"
)

// init takes over before main, so that any program with this package in it,
// test binaries too, can be started again. It is the one place of the package
// that exits.
func init() {
	if len(os.Args) == 0 {
		return
	}
	switch os.Args[0] {
	case busName:
		os.Exit(busMain())
	case initName:
		runtime.LockOSThread() // ptrace is a matter between threads
		os.Exit(initMain())
	case execName:
		runtime.LockOSThread()
		os.Exit(execMain())
	}
}
