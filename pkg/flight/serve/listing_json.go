package serve

import (
	"strconv"
	"time"
	"unicode/utf8"

	"payload-ipc/pkg/flight/http1"
)

// appendLine adds one entry as a line of JSON. JSON can only carry characters:
// "name" and "target" have U+FFFD for each byte that is none, "href" and
// "target_href" are the exact bytes, percent-encoded.
func appendLine(b []byte, i item) []byte {
	b = appendJSON(append(b, `{"name":`...), i.name)
	b = http1.AppendEscaped(append(b, `,"href":"`...), i.name)
	if i.kind == "directory" {
		b = append(b, '/')
	}
	b = append(append(append(b, `","type":"`...), i.kind...), '"')
	if i.known {
		b = http1.AppendInt(append(b, `,"size":`...), i.st.Size)
		if t := time.Unix(i.st.Mtim.Unix()); sayable(t) {
			b = append(b, `,"mtime":"`...)
			b = append(t.UTC().AppendFormat(b, time.RFC3339Nano), '"')
		}
		mode := strconv.FormatUint(uint64(i.st.Mode&0o7777), 8)
		b = append(append(b, `,"mode":"`...), "0000"[:max(4-len(mode), 0)]...)
		b = append(b, mode...)
		b = strconv.AppendUint(append(b, `","inode":`...), i.st.Ino, 10)
	}
	if i.kind == "symlink" {
		b = appendJSON(append(b, `,"target":`...), i.target)
		b = append(http1.AppendEscaped(append(b, `,"target_href":"`...), i.target), '"')
	}
	return append(b, "}\n"...)
}

// appendJSON adds s as a JSON string (RFC 8259 section 7).
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r) // U+FFFD for a byte that is no UTF-8
		}
		i += n
	}
	return append(b, '"')
}
