package archive

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxExtended bounds a pax header, in bytes: two names, and little else.
const maxExtended = 64 << 10

// ErrFormat is about what AppendHeader has not written.
var ErrFormat = errors.New("not an archive of this program")

// Read reads the header at off, as AppendHeader has written it, and returns
// where its content begins. The next header is Padding behind its end. Errors:
// io.EOF where blocks of zeros end the archive, or where it has no byte at
// off; ErrFormat; those of src.
func Read(src io.ReaderAt, off int64) (h Header, content int64, err error) {
	k := make([]byte, BlockSize)
	pax := ""
	for {
		n, err := src.ReadAt(k, off)
		if n == 0 && err != nil {
			return h, 0, err
		}
		if n == BlockSize && k[0] == 0 {
			return h, 0, io.EOF
		}
		off += BlockSize
		var field [len(numbers)]int64
		for i, f := range numbers {
			field[i], err = strconv.ParseInt(string(k[f.at:f.at+f.size]), 8, 64)
			if err != nil || field[i] < 0 {
				return h, 0, ErrFormat
			}
		}
		if n < BlockSize || field[5] != checksum(k) {
			return h, 0, ErrFormat
		}
		size := field[3]
		if k[typeAt] != extended {
			h = Header{Name: text(k[nameAt : nameAt+nameLen]), Linkname: text(k[linkAt : linkAt+nameLen]), Size: size, ModTime: field[4], Mode: field[0], Type: k[typeAt]}
			if p := text(k[prefixAt : prefixAt+prefixLen]); p != "" {
				h.Name = p + "/" + h.Name
			}
			if !h.extend(pax) {
				return h, 0, ErrFormat
			}
			return h, off, nil
		}
		b := make([]byte, min(size, maxExtended))
		if n, _ := src.ReadAt(b, off); n < len(b) || pax != "" || size > maxExtended {
			return h, 0, ErrFormat
		}
		pax = string(b)
		off += size + Padding(size)
	}
}

// extend takes the records of a pax header.
func (h *Header) extend(s string) (ok bool) {
	for s != "" {
		digits, _, _ := strings.Cut(s, " ")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n <= int64(len(digits)+1) || n > int64(len(s)) {
			return false
		}
		key, value, _ := strings.Cut(s[len(digits)+1:n-1], "=")
		s = s[n:]
		switch key {
		case "path":
			h.Name = value
		case "linkpath":
			h.Linkname = value
		case "comment":
			h.Comment = value
		case "size":
			h.Size, err = strconv.ParseInt(value, 10, 64)
		case "mtime":
			h.ModTime, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil || h.Size < 0 {
			return false
		}
	}
	return true
}

func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
