package timeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999", s)
	if err != nil {
		panic(err)
	}
	return t
}

func labels(ticks []Tick) string {
	var all []string
	for _, t := range ticks {
		all = append(all, t.Label)
	}
	return strings.Join(all, " | ")
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		from, to string
		n        int
		want     string
	}{
		{"2026-11-22 21:00:00", "2026-11-30 09:29:00", 8, "23 Nov | 24 Nov | 25 Nov | 26 Nov | 27 Nov | 28 Nov | 29 Nov | 30 Nov"},
		{"2026-11-22 21:00:00", "2026-11-30 09:29:00", 4, "23 Nov | 25 Nov | 27 Nov | 29 Nov"},
		{"2026-11-22 21:00:00", "2026-11-23 20:00:00", 8, "22 Nov 21:00 | 23 Nov | 03:00 | 06:00 | 09:00 | 12:00 | 15:00 | 18:00"},
		{"2026-11-30 09:28:49", "2026-11-30 09:29:49", 4, "09:29:00 | 09:29:15 | 09:29:30 | 09:29:45"},
		{"2026-11-30 09:28:49.300", "2026-11-30 09:28:49.600", 4, "28:49.3 | 28:49.4 | 28:49.5 | 28:49.6"},
		{"2026-11-30 23:58:10", "2026-12-01 00:02:00", 4, "23:59 | 1 Dec | 00:01 | 00:02"},
		{"2026-11-30 09:28:49", "2026-11-30 09:28:49", 4, ""},
		{"2026-11-30 09:28:49", "2026-11-30 09:28:40", 4, ""},
		{"1970-01-01 00:00:00", "2026-11-30 09:28:40", 4, ""},
		{"2026-11-30 09:28:49", "2026-11-30 09:29:49", 0, ""},
	} {
		if got := labels(Axis{at(c.from), at(c.to)}.Ticks(c.n)); got != c.want {
			t.Errorf("%s to %s, %d: got %s, want %s", c.from, c.to, c.n, got, c.want)
		}
	}
}

func TestTicksSince(t *testing.T) {
	zero := at("2026-11-30 09:28:49")
	for _, c := range []struct {
		from, to time.Duration
		n        int
		want     string
	}{
		{-160 * time.Second, 270 * time.Second, 8, "-120 | -60 | 0 | 60 | 120 | 180 | 240"},
		{0, 60 * time.Second, 7, "0 | 10 | 20 | 30 | 40 | 50 | 60"},
		{0, 300 * time.Millisecond, 4, "0 | 0.1 | 0.2 | 0.3"},
		{-300 * time.Millisecond, 300 * time.Millisecond, 4, "-0.2 | 0 | 0.2"},
	} {
		if got := labels(Axis{zero.Add(c.from), zero.Add(c.to)}.TicksSince(zero, c.n)); got != c.want {
			t.Errorf("%v to %v, %d: got %s, want %s", c.from, c.to, c.n, got, c.want)
		}
	}
}

// Whatever the axis: no more than asked for, evenly spaced, all on it.
func TestTicksFit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		from := time.Unix(r.Int64N(2e9), r.Int64N(1e9))
		a := Axis{from, from.Add(time.Duration(r.Int64N(int64(1) << (20 + r.IntN(33)))))}
		n := 3 + r.IntN(12)
		zero := from.Add(time.Duration(r.Int64N(1e12)) - 5e11)
		for name, ticks := range map[string][]Tick{"clock": a.Ticks(n), "since": a.TicksSince(zero, n)} {
			if len(ticks) > n {
				t.Fatalf("%s %v of %v: %d ticks, want at most %d", name, a, a.Length(), len(ticks), n)
			}
			if len(ticks) == 0 && a.Length() >= 10*time.Millisecond {
				t.Fatalf("%s %v of %v, %d: no tick", name, a, a.Length(), n)
			}
			for i, tick := range ticks {
				if tick.At.Before(a.From) || tick.At.After(a.To) {
					t.Fatalf("%s: %v is not on %v", name, tick.At, a)
				}
				if i > 1 && tick.At.Sub(ticks[i-1].At) != ticks[1].At.Sub(ticks[0].At) {
					t.Fatalf("%s: %v are not evenly spaced", name, ticks)
				}
			}
		}
	}
}

// Ten characters to the axis: of labels of two, each second of five fits.
func TestSpread(t *testing.T) {
	zero := at("2026-11-30 09:28:00")
	a := Axis{zero.Add(10 * time.Second), zero.Add(50 * time.Second)}
	ticks := a.TicksSince(zero, 5)
	if got, want := labels(a.Spread(ticks, 0.1)), "10 |  | 30 |  | 50"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := labels(a.Spread(ticks, 0.01)), labels(ticks); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAt(t *testing.T) {
	zero := at("2026-11-30 09:28:49")
	var a Axis
	if got := a.At(zero); got != 0 {
		t.Errorf("an axis without a length: got %v, want 0", got)
	}
	a.Grow(zero.Add(10*time.Second), time.Time{}, zero, zero.Add(5*time.Second))
	var got []string
	for _, s := range []int{-1, 0, 3, 10, 99} {
		got = append(got, fmt.Sprint(a.At(zero.Add(time.Duration(s)*time.Second))))
	}
	if want := []string{"0", "0", "0.3", "1", "1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
