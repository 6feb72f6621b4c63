// Package sha256 is crypto/sha256 without its BoringCrypto switch; the hash
// itself is the standard library's.
package sha256

import (
	"crypto/internal/fips140/sha256"
	"hash"
)

const (
	Size      = 32
	BlockSize = 64
)

// New returns a SHA-256 that is also a [hash.Cloner].
func New() hash.Hash { return sha256.New() }

// Sum256 returns the SHA-256 of data.
func Sum256(data []byte) (sum [Size]byte) {
	h := sha256.New()
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}
