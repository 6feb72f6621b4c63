package http1

import (
	"time"

	"payload-ipc/pkg/flight/date"
)

// The form of HTTP-date to send (RFC 9110 section 5.6.7).
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// AppendDate appends t as an HTTP-date.
func AppendDate(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, imfFixdate)
}

// ParseDate reads an HTTP-date in any of its three forms. now decides the
// century of the two-digit years of the RFC 850 form: not more than 50 years
// ahead of it. The name of the day is not compared with the date.
func ParseDate(s string, now time.Time) (time.Time, bool) {
	name, s, _ := cut(s, ' ')
	for d := time.Sunday; d <= time.Saturday; d++ {
		long := d.String()
		short := long[:3]
		switch {
		case EqualFold(name, short+","):
			t, rest, ok := date.Parse("DD NNN YYYY hh:mm:ss", s)
			return t, ok && rest == " GMT"
		case EqualFold(name, short):
			t, rest, ok := date.Parse("NNN dD hh:mm:ss YYYY", s)
			return t, ok && rest == ""
		case EqualFold(name, long+","):
			t, rest, ok := date.Parse("DD-NNN-YY hh:mm:ss", s)
			t = t.AddDate(now.UTC().Year()/100*100, 0, 0)
			if t.After(now.AddDate(50, 0, 0)) {
				t = t.AddDate(-100, 0, 0)
			}
			return t, ok && rest == " GMT"
		}
	}
	return time.Time{}, false
}
