package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"payload-ipc/pkg/flight/outbox"
)

// stage reads what the fetcher's stage at dir claims to hold, from a copy, with
// the fetcher's own code.
func (p *pass) stage(dir string) (claims []claim, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, nil // it never came so far
	}
	tmp := filepath.Join(p.dir, "stage")
	out := filepath.Join(p.dir, "outbox")
	for _, d := range []string{tmp, out} {
		if err := os.RemoveAll(d); err != nil {
			return nil, err
		}
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.CopyFS(filepath.Join(tmp, "s"), os.DirFS(dir)); err != nil {
		return nil, err
	}
	st, err := outbox.Open(outbox.Config{Stage: filepath.Join(tmp, "s"), Outbox: out})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	t, err := st.Target(logName, logPath)
	if err != nil {
		return nil, err
	}
	for _, part := range t.Parts() {
		body := make([]byte, part.Proven())
		_, err := part.ReadAt(body, 0)
		part.Close()
		if err != nil {
			return nil, err
		}
		g, from := p.journal.whose(body)
		claims = append(claims, claim{g, from, len(body)})
		if g == nil {
			continue // the judge will say so
		}
		fmt.Fprintf(&p.story, "the stage holds %d bytes of generation %d\n", len(body), g.number)
	}
	return claims, nil
}

// unkept reads the stage at dir by itself, without the fetcher's own code, and
// says which durable cursors claim bytes that are nowhere: neither proven there
// nor come down. Slots 0 and 1 of a cursor file are written after the sync of
// the bytes that they claim, so whatever a power cut leaves of them holds.
func (p *pass) unkept(dir string, proven []claim) (why []string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.cur"))
	for _, file := range files {
		if _, err := os.Stat(strings.TrimSuffix(file, ".cur") + ".dat"); err != nil {
			continue // published, or given up: the names go one by one
		}
		body, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for slot := range 2 {
			at := slot * slotSize
			if len(body) < at+slotSize {
				break
			}
			s, _, ok := readSlot(body[at : at+slotSize])
			size, sum := s.end, s.sum
			if !ok || size == 0 {
				continue
			}
			c := claim{size: int(size)}
			for _, g := range p.journal.gens {
				if int(size) <= len(g.body) && sha256.Sum256(g.body[:size]) == sum {
					c.gen = g
				}
			}
			if c.gen == nil {
				why = append(why, fmt.Sprintf("a durable cursor claims %d bytes that are of no one generation", size))
			} else if !c.in(proven) && !p.delivered(c) {
				why = append(why, fmt.Sprintf("a durable cursor claims %d bytes of generation %d, and they are nowhere", size, c.gen.number))
			}
		}
	}
	return why
}

const slotSize = 8192

// A slot is what a cursor says.
type slot struct {
	gen          uint32
	name, source string
	run          string
	published    bool // so it is, if its bytes are not there
	end          int64
	sum          [sha256.Size]byte // of the first end bytes
}

// readSlot reads a slot of a cursor: "sfc2", its length, sequence and
// generation, five texts each behind its length, total, base, flags, the number
// of marks, marks of an end and a SHA-256 each, and of what is published the run;
// behind all the SHA-256 of that. It returns how long all that is. Not ok is a
// slot that a cut has torn.
func readSlot(b []byte) (s slot, size int, ok bool) {
	const head, texts, fixed, mark, published = 20, 5, 18, 8 + sha256.Size, 4
	if len(b) < head || string(b[:4]) != "sfc2" {
		return s, 0, false
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	if n < head+2*texts+fixed || n+sha256.Size > len(b) {
		return s, 0, false
	}
	if want := sha256.Sum256(b[:n]); !bytes.Equal(want[:], b[n:n+sha256.Size]) {
		return s, 0, false
	}
	s.gen = binary.LittleEndian.Uint32(b[16:])
	r := b[head:n]
	var text [texts]string
	for i := range text {
		end := 2 + binary.LittleEndian.Uint16(r)
		text[i], r = string(r[2:end]), r[end:]
	}
	s.name, s.source = text[0], text[1]
	s.published = r[fixed-2]&published != 0
	marks := int(r[fixed-1])
	if r = r[fixed:]; marks > 0 {
		last := r[(marks-1)*mark : marks*mark]
		s.end = int64(binary.LittleEndian.Uint64(last))
		copy(s.sum[:], last[8:])
	} else {
		s.sum = sha256.Sum256(nil)
	}
	s.run = string(r[marks*mark:])
	return s, n + sha256.Size, true
}

func (c claim) in(all []claim) bool {
	for _, h := range all {
		if h.gen == c.gen && h.from <= c.from && h.from+h.size >= c.from+c.size {
			return true
		}
	}
	return false
}
