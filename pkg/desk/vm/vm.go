// Package vm runs payload computers as virtual machines: a real arm64 kernel
// under qemu-system-aarch64, a disk each, one ethernet between two of them. Their
// power can be cut at any instant, and a disk can be had as such a cut would
// leave it when its drive keeps a cache of its own (Recording).
//
// A machine's disk is the root of the payload's sandbox (docs/platform.md,
// "Running user code"): /bin and /lib are read-only and hold what a payload has
// of commands, /outbox and /persist are directories of the disk, the command
// gets no shell and no environment.
package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// emulator is the program that a machine runs in.
const emulator = "qemu-system-aarch64"

// ErrMissing: something that machines are made of is not on this computer.
// The error around it says what, and how to get it.
var ErrMissing = errors.New("no virtual machines here")

// An Image is what machines boot.
type Image struct {
	kernel string
	files  archive // of the initial file system, all but the machine's own job
}

// Open reads the image that scripts/vm-image leaves in dir. With a kernel of
// one's own, an arm64 Image file, the modules come from the directory modules;
// "" stands for none: drivers of virtio and ext4 are built in.
// Errors: ErrMissing; modules that cannot be read.
func Open(dir, kernel, modules string) (*Image, error) {
	for _, p := range []struct{ program, from string }{{emulator, "qemu-system-arm"}, {"mkfs.ext4", "e2fsprogs"}, {"e2fsck", "e2fsprogs"}, {"debugfs", "e2fsprogs"}} {
		if _, err := exec.LookPath(tool(p.program)); err != nil {
			return nil, fmt.Errorf("%w: %s is not installed (package %s; scripts/peers vm)", ErrMissing, p.program, p.from)
		}
	}
	if kernel == "" {
		kernel, modules = filepath.Join(dir, "kernel"), filepath.Join(dir, "modules")
	}
	for _, file := range []string{kernel, filepath.Join(dir, "root")} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("%w: %w (scripts/vm-image fetches it)", ErrMissing, err)
		}
	}
	i := &Image{kernel: kernel}
	for _, d := range []string{"bin", "dev", "proc", "sys", "modules", "disk", "payload", "payload/bin", "payload/lib", "payload/lib/" + multiarch} {
		i.files.directory(d)
	}
	i.files.console("dev/console")
	for _, program := range []string{"busybox", "dash", "wget"} {
		if err := i.files.program(filepath.Join(dir, "root"), program); err != nil {
			return nil, err
		}
	}
	for _, applet := range strings.Fields(applets) {
		i.files.link("payload/bin/"+applet, "busybox")
	}
	i.files.link("payload/bin/sh", "dash")
	i.files.link("bin/sh", "/payload/bin/busybox")
	i.files.file("init", 0o755, initScript)
	if modules == "" {
		return i, nil
	}
	list, err := load(modules, strings.Fields(drivers))
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		i.files.file("modules/"+m.name, 0o644, m.body)
	}
	// The order in which they are to be loaded.
	var order bytes.Buffer
	for _, m := range list {
		fmt.Fprintln(&order, m.name)
	}
	i.files.file("modules/order", 0o644, order.Bytes())
	return i, nil
}

const (
	// drivers are the modules that a machine needs; one that a kernel has not
	// got is built in. ext4 finds crc32c by a name that no module declares.
	drivers = "virtio_pci virtio_blk virtio_net crc32c_generic ext4"

	// applets are the commands that a payload has and that what flies may use
	// (docs/platform.md, "Payloads"), by busybox; wget is GNU's there, and the
	// shell one that knows no command but its own few.
	applets = "base64 cat chmod chroot cp date dd df dirname echo env expr false gzip head ip insmod kill ln ls mkdir mount mv" +
		" poweroff printf ps pwd rm rmdir sed sha256sum sleep sort stty sync tail tar test touch tr true umount uname wc xz [ basename"
)

// tool is where a program stands that is for administrators: on the path of
// root only.
func tool(program string) string {
	if _, err := exec.LookPath(program); err != nil {
		at := "/usr/sbin/" + program
		if _, err := os.Stat(at); err == nil {
			return at
		}
	}
	return program
}

// run runs a program to its end and returns what it said. An error holds the
// last line of that.
func run(ctx context.Context, dir, program string, args ...string) (code int, err error) {
	cmd := exec.CommandContext(ctx, tool(program), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && ctx.Err() == nil && errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		err = fmt.Errorf("%s: %w: %s", program, err, lines[len(lines)-1])
	}
	return code, err
}
