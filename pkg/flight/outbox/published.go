package outbox

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
