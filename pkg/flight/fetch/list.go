package fetch

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

const (
	maxListing = 64 << 20 // bytes, of which no more than a line is held
	maxEntry   = 64 << 10 // of a link to 4,095 bytes that are no text it has 37 KB
)

// An item is an entry of a directory, by its name from there.
type item struct {
	outbox.Listed
	tries int // that failed
}

// list asks for a directory (docs/wire.md) and tells add of each entry.
func (r *run) list(ctx context.Context, j *job, target string, add func(*item)) error {
	a, err := r.request(ctx, j, peer.Request{Target: target, Last: -1, Listing: true})
	if err != nil {
		return peer.AsFault(err)
	}
	kind, _ := a.Header.Get("Content-Type")
	kind, _, _ = strings.Cut(kind, ";")
	if a.Status != 200 || a.Coded() {
		a.Drop()
		return peer.Protocol("this is no listing")
	}
	if !http1.EqualFold(strings.TrimSpace(kind), peer.ListingType) {
		a.Drop()
		return &peer.Fault{Class: "listing", Text: "the server has no machine-readable listing of this directory", Final: true}
	}
	var size int64
	line := make([]byte, 0, 512)
	in := r.peer.Read(ctx, &j.tally, a)
	defer in.Done(0)
	for {
		b := in.Next()
		rest := b.Bytes
		switch {
		case b.Err != nil:
			return peer.AsFault(b.Err)
		case !b.End:
		case a.Body.ProvenEnd():
			rest = []byte{'\n'} // of the last line
		default:
			return peer.ErrShort
		}
		size += int64(len(rest))
		j.listing.Write(rest)
		for len(rest) > 0 {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				i = len(rest)
			}
			line = append(line, rest[:i]...)
			if len(line) > maxEntry || size > maxListing {
				return &peer.Fault{Class: "listing", Text: "the listing of this directory is too large", Final: true}
			}
			if i < len(rest) {
				if e, ok := entry(line); ok {
					add(e)
				}
				line = line[:0]
				i++
			}
			rest = rest[i:]
		}
		if b.End {
			return nil
		}
	}
}

// entry reads one line of a Listing: a JSON object without depth. ok is false
// for what cannot be read, or has a name that no entry has. The names are those
// of href and target_href, which have the exact bytes, where these are there.
func entry(line []byte) (e *item, ok bool) {
	e = &item{}
	s := strings.TrimSpace(string(line))
	if !strings.HasPrefix(s, "{") {
		return e, false
	}
	s = s[1:]
	e.Size = -1
	for {
		for s = strings.TrimSpace(s); strings.HasPrefix(s, ","); {
			s = strings.TrimSpace(s[1:])
		}
		if strings.HasPrefix(s, "}") {
			break
		}
		var key, value string
		if key, s, ok = quoted(s); !ok {
			return e, false
		}
		s = strings.TrimSpace(s)
		if !strings.HasPrefix(s, ":") {
			return e, false
		}
		s = strings.TrimSpace(s[1:])
		if strings.HasPrefix(s, `"`) {
			if value, s, ok = quoted(s); !ok {
				return e, false
			}
		} else {
			i := strings.IndexAny(s, ",}")
			if i < 0 || strings.ContainsAny(s[:i], "{[\"") {
				return e, false
			}
			value, s = strings.TrimSpace(s[:i]), s[i:]
		}
		if !e.set(key, value) {
			return e, false
		}
	}
	return e, e.Name != "" && e.Name != "." && e.Name != ".." && strings.IndexByte(e.Name, '/') < 0
}

// set takes a key of a line. Of a directory the slash behind its name is left out.
func (i *item) set(key, value string) (ok bool) {
	switch key {
	case "name":
		if i.Name == "" {
			i.Name = value
		}
	case "href":
		value, _ = strings.CutSuffix(value, "/")
		i.Name, ok = unescaped(value)
		return ok
	case "target":
		if i.Target == "" {
			i.Target = value
		}
	case "target_href":
		i.Target, ok = unescaped(value)
		return ok
	case "type":
		i.Type = value
	case "mtime":
		i.MTime = value
	case "mode":
		i.Mode = value
	case "size":
		if n, ok := http1.ParseInt(value); ok {
			i.Size = n
		}
	}
	return true
}

// unescaped takes back percent-encoding.
func unescaped(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(n)
			i += 2
		}
		if c == 0 {
			return "", false
		}
		b = append(b, c)
	}
	return string(b), true
}

// quoted reads a JSON string (RFC 8259 section 7).
func quoted(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	b := make([]byte, 0, 64)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return string(b), s[i+1:], true
		case c != '\\':
			b = append(b, c)
		case i+1 < len(s) && s[i+1] != 'u':
			i++
			if k := strings.IndexByte("bfnrt", s[i]); k >= 0 {
				b = append(b, "\b\f\n\r\t"[k])
			} else {
				b = append(b, s[i])
			}
		case i+5 < len(s):
			n, err := strconv.ParseUint(s[i+2:i+6], 16, 32)
			if err != nil || n == 0 {
				return "", "", false
			}
			// Halves of a pair become U+FFFD: such names have an href.
			b = utf8.AppendRune(b, rune(n))
			i += 5
		}
	}
	return "", "", false
}
