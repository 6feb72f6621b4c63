package sandbox

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// systemDirs of the host are the payload's, read-only: nothing of its own
// image is needed to run sh, wget or python3.
var systemDirs = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr"}

// enterRoot makes the payload's directory the root of this process, with the
// system's parts mounted read-only over it (docs/platform.md, Running user code).
// The process must be alone in its mount namespace.
func enterRoot(b Payload) error {
	// With a small /outbox, if the bus has mounted one.
	if err := unix.Mount(b.Root, b.Root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, d := range systemDirs {
		if err := systemDir(b.Root, d); err != nil {
			return fmt.Errorf("/%s: %w", d, err)
		}
	}
	etc := filepath.Join(b.System, "etc")
	if _, err := os.Stat("/etc/alternatives"); err == nil {
		if err := bind("/etc/alternatives", filepath.Join(etc, "alternatives")); err != nil {
			return fmt.Errorf("/etc/alternatives: %w", err)
		}
	}
	for _, d := range []string{"etc", "home", "var"} {
		if err := bind(filepath.Join(b.System, d), filepath.Join(b.Root, d)); err != nil {
			return fmt.Errorf("/%s: %w", d, err)
		}
	}
	if err := dev(filepath.Join(b.Root, "dev")); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for _, d := range b.ReadOnly {
		if err := bind(filepath.Join(b.Root, d), filepath.Join(b.Root, d)); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	// proc stays writable until the program is about to start: its user
	// namespace is set up through it.
	proc := filepath.Join(b.Root, "proc")
	if err := mountOn("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	sys := filepath.Join(b.Root, "sys")
	if err := mountOn("sysfs", sys, "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY); err != nil {
		return fmt.Errorf("/sys: %w", err)
	}
	standIns, err := openStandIns(b.Programs)
	if err != nil {
		return err
	}
	if err := unix.Chdir(b.Root); err != nil {
		return err
	}
	// pivot_root(2): with both "." the old root is stacked on the new one.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	for _, s := range standIns {
		if err := s.place(); err != nil {
			return err
		}
	}
	return nil
}

// systemDir mounts one of the host's directories, or repeats its link.
func systemDir(root, name string) error {
	at := filepath.Join(root, name)
	if to, err := os.Readlink("/" + name); err == nil {
		if now, err := os.Readlink(at); err == nil && now == to {
			return nil
		}
		return os.Symlink(to, at)
	}
	if _, err := os.Stat("/" + name); err != nil {
		return nil // lib32 is not everywhere
	}
	return bind("/"+name, at)
}

// bind mounts a directory read-only, with what is mounted below it.
func bind(from, at string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(from, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return readOnlyTree(at)
}

func readOnlyTree(at string) error {
	return unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

func mountOn(source, at, kind string, flags uintptr) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return unix.Mount(source, at, kind, flags, "")
}

// dev makes the few devices that programs take for granted.
func dev(at string) error {
	if err := mountOn("tmpfs", at, "tmpfs", unix.MS_NOSUID); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		file := filepath.Join(at, name)
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, file, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(to, filepath.Join(at, name)); err != nil {
			return err
		}
	}
	return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID, "")
}
