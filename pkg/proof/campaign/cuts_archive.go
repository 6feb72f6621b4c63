package campaign

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// archive reads an archive with two readers, and holds it against the server's
// files.
func (p *played) archive(w *judged, name string, body []byte) {
	p.Tars++
	lie := func(why string) { p.wrong("%s: %s, %d bytes: %s", w.run, name, len(body), why) }
	seen, manifest, order, err := unpack(body)
	if err != nil {
		lie(err.Error())
		return
	}
	if err := listed(body, order); err != nil {
		lie(err.Error())
	}
	lines := map[string]manifestLine{}
	for line := range strings.Lines(string(manifest)) {
		var l manifestLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			lie("manifest: " + err.Error())
		}
		if _, twice := lines[l.Name]; twice {
			lie("twice in the manifest: " + l.Name)
		}
		lines[l.Name] = l
	}
	for at, m := range seen {
		rel := strings.TrimPrefix(at, "many/")
		e, ok := p.want[rel]
		l, told := lines[at]
		switch {
		case !ok || e.kind != m.kind || e.to != m.to || !bytes.Equal(e.data, m.data):
			lie("not the server's: " + at)
		case !told || l.Type != m.kind:
			lie("not in the manifest: " + at)
		case m.kind == "file":
			if got := sumOf(m.data); l.SHA256 != hex.EncodeToString(got[:]) || l.Size != int64(len(m.data)) || l.Reason != "" {
				lie("the manifest says otherwise of " + at)
			}
		}
	}
	for at, l := range lines {
		if _, ok := seen[at]; !ok && (l.SHA256 != "" || l.Reason == "") {
			lie("the manifest has what the archive has not: " + at)
		}
	}
	if name == "many.tar" {
		p.archives[sumOf(body)] = true
		for rel, e := range p.want {
			if _, ok := seen["many/"+rel]; ok != (e.kind != "fifo") || lines["many/"+rel].Name == "" {
				lie("a whole archive without " + rel)
			}
		}
	}
}

type manifestLine struct {
	Name, Type, SHA256, Reason string
	Size                       int64
}

// unpack reads an archive with the standard library. It is one: members once
// each, the manifest last, two blocks of zeros behind all.
func unpack(body []byte) (seen map[string]entry, manifest []byte, order []string, err error) {
	seen = map[string]entry{}
	for r := tar.NewReader(bytes.NewReader(body)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, nil, nil, err
		}
		if manifest != nil {
			return nil, nil, nil, errors.New("the manifest is not the last member")
		}
		order = append(order, h.Name)
		if h.Name == "MANIFEST.jsonl" {
			manifest = data
			continue
		}
		e := entry{kind: "file", data: data, to: h.Linkname}
		switch h.Typeflag {
		case tar.TypeDir:
			e.kind = "directory"
		case tar.TypeSymlink:
			e.kind = "symlink"
		}
		name := strings.TrimSuffix(h.Name, "/")
		if _, twice := seen[name]; twice {
			return nil, nil, nil, errors.New("twice in it: " + name)
		}
		seen[name] = e
	}
	if manifest == nil {
		return nil, nil, nil, errors.New("it has no manifest")
	}
	if end := make([]byte, 1024); len(body)%512 != 0 || !bytes.HasSuffix(body, end) {
		return nil, nil, nil, errors.New("it has no end")
	}
	return seen, manifest, order, nil
}

// listed has GNU tar list an archive: the same names, and not a word more.
func listed(body []byte, order []string) error {
	cmd := exec.Command("tar", "--quoting-style=literal", "-tf", "-")
	cmd.Stdin = bytes.NewReader(body)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil || said.Len() > 0 {
		return errors.Join(err, errors.New("tar says: "+said.String()))
	}
	if names := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(names, order) {
		return errors.New("tar lists other members")
	}
	return nil
}

// counts holds what a receipt says of an archive against it.
func (p *played) counts(lie func(string), r *receipt, body []byte) {
	seen, manifest, _, err := unpack(body)
	if err != nil {
		return
	}
	sum := sumOf(manifest)
	missing := 0
	for line := range strings.Lines(string(manifest)) {
		var l manifestLine
		json.Unmarshal([]byte(line), &l)
		if _, ok := seen[l.Name]; !ok && l.Type == "file" {
			missing++
		}
	}
	switch {
	case r.Archive.Members != len(seen):
		lie("the archive has another number of members")
	case r.Archive.Missing != missing:
		lie("the archive lacks another number")
	case r.Archive.Manifest != hex.EncodeToString(sum[:]):
		lie("the archive has another manifest")
	}
}
