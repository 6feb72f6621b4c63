// Package archive writes and reads back tar archives: ustar (POSIX.1-2001,
// "pax", "ustar Interchange Format"), with pax extended headers for what its
// fields cannot hold.
//
// It knows no file and no network: headers are appended to bytes. archive/tar
// of the standard library would do the same for 31,000 bytes of uplink.
package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	BlockSize = 512           // bytes of a header, and what contents are padded to
	End       = 2 * BlockSize // zeros that an archive ends with
)

// Types of members (ustar typeflag).
const (
	File    = '0'
	Symlink = '2'
	Dir     = '5'

	extended = 'x' // pax header of the member behind it
)

// Header is what is told of a member. Its owner is 0:0.
type Header struct {
	Name     string // any bytes but NUL; of a Dir with a slash at its end
	Linkname string // of a Symlink
	Size     int64  // of a File, in bytes
	ModTime  int64  // Unix seconds
	Mode     int64  // permissions, at most 07777
	Type     byte
	Comment  string // in a pax header, for whoever wrote it; others pass over it
}

// The ustar header: where a field is, and how long.
const (
	nameAt, nameLen     = 0, 100
	sizeAt              = 124
	mtimeAt             = 136
	sumAt               = 148
	typeAt              = 156
	linkAt              = 157
	magicAt             = 257
	prefixAt, prefixLen = 345, 155

	ustarMagic = "ustar\x0000"
	mostOctal  = 1<<33 - 1 // what 11 octal digits hold: 8 GiB less one
)

// AppendHeader adds the header of a member to b. Its content, Size bytes,
// follows, and Padding behind it.
//
// A name of up to 100 bytes, or up to 256 that a slash divides, stands in the
// ustar header, whatever its bytes are: every tar reads it. A longer one has a
// pax header, and in the ustar header, for those who do not know of pax (some
// builds of busybox), the first of its bytes and a hash.
func AppendHeader(b []byte, h Header) []byte {
	pax := ""
	prefix, name, fits := split(h.Name)
	if !fits {
		pax = record("path", h.Name)
	}
	if len(h.Linkname) > nameLen {
		pax += record("linkpath", h.Linkname)
	}
	if pax != "" && !(utf8.ValidString(h.Name) && utf8.ValidString(h.Linkname)) {
		pax = record("hdrcharset", "BINARY") + pax
	}
	if h.Size > mostOctal {
		pax += record("size", strconv.FormatInt(h.Size, 10))
	}
	if h.ModTime < 0 || h.ModTime > mostOctal {
		pax += record("mtime", strconv.FormatInt(h.ModTime, 10))
	}
	if h.Comment != "" {
		pax += record("comment", h.Comment)
	}
	if n := int64(len(pax)); n > 0 {
		b = appendBlock(b, "", "PaxHeader", &Header{Size: n, Mode: 0o644, Type: extended})
		b = AppendZeros(append(b, pax...), Padding(n))
	}
	return appendBlock(b, prefix, name, &h)
}

func appendBlock(b []byte, prefix, name string, h *Header) []byte {
	k := make([]byte, BlockSize)
	copy(k[nameAt:], name)
	copy(k[prefixAt:], prefix)
	copy(k[linkAt:linkAt+nameLen], h.Linkname)
	copy(k[magicAt:], ustarMagic)
	k[typeAt] = h.Type
	k[sumAt+7] = ' '
	for i, n := range [...]int64{h.Mode, 0, 0, h.Size, h.ModTime, 0} {
		f := numbers[i]
		if i == 5 {
			n = checksum(k)
		}
		if n < 0 || n > mostOctal {
			n = 0 // a pax record has it
		}
		for i := f.size - 1; i >= 0; i-- {
			k[f.at+i] = '0' + byte(n&7)
			n >>= 3
		}
	}
	return append(b, k...)
}

// numbers are the fields of octal digits, behind each of which a NUL stands:
// mode, owner, group, size, time, checksum.
var numbers = [...]struct{ at, size int }{{100, 7}, {108, 7}, {116, 7}, {sizeAt, 11}, {mtimeAt, 11}, {sumAt, 6}}

// checksum adds up the bytes of a block, those of the sum itself as spaces.
func checksum(k []byte) (n int64) {
	for i, c := range k[:BlockSize] {
		if i >= sumAt && i < sumAt+8 {
			c = ' '
		}
		n += int64(c)
	}
	return n
}

// split divides a name between the two fields that there are for it.
func split(s string) (prefix, name string, fits bool) {
	if len(s) <= nameLen {
		return "", s, true
	}
	// The first slash that leaves few enough behind it, and one of these.
	for i := len(s) - nameLen - 1; i <= prefixLen && i < len(s)-1; i++ {
		if s[i] == '/' && i > 0 {
			return s[:i], s[i+1:], true
		}
	}
	sum := sha256.Sum256([]byte(s))
	tail := "~" + hex.EncodeToString(sum[:8])
	if strings.HasSuffix(s, "/") {
		tail += "/"
	}
	return "", s[:nameLen-len(tail)] + tail, false
}

// record is "LENGTH KEY=VALUE\n" (pax Extended Header), the length being of
// all of it, its own digits too.
func record(key, value string) string {
	s := " " + key + "=" + value + "\n"
	for d := 1; ; d++ {
		if size := strconv.Itoa(len(s) + d); len(size) == d {
			return size + s
		}
	}
}

// Padding is how many zeros follow size bytes of content.
func Padding(size int64) int64 { return -size & (BlockSize - 1) }

// AppendZeros adds n zeros, as for Padding and End, and both.
func AppendZeros(b []byte, n int64) []byte { return append(b, make([]byte, n)...) }
