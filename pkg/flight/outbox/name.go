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
// character, not UTF-8, the end of a receipt's name, by which the ground knows
// receipts.
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
	case strings.HasSuffix(name, receiptSuffix):
		return errors.New("the name ends as those of receipts do")
	}
	for _, r := range name {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return errors.New("the name contains a control character")
		}
	}
	return nil
}

// Names are those that are taken in /outbox, by files, for them, and, where they
// were set to true, by what is no file.
type Names map[string]bool

// Add takes a name. The error says why it cannot stand there (CheckName), or
// that it, or a file made for it (NAME.part, NAME.N.part, NAME.receipt.json,
// NAME.new), would meet one that is taken, or one made for that.
func (t Names) Add(name string) error {
	err := CheckName(name)
	base, part := strings.CutSuffix(name, partSuffix)
	if c := strings.TrimRight(base, "0123456789"); part && strings.HasSuffix(c, ".") {
		base = c[:len(c)-1]
	} else {
		base = ""
	}
	// No name begins with these: of what there is a NAME.N.part, and a NAME.
	const numbered, whole = "\x00", "\x01"
	keys := [...]string{name, name + partSuffix, name + receiptSuffix, name + newSuffix, numbered + name, whole + base}
	for _, k := range keys {
		if t[k] && err == nil {
			err = errors.New("it, or a file made for it, would meet another in /outbox")
		}
	}
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	keys[4], keys[5] = numbered+base, whole+name
	for _, k := range keys {
		t[k] = true
	}
	return nil
}

// CheckNames checks every name, and that none of them meets another in /outbox
// (Names.Add), nor any of reserved. The first error names the name.
func CheckNames(names []string, reserved ...string) error {
	t := Names{}
	for _, r := range reserved {
		t[r] = true
	}
	for _, n := range names {
		if err := t.Add(n); err != nil {
			return err
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
