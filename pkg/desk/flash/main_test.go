package flash

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Disks are mounted in namespaces of the test's own, so that none is left
// behind, whatever happens, and no root is needed.
func TestMain(m *testing.M) {
	const inside = "FLASH_TEST_INSIDE"
	if os.Getenv(inside) == "1" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no namespaces, no disk:", err)
		os.Exit(m.Run())
	}
	cmd.Wait()
	os.Exit(cmd.ProcessState.ExitCode())
}

// mount puts a disk over a new directory; the test is skipped where none can be
// had.
func mount(t *testing.T, s Spec) (*FS, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := Mount(dir, dir, s)
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, dir
}
