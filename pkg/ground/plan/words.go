package plan

import (
	"fmt"
	"strconv"
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

// ParseSize reads bytes as people write them: "125KB", "1.5MB", "1MiB", "90000",
// also with "/d" or "/day" behind it; 1 to 1e15.
func ParseSize(s string) (int64, error) {
	num := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(s), "/day"), "/d")
	unit := 1.0
	for _, u := range []struct {
		suffix string
		bytes  float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(num, u.suffix); ok {
			num, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(num, 64)
	if err != nil || !(f*unit >= 1 && f*unit <= 1e15) {
		return 0, fmt.Errorf("%q is not a size; give one such as 125KB", s)
	}
	return int64(f * unit), nil
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
