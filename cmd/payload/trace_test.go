package main

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Where a trace differs from run to run, or tells values of arguments, which
// are not printed aboard.
var varies = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`(?m)^([^\t\n].*)\([^()]*\)$`), "$1()"},
	{regexp.MustCompile(`((?:fp|sp|addr|stack)=|limit )\[?0x[0-9a-f]+(, 0x[0-9a-f]+\])?`), "$1"},
	{regexp.MustCompile(`goroutine \d+( gp=0x[0-9a-f]+ m=\w+( mp=0x[0-9a-f]+)?)?`), "goroutine"},
}

// The names and lines that pkg/ground/pack took out of a program come back into
// its trace: it is then the one of the program with its symbols. The stripped
// one runs as it comes out of the filter.
func TestTraceGetsItsNamesAndLines(t *testing.T) {
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
	unpack := exec.Command("sh", "-ec", `"$1" filter "$2" > filtered; chmod 755 filtered; "$3" ./filtered <filtered >flies; chmod 755 flies`, "sh",
		filepath.Join(dir, "pack"), program, "qemu-aarch64-static")
	command(t, "go", "build", "-o", filepath.Join(dir, "pack"), "payload-ipc/cmd/pack")
	unpack.Dir = dir
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	for _, c := range []struct {
		how     string
		mention []string // of what the trace must have
	}{
		{"", []string{"panic: our bug", "main.(*thing).breaks()\n", "crash.go:"}},
		{"again", []string{"panic: and again", "main.again.func1()\n", "\npanic()\n", "runtime/panic.go:"}},
		{"first", []string{"SIGSEGV", "main.generic[...]()\n"}},
		{"signal", []string{"SIGSEGV", "main.later()\n"}},
		{"index", []string{"index out of range"}},
		{"nil", []string{"value method main.value.Speak called using nil"}},
		{"asleep", []string{"all goroutines are asleep - deadlock!"}},
		{"goexit", []string{"on the way out", "runtime.Goexit()\n"}},
		{"other", []string{"panic: elsewhere", "created by main."}},
		{"fatal", []string{"fatal error: sync: unlock of unlocked mutex", "sync.(*Mutex).Unlock()"}},
		{"throw", []string{"fatal error: stack overflow", "runtime.morestack()", "main.overflow()"}},
	} {
		t.Run("crash "+c.how, func(t *testing.T) {
			trace := func(program string) string {
				cmd := exec.Command("qemu-aarch64-static", program)
				if c.how != "" {
					cmd.Args = append(cmd.Args, c.how)
				}
				var b bytes.Buffer
				cmd.Stderr = &b
				cmd.Run()
				return b.String()
			}
			flies, want := trace(filepath.Join(dir, "flies")), trace(twin)
			if strings.Contains(flies, "crash.go") || strings.Contains(flies, "main.") || !strings.Contains(flies, "\t?:0 +0x") {
				t.Fatalf("not a trace of a stripped program:\n%.500s", flies)
			}
			lines := exec.Command(repo+"/scripts/trace", twin)
			lines.Stdin = strings.NewReader(flies)
			out, err := lines.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := string(out)
			if c.how == "nil" { // the runtime makes a sentence of the name
				wrapper := regexp.MustCompile(`value method .* called using nil .* pointer`)
				want = wrapper.ReplaceAllString(want, wrapper.FindString(got))
				c.mention = []string{"value method main.(*value).Speak called using nil"}
			}
			if c.how == "throw" { // it shows the runtime's goroutines too, whatever they do
				got = strings.Join(strings.SplitN(got, "\n\ngoroutine ", 3)[:2], "\n\ngoroutine ")
				want = strings.Join(strings.SplitN(want, "\n\ngoroutine ", 3)[:2], "\n\ngoroutine ")
			}
			for _, v := range varies {
				got, want = v.what.ReplaceAllString(got, v.by), v.what.ReplaceAllString(want, v.by)
			}
			for _, m := range c.mention {
				if !strings.Contains(got, m) {
					t.Errorf("no %q in\n%.2000s", m, got)
				}
			}
			if got != want {
				t.Errorf("got\n%.3000s\nwant\n%.3000s", got, want)
			}
		})
	}
}

// What scripts/trace goes by: a program and its twin have their code at the
// same addresses.
func TestTwinHasTheSameCode(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"sdr-serve", "sabertooth-fetch", "payload"} {
		command(t, "make", "-s", "-C", repo, "BIN="+dir, dir+"/linux-arm64/"+name, dir+"/twin/"+name)
		var code [2][]byte
		for i, path := range []string{dir + "/linux-arm64/" + name, dir + "/twin/" + name} {
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if code[i], err = f.Section(".text").Data(); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(code[0], code[1]) {
			t.Errorf("%s: the code of the twin differs", name)
		}
	}
}
