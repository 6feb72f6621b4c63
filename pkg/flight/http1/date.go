package http1

import "time"

// The forms of HTTP-date (RFC 9110 section 5.6.7); the first is the one to
// send, the others must still be understood.
const (
	imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	rfc850     = "Monday, 02-Jan-06 15:04:05 GMT"
	asctime    = "Mon Jan _2 15:04:05 2006"
)

// AppendDate appends t as an HTTP-date.
func AppendDate(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, imfFixdate)
}

// ParseDate reads an HTTP-date in any of its three forms. now decides the
// century of the two-digit years of the RFC 850 form: not more than 50 years
// ahead of it. The name of the day is not compared with the date.
func ParseDate(s string, now time.Time) (time.Time, bool) {
	for _, layout := range [...]string{imfFixdate, rfc850, asctime} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		// time.Parse is lenient about case, digits and fractions; what it
		// writes back is not.
		if afterDay(t.Format(layout)) != afterDay(s) {
			return time.Time{}, false
		}
		if layout == rfc850 {
			century := now.UTC().Year() / 100 * 100
			t = t.AddDate(century+t.Year()%100-t.Year(), 0, 0)
			if t.After(now.AddDate(50, 0, 0)) {
				t = t.AddDate(-100, 0, 0)
			}
		}
		return t, true
	}
	return time.Time{}, false
}

func afterDay(s string) string {
	_, rest, _ := cut(s, ' ')
	return rest
}
