package sign

import (
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"

	"payload-ipc/pkg/flight/http1"
)

// Nonces gives nonces, each once. It is safe for use by many goroutines.
type Nonces struct {
	start string
	given atomic.Int64
}

// NewNonces begins a series that differs from all others that were begun with
// another seed. A nonce must be new, not secret: the seed may be what the
// kernel has of random bytes without waiting for more, the time and the
// process's number, all together.
func NewNonces(seed []byte) *Nonces {
	sum := sha256.Sum256(seed)
	return &Nonces{start: hex.EncodeToString(sum[:12]) + "."}
}

// Next returns a nonce that was not returned before.
func (n *Nonces) Next() string {
	return n.start + string(http1.AppendInt(nil, n.given.Add(1)))
}
