package http1

import "net/netip"

// A Target is what a request is about, decoded once and cleaned.
type Target struct {
	// Path begins with a slash, has no empty, "." or ".." segments and no
	// slash at its end (but for the root itself). It is bytes, not UTF-8.
	// For OPTIONS * it is "*", for CONNECT the authority.
	Path  string
	Dir   bool   // the path ended in a slash
	Query string // as received, without the question mark
}

// ParseTarget reads a request target in origin-, absolute-, asterisk- or, for
// CONNECT, authority-form (RFC 9112 section 3.2). Percent-encoding is undone once, per segment: an
// encoded slash is data (RFC 3986 section 2.2), and no file name has one, so
// it is refused with 404; an encoded NUL with 400.
func ParseTarget(method, s string) (Target, error) {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '#' {
			return Target{}, bad("forbidden character in the request target")
		}
	}
	if s == "*" && method == "OPTIONS" {
		return Target{Path: "*"}, nil
	}
	if method == "CONNECT" {
		if !validAuthority(s) {
			return Target{}, bad("malformed authority in the request target")
		}
		return Target{Path: s}, nil
	}
	if s == "" || s[0] != '/' {
		const scheme = "http://"
		if len(s) < len(scheme) || !EqualFold(s[:len(scheme)], scheme) {
			return Target{}, bad("request target is neither a path nor an http URL")
		}
		s = s[len(scheme):]
		i := 0
		for i < len(s) && s[i] != '/' && s[i] != '?' {
			i++
		}
		if i == 0 || !validAuthority(s[:i]) {
			return Target{}, bad("malformed authority in the request target")
		}
		if s = s[i:]; s == "" || s[0] == '?' {
			s = "/" + s // RFC 9110 section 4.2.3: an empty path is "/"
		}
	}
	path, query, _ := cut(s, '?')
	clean, dir, err := cleanPath(path)
	return Target{clean, dir, query}, err
}

// cleanPath decodes and removes dot segments (RFC 3986 section 5.2.4). A ".."
// at the root stays at the root. Empty segments vanish, as they do for the
// kernel, so that no redirect can begin with two slashes.
func cleanPath(raw string) (path string, dir bool, err error) {
	out := make([]byte, 0, len(raw))
	for i := 1; i <= len(raw); {
		j := i
		for j < len(raw) && raw[j] != '/' {
			j++
		}
		last := j == len(raw)
		mark := len(out)
		out = append(out, '/')
		if out, err = appendUnescaped(out, raw[i:j]); err != nil {
			return "", false, err
		}
		switch string(out[mark+1:]) {
		case "":
			out, dir = out[:mark], last
		case ".":
			out, dir = out[:mark], last
		case "..":
			out, dir = out[:parent(out[:mark])], last
		}
		i = j + 1
	}
	if len(out) == 0 {
		return "/", true, nil
	}
	return string(out), dir, nil
}

// parent returns the length of path without its last segment.
func parent(path []byte) int {
	for n := len(path) - 1; n >= 0; n-- {
		if path[n] == '/' {
			return n
		}
	}
	return 0
}

func appendUnescaped(dst []byte, s string) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return nil, bad("malformed percent-encoding")
			}
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if !ok1 || !ok2 {
				return nil, bad("malformed percent-encoding")
			}
			c = hi<<4 | lo
			i += 2
			switch c {
			case 0:
				return nil, bad("NUL in the path")
			case '/':
				return nil, &Error{404, "no file name has a slash in it"}
			}
		}
		dst = append(dst, c)
	}
	return dst, nil
}

func unhex(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= lower(c) && lower(c) <= 'f':
		return lower(c) - 'a' + 10, true
	}
	return 0, false
}

// AppendEscaped appends path with every byte percent-encoded that is not
// unreserved (RFC 3986 section 2.3) or a slash. The result is safe in a
// header, in a quoted HTML attribute and on a terminal.
func AppendEscaped(dst []byte, path string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(path); i++ {
		c := path[i]
		if isAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// QueryValue returns the value of the first parameter called name, undecoded.
func QueryValue(query, name string) (value string, ok bool) {
	for query != "" {
		var pair string
		pair, query, _ = cut(query, '&')
		if k, v, _ := cut(pair, '='); k == name {
			return v, true
		}
	}
	return "", false
}

// validAuthority is host [":" port] of RFC 3986 section 3.2, without user
// information (RFC 9110 section 4.2.4 has recipients treat it as an error).
func validAuthority(s string) bool {
	i := 0
	if s != "" && s[0] == '[' {
		for i < len(s) && s[i] != ']' {
			i++
		}
		if i == len(s) || !validLiteral(s[1:i]) {
			return false
		}
		i++
	} else {
		for ; i < len(s) && s[i] != ':'; i++ {
			if !regNameByte(s[i]) {
				return false
			}
			if s[i] == '%' {
				if _, err := appendUnescaped(nil, s[i:min(i+3, len(s))]); err != nil {
					return false
				}
			}
		}
		if i == 0 {
			return false
		}
	}
	if i == len(s) {
		return true
	}
	if s[i] != ':' {
		return false
	}
	port, ok := saturate(s[i+1:])
	return ok && port <= 65535
}

// validLiteral is what stands in the brackets of an IP-literal (RFC 3986
// section 3.2.2): an IPv6 address, without a zone, or one of a later version.
func validLiteral(s string) bool {
	if s == "" || lower(s[0]) != 'v' {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6() && a.Zone() == ""
	}
	version, address, _ := cut(s[1:], '.')
	for i := 0; i < len(version); i++ {
		if _, ok := unhex(version[i]); !ok {
			return false
		}
	}
	for i := 0; i < len(address); i++ {
		if c := address[i]; c != ':' && (c == '%' || !regNameByte(c)) {
			return false
		}
	}
	return version != "" && address != ""
}

func regNameByte(c byte) bool {
	if isAlnum(c) {
		return true
	}
	switch c {
	case '-', '.', '_', '~', '%', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=':
		return true
	}
	return false
}
