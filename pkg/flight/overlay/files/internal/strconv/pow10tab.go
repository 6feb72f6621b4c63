package strconv

import "math/bits"

const (
	pow10Min = -348
	pow10Max = 347
)

// pow10Tab holds 128-bit mantissas of powers of 10, their first bit set, as
// the table of 11,136 bytes does in whose place this is. No packer makes that
// smaller; here they are made at the start, in a fraction of a millisecond.
var pow10Tab = powers()

// powers tells a power of 10 as one of 5: the mantissa is the same.
func powers() (tab [pow10Max - pow10Min + 1]uint128) {
	// Little-endian. Room for 5^347, 806 bits; and for 128 bits of 5^-348 in
	// 2^1023 * 5^-348: a quotient cut off and divided once more is cut off as
	// the whole one is.
	var up, down [16]uint64
	up[0], down[len(down)-1] = 1, 1<<63
	for e := 0; ; e++ {
		if e <= pow10Max {
			tab[e-pow10Min] = first128(&up)
		}
		tab[-e-pow10Min] = first128(&down)
		if e == -pow10Min {
			return tab
		}
		carry, rest := uint64(0), uint64(0)
		for i := range up {
			hi, lo := bits.Mul64(up[i], 5)
			lo, c := bits.Add64(lo, carry, 0)
			up[i], carry = lo, hi+c
			j := len(down) - 1 - i
			down[j], rest = bits.Div64(rest, down[j], 5)
		}
	}
}

// first128 returns the first 128 bits of x, from its highest one on.
func first128(x *[16]uint64) uint128 {
	i := len(x) - 1
	for x[i] == 0 {
		i--
	}
	var w [3]uint64
	for j := range w {
		if i-j >= 0 {
			w[j] = x[i-j]
		}
	}
	n := bits.LeadingZeros64(w[0])
	return uint128{w[0]<<n | w[1]>>(64-n), w[1]<<n | w[2]>>(64-n)}
}
