package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// An emulator runs programs of another machine.
type emulator struct {
	Arch string
	Path string // "" if it is not installed
	Name string
	// Magic and Mask of the ELF header, as binfmt_misc takes them.
	Magic, Mask string
}

// The masks are those of qemu's binfmt-conf.sh: 64 or 32 bit, little endian,
// any OS ABI, executable or shared object, one machine.
const (
	elf64  = `\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00`
	elf32  = `\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00`
	anyELF = `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`
)

// emulators lists those for the payloads' machines; arm64 is the one the
// user names.
func emulators(arm64 string) []emulator {
	all := []emulator{
		{Arch: "arm64", Name: arm64, Magic: elf64 + `\xb7\x00`, Mask: anyELF},
		{Arch: "arm", Name: "qemu-arm-static", Magic: elf32 + `\x28\x00`, Mask: anyELF},
	}
	for i := range all {
		all[i].Path, _ = exec.LookPath(all[i].Name)
		if all[i].Path != "" {
			all[i].Path, _ = filepath.Abs(all[i].Path)
		}
	}
	return all
}

// registerEmulators mounts a binfmt_misc of our own user namespace on dir, and
// tells it of the emulators, opened now (flag F) so that they work in any root.
// It returns for each why its programs cannot run, or "".
func registerEmulators(dir string, all []emulator) []string {
	at := filepath.Join(dir, "binfmt")
	err := mountOn("binfmt_misc", at, "binfmt_misc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC)
	why := make([]string, len(all))
	for i, e := range all {
		switch {
		case native(e.Arch):
		case e.Path == "":
			why[i] = e.Name + " is not installed"
		case err != nil:
			why[i] = fmt.Sprintf("binfmt_misc cannot be mounted here: %v", err)
		default:
			entry := fmt.Sprintf(":payload-%s:M::%s:%s:%s:F", e.Arch, e.Magic, e.Mask, e.Path)
			if err := os.WriteFile(filepath.Join(at, "register"), []byte(entry), 0o200); err != nil {
				why[i] = fmt.Sprintf("binfmt_misc does not take %s: %v", e.Path, err)
			}
		}
	}
	return why
}

// native says whether the host runs programs of this architecture itself.
func native(arch string) bool { return arch == runtime.GOARCH }
