package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	partSuffix    = ".part"
	receiptSuffix = ".receipt.json"
	newSuffix     = ".new"

	nameMax = 255 // NAME_MAX, linux/limits.h
	// MaxName is the longest NAME in bytes: NAME.receipt.json, and the names
	// of its parts on the stage, must fit NAME_MAX.
	MaxName = nameMax - len(receiptSuffix)
)

// CheckName says why NAME cannot stand in /outbox, in words that fit behind
// the argument: empty, longer than MaxName, a slash, a leading dot, a control
// character, not UTF-8.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("the name is too long: got %d bytes, want at most %d", len(name), MaxName)
	case strings.IndexByte(name, '/') >= 0:
		return errors.New("the name contains a slash, and /outbox has no sub-directories")
	case name[0] == '.':
		return errors.New("the name begins with a dot")
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	}
	for _, r := range name {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return errors.New("the name contains a control character")
		}
	}
	return nil
}

// CheckNames checks every name, and that no two of them, nor the files made
// for them (NAME.part, NAME.N.part, NAME.receipt.json, NAME.new), nor any of
// reserved (the log), would meet in /outbox. The first error names the name.
func CheckNames(names []string, reserved ...string) error {
	owner := make(map[string]string, 4*len(names)+len(reserved))
	for _, r := range reserved {
		owner[r] = r
	}
	for _, n := range names {
		if err := CheckName(n); err != nil {
			return fmt.Errorf("%q: %w", n, err)
		}
		if o, ok := owner[n]; ok {
			return fmt.Errorf("%q: the name is also that of %q", n, o)
		}
		owner[n] = n
	}
	for _, n := range names {
		for _, s := range []string{partSuffix, receiptSuffix, newSuffix} {
			if o, ok := owner[n+s]; ok {
				return fmt.Errorf("%q: %q would meet it in /outbox", n, o)
			}
		}
		base, ok := strings.CutSuffix(n, partSuffix)
		if i := strings.LastIndexByte(base, '.'); ok && i >= 0 && strings.Trim(base[i+1:], "0123456789") == "" {
			if o, ok := owner[base[:i]]; ok {
				return fmt.Errorf("%q: a part of %q would meet it in /outbox", n, o)
			}
		}
	}
	return nil
}

// EscapeName makes a NAME of any bytes, for names that a peer told: what
// CheckName would refuse, and '%', becomes %XX; too long a name is cut and
// ends in a part of its SHA-256. Different bytes give different names.
func EscapeName(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		bad := r == utf8.RuneError && n <= 1 || r < ' ' || r >= 0x7f && r < 0xa0 ||
			r == '/' || r == '%' || r == '.' && i == 0
		if !bad {
			b.WriteString(raw[i : i+n])
		} else {
			for _, c := range []byte(raw[i : i+n]) {
				b.WriteByte('%')
				b.WriteByte("0123456789ABCDEF"[c>>4])
				b.WriteByte("0123456789ABCDEF"[c&15])
			}
		}
		i += n
	}
	s := b.String()
	if s == "" {
		return "%"
	}
	if len(s) > MaxName {
		sum := sha256.Sum256([]byte(raw))
		cut := MaxName - 18
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "%-" + hex.EncodeToString(sum[:8])
	}
	return s
}

// newName is NAME.new, or what of it fits NAME_MAX.
func newName(name string) string {
	return name[:min(len(name), nameMax-len(newSuffix))] + newSuffix
}

// partName is NAME.part, and NAME.2.part and so on for further generations.
func partName(name string, n int) string {
	if n > 1 {
		return fmt.Sprintf("%s.%d%s", name, n, partSuffix)
	}
	return name + partSuffix
}
