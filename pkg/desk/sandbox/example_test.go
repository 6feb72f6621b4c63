package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"payload-ipc/pkg/desk/sandbox"
)

// A payload is powered on with its program, and tells at the end of its window
// what became of it. Kind plain is a program of this machine, for an example
// that runs everywhere.
func Example() {
	dir, err := os.MkdirTemp("", "sandbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "root")
	os.MkdirAll(root+"/outbox", 0o755)

	box, err := sandbox.New(sandbox.Config{Kind: "plain", Dir: dir + "/scratch"})
	if err != nil {
		panic(err)
	}
	defer box.Shut()
	p := sandbox.Payload{
		ID: "FM1-SDR-1", Bus: "FM1", Name: "sdr", Root: root,
		Program: "/bin/sh", Args: []string{"-c", `echo "the log" > "$1"; exec sleep 60`, "sh", "/outbox/syslog"},
		Stdout: dir + "/stdout", Stderr: dir + "/stderr",
	}
	if err := box.Open(p); err != nil {
		panic(err)
	}
	var log []byte
	for len(log) == 0 {
		time.Sleep(time.Millisecond)
		log, _ = os.ReadFile(root + "/outbox/syslog")
	}
	fmt.Printf("%s", log)
	fmt.Println(box.Close(p.ID))
	// Output:
	// the log
	// killed at the end of the window
}
