package fetch

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/peer"
)

const (
	maxListing = 4 << 20 // bytes
	maxFiles   = 1000
	maxEntry   = 16 << 10
)

// list asks for a directory (docs/wire.md) and makes a job of each regular
// file in it; what is below it is left alone.
func (r *run) list(ctx context.Context, j *job) error {
	a, err := r.request(ctx, j, peer.Request{Target: j.target, Last: -1, Listing: true})
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
	var files []Path
	var size int64
	line := make([]byte, 0, 512)
	in := r.peer.Read(ctx, &j.tally, a)
	defer in.Done(0)
	add := func() error {
		name, ok := entry(line)
		line = line[:0]
		if !ok || name == "" || strings.IndexByte(name, '/') >= 0 {
			return nil
		}
		if len(files) == maxFiles {
			return &peer.Fault{Class: "listing", Text: "more than 1000 files in this directory", Final: true}
		}
		p := Path{j.Path.Path + name, outbox.EscapeName(name)}
		if j.Name != "" {
			p.Name = outbox.EscapeName(j.Name + "_" + name)
		}
		files = append(files, p)
		return nil
	}
	for {
		b := in.Next()
		if b.Err != nil {
			return peer.AsFault(b.Err)
		}
		if b.End {
			if !a.Body.ProvenEnd() {
				return peer.ErrShort
			}
			break
		}
		size += int64(len(b.Bytes))
		for rest := b.Bytes; len(rest) > 0; {
			i := 0
			for i < len(rest) && rest[i] != '\n' {
				i++
			}
			line = append(line, rest[:i]...)
			if len(line) > maxEntry || size > maxListing {
				return &peer.Fault{Class: "listing", Text: "the listing of this directory is too large", Final: true}
			}
			if i < len(rest) {
				if err = add(); err != nil {
					return err
				}
				i++
			}
			rest = rest[i:]
		}
	}
	if err = add(); err != nil {
		return err
	}
	return r.addFiles(j, files)
}

// addFiles puts jobs behind the others. A name that is taken is left out, and
// said: two files must not become one.
func (r *run) addFiles(j *job, files []Path) error {
	var names []string
	for _, o := range r.jobs {
		if o != j {
			names = append(names, o.Name)
		}
	}
	clash := 0
	for _, p := range files {
		if outbox.CheckNames(append(names, p.Name)) != nil {
			clash++
			continue
		}
		names = append(names, p.Name)
		n := r.job(p)
		r.jobs = append(r.jobs, n)
		r.open(n)
	}
	r.tell(Listed, j, int64(len(files)-clash), 0)
	if len(files) == 0 {
		return &peer.Fault{Class: "listing", Text: "no regular files in this directory", Final: true}
	}
	if clash > 0 {
		return &peer.Fault{Class: "listing", Text: strconv.Itoa(clash) + " files of this directory have names that are taken", Final: true}
	}
	return nil
}

// entry reads one line of a Listing: a JSON object without depth. ok is false
// for what is not a regular file, or cannot be read. The name is that of href,
// which has the exact bytes, if there is one.
func entry(line []byte) (name string, ok bool) {
	s := strings.TrimSpace(string(line))
	if !strings.HasPrefix(s, "{") {
		return "", false
	}
	s = s[1:]
	var href, kind string
	for {
		s = strings.TrimLeft(s, " \t\r,")
		if strings.HasPrefix(s, "}") {
			break
		}
		var key, value string
		if key, s, ok = quoted(s); !ok {
			return "", false
		}
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ":") {
			return "", false
		}
		s = strings.TrimLeft(s[1:], " \t")
		if strings.HasPrefix(s, `"`) {
			if value, s, ok = quoted(s); !ok {
				return "", false
			}
		} else {
			i := strings.IndexAny(s, ",}")
			if i < 0 || strings.ContainsAny(s[:i], "{[\"") {
				return "", false
			}
			s = s[i:]
		}
		switch key {
		case "name":
			name = value
		case "href":
			href = value
		case "type":
			kind = value
		}
	}
	if href != "" {
		t, err := http1.ParseTarget("GET", "/"+href)
		if err != nil || t.Dir {
			return "", false
		}
		name = t.Path[1:]
	}
	return name, kind == "file"
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
			if err != nil {
				return "", "", false
			}
			// Halves of a pair become U+FFFD: such names have an href.
			b = utf8.AppendRune(b, rune(n))
			i += 5
		}
	}
	return "", "", false
}
