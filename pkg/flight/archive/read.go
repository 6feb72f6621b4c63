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
	var k [BlockSize]byte
	var pax []byte
	for {
		if n, err := src.ReadAt(k[:], off); n < BlockSize {
			if n > 0 && err == io.EOF {
				err = ErrFormat
			}
			return h, 0, err
		}
		if k == ([BlockSize]byte{}) {
			return h, 0, io.EOF
		}
		off += BlockSize
		size, ok1 := number(k[sizeAt : sizeAt+12])
		sum, ok2 := number(k[sumAt : sumAt+sumLen-1])
		mode, ok3 := number(k[modeAt : modeAt+8])
		mtime, ok4 := number(k[mtimeAt : mtimeAt+12])
		if !(ok1 && ok2 && ok3 && ok4) || sum != checksum(k[:]) || string(k[magicAt:magicAt+len(ustarMagic)]) != ustarMagic {
			return h, 0, ErrFormat
		}
		if k[typeAt] != extended {
			h = Header{Name: text(k[nameAt : nameAt+nameLen]), Linkname: text(k[linkAt : linkAt+nameLen]), Size: size, ModTime: mtime, Mode: mode, Type: k[typeAt]}
			if p := text(k[prefixAt : prefixAt+prefixLen]); p != "" {
				h.Name = p + "/" + h.Name
			}
			if !h.extend(pax) {
				return h, 0, ErrFormat
			}
			return h, off, nil
		}
		if pax != nil || size <= 0 || size > maxExtended {
			return h, 0, ErrFormat
		}
		pax = make([]byte, size)
		if n, err := src.ReadAt(pax, off); n < len(pax) {
			if err == io.EOF {
				err = ErrFormat
			}
			return h, 0, err
		}
		off += size + Padding(size)
	}
}

// extend takes the records of a pax header.
func (h *Header) extend(pax []byte) (ok bool) {
	for s := string(pax); s != ""; {
		digits, _, _ := strings.Cut(s, " ")
		n, err := strconv.Atoi(digits)
		if err != nil || n <= len(digits)+1 || n > len(s) || s[n-1] != '\n' {
			return false
		}
		key, value, ok := strings.Cut(s[len(digits)+1:n-1], "=")
		if !ok {
			return false
		}
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

// number reads octal digits that end in a NUL.
func number(b []byte) (n int64, ok bool) {
	for i, c := range b {
		if c == 0 {
			return n, i > 0
		}
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, false
}

func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
