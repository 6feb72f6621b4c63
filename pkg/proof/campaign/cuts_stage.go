package campaign

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A staged is what a stage claims, read without the fetcher's own code.
type staged struct {
	parts []stagedPart
	gone  []slot   // published, it says
	torn  []string // claims that do not hold
	names []string
}

type stagedPart struct {
	slot
	data    []byte // what is proven
	durable int64  // of that, what a cursor claims that was synced behind it
}

var numbered = regexp.MustCompile(`^\.([0-9a-f]{8})\.(jnl|tmp)$`)

func readStage(dir string) (s staged, err error) {
	rows, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return s, nil // it never came so far
	}
	if err != nil {
		return s, err
	}
	tmp, journals := map[uint32]bool{}, [][]byte{}
	for _, row := range rows {
		name := row.Name()
		s.names = append(s.names, name)
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return s, err
		}
		if m := numbered.FindStringSubmatch(name); m != nil {
			n, _ := strconv.ParseUint(m[1], 16, 32)
			if m[2] == "tmp" {
				tmp[uint32(n)] = true
			} else {
				journals = append(journals, body)
			}
		}
		base, ok := strings.CutSuffix(name, ".cur")
		if !ok {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, base+".dat"))
		s.cursor(body, data, err == nil)
	}
	for _, body := range journals {
		for {
			c, size, ok := readSlot(body)
			if !ok {
				break
			}
			if body = body[size:]; !tmp[c.gen] {
				s.gone = append(s.gone, c)
			}
		}
	}
	return s, nil
}

// cursor reads one. Slots 0 and 1 are written behind the sync of what they
// claim, slot 2 before it.
func (s *staged) cursor(body, data []byte, there bool) {
	var best *stagedPart
	var durable int64
	for at := 0; at+slotSize <= len(body); at += slotSize {
		c, _, ok := readSlot(body[at : at+slotSize])
		switch {
		case !ok:
		case !there:
			if c.published && at < 2*slotSize {
				s.gone = append(s.gone, c)
				return
			}
		case c.end <= int64(len(data)) && sha256.Sum256(data[:c.end]) == c.sum:
			if best == nil || best.end < c.end {
				best = &stagedPart{slot: c, data: data[:c.end]}
			}
			if at < 2*slotSize {
				durable = max(durable, c.end)
			}
		case at < 2*slotSize:
			s.torn = append(s.torn, fmt.Sprintf("a durable cursor claims %d bytes of %s, and they are not there", c.end, c.source))
		}
	}
	if best != nil && best.end > 0 {
		best.durable = durable
		s.parts = append(s.parts, *best)
	}
}

// members are those of an archive that has no end yet; its manifest is none.
func members(data []byte) map[string]bool {
	in, r := map[string]bool{}, tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err != nil {
			return in
		}
		if in[h.Name] = true; h.Name == "MANIFEST.jsonl" {
			delete(in, h.Name)
		}
	}
}
