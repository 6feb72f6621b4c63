package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A receipt is read here by a reader of its own, so that a mistake of the
// writer is not read back as right.
type receipt struct {
	Status   string  `json:"status"`
	Size     int64   `json:"size"`
	Total    *int64  `json:"total"`
	SHA256   *string `json:"sha256"`
	Verified string  `json:"verified"`
	Exit     int     `json:"exit"`
	Name     string  `json:"name"`
	Run      string  `json:"run"`
	Clock    string  `json:"clock"`
	Reason   string  `json:"reason"`
	Offset   int64   `json:"offset"`
	// Of a file that an earlier run published, and of an archive.
	Unchanged *string `json:"unchanged"`
	Archive   *struct {
		Members  int    `json:"members"`
		Missing  int    `json:"missing"`
		Manifest string `json:"manifest"`
	} `json:"archive"`
	Sealed []struct {
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	} `json:"sealed"`
}

// judgeReceipt checks what a receipt says of the files beside it.
func (p *pass) judgeReceipt(f *overlapResult, r receipt, told map[string]bool, lie func(string, ...any)) {
	check := func(name string, size int64, sum string) {
		told[name] = true
		body, ok := f.files[name]
		got := sha256.Sum256(body)
		switch {
		case !ok && name == logName && p.came(f, sum): // unchanged since then
		case !ok:
			lie("%s: the receipt speaks of %s, which is not there", f.run, name)
		case int64(len(body)) != size:
			lie("%s: %s has %d bytes, the receipt says %d", f.run, name, len(body), size)
		case hex.EncodeToString(got[:]) != sum:
			lie("%s: %s has not the receipt's sha256", f.run, name)
		}
	}
	for _, s := range r.Sealed {
		check(s.Name, s.Size, s.SHA256)
	}
	switch {
	case r.SHA256 == nil && r.Size != 0:
		lie("%s: %d bytes without a sha256", f.run, r.Size)
	case r.SHA256 == nil:
		if r.Status == "complete" {
			lie("%s: complete without a file", f.run)
		}
	case r.Status == "complete":
		if r.Total == nil || *r.Total != r.Size {
			lie("%s: complete with size %d and total %v", f.run, r.Size, r.Total)
		}
		check(logName, r.Size, *r.SHA256)
	default:
		name := logName + ".part"
		for i := 2; i < 9; i++ { // sealed generations have taken the first names
			if body, ok := f.files[name]; ok && int64(len(body)) == r.Size && !told[name] {
				break
			}
			name = fmt.Sprintf("%s.%d.part", logName, i)
		}
		if _, ok := f.files[name]; !ok {
			name = logName + ".part"
		}
		check(name, r.Size, *r.SHA256)
	}
}

// came says whether a window before f brought the log with this sha256.
func (p *pass) came(f *overlapResult, sum string) bool {
	for _, o := range p.results {
		if o == f {
			return false
		}
		if body, ok := o.files[logName]; ok {
			if got := sha256.Sum256(body); hex.EncodeToString(got[:]) == sum {
				return true
			}
		}
	}
	return false
}
