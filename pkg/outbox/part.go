package outbox

import (
	"context"
	"time"
)

// MaxText bounds each string of an Identity and the source, in bytes, so that
// a cursor always fits its slot.
const MaxText = 2000

// Verified says by what the bytes of a part were proven; design.md section 5.
type Verified string

const (
	VerifiedNone    Verified = "none"
	VerifiedLength  Verified = "length"
	VerifiedOverlap Verified = "overlap"
	VerifiedDigest  Verified = "digest"
)

// Identity tells one generation of a file from the others. Nothing in it is
// interpreted here, it is kept with the bytes.
type Identity struct {
	Snapshot  string // URL path of the snapshot, or ""
	Validator string // ETag or whatever may deny a continuation, or ""
	Total     int64  // bytes the server told, -1 unknown
	Verified  Verified
	Complete  bool // the last byte is held and proven: only publishing is left
	Sealed    bool // the generation is gone from the server: never to be continued
}

// Part is one generation of a file: held >= proven >= durable bytes.
// Its methods are for one goroutine; ReadAt is for any.
//
// Appended bytes are in the file at once but count for nothing until Prove.
// Proven bytes are hashed and written into the cursor by the part's own
// goroutine, so that a SIGKILL loses only what was not proven, and synced,
// data before cursor, at most every Config.Pace, so that a power cut loses no
// more than that. The network is not kept waiting by any of it.
type Part struct{}

// Identity is what New or Describe was given, or the cursor told.
func (p *Part) Identity() Identity { panic("not yet") }

// Describe replaces the identity, durable with the next sync. The error is
// about a text longer than MaxText, and changes nothing.
func (p *Part) Describe(id Identity) error { panic("not yet") }

// Held is the number of bytes in the file, Proven of those proven, Durable of
// those that a power cut leaves (0 <= Durable <= Proven <= Held).
func (p *Part) Held() int64    { panic("not yet") }
func (p *Part) Proven() int64  { panic("not yet") }
func (p *Part) Durable() int64 { panic("not yet") }

// Append writes b behind what is held. After an error the unproven bytes are
// dropped, the proven ones stay as they are: the part can still be published
// or closed, unless the error is ErrDead.
func (p *Part) Append(b []byte) error { panic("not yet") }

// Prove declares all held bytes proven. It does not wait. Errors are those of
// the background, see Err.
func (p *Part) Prove() error { panic("not yet") }

// Drop forgets the bytes that were not proven.
func (p *Part) Drop() error { panic("not yet") }

// ReadAt reads held bytes, for overlap and prefix proofs.
func (p *Part) ReadAt(b []byte, off int64) (int, error) { panic("not yet") }

// Err is the first error of the background, sticky: an *Error, with ErrDead in
// its chain where a sync failed.
func (p *Part) Err() error { panic("not yet") }

// Flush waits until all proven bytes and the identity are durable.
func (p *Part) Flush() error { panic("not yet") }

// Rebuild copies what can be proven of a dead part (ErrDead) to a new inode,
// synced, and goes on there. Proven may be less afterwards. If it fails the
// part stays dead; Discard it and begin at 0 with Target.New.
func (p *Part) Rebuild() error { panic("not yet") }

// Cost estimates how long Publish or PublishPart would take if called now,
// from the syncs and copies of this stage so far.
func (p *Part) Cost() time.Duration { panic("not yet") }

// Publish gives the proven bytes the name NAME in the outbox, synced,
// replacing the file of an earlier run atomically, and ends the part: nothing
// of it is left on the stage. A dead part is rebuilt once. If a NAME.part of an
// earlier run holds nothing but a prefix of these bytes it is withdrawn.
//
// After an error the part is as it was, on the stage, and Publish may be tried
// again. ctx is looked at between copied blocks only (another file system): a
// sync cannot be interrupted.
func (p *Part) Publish(ctx context.Context) (Published, error) { panic("not yet") }

// PublishPart gives the proven bytes the name NAME.part (n <= 1) or
// NAME.n.part and ends the use of the part. A sealed part leaves the stage;
// any other stays there, durable, to be continued by the next run.
func (p *Part) PublishPart(ctx context.Context, n int) (Published, error) { panic("not yet") }

// Close makes the part durable and leaves it to the next run; unproven bytes
// are dropped. Closing a closed part does nothing.
func (p *Part) Close() error { panic("not yet") }

// Discard removes the part. Discarding a closed part does nothing.
func (p *Part) Discard() error { panic("not yet") }

// Published is what got a name.
type Published struct {
	Name   string // in the outbox
	Size   int64
	SHA256 [32]byte
	// Pieces are the SHA-256 of the consecutive Config.Piece bytes, the last
	// piece shorter; nil when there are more than MaxPieces.
	Pieces    [][32]byte
	PieceSize int64
	LineEnd   int64 // offset behind the last '\n', 0 if there is none
	NULs      NULs
}

// NULs are the runs of at least 16 zero bytes: what truncation under a writer
// without O_APPEND leaves in a log.
type NULs struct {
	Runs  int64
	Bytes int64 // in these runs
	First int64 // offset of the first run
}
