package http1

// MatchETag reports whether the entity-tag list in the lines of h named name
// (If-Match or If-None-Match) has a member that equals current, or is "*".
// weak selects weak comparison (RFC 9110 section 8.8.3.2). A list that breaks
// off in bad syntax matches nothing behind the break.
func MatchETag(h Header, name, current string, weak bool) bool {
	for _, f := range h {
		if !EqualFold(f.Name, name) {
			continue
		}
		if f.Value == "*" {
			return true
		}
		for s := f.Value; ; {
			var tag string
			for s != "" && (s[0] == ',' || s[0] == ' ' || s[0] == '\t') {
				s = s[1:]
			}
			if tag, s = scanETag(s); tag == "" {
				break
			}
			if s = trimOWS(s); s != "" && s[0] != ',' {
				break
			}
			if ETagsEqual(tag, current, weak) {
				return true
			}
		}
	}
	return false
}

// ETagsEqual compares two entity tags, weakly or strongly. An empty or
// malformed tag equals nothing.
func ETagsEqual(a, b string, weak bool) bool {
	if weak {
		a, b = opaque(a), opaque(b)
	}
	return a == b && IsStrongETag(a)
}

// IsStrongETag reports whether s is one entity-tag that is not weak.
func IsStrongETag(s string) bool {
	tag, rest := scanETag(s)
	return tag != "" && rest == "" && s[0] == '"'
}

func opaque(tag string) string {
	if len(tag) > 2 && tag[:2] == "W/" {
		return tag[2:]
	}
	return tag
}

// scanETag splits the entity-tag (RFC 9110 section 8.8.3) off the front of s;
// an empty tag when there is none.
func scanETag(s string) (tag, rest string) {
	i := len(s) - len(opaque(s))
	if i >= len(s) || s[i] != '"' {
		return "", ""
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			i++
			if i < len(s) && s[i] != ',' && s[i] != ' ' && s[i] != '\t' {
				return "", ""
			}
			return s[:i], s[i:]
		case c <= ' ' || c == 0x7f:
			return "", ""
		}
	}
	return "", ""
}
