package agent

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/flight/window"
)

// MinPort is the lowest port that payloads may use (docs/platform.md,
// "Network").
const MinPort = 10000

// A Time is a flag value: Unix seconds or RFC 3339.
type Time struct{ time.Time }

// Set implements pflag.Value.
func (t *Time) Set(s string) (err error) {
	t.Time, err = window.ParseUntil(s)
	return err
}

func (t *Time) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// Type implements pflag.Value.
func (t *Time) Type() string { return "time" }

// A Size is a flag value: a number of bytes above 0, with an optional unit of
// B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024).
type Size int64

var units = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// Set implements pflag.Value.
func (n *Size) Set(s string) error {
	digits, unit := s, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			digits, unit = rest, u.bytes
			break
		}
	}
	v, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || v == 0 || int64(v) > (1<<63-1)/unit {
		return errors.New("want a size above 0, like 1MiB or 100MB")
	}
	*n = Size(int64(v) * unit)
	return nil
}

func (n *Size) String() string {
	for _, i := range []int{2, 1, 0, 6, 5, 3} {
		if u := units[i]; *n > 0 && int64(*n)%u.bytes == 0 {
			return strconv.FormatInt(int64(*n)/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(*n), 10)
}

// Type implements pflag.Value.
func (n *Size) Type() string { return "size" }

// ParseAddr reads an IP address and a port of at least MinPort. The error is one
// phrase that says what is wanted, for behind the flag's name.
func ParseAddr(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, errors.New("want an IP address and a port, like 10.2.1.8:10101, got " + strconv.Quote(s))
	}
	if a.Port() < MinPort {
		return a, errors.New("port " + strconv.Itoa(int(a.Port())) + " is below " + strconv.Itoa(MinPort) + ", which payloads cannot use")
	}
	return a, nil
}
