package rehearsal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"payload-ipc/pkg/desk/vm"
	"payload-ipc/pkg/flight/outbox"
)

// A downlink is what a disk holds when its window is over.
type downlink struct {
	whole   bool  // the file, under its own name, here or with an earlier window
	part    int64 // bytes of NAME.part
	receipt *receipt
	claimed int64 // what the stage's cursor claims, and what the bytes bear out
}

type receipt struct {
	Status    string
	Size      int64
	SHA256    *string
	Clock     string
	Offset    int64
	Exit      int
	Reason    string
	Unchanged *string
}

// look checks a copy of disk and reads what would come down, and the stage. box
// is the directory that /outbox is; came, whether an earlier window had
// delivered the file. The error is a *wrong one if the file system was damaged,
// if a file is not what its name or its receipt says, or if there is one that
// nobody asked for.
func (p *pair) look(ctx context.Context, disk, box string, came bool) (d downlink, err error) {
	image := p.file("look.img")
	if err := vm.Copy(ctx, p.file(disk), image); err != nil {
		return d, err
	}
	if err := vm.Check(ctx, image); err != nil {
		return d, errors.Join(ctx.Err(), wrongf("the file system is damaged: %v", err))
	}
	if err := vm.Extract(ctx, image, box, p.file("look")); err != nil {
		return d, err
	}
	if d, err = p.judge(filepath.Join(p.file("look"), filepath.Base(box)), came); err != nil {
		return d, err
	}
	if err := vm.Extract(ctx, image, outbox.DefaultStage, p.file("look")); err != nil {
		return d, err
	}
	d.claimed, err = p.stage(filepath.Join(p.file("look"), filepath.Base(outbox.DefaultStage)))
	return d, err
}

// judge holds every file of the outbox against the log and its receipt. Where
// the file came in an earlier window that had no time for its receipt, this one
// writes it, and fetches nothing (docs/receipt.md).
func (p *pair) judge(dir string, came bool) (d downlink, err error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return d, err
	}
	bodies := map[string][]byte{}
	for _, f := range files {
		if bodies[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			return d, err
		}
	}
	for file, body := range bodies {
		switch {
		case file == name:
			if d.whole = bytes.Equal(body, p.log); !d.whole {
				return d, wrongf("%s, %d bytes, is not the file of %d bytes", file, len(body), len(p.log))
			}
		case file == name+".part":
			if d.part = int64(len(body)); !bytes.HasPrefix(p.log, body) {
				return d, wrongf("%s, %d bytes, is no beginning of the file", file, len(body))
			}
		case file == name+".receipt.json":
			d.receipt = &receipt{}
			if err := json.Unmarshal(body, d.receipt); err != nil {
				return d, wrongf("%s, %d bytes, is torn: %v", file, len(body), err)
			}
		case file == "sabertooth-fetch.log":
		case strings.HasPrefix(file, name+".") && strings.HasSuffix(file, ".receipt.json"):
			var late receipt
			if err := json.Unmarshal(body, &late); err != nil {
				return d, wrongf("%s, %d bytes, is torn: %v", file, len(body), err)
			}
			if !came || late.Status != "complete" || !late.of(p.log) {
				return d, wrongf("%s vouches for a file that did not come in an earlier window", file)
			}
		default:
			return d, wrongf("%s, %d bytes, is in the outbox", file, len(body))
		}
	}
	if d.receipt == nil {
		return d, nil // the file itself is enough, and stands for nothing but itself
	}
	of := name
	if d.receipt.Status == "partial" {
		of += ".part"
	}
	body, ok := bodies[of]
	switch {
	case d.receipt.Status == "failed" && d.receipt.SHA256 == nil:
	case d.receipt.Unchanged != nil:
		if !came || d.receipt.Status != "complete" || !d.receipt.of(p.log) {
			return d, wrongf("the receipt calls %s unchanged, which did not come in an earlier window", of)
		}
		d.whole = true
	case !ok:
		return d, wrongf("the receipt says %s, and %s is not there", d.receipt.Status, of)
	case !d.receipt.of(body):
		return d, wrongf("the receipt says %s, %d bytes, and is not that of %s, %d bytes", d.receipt.Status, d.receipt.Size, of, len(body))
	}
	return d, nil
}

// of says whether r vouches for body.
func (r *receipt) of(body []byte) bool {
	sum := sha256.Sum256(body)
	return r.Size == int64(len(body)) && r.SHA256 != nil && *r.SHA256 == hex.EncodeToString(sum[:])
}

// stage is how many bytes of the file the stage in dir, which is spoiled, claims
// and holds; what it claims and holds must be the file's.
func (p *pair) stage(dir string) (claimed int64, err error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return 0, nil // it never came so far
	}
	box := dir + ".outbox"
	if err := os.Mkdir(box, 0o755); err != nil {
		return 0, err
	}
	s, err := outbox.Open(outbox.Config{Stage: dir, Outbox: box})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t, err := s.Target(name, path)
	if err != nil {
		return 0, err
	}
	for _, part := range t.Parts() {
		body := make([]byte, part.Proven())
		_, err := part.ReadAt(body, 0)
		part.Close()
		if err != nil {
			return 0, err
		}
		if !bytes.HasPrefix(p.log, body) {
			return 0, wrongf("the stage claims %d bytes that are not the file's", len(body))
		}
		claimed = max(claimed, int64(len(body)))
	}
	return claimed, nil
}
