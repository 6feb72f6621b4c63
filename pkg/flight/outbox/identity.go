package outbox

import "fmt"

// MaxText bounds each string of an Identity and the source, in bytes, so that
// a cursor always fits its slot.
const MaxText = 2000

// Verified says by what the weakest of a part's bytes is proven (docs/receipt.md).
type Verified string

// From the weakest to the strongest.
const (
	VerifiedNone    Verified = "none"    // by nothing: the end of the connection was taken for that of the file
	VerifiedLength  Verified = "length"  // one answer of the length told, or with its end marked
	VerifiedOverlap Verified = "overlap" // what was read twice was the same
	VerifiedDigest  Verified = "digest"  // the server's SHA-256 of each piece
)

// Identity tells one generation of a file from the others. Nothing in it is
// interpreted here, it is kept with the bytes.
type Identity struct {
	Snapshot  string // URL path of the snapshot, or ""
	Validator string // ETag or whatever may deny a continuation, or ""
	Total     int64  // bytes the server told, -1 unknown
	Base      int64  // where on the peer the part's first byte stands
	Verified  Verified
	Complete  bool // the last byte is held and proven: only publishing is left
	Sealed    bool // the generation is gone from the server: never to be continued
}

func (id Identity) check() error {
	for _, s := range []string{id.Snapshot, id.Validator, string(id.Verified)} {
		if len(s) > MaxText {
			return fmt.Errorf("text too long for the cursor: got %d bytes, want at most %d", len(s), MaxText)
		}
	}
	return nil
}
