// Package outbox keeps what has been fetched, and hands it over whole.
//
// A [Stage] is a directory that survives windows. In it every generation of a
// file is a [Part]: the bytes, and a cursor that says how many of them are
// proven. Bytes get a name in /outbox only when they are final and synced, for
// at the end of the window everything found there is sent down, half files and
// dot files too (docs/platform.md, "Running user code").
//
// What the cursor claims is never believed: it carries the SHA-256 of the
// prefix at several lengths, and opening a part reads the bytes again and
// trusts the longest prefix that agrees. So a torn cursor, a lost page and a
// truncated file all end the same way: with fewer bytes, never with wrong ones.
//
// The package has no deadline, no clock and no log of its own; pkg/flight/fetch, its
// only user, brings the first two and reports for it.
package outbox

import (
	"time"
)

// Where things are on the payload (docs/contract.md, "sabertooth-fetch", docs/platform.md).
const (
	DefaultStage  = "/persist/var/sabertooth-fetch"
	DefaultOutbox = "/outbox"
	DefaultPiece  = 1 << 20
	DefaultPace   = 500 * time.Millisecond
)

// Config says where a Stage works. The zero value is the payload's.
type Config struct {
	Stage  string        // directory of parts and cursors; made with its parents; DefaultStage
	Outbox string        // directory whose content is sent down; must exist; DefaultOutbox
	Run    string        // goes into the receipt that a later run writes if this one is cut off before its own
	Piece  int64         // bytes per piece hash in the receipt; DefaultPiece
	Pace   time.Duration // proven bytes are synced at most this often, and this late; DefaultPace
	// Now tells the time for Part.Cost and nothing else. It comes from
	// pkg/flight/window, which alone reads the clock; nil: nothing is measured, and
	// Cost guesses.
	Now  func() time.Time
	FS   FS    // nil: the operating system
	Gate *Gate // nil: nobody gives the disk up
}
