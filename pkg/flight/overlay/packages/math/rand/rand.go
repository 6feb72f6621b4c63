// Package rand is as much of math/rand as backoff and zerolog need, on the
// runtime's generator alone: no seeding, no tables of the old one.
package rand

import _ "unsafe" // for go:linkname

//go:linkname random runtime.rand
func random() uint64

// Float64 returns a number in [0, 1).
func Float64() float64 { return float64(random()>>11) / (1 << 53) }

// Intn returns a number in [0, n).
func Intn(n int) int { return int(random() % uint64(n)) }
