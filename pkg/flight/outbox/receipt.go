package outbox

import (
	"encoding/hex"
	"sort"
	"time"
)

// MaxReceipt is the size in bytes that a receipt stays under.
const MaxReceipt = 2048

// MaxPieces is how many piece hashes are kept at most; fewer may fit.
const MaxPieces = 16

// Receipt says what was delivered and why not more: docs/receipt.md.
type Receipt struct {
	Run           string
	Name          string // set by PublishReceipt
	Source        string // URL
	Server        string // as the peer names itself
	Status        string // complete, partial, failed
	Size          int64  // bytes published
	Total         int64  // told by the server; negative: unknown, null
	SHA256        string // hex, of the bytes published; "": none, null
	Verified      Verified
	Generation    string
	Attempts      int64
	Errors        map[string]int64 // count by class
	BytesReceived int64
	Started       time.Time
	Finished      time.Time
	ClockTrusted  bool
	Exit          int
	Open          bool   // the run goes on: Exit is of this file alone
	Reason        string // one sentence
	Pieces        [][32]byte

	// Additions to docs/contract.md, "sabertooth-fetch", left out when they say nothing.
	Offset    int64 // where on the peer the first byte published stands
	PieceSize int64 // with Pieces
	LineEnd   int64 // of a partial file: offset behind the last whole line
	NULs      NULs
	Sealed    []Published // older generations published beside this one
	Unchanged *string     // the run that published the file, "" without a name; this one did not fetch it

	Archive *Archive // of an archive of a directory: how much is in it

	earlier *Published
}

// Archive counts what an archive has of its directory, and names its manifest
// (Listed), which is the last member and says the rest.
type Archive struct {
	Members  int64    // in it, of any type
	Missing  int64    // that could not be had
	Changed  int64    // on the server, since they were taken
	LeftOut  int64    // beyond the bounds, or that a listing only names: in no line of the manifest
	Manifest [32]byte // its SHA-256
}

// Bytes sets what p says about the bytes: size, digest, pieces, lines, NULs.
func (r *Receipt) Bytes(p Published) {
	r.Size, r.SHA256 = p.Size, hex.EncodeToString(p.SHA256[:])
	r.Pieces, r.PieceSize = p.Pieces, p.PieceSize
	r.LineEnd, r.NULs = p.LineEnd, p.NULs
}

// Encode is the receipt as one line of JSON, shorter than MaxReceipt. What
// does not fit is left out or cut, in this order: the pieces, the sealed
// generations, the end of every text, marked by "...", and the earlier file.
// Same receipt, same bytes.
func (r *Receipt) Encode() []byte {
	q := *r
	b := q.encode(MaxReceipt)
	if len(b) >= MaxReceipt {
		q.Pieces = nil
		b = q.encode(MaxReceipt)
	}
	if len(b) >= MaxReceipt {
		q.Sealed = nil
	}
	for _, n := range []int{MaxReceipt, 600, 300, 150, 80} {
		if b = q.encode(n); len(b) < MaxReceipt {
			return b
		}
	}
	// A name is at most 484 bytes long with its escapes, the figures and keys
	// about 900: so it fits, whatever the texts are.
	q.earlier = nil
	return q.encode(40)
}

// encode cuts each text to at most n bytes of JSON.
func (r *Receipt) encode(n int) []byte {
	j := &object{cut: n}
	j.raw("{")
	j.int("version", 1)
	j.text("run", r.Run)
	j.key("name")
	j.string(r.Name, MaxReceipt) // the name is never cut: it pairs the two files
	j.text("source", r.Source)
	j.text("server", r.Server)
	j.text("status", r.Status)
	j.int("size", r.Size)
	if j.key("total"); r.Total < 0 {
		j.raw("null")
	} else {
		j.number(r.Total)
	}
	if j.key("sha256"); r.SHA256 == "" {
		j.raw("null")
	} else {
		j.string(r.SHA256, 64)
	}
	v := r.Verified
	if v == "" {
		v = VerifiedNone
	}
	j.text("verified", string(v))
	j.text("generation", r.Generation)
	j.int("attempts", r.Attempts)
	j.errors(r.Errors)
	j.int("bytes_received", r.BytesReceived)
	j.time("started", r.Started)
	j.time("finished", r.Finished)
	if r.ClockTrusted {
		j.text("clock", "trusted")
	} else {
		j.text("clock", "untrusted")
	}
	j.int("exit", int64(r.Exit))
	j.text("reason", r.Reason)
	j.key("pieces")
	j.raw("[")
	for _, p := range r.Pieces {
		j.comma()
		j.string(hex.EncodeToString(p[:]), 64)
	}
	j.raw("]")
	if len(r.Pieces) > 0 {
		j.int("piece_size", r.PieceSize)
	}
	if r.Offset > 0 {
		j.int("offset", r.Offset)
	}
	if r.Status == "partial" && r.SHA256 != "" && r.Archive == nil {
		j.int("line_end", r.LineEnd)
	}
	if r.NULs.Runs > 0 {
		j.key("nuls")
		j.raw("{")
		j.int("runs", r.NULs.Runs)
		j.int("bytes", r.NULs.Bytes)
		j.int("first", r.NULs.First)
		j.raw("}")
	}
	if len(r.Sealed) > 0 {
		j.key("sealed")
		j.raw("[")
		for _, p := range r.Sealed {
			j.comma()
			j.file(p)
		}
		j.raw("]")
	}
	if r.earlier != nil {
		j.key("earlier")
		j.file(*r.earlier)
	}
	if r.Unchanged != nil {
		j.text("unchanged", *r.Unchanged)
	}
	if a := r.Archive; a != nil {
		j.key("archive")
		j.raw("{")
		j.int("members", a.Members)
		j.int("missing", a.Missing)
		j.int("changed", a.Changed)
		j.int("left_out", a.LeftOut)
		j.key("manifest")
		j.string(hex.EncodeToString(a.Manifest[:]), 64)
		j.raw("}")
	}
	j.raw("}")
	j.raw("\n")
	return j.b
}

func (j *object) file(p Published) {
	j.raw("{")
	j.key("name")
	j.string(p.Name, MaxReceipt)
	j.int("size", p.Size)
	j.key("sha256")
	j.string(hex.EncodeToString(p.SHA256[:]), 64)
	j.raw("}")
}

// errors writes the counts in the order of their names; beyond maxErrors
// classes, or where texts are cut short, the rest is one sum under "other".
func (j *object) errors(m map[string]int64) {
	const maxErrors = 24
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.StringSlice(names).Sort()
	most := maxErrors
	if j.cut <= 150 {
		most = 6
	}
	var rest int64
	for len(names) > most {
		rest += m[names[len(names)-1]]
		names = names[:len(names)-1]
	}
	j.key("errors")
	j.raw("{")
	for _, n := range names {
		c := m[n]
		if n == "other" {
			c, rest = c+rest, 0
		}
		j.int(n, c)
	}
	if rest > 0 {
		j.int("other", rest)
	}
	j.raw("}")
}

func (j *object) time(key string, t time.Time) {
	j.key(key)
	j.b = t.UTC().AppendFormat(append(j.b, '"'), "2006-01-02T15:04:05.000Z")
	j.b = append(j.b, '"')
}
