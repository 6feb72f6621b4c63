package http1

import "strconv"

// A Head builds the head of a message. No byte given to it can end a line or
// forge a field: control characters become spaces.
type Head []byte

// Status begins a response head: status line and nothing else.
func (h Head) Status(code int) Head {
	h = append(h, "HTTP/1.1 "...)
	h = AppendInt(h, int64(code))
	return append(append(append(h, ' '), StatusText(code)...), "\r\n"...)
}

// Request begins a request head. target must be escaped.
func (h Head) Request(method, target string) Head {
	h = append(append(h, method...), ' ')
	h = append(appendValue(h, target), " HTTP/1.1\r\n"...)
	return h
}

// Field adds a field line.
func (h Head) Field(name, value string) Head {
	h = append(append(h, name...), ": "...)
	return append(appendValue(h, value), "\r\n"...)
}

// Int adds a field line with a number.
func (h Head) Int(name string, n int64) Head {
	h = append(append(h, name...), ": "...)
	return append(AppendInt(h, n), "\r\n"...)
}

// End closes the head.
func (h Head) End() Head { return append(h, "\r\n"...) }

func appendValue(h Head, s string) Head {
	mark := len(h)
	h = append(h, s...)
	for i := mark; i < len(h); i++ {
		if h[i] < ' ' || h[i] == 0x7f {
			h[i] = ' '
		}
	}
	return h
}

// AppendInt appends n in decimal.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// StatusText returns the reason phrase of the codes this project sends, an
// empty one for all others, which RFC 9112 section 4 allows.
func StatusText(code int) string {
	switch code {
	case 200:
		return "OK"
	case 204:
		return "No Content"
	case 206:
		return "Partial Content"
	case 301:
		return "Moved Permanently"
	case 304:
		return "Not Modified"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 410:
		return "Gone"
	case 412:
		return "Precondition Failed"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 416:
		return "Range Not Satisfiable"
	case 417:
		return "Expectation Failed"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 503:
		return "Service Unavailable"
	case 505:
		return "HTTP Version Not Supported"
	}
	return ""
}
