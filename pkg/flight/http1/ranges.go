package http1

// MaxRanges is how many ranges one request may ask for; a request for more is
// answered as if it had none (RFC 9110 section 14.2 lets a server ignore
// Range, section 17.15 tells why it should).
const MaxRanges = 8

// A Range is the bytes from Start up to and without End.
type Range struct{ Start, End int64 }

// Len returns the number of bytes in the range.
func (r Range) Len() int64 { return r.End - r.Start }

// ParseRange reads a Range field for a representation of size bytes (RFC 9110
// section 14.1.2, with erratum 7306 for white space). No ranges and satisfiable
// true means: answer as if there were no Range; satisfiable false means 416.
// Ignored are: another unit, bad syntax, more than MaxRanges ranges, ranges
// that together are longer than the whole, and any range of an empty
// representation, whose 206 could not be expressed.
func ParseRange(value string, size int64) (ranges []Range, satisfiable bool) {
	unit, set, ok := cut(value, '=')
	if !ok || !EqualFold(unit, "bytes") || size == 0 {
		return nil, true
	}
	specs, sum, valid := 0, int64(0), true
	eachElement(set, func(e string) bool {
		var r Range
		specs++
		if r, valid = parseRangeSpec(e, size); !valid {
			return false
		}
		if valid = specs <= MaxRanges; !valid {
			return false
		}
		if r.Len() > 0 {
			ranges = append(ranges, r)
			if valid = r.Len() <= size-sum; valid { // a sum could overflow
				sum += r.Len()
			}
		}
		return valid
	})
	if !valid || specs == 0 {
		return nil, true
	}
	return ranges, len(ranges) > 0
}

// parseRangeSpec returns the bytes a range-spec selects of size, an empty
// range where it is not satisfiable.
func parseRangeSpec(s string, size int64) (Range, bool) {
	first, last, ok := cut(s, '-')
	start, ok1 := digits(first)
	end, ok2 := digits(last)
	if !ok || !ok1 || !ok2 {
		return Range{}, false
	}
	switch {
	case first == "" && last == "":
		return Range{}, false
	case first == "": // the last end bytes
		return Range{size - min(end, size), size}, true
	case last != "" && end < start:
		return Range{}, false
	case start >= size:
		return Range{}, true
	case last == "" || end >= size:
		end = size - 1
	}
	return Range{start, end + 1}, true
}

// digits reads *DIGIT, stopping at the largest int64 instead of wrapping.
func digits(s string) (int64, bool) {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
	}
	n, _ := saturate(s)
	return n, true
}

// A ContentRange is what a Content-Range field says (RFC 9110 section 14.4).
type ContentRange struct {
	Range
	Total       int64 // -1 when not told
	Unsatisfied bool  // "*/TOTAL", as a 416 carries it
}

// ParseContentRange reads a Content-Range field in bytes. It returns false for
// what contradicts itself.
func ParseContentRange(s string) (ContentRange, bool) {
	unit, rest, ok := cut(s, ' ')
	span, total, ok2 := cut(trimOWS(rest), '/')
	if !ok || !ok2 || !EqualFold(unit, "bytes") {
		return ContentRange{}, false
	}
	c := ContentRange{Total: -1}
	if total != "*" {
		if c.Total, ok = ParseInt(total); !ok {
			return ContentRange{}, false
		}
	}
	if span == "*" {
		c.Unsatisfied = true
		return c, c.Total >= 0
	}
	first, last, ok := cut(span, '-')
	start, ok1 := ParseInt(first)
	end, ok2 := ParseInt(last)
	if !ok || !ok1 || !ok2 || end < start || end == 1<<63-1 || c.Total >= 0 && end >= c.Total {
		return ContentRange{}, false
	}
	c.Range = Range{start, end + 1}
	return c, true
}

// AppendContentRange appends the value of a Content-Range field: of r within
// total bytes, or "bytes */TOTAL" for an empty r.
func AppendContentRange(dst []byte, r Range, total int64) []byte {
	dst = append(dst, "bytes "...)
	if r.Len() > 0 {
		dst = AppendInt(dst, r.Start)
		dst = AppendInt(append(dst, '-'), r.End-1)
	} else {
		dst = append(dst, '*')
	}
	return AppendInt(append(dst, '/'), total)
}
