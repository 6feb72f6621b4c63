package serve

import (
	"unicode/utf8"

	"payload-ipc/pkg/flight/http1"
)

// types is by extension. Few: whoever fetches a log wants bytes, whoever looks
// at one with a telephone wants it shown.
var types = [...][2]string{
	{"html", "text/html"}, {"htm", "text/html"}, {"css", "text/css"}, {"js", "text/javascript"},
	{"json", "application/json"}, {"svg", "image/svg+xml"}, {"png", "image/png"},
	{"jpg", "image/jpeg"}, {"jpeg", "image/jpeg"}, {"gif", "image/gif"}, {"ico", "image/x-icon"},
	{"pdf", "application/pdf"}, {"xml", "application/xml"}, {"gz", "application/gzip"}, {"wasm", "application/wasm"},
}

// contentType is the type of the file at path; text says how its front looks.
func contentType(path string, text bool) string {
	name := lastSegment(path)
	for i := len(name) - 1; i > 0; i-- {
		if name[i] != '.' {
			continue
		}
		for _, t := range types {
			if http1.EqualFold(name[i+1:], t[0]) {
				return t[1]
			}
		}
		break
	}
	if text {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// looksLikeText reports whether p, the front of a file, is UTF-8 without
// control characters but white space and escapes.
func looksLikeText(p []byte) bool {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return !utf8.FullRune(p[i:]) // cut in the middle of a character
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != '\b' && r != 0x1b:
			return false
		}
		i += n
	}
	return true
}
