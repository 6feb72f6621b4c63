package outbox

import "time"

// MaxReceipt is the size in bytes that a receipt stays under.
const MaxReceipt = 2048

// MaxPieces is how many piece hashes are kept at most; fewer may fit.
const MaxPieces = 16

// Receipt says what was delivered and why not more: docs/receipt.md. The zero
// value of a field is published as written there (null, 0 or "").
type Receipt struct {
	Run           string
	Name          string
	Source        string // URL
	Server        string // as the peer names itself
	Status        string // complete, partial, failed
	Size          int64  // bytes published
	Total         int64  // told by the server, negative if unknown
	SHA256        string // hex, of the bytes published; "" if none
	Verified      Verified
	Generation    string
	Attempts      int64
	Errors        map[string]int64 // count by class
	BytesReceived int64
	Started       time.Time
	Finished      time.Time
	ClockTrusted  bool
	Exit          int
	Reason        string // one sentence
	PieceSize     int64
	Pieces        [][32]byte

	// Additions to design.md section 5, left out when they say nothing.
	LineEnd int64 // partial only: offset behind the last whole line
	NULs    NULs
	Sealed  []Published // older generations beside this one
}

// Bytes sets what p says about the bytes: size, digest, pieces, lines, NULs.
func (r *Receipt) Bytes(p Published) { panic("not yet") }

// Encode is the receipt as one line of JSON, shorter than MaxReceipt. What
// does not fit is left out or cut, in this order: pieces, sealed generations,
// server, generation, source, errors, reason, run. Same receipt, same bytes.
func (r *Receipt) Encode() []byte { panic("not yet") }
