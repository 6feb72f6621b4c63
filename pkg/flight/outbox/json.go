package outbox

import (
	"strconv"
	"unicode/utf8"
)

// object writes JSON (RFC 8259) by hand: one kind of document does not need
// reflection over all of them in an uplink that counts every byte.
type object struct {
	b   []byte
	cut int // bytes of JSON that a text may take
}

func (j *object) raw(s string) { j.b = append(j.b, s...) }

// comma separates from what stands before, if anything does.
func (j *object) comma() {
	if n := len(j.b); n > 0 && j.b[n-1] != '{' && j.b[n-1] != '[' {
		j.b = append(j.b, ',')
	}
}

func (j *object) key(k string) {
	j.comma()
	j.string(k, 40)
	j.b = append(j.b, ':')
}

func (j *object) number(n int64) { j.b = strconv.AppendInt(j.b, n, 10) }

func (j *object) int(k string, n int64) {
	j.key(k)
	j.number(n)
}

func (j *object) text(k, s string) {
	j.key(k)
	j.string(s, j.cut)
}

// string writes s, cut to most bytes between the quotes. What is not UTF-8
// becomes U+FFFD; control characters, C1 and the line separators too, are
// escaped, so that a hostile byte shows as itself in no terminal.
func (j *object) string(s string, most int) {
	const hexDigits = "0123456789abcdef"
	j.b = append(j.b, '"')
	start := len(j.b)
	fits := start // where the dots of a cut can stand
	for i := 0; i < len(s); {
		if len(j.b)-start <= most-3 {
			fits = len(j.b)
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == '"' || r == '\\':
			j.b = append(j.b, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			j.b = append(j.b, '\\', 'u',
				hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			j.b = utf8.AppendRune(j.b, r)
		}
		if len(j.b)-start > most {
			j.b = append(j.b[:fits], "..."...)
			break
		}
	}
	j.b = append(j.b, '"')
}
