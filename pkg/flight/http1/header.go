package http1

// A Field is one field line; Value has no surrounding white space.
type Field struct{ Name, Value string }

// A Header holds the field lines of one head, in order, as received.
type Header []Field

// Get returns the value of the first line named name and how many such lines
// there are. Names are compared without case (RFC 9110 section 5.1).
func (h Header) Get(name string) (value string, lines int) {
	for _, f := range h {
		if EqualFold(f.Name, name) {
			if lines == 0 {
				value = f.Value
			}
			lines++
		}
	}
	return value, lines
}

// Has reports whether there is a line named name.
func (h Header) Has(name string) bool {
	_, n := h.Get(name)
	return n > 0
}

// List calls yield for each element of the comma-separated list that all
// lines named name form together (RFC 9110 section 5.3), quoted strings kept
// whole, empty elements left out, until yield returns false.
func (h Header) List(name string, yield func(element string) bool) {
	for _, f := range h {
		if EqualFold(f.Name, name) && !eachElement(f.Value, yield) {
			return
		}
	}
}

// HasToken reports whether the list field name has the member token, compared
// without case.
func (h Header) HasToken(name, token string) bool {
	found := false
	h.List(name, func(e string) bool {
		found = found || EqualFold(e, token)
		return !found
	})
	return found
}

func eachElement(s string, yield func(string) bool) bool {
	start, quoted := 0, false
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && !quoted:
			if e := trimOWS(s[start:i]); e != "" && !yield(e) {
				return false
			}
			start = i + 1
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted && i+1 < len(s):
			i++
		}
	}
	return true
}

// EqualFold compares ASCII without case. Unlike strings.EqualFold it folds
// nothing else: U+212A (Kelvin) is not a k on the wire.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func trimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// isTchar is tchar of RFC 9110 section 5.6.2.
func isTchar(c byte) bool {
	if isAlnum(c) {
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}

func isAlnum(c byte) bool {
	return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTchar(s[i]) {
			return false
		}
	}
	return s != ""
}

// validValue is field-value of RFC 9110 section 5.5: no control character but
// HTAB; obs-text is allowed.
func validValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// parseField splits a field line (RFC 9112 section 5). No white space may
// stand before the colon, or two parsers would see two different names.
func parseField(line string) (Field, error) {
	colon := 0
	for colon < len(line) && line[colon] != ':' {
		colon++
	}
	switch {
	case colon == len(line):
		return Field{}, bad("field line without a colon")
	case !isToken(line[:colon]):
		return Field{}, bad("field name is not a token")
	case !validValue(line[colon+1:]):
		return Field{}, bad("control character in a field value")
	}
	return Field{line[:colon], trimOWS(line[colon+1:])}, nil
}
