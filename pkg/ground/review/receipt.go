package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Receipt is what sabertooth-fetch says about one file (docs/contract.md, "sabertooth-fetch"). Unknown
// keys are ignored, and so are the pieces, which serve the next window.
type Receipt struct {
	Version       int              `json:"version"`
	Run           string           `json:"run"`
	Name          string           `json:"name"`
	Source        string           `json:"source"`
	Server        string           `json:"server"`
	Status        string           `json:"status"` // complete, partial, failed
	Size          int64            `json:"size"`
	Total         *int64           `json:"total"`
	SHA256        *string          `json:"sha256"`
	Verified      string           `json:"verified"`
	Generation    string           `json:"generation"`
	Attempts      int64            `json:"attempts"`
	Errors        map[string]int64 `json:"errors"`
	BytesReceived int64            `json:"bytes_received"`
	Started       time.Time        `json:"started"`
	Finished      time.Time        `json:"finished"`
	Clock         string           `json:"clock"`
	Exit          int              `json:"exit"`
	Reason        string           `json:"reason"`
	Sealed        []Published      `json:"sealed"`    // older generations beside it
	Earlier       *Published       `json:"earlier"`   // of an earlier run, under another name
	Unchanged     *string          `json:"unchanged"` // the run that published the file, which was not fetched again

	Archive *struct {
		Missing int64 `json:"missing"`
		LeftOut int64 `json:"left_out"`
		Changed int64 `json:"changed"`
	} `json:"archive"` // what an archive of a directory lacks

	raw json.RawMessage
}

// MarshalJSON gives a receipt as it came down, with the keys that are not known
// here.
func (r *Receipt) MarshalJSON() ([]byte, error) { return r.raw, nil }

// lacks reports that an archive has less than its directory.
func (r *Receipt) lacks() bool { return r.Archive != nil && r.Archive.Missing+r.Archive.LeftOut > 0 }

// path is what was asked for, whichever of the server's addresses answered.
func (r *Receipt) path() string {
	u, err := url.Parse(r.Source)
	if err != nil {
		return r.Source
	}
	return u.Path
}

// Published is a further file that a receipt vouches for.
type Published struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

const (
	receiptSuffix = ".receipt.json"
	maxReceipt    = 1 << 20 // bytes; ours are under 2 KB
)

func parseReceipt(b []byte) (*Receipt, error) {
	var r Receipt
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("it is not a receipt: %w", err)
	}
	switch {
	case r.Version != 1:
		return nil, fmt.Errorf("its version is %d, and this program knows 1", r.Version)
	case r.Name == "" || r.Size < 0:
		return nil, errors.New("it names no file")
	case r.Status != "complete" && r.Status != "partial" && r.Status != "failed":
		return nil, fmt.Errorf("its status is %q", r.Status)
	}
	r.raw = slices.Clone(b)
	return &r, nil
}

// file is an object with what its key says: PREFIX/SAT/downlink/Y/M/D/STAMP_NAME.
type file struct {
	Object
	satellite string
	stamp     time.Time
	name      string
}

var keyForm = regexp.MustCompile(`^(?:.*/)?(\d{8}T\d{6}Z)_([^/]+)$`)

// parseKey reads a key; ok is false for folders and for what is none of ours.
func parseKey(o Object) (file, bool) {
	m := keyForm.FindStringSubmatch(o.Key)
	if m == nil {
		return file{}, false
	}
	t, err := time.Parse("20060102T150405Z", m[1])
	if err != nil {
		return file{}, false
	}
	f := file{Object: o, stamp: t, name: m[2]}
	dirs := strings.Split(o.Key, "/")
	for i, d := range dirs {
		if d == "downlink" && i > 0 {
			f.satellite = dirs[i-1]
		}
	}
	return f, true
}

// partOf reports whether name is what is left of want: want.part, want.2.part.
func partOf(name, want string) bool {
	rest, ok := strings.CutPrefix(name, want+".")
	if !ok {
		return false
	}
	n, ok := strings.CutSuffix(rest, "part")
	return ok && (n == "" || strings.HasSuffix(n, ".") && strings.Trim(n, "0123456789") == ".")
}
