// Package date reads dates that are written one way only. It is here because
// time.Parse, which reads every layout, costs 3,700 bytes on its way up.
package date

import (
	"strings"
	"time"
)

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// What a layout holds, by index of fields.
const (
	year = iota
	month
	day
	hour
	minute
	second

	letters = "YMDhms"
)

type fields [len(letters)]int

// read reads the front of s by layout, and returns what is behind it.
func read(layout, s string) (v fields, rest string, ok bool) {
	if len(s) < len(layout) {
		return v, s, false
	}
	for i := 0; i < len(layout); i++ {
		c, digit := layout[i], s[i]
		if c == 'N' {
			at := strings.Index(months, s[i:i+3])
			if at%3 != 0 {
				return v, s, false
			}
			v[month] = at/3 + 1
			i += 2
			continue
		}
		if c == 'd' {
			c = 'D'
			switch digit {
			case ' ':
				digit = '0'
			case '0':
				return v, s, false
			}
		}
		field := strings.IndexByte(letters, c)
		switch {
		case field < 0 && digit == c:
		case field >= 0 && digit >= '0' && digit <= '9':
			v[field] = v[field]*10 + int(digit-'0')
		default:
			return v, s, false
		}
	}
	return v, s[len(layout):], v[hour] < 24 && v[minute] < 60 && v[second] < 60
}

// Parse reads the front of s by layout and returns what is behind it. In a
// layout each of Y, M, D, h, m and s is one digit of the year, month, day,
// hour, minute and second, NNN is the month's English name in three letters,
// and d is a digit of the day or the space that stands for its leading zero.
// All else is itself. A time that no clock of UTC shows is refused, and so is
// a leap second. The time is in UTC.
func Parse(layout, s string) (t time.Time, rest string, ok bool) {
	v, rest, ok := read(layout, s)
	t = time.Date(v[year], time.Month(v[month]), v[day], v[hour], v[minute], v[second], 0, time.UTC)
	return t, rest, ok && int(t.Month()) == v[month] && t.Day() == v[day]
}

// ParseRFC3339 reads a time of RFC 3339 section 5.6, in capitals and without
// leap seconds. The time is in UTC; digits behind the ninth of a fraction are
// cut off.
func ParseRFC3339(s string) (time.Time, bool) {
	t, s, ok := Parse("YYYY-MM-DDThh:mm:ss", s)
	if len(s) > 1 && s[0] == '.' {
		unit := time.Second
		for s = s[1:]; s != "" && s[0] >= '0' && s[0] <= '9'; s = s[1:] {
			unit /= 10
			t = t.Add(time.Duration(s[0]-'0') * unit)
		}
		ok = ok && unit < time.Second
	}
	if s == "" || s == "Z" {
		return t, ok && s != ""
	}
	v, rest, zoned := read("hh:mm", s[1:])
	behind := time.Duration(v[hour])*time.Hour + time.Duration(v[minute])*time.Minute
	if s[0] == '+' {
		behind = -behind
	} else if s[0] != '-' {
		ok = false
	}
	return t.Add(behind), ok && zoned && rest == ""
}
