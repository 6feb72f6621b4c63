package deploy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Artifacts reads the packed programs below dir: the pair, or with handOver the
// one that holds both. warnings tell of what looks wrong but may be meant.
func Artifacts(dir string, handOver bool) (out []plan.Artifact, warnings []string, err error) {
	want := []struct{ program, payload string }{{"sdr-serve", plan.SDR}, {"sabertooth-fetch", plan.Sabertooth}}
	if handOver {
		want = []struct{ program, payload string }{{"payload", plan.SDR}}
	}
	for _, w := range want {
		a := plan.Artifact{Program: w.program, Payload: w.payload, File: filepath.Join(dir, w.program)}
		warning, err := read(&a)
		if err != nil {
			return nil, nil, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
		}
		out = append(out, a)
	}
	return out, warnings, nil
}

// updateOf finds in the head of an update what it is a patch against: the line
// that scripts/pack puts there.
var updateOf = regexp.MustCompile(`(?m)^b=(/persist/bin/\S+)$`)

func read(a *plan.Artifact) (warning string, err error) {
	f, err := os.Open(a.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is not there; build it with make uplink (an update with make update FROM=VERSION), or say where it is with --artifacts", a.File)
	} else if err != nil {
		return "", fmt.Errorf("cannot read a program to be sent: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot read a program to be sent: %w", err)
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file; --artifacts names the directory that holds it", a.File)
	case fi.Size() == 0:
		return "", fmt.Errorf("%s is empty; build it again with make uplink", a.File)
	case fi.Size() > tasking.MaxFile:
		return "", fmt.Errorf("%s has %s bytes, and the API takes %s at most; send the packed program that make uplink builds", a.File, plan.Grouped(fi.Size()), plan.Grouped(tasking.MaxFile))
	}
	a.Size = fi.Size()
	h := sha256.New()
	head := make([]byte, 1<<10)
	n, _ := io.ReadFull(f, head)
	h.Write(head[:n])
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("cannot read a program to be sent: %w", err)
	}
	a.SHA256 = hex.EncodeToString(h.Sum(nil))
	// ELF header, e_machine at 18: 183 is AArch64.
	head = head[:n]
	if m := updateOf.FindSubmatch(head); m != nil {
		a.Base = string(m[1])
	}
	if bytes.HasPrefix(head, []byte("\x7fELF")) && n >= 20 && (head[18] != 183 || head[19] != 0) {
		warning = fmt.Sprintf("%s is a program for another computer than the payloads' (arm64); right only for a rehearsal here", a.File)
	}
	return warning, nil
}
