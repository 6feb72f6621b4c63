package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The lines that pkg/ground/pack took out of a program come back into its trace.
func TestTraceGetsItsLines(t *testing.T) {
	need(t, "qemu-aarch64-static")
	dir := t.TempDir()
	build := func(name, flags string) string {
		out := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags="+flags+" -buildid=", "-o", out, "payload-ipc/pkg/ground/pack/testdata/crash")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		return out
	}
	program, twin := build("program", "-s -w"), build("twin", "-w")
	command(t, "go", "run", "payload-ipc/cmd/pack", "strip", program)
	var trace bytes.Buffer
	run := exec.Command("qemu-aarch64-static", program)
	run.Stderr = &trace
	run.Run()
	if strings.Contains(trace.String(), "crash.go") || !strings.Contains(trace.String(), "main.(*thing).breaks()\n\t?:0 +0x") {
		t.Fatalf("not a trace of a stripped program:\n%.500s", &trace)
	}

	source, err := os.ReadFile(repo + "/pkg/ground/pack/testdata/crash/crash.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := exec.Command(repo+"/scripts/trace", twin)
	lines.Stdin = &trace
	out, err := lines.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for call, function := range map[string]string{
		`panic(why)`: "main.(*thing).breaks()", `t.breaks("our bug")`: "main.recurse()",
		`return recurse(n+1, t)`: "main.recurse()", `recurse(0, &thing{})`: "main.main()",
	} {
		before, _, ok := strings.Cut(string(source), call)
		want := function + "\n\tpayload-ipc/pkg/ground/pack/testdata/crash/crash.go:" + strconv.Itoa(1+strings.Count(before, "\n")) + " +0x"
		if !ok || !strings.Contains(string(out), want) {
			t.Errorf("%s: want %q in\n%.1000s", call, want, out)
		}
	}
	if strings.Contains(string(out), "?:0") {
		t.Errorf("places without a line:\n%.1000s", out)
	}
}
