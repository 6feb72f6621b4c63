package campaign

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// An entry is what a directory on the server has under a name.
type entry struct {
	kind string // as the manifest calls it
	data []byte
	to   string // of a link
}

// furnishDirectory makes what is served, below root.
func (p *played) furnishDirectory(root string) error {
	p.want = map[string]entry{}
	r := rand.New(rand.NewPCG(p.Seed, uint64(p.directory.Number)+1<<32))
	file := func(name string, size int) {
		data := make([]byte, size)
		for i := range data {
			data[i] = " etaoinshrdlu\nETAOIN"[r.IntN(20)]
		}
		p.want[name] = entry{kind: "file", data: data}
		p.Size += int64(size)
	}
	for i := range 26 {
		file(fmt.Sprintf("f%02d", i), []int{0, 1, 300 + r.IntN(600), 3000 + r.IntN(3000), 30_000}[i%5])
	}
	file("just", 64<<10)
	file("large0", 64<<10+1)
	file("large1", 1_500_000)
	if p.Archive {
		p.want["sub"] = entry{kind: "directory"}
		p.want["none"] = entry{kind: "directory"}
		p.want["link"] = entry{kind: "symlink", to: "../elsewhere"}
		p.want["pipe"] = entry{kind: "fifo"}
		file("sub/"+strings.Repeat("long", 40), 700)
		file("sub/g", 200_000)
	}
	at := filepath.Join(root, filepath.Base(p.dir), "many")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.want)) {
		e, file := p.want[name], filepath.Join(at, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		switch {
		case err != nil:
		case e.kind == "file":
			err = os.WriteFile(file, e.data, 0o644)
		case e.kind == "directory":
			err = os.MkdirAll(file, 0o755)
		case e.kind == "symlink":
			err = os.Symlink(e.to, file)
		default:
			err = syscall.Mkfifo(file, 0o644)
		}
		if err != nil {
			return err
		}
	}
	p.path = "/" + filepath.Base(p.dir) + "/many/"
	return nil
}
