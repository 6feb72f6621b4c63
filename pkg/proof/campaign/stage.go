package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"payload-ipc/pkg/flight/outbox"
)

// stage reads what the fetcher's stage at dir claims to hold, from a copy. With
// dark, it then spoils the original as a power cut may: whatever no cursor
// claims reads as zeros from now on.
func (p *pass) stage(dir string, dark bool) (claims []claim, err error) {
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
		if dark {
			if err := darken(dir, body); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(&p.story, "the stage holds %d bytes of generation %d\n", len(body), g.number)
	}
	return claims, nil
}

// darken zeroes what stands behind proven in the data file that begins with it.
func darken(dir string, proven []byte) error {
	rows, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, row := range rows {
		file := filepath.Join(dir, row.Name())
		if !strings.HasSuffix(file, ".dat") {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if len(proven) == 0 || !bytes.HasPrefix(body, proven) {
			continue
		}
		clear(body[len(proven):])
		if err := os.WriteFile(file, body, 0o644); err != nil {
			return err
		}
	}
	return nil
}
