// Package fmt is as much of fmt as the payload programs use, without package
// reflect behind it. What it prints is what fmt prints (fmt_test.go) for
//
//	%v %s %q   string, error, Stringer, []byte (%s %q), bool (%v), nil (%v), []string
//	%d %v %x   integers of the predeclared types
//	%x         string, []byte
//	%c %q      rune
//	%t %w      bool, error
//
// with a width and a zero before it. Anything else shows as %!verb(?): a test
// in cmd/payload looks at each call that flies.
package fmt

import (
	"io"
	"os"
	"strconv"
	"unicode/utf8"
)

// Stringer is what knows how to show itself.
type Stringer interface{ String() string }

// Appendf appends what format makes of a.
func Appendf(b []byte, format string, a ...any) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b = append(b, format[i])
			continue
		}
		zero, width := false, 0
		for i++; i < len(format) && '0' <= format[i] && format[i] <= '9'; i++ {
			zero = zero || width == 0 && format[i] == '0'
			width = 10*width + int(format[i]-'0')
		}
		switch {
		case i == len(format):
			return append(b, "%!(NOVERB)"...)
		case format[i] == '%':
			b = append(b, '%')
		case len(a) == 0:
			b = append(append(append(b, "%!"...), format[i]), "(MISSING)"...)
		default:
			b = pad(b, appendValue(nil, format[i], a[0]), width, zero)
			a = a[1:]
		}
	}
	if len(a) > 0 {
		b = append(b, "%!(EXTRA)"...)
	}
	return b
}

// pad appends s with what it lacks of width in front; zeros go behind a sign.
func pad(b, s []byte, width int, zero bool) []byte {
	fill := byte(' ')
	if zero {
		fill = '0'
		if len(s) > 0 && s[0] == '-' {
			b, s, width = append(b, '-'), s[1:], width-1
		}
	}
	for n := utf8.RuneCount(s); n < width; n++ {
		b = append(b, fill)
	}
	return append(b, s...)
}

func appendValue(b []byte, verb byte, v any) []byte {
	switch v := v.(type) {
	case error:
		return appendText(b, verb, v.Error())
	case Stringer:
		return appendText(b, verb, v.String())
	case string:
		return appendText(b, verb, v)
	case []byte:
		if verb != 'v' {
			return appendText(b, verb, string(v))
		}
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ' ')
			}
			b = appendText(b, verb, s)
		}
		return append(b, ']')
	case bool:
		if verb == 't' || verb == 'v' {
			return strconv.AppendBool(b, v)
		}
	case nil:
		if verb == 'v' {
			return append(b, "<nil>"...)
		}
	case int:
		return appendInt(b, verb, int64(v))
	case int64:
		return appendInt(b, verb, v)
	case int32:
		return appendInt(b, verb, int64(v))
	case uint8:
		return appendInt(b, verb, int64(v))
	case uint16:
		return appendInt(b, verb, int64(v))
	case uint32:
		return appendInt(b, verb, int64(v))
	case uint64:
		if v <= 1<<63-1 {
			return appendInt(b, verb, int64(v))
		}
		if verb == 'x' {
			return strconv.AppendUint(b, v, 16)
		}
		return strconv.AppendUint(b, v, 10)
	}
	return unknown(b, verb)
}

func unknown(b []byte, verb byte) []byte { return append(append(append(b, "%!"...), verb), "(?)"...) }

func appendText(b []byte, verb byte, s string) []byte {
	switch verb {
	case 's', 'v', 'w':
		return append(b, s...)
	case 'q':
		return strconv.AppendQuote(b, s)
	case 'x':
		for i := range len(s) {
			b = append(b, "0123456789abcdef"[s[i]>>4], "0123456789abcdef"[s[i]&15])
		}
		return b
	}
	return unknown(b, verb)
}

func appendInt(b []byte, verb byte, n int64) []byte {
	switch verb {
	case 'd', 'v':
		return strconv.AppendInt(b, n, 10)
	case 'x':
		return strconv.AppendInt(b, n, 16)
	case 'c':
		return utf8.AppendRune(b, rune(n))
	case 'q':
		return strconv.AppendQuoteRune(b, rune(n))
	}
	return unknown(b, verb)
}

// Append appends a with spaces between two of which neither is a string.
func Append(b []byte, a ...any) []byte {
	text := true
	for i, v := range a {
		_, isText := v.(string)
		if i > 0 && !isText && !text {
			b = append(b, ' ')
		}
		b, text = appendValue(b, 'v', v), isText
	}
	return b
}

// Appendln appends a with spaces between and a line end.
func Appendln(b []byte, a ...any) []byte {
	for i, v := range a {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendValue(b, 'v', v)
	}
	return append(b, '\n')
}

func Sprintf(format string, a ...any) string { return string(Appendf(nil, format, a...)) }
func Sprint(a ...any) string                 { return string(Append(nil, a...)) }
func Sprintln(a ...any) string               { return string(Appendln(nil, a...)) }

func Fprintf(w io.Writer, format string, a ...any) (int, error) {
	return w.Write(Appendf(nil, format, a...))
}
func Fprint(w io.Writer, a ...any) (int, error)   { return w.Write(Append(nil, a...)) }
func Fprintln(w io.Writer, a ...any) (int, error) { return w.Write(Appendln(nil, a...)) }

func Printf(format string, a ...any) (int, error) { return Fprintf(os.Stdout, format, a...) }
func Print(a ...any) (int, error)                 { return Fprint(os.Stdout, a...) }
func Println(a ...any) (int, error)               { return Fprintln(os.Stdout, a...) }
