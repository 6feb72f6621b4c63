package http1

import "encoding/base64"

// WantsSHA256 reports whether a Want-Content-Digest or Want-Repr-Digest field
// (RFC 9530 section 4) asks for sha-256 with a weight above 0.
func WantsSHA256(h Header, name string) bool {
	wants := false
	h.List(name, func(e string) bool {
		if key, weight, _ := cut(e, '='); key == "sha-256" {
			weight, _, _ = cut(weight, ';')
			n, ok := ParseInt(trimOWS(weight))
			wants = ok && n >= 1 && n <= 10 // the last of equal keys counts (RFC 9651 section 4.2.2)
		}
		return true
	})
	return wants
}

// AppendDigest appends sum as the value of a Content-Digest or Repr-Digest
// field (RFC 9530 section 2).
func AppendDigest(dst []byte, sum [32]byte) []byte {
	dst = append(dst, "sha-256=:"...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	return append(dst, ':')
}

// ParseDigest finds the sha-256 member in the digest field called name. ok is
// false when there is none; err is set when there is one that cannot be read.
func ParseDigest(h Header, name string) (sum [32]byte, ok bool, err error) {
	h.List(name, func(e string) bool {
		key, v, _ := cut(e, '=')
		if key != "sha-256" {
			return true
		}
		ok = true
		v, _, _ = cut(v, ';')
		v = trimOWS(v)
		var b []byte
		if len(v) > 2 && v[0] == ':' && v[len(v)-1] == ':' {
			b, _ = base64.StdEncoding.DecodeString(v[1 : len(v)-1])
		}
		if len(b) != len(sum) {
			err = bad("malformed digest")
			return false
		}
		copy(sum[:], b)
		return true
	})
	return sum, ok, err
}
