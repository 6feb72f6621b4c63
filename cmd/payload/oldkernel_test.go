package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The payloads run Linux 4.6 to 4.14 (docs/platform.md, "Payloads"). Here both
// programs do their work under a seccomp filter that answers ENOSYS to every
// system call that Linux 4.9 does not have: under qemu, whose guest calls are
// the host's, and as a program of this machine.
func TestOldKernel(t *testing.T) {
	if firstNew[runtime.GOARCH] == 0 {
		t.Skip("no table of system calls for " + runtime.GOARCH)
	}
	for _, c := range []struct{ name, goarch, emulator string }{
		{"host", runtime.GOARCH, ""},
		{"arm64", "arm64", "qemu-aarch64-static"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.emulator != "" {
				need(t, c.emulator)
			}
			bin := flightDir(t)
			command(t, "make", "-sC", repo, "BIN="+bin, "FLIGHT_ARCH="+c.goarch, "payload")
			deliver(t, t.TempDir(), func(program string, args ...string) *exec.Cmd {
				argv := []string{oldKernelArg}
				if c.emulator != "" {
					path, err := exec.LookPath(c.emulator)
					if err != nil {
						t.Fatal(err)
					}
					argv = append(argv, path)
				}
				argv = append(argv, filepath.Join(bin, "linux-"+c.goarch, program))
				return exec.Command(os.Args[0], append(argv, args...)...)
			})
		})
	}
}

// deliver has a file served and fetched, and both programs end well.
func deliver(t *testing.T, dir string, start func(program string, args ...string) *exec.Cmd) {
	root, outbox := filepath.Join(dir, "root"), filepath.Join(dir, "outbox")
	for _, d := range []string{root, outbox} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := bytes.Repeat([]byte("Nov 22 14:00:00 sdr kernel: all is well\n"), 100_000)
	if err := os.WriteFile(filepath.Join(root, "syslog"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	addr := freePort(t)
	var serveLog bytes.Buffer
	server := start("sdr-serve", "--root", root, "--listen", addr, "--for", "60s", "--log", "-")
	server.Stderr = &serveLog
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := start("sabertooth-fetch", "--from", addr, "--outbox", outbox, "--stage", filepath.Join(dir, "stage"),
		"--for", "30s", "/syslog=copy").CombinedOutput()
	server.Process.Signal(syscall.SIGTERM)
	if serr := server.Wait(); err != nil || serr != nil {
		t.Fatalf("fetch: %v\n%s\nserve: %v\n%s", err, out, serr, &serveLog)
	}
	if got, err := os.ReadFile(filepath.Join(outbox, "copy")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The filter must be able to fail: a call newer than 4.9 gives ENOSYS, an old
// one works.
func TestOldKernelFilter(t *testing.T) {
	if firstNew[runtime.GOARCH] == 0 {
		t.Skip("no table of system calls for " + runtime.GOARCH)
	}
	out, err := exec.Command(os.Args[0], oldKernelArg, oldKernelProbe).CombinedOutput()
	if got, want := string(out), "getpid 0, statx 38\n"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

const (
	oldKernelArg   = "old-kernel"
	oldKernelProbe = "probe"
)

// firstNew is the first system call number that Linux 4.9 does not have:
// statx, of 4.11. Newer calls have higher numbers.
var firstNew = map[string]uint32{"amd64": 332, "arm64": 291}

// oldKernelMain is this test program as a helper: it becomes argv, on what
// looks like an old kernel.
func oldKernelMain(argv []string) {
	runtime.LockOSThread() // exec keeps the filter of the thread that calls it
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: firstNew[runtime.GOARCH], Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	}
	if err == nil && argv[0] == oldKernelProbe {
		_, _, old := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
		_, _, new := unix.RawSyscall(uintptr(firstNew[runtime.GOARCH]), 0, 0, 0)
		fmt.Println("getpid " + strconv.Itoa(int(old)) + ", statx " + strconv.Itoa(int(new)))
		os.Exit(0)
	}
	if err == nil {
		err = syscall.Exec(argv[0], argv, nil)
	}
	fmt.Fprintln(os.Stderr, strings.Join(argv, " "), err)
	os.Exit(99)
}
