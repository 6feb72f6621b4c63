package serve

import (
	"time"
	"unicode/utf8"

	"payload-ipc/pkg/flight/http1"
)

const style = "body{font:16px/1.6 sans-serif;margin:1em}" +
	"table{border-collapse:collapse;width:100%;max-width:60em}" +
	"td{padding:.2em .6em .2em 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}" +
	"td+td{text-align:right;white-space:nowrap;color:#555;font-size:85%}" +
	"a{text-decoration:none}"

// appendHeading begins a listing for a person: the path, each part a link.
func appendHeading(b []byte, path string) []byte {
	b = append(b, `<!DOCTYPE html><html lang="en"><meta charset="utf-8">`+
		`<meta name="viewport" content="width=device-width"><title>`...)
	b = appendText(b, path)
	b = append(b, "</title><style>"+style+"</style>\n<h1>"...)
	b = append(b, `<a href="/">/</a>`...)
	for i := 1; i < len(path); {
		j := i
		for j < len(path) && path[j] != '/' {
			j++
		}
		b = append(b, `<a href="`...)
		b = http1.AppendEscaped(b, path[:j])
		b = append(b, `/">`...)
		b = appendText(b, path[i:j])
		b = append(b, "/</a>"...)
		i = j + 1
	}
	b = append(b, "</h1>\n<table>\n"...)
	if path != "/" {
		b = append(b, `<tr><td><a href="../">../</a><td><td>`+"\n"...)
	}
	return b
}

func appendFooting(b []byte) []byte { return append(b, "</table>\n<p>Times are UTC.\n"...) }

// appendRow adds one entry. What cannot be fetched is named, and no link: wget
// -r would count the refusal as its failure.
func appendRow(b []byte, i item) []byte {
	b = append(b, "<tr><td>"...)
	kind := i.kind
	if kind == "symlink" {
		kind = i.leads
	}
	dir := kind == "directory"
	link := dir || kind == "file" || kind == "unknown"
	if link {
		b = append(b, `<a href="`...)
		b = http1.AppendEscaped(b, i.name)
		if dir {
			b = append(b, '/')
		}
		b = append(b, `">`...)
	}
	b = appendText(b, i.name)
	if dir {
		b = append(b, '/')
	}
	if link {
		b = append(b, "</a>"...)
	}
	if i.target != "" {
		b = append(b, " &rarr; "...)
		b = appendText(b, i.target)
	} else if !link {
		b = append(append(append(b, " ("...), i.kind...), ')')
	}
	b = append(b, "<td>"...)
	if i.known && i.kind == "file" {
		b = appendGrouped(b, i.st.Size)
	}
	b = append(b, "<td>"...)
	if t := time.Unix(i.st.Mtim.Unix()); i.known && sayable(t) {
		b = t.UTC().AppendFormat(b, "2006-01-02 15:04")
	}
	return append(b, '\n')
}

// appendGrouped adds n with a thin space between groups of three digits.
func appendGrouped(b []byte, n int64) []byte {
	mark := len(b)
	b = http1.AppendInt(b, n)
	digits := string(b[mark:])
	b = b[:mark]
	for i := 0; i < len(digits); i++ {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, "&#8239;"...)
		}
		b = append(b, digits[i])
	}
	return b
}

// appendText adds s as HTML text. What is no character to be shown (control,
// direction marks, broken UTF-8) becomes \xNN, byte by byte.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r < ' ' || r == utf8.RuneError && n == 1 || 0x7f <= r && r < 0xa0 ||
			0x2028 <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 || r == 0x200e || r == 0x200f:
			for _, c := range []byte(s[i : i+n]) {
				b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			}
		case r == '<' || r == '>' || r == '&' || r == '"' || r == '\'':
			b = append(http1.AppendInt(append(b, "&#"...), int64(r)), ';')
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return b
}

const hexDigits = "0123456789abcdef"
