package plan

import (
	"fmt"
	"strings"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// Bytes is n for people, rounded: 1,234,567 becomes "1.2 MB".
func Bytes(n int64) string {
	switch {
	case n >= 1_000_000:
		return trim(fmt.Sprintf("%.1f", float64(n)/1e6)) + " MB"
	case n >= 1000:
		return trim(fmt.Sprintf("%.1f", float64(n)/1e3)) + " KB"
	}
	return fmt.Sprintf("%d bytes", n)
}

func trim(s string) string { return strings.TrimSuffix(s, ".0") }

// Grouped is n with commas between its thousands.
func Grouped(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Span is d for people: "24 h", "11.9 days", "90 s".
func Span(d time.Duration) string { return tasking.Span(d) }

// Stamp is t for people, always in UTC and said so.
func Stamp(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04:05") + " UTC" }

// Date is the day of t for people, in UTC.
func Date(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006") }

// List joins words with commas.
func List(words []string) string { return strings.Join(words, ", ") }
