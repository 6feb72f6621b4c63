package fmt

import (
	"errors"
	real "fmt"
	"math"
	"math/rand"
	"testing"
	"time"
)

var values = map[byte][]any{
	'v': {"", "text", "ü\n", errors.New("broken"), time.Minute, true, false, nil, []string{}, []string{"a", "b c"}, 0, -7,
		int64(math.MinInt64), uint64(math.MaxUint64), 'x', uint8(200), uint16(9), uint32(math.MaxUint32)},
	's': {"", "text", errors.New("broken"), time.Minute, []byte("bytes"), []string{"a", "b"}},
	'q': {"", "te\"xt\x00ü", errors.New("bro\nken"), time.Minute, []byte("bytes"), []string{"a", "b"}, 'ü', byte('\n')},
	'd': {0, -7, int64(math.MaxInt64), 'x', uint8(200), uint64(math.MaxUint64)},
	'x': {0, 255, -255, int64(math.MinInt64), uint32(math.MaxUint32), uint64(math.MaxUint64), "text\xff", []byte{1, 254}},
	'c': {'x', 'ü', 65},
	't': {true, false},
}

// What the standard library prints is what this prints.
func TestLikeFmt(t *testing.T) {
	verbs := []byte("vsqdxct")
	r := rand.New(rand.NewSource(1))
	for range 20_000 {
		var format string
		var args []any
		for range r.Intn(4) {
			verb := verbs[r.Intn(len(verbs))]
			arg := values[verb][r.Intn(len(values[verb]))]
			width := []string{"", "", "3", "12", "08", "020"}[r.Intn(6)]
			// A width is for each element of a slice, and zeros are not for
			// text: nobody asks for that.
			switch arg.(type) {
			case int, int64, uint32, uint64:
			default:
				width = ""
			}
			if verb == 'c' {
				width = ""
			}
			format += []string{"", "a", "100%% ", "ü: "}[r.Intn(4)] + "%" + width + string(verb)
			args = append(args, arg)
		}
		if got, want := Sprintf(format, args...), real.Sprintf(format, args...); got != want {
			t.Fatalf("Sprintf(%q, %v): got %q, want %q", format, args, got, want)
		}
		if got, want := Sprint(args...), real.Sprint(args...); got != want && !hasBytes(args) {
			t.Fatalf("Sprint(%v): got %q, want %q", args, got, want)
		}
		if got, want := Sprintln(args...), real.Sprintln(args...); got != want && !hasBytes(args) {
			t.Fatalf("Sprintln(%v): got %q, want %q", args, got, want)
		}
	}
}

func hasBytes(args []any) bool {
	for _, a := range args {
		if _, ok := a.([]byte); ok {
			return true
		}
	}
	return false
}

func TestWidthOfText(t *testing.T) {
	for _, format := range []string{"%8s|", "%2s|", "%8q|", "%8v|"} {
		if got, want := Sprintf(format, "üx"), real.Sprintf(format, "üx"); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

func TestErrorf(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	for _, c := range []struct {
		format string
		args   []any
	}{
		{"plain %d%%", []any{1}},
		{"%s: %w", []any{"name", one}},
		{"%w: %w", []any{one, two}},
		{"%v %5d %w", []any{two, 7, one}},
		{"%w", []any{nil}},
	} {
		got, want := Errorf(c.format, c.args...), real.Errorf(c.format, c.args...)
		if c.args[0] != nil && got.Error() != want.Error() {
			t.Errorf("%s: got %q, want %q", c.format, got, want)
		}
		for _, target := range []error{one, two} {
			if g, w := errors.Is(got, target), errors.Is(want, target); g != w {
				t.Errorf("%s is %v: got %v, want %v", c.format, target, g, w)
			}
		}
	}
}

// Wrong calls are seen in the text, as with fmt.
func TestWrongCalls(t *testing.T) {
	for want, got := range map[string]string{
		"%!d(MISSING)": Sprintf("%d"),
		"x%!(EXTRA)":   Sprintf("x", 1),
		"%!(NOVERB)":   Sprintf("%"),
		"%!v(?)":       Sprintf("%v", 1.5),
		"%!d(?)":       Sprintf("%d", struct{}{}),
		"%!s(?)":       Sprintf("%s", 1),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
