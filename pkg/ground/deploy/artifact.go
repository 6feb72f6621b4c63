package deploy

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Artifacts reads the packed programs of s below dir: the pair, or where one is
// handed over the one that holds both. Those of a payload that is no arm64 lie
// beside dir, as make puts them. warnings tell of what looks wrong but may be
// meant.
func Artifacts(dir string, s plan.Spec) (out []plan.Artifact, warnings []string, err error) {
	if out, err = located(dir, s); err != nil {
		return nil, nil, err
	}
	for i := range out {
		payload, _ := plan.PayloadNamed(out[i].Payload)
		warning, err := read(&out[i], machines[payload.Arch])
		if err != nil {
			return nil, nil, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return out, warnings, nil
}

// located are the programs that s sends, and where they lie below dir.
func located(dir string, s plan.Spec) (out []plan.Artifact, err error) {
	from, to := s.Payloads()
	want := []struct {
		program string
		payload plan.Payload
	}{{plan.Server, from}, {plan.Fetcher, to}}
	if err := s.CheckHandOver(); err != nil {
		return nil, err
	}
	if s.HandOver {
		want = want[:1]
		want[0].program = plan.Both
	}
	for _, w := range want {
		at := filepath.Clean(dir)
		if w.payload.Arch != "arm64" {
			// There are updates for arm64 only: of a directory of updates, what is whole.
			if strings.HasPrefix(filepath.Base(at), updatesFrom) {
				at = filepath.Dir(at)
			}
			at += "-" + w.payload.Arch
		}
		out = append(out, plan.Artifact{Program: w.program, Payload: w.payload.Name, File: filepath.Join(at, w.program)})
	}
	return out, nil
}

// updatesFrom begins the name of a directory of updates, before the version that
// they are made for.
const updatesFrom = "from-"

// machines are the processors of the payloads, as an ELF header names them.
var machines = map[string]elf.Machine{"arm64": elf.EM_AARCH64, "arm": elf.EM_ARM}

// building is the command that builds file for machines that are want.
func building(file string, want elf.Machine) string {
	version, update := strings.CutPrefix(filepath.Base(filepath.Dir(file)), updatesFrom)
	switch {
	case want == elf.EM_ARM:
		return "make FLIGHT_ARCH=arm uplink"
	case update:
		return "make update FROM=" + version
	}
	return "make uplink"
}

func read(a *plan.Artifact, want elf.Machine) (warning string, err error) {
	fi, err := os.Stat(a.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s is not there; build it with %s where the project is, or say where it is with --artifacts DIR", a.File, building(a.File, want))
	case err != nil:
		return "", fmt.Errorf("cannot read a program to be sent: %w", err)
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file; --artifacts names the directory that holds it", a.File)
	case fi.Size() == 0:
		return "", fmt.Errorf("%s is empty; build it again with %s", a.File, building(a.File, want))
	case fi.Size() > tasking.MaxFile:
		return "", fmt.Errorf("%s has %s bytes, and the API takes %s at most; send the packed program that make uplink builds", a.File, plan.Grouped(fi.Size()), plan.Grouped(tasking.MaxFile))
	}
	b, h, packed, err := identify(a)
	if err != nil {
		return "", err
	}
	if !packed {
		if e, ok := machine(b); ok && e != want {
			warning = fmt.Sprintf("%s is a program for another computer than the %s; right only for a rehearsal here", a.File, a.Payload)
		}
		return warning, nil
	}
	if h.base == "" && strings.HasPrefix(filepath.Base(filepath.Dir(a.File)), updatesFrom) {
		warning = fmt.Sprintf("%s has not changed since the version that it is to be updated from: nothing of it is sent where that is aboard", a.Program)
	}
	body, err := unxz(b[h.length:])
	if err != nil {
		return "", fmt.Errorf("%s is damaged (%w); build it again with %s", a.File, err, building(a.File, want))
	}
	if a.UnpackedSize = h.size; h.size == 0 {
		a.UnpackedSize = int64(len(body))
	}
	if e, ok := machine(body); !ok || e != want {
		return "", fmt.Errorf("%s is not for the %s: %v inside, want %v; build it again with %s", a.File, a.Payload, e, want, building(a.File, want))
	}
	return warning, nil
}

// identify reads a program and fills in what it is, by its hash and its head;
// whether it is whole is not looked at.
func identify(a *plan.Artifact) (b []byte, h head, packed bool, err error) {
	if b, err = os.ReadFile(a.File); err != nil {
		return nil, h, false, fmt.Errorf("cannot read a program to be sent: %w", err)
	}
	a.Size, a.SHA256 = int64(len(b)), fmt.Sprintf("%x", sha256.Sum256(b))
	if h, packed = packedHead(b); packed {
		a.Unpacked, a.Makes, a.OldID = h.sum, h.makes, h.oldID
		if h.base != "" {
			a.Base = "/persist/bin/" + a.Program + "-" + h.base
		}
	}
	return b, h, packed, nil
}

// machine is what a program runs on, e_machine of its ELF header.
func machine(b []byte) (elf.Machine, bool) {
	if len(b) < 20 || !bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
		return elf.EM_NONE, false
	}
	return elf.Machine(binary.LittleEndian.Uint16(b[18:])), true
}

// head is what the head of a packed program says (scripts/unpack.sh,
// scripts/pack): bytes before the body, the hash of what it unpacks; of an
// update the version that it needs, the one that it makes (both as they are
// sent whole), what it makes in bytes, and the old program unpacked.
type head struct {
	length             int
	sum                string
	base, makes, oldID string
	size               int64
}

var (
	headBody   = regexp.MustCompile(`\btail -n\+(\d+) "\$0"`)
	headSum    = regexp.MustCompile(`= "([0-9a-f]{64})  -"`)
	headUpdate = regexp.MustCompile(`(?m)^b=([0-9a-f]{8}) w=([0-9a-f]{8}) z=(\d+)$`)
	headOld    = regexp.MustCompile(`o=\$o/\.\$n-([0-9a-f]{8});`)
)

func packedHead(b []byte) (h head, ok bool) {
	text := b[:min(len(b), 4<<10)]
	body, sum := headBody.FindSubmatch(text), headSum.FindSubmatch(text)
	if body == nil || sum == nil {
		return h, false
	}
	h.sum = string(sum[1])
	lines, _ := strconv.Atoi(string(body[1]))
	for range lines - 1 {
		i := bytes.IndexByte(b[h.length:], '\n')
		if i < 0 {
			return h, false
		}
		h.length += i + 1
	}
	if u, old := headUpdate.FindSubmatch(text[:h.length]), headOld.FindSubmatch(text[:h.length]); u != nil && old != nil {
		h.base, h.makes, h.oldID = string(u[1]), string(u[2]), string(old[1])
		h.size, _ = strconv.ParseInt(string(u[3]), 10, 64)
	}
	return h, true
}

// unxz takes out what is packed, which also checks its CRC, with the program
// that packed it.
func unxz(b []byte) ([]byte, error) {
	cmd := exec.Command("xz", "-dc")
	cmd.Stdin = bytes.NewReader(b)
	cmd.Env = append(os.Environ(), "XZ_OPT=", "XZ_DEFAULTS=")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}
