package campaign

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// A judged is a window that is looked at.
type judged struct {
	run  string
	exit int  // -1: it had none
	cut  bool // before it ended by itself
}

// look judges what a window left: the outbox, the stage, and what went over the
// line in it.
func (p *played) look(w *judged) error {
	before := p.view
	p.view = map[string][]byte{}
	rows, err := os.ReadDir(p.outbox)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if p.view[row.Name()], err = os.ReadFile(filepath.Join(p.outbox, row.Name())); err != nil {
			return err
		}
	}
	for name := range before {
		if p.view[name] == nil && p.whole(name) { // a kill had left it, and a power cut took it
			p.by[name] = p.by[name][:len(p.by[name])-1]
		}
	}
	var receipts []string
	for _, row := range rows {
		p.Looks++
		name := strings.TrimSuffix(row.Name(), ".new") // a crash between link and rename
		body := p.view[row.Name()]
		switch {
		case strings.HasSuffix(name, ".receipt.json"):
			receipts = append(receipts, row.Name())
		case p.Archive && (name == "many.tar" || name == "many.tar.part"):
			p.archive(w, name, body)
		case !p.Archive && p.whole(name):
			if !bytes.Equal(body, p.want[name].data) {
				p.wrong("%s: %s has %d bytes, and is not the server's", w.run, name, len(body))
			}
		case !p.Archive && p.whole(strings.TrimSuffix(name, ".part")):
			whole := p.want[strings.TrimSuffix(name, ".part")].data
			if !bytes.HasPrefix(whole, body) {
				p.wrong("%s: %s, %d bytes, is no part", w.run, name, len(body))
			}
			if whole := strings.TrimSuffix(name, ".part"); p.view[whole] != nil && before[whole] == nil && !w.cut {
				p.wrong("%s: %s came twice, whole and as a part", w.run, name)
			}
		default:
			p.wrong("%s: %s does not belong there", w.run, name)
		}
		if p.whole(row.Name()) && before[row.Name()] == nil {
			p.by[name] = append(p.by[name], w.run)
		}
	}
	for _, name := range receipts {
		p.receipt(w, name, before[name] == nil)
	}
	if w.exit == 0 {
		p.all(w)
	}
	p.line(w)
	claimed := p.claimed
	if p.claimed, err = readStage(p.stage); err != nil {
		return err
	}
	// What a run that was killed has written may not be on the flash yet.
	if still := len(p.mounts) > 0; p.stable || still {
		p.lost(w, claimed)
	}
	p.stable = len(p.mounts) == 0
	for _, why := range p.claimed.torn {
		p.wrong("%s: %s", w.run, why)
	}
	for _, c := range p.claimed.gone {
		if !p.has(c.name) {
			p.wrong("%s: the stage says that %s was published by %s, and it was not", w.run, c.name, c.run)
		}
	}
	for _, c := range p.claimed.parts {
		if e, ok := p.want[strings.TrimPrefix(c.source, p.path)]; ok && !bytes.HasPrefix(e.data, c.data) {
			p.wrong("%s: the stage holds %d bytes of %s that are others", w.run, c.end, c.source)
		} else if !ok && c.source != p.path+"?tar" {
			p.wrong("%s: the stage holds %d bytes of %s, which nobody asked for", w.run, c.end, c.source)
		}
		p.say("%s: the stage holds %d bytes of %s\n", w.run, c.end, c.source)
	}
	for _, c := range p.claimed.gone {
		p.say("%s: the stage says that %s was published by %s\n", w.run, c.name, c.run)
	}
	return nil
}

// lost holds what a stage claims now against what it claimed durably before the
// window: that is still there, or came.
func (p *played) lost(w *judged, before staged) {
	now, in := map[string]int64{}, map[string]bool{}
	for _, c := range p.claimed.parts {
		now[c.source] = max(now[c.source], c.end)
		if c.source == p.path+"?tar" {
			in = members(c.data)
		}
	}
	for _, c := range before.parts {
		switch {
		case p.has(c.name), p.has("many.tar"):
		case c.source == p.path+"?tar":
			for name := range members(c.data[:c.durable]) {
				if !in[name] {
					p.wrong("%s: the stage claimed an archive with %s in it, now it has it no more", w.run, name)
				}
			}
		case now[c.source] < c.durable && !in["many/"+strings.TrimPrefix(c.source, p.path)]:
			p.wrong("%s: the stage claimed %d bytes of %s, now it claims %d", w.run, c.durable, c.source, now[c.source])
		}
	}
}

// has says whether a whole file is there, or came down.
func (p *played) has(name string) bool { return p.view[name] != nil || p.taken[name] }

// line holds what the server sent in a window against what the stage claimed
// before it: no more than what was missing, and what proves what is there. That
// is a stretch of it, read once more and compared, or the beginning of an answer
// that was asked for its head. Of an archive that was published nothing is known
// but that: it is made anew.
func (p *played) line(w *judged) {
	const stretch, beginning = 8, 96 << 10 // 64 KiB, and what the line in between has taken when the fetcher closes
	sent := p.meter.take()
	for name := range p.want {
		p.Sent += sent[p.path+name]
	}
	check := func(path string, held, may int64) {
		e := p.want[strings.TrimPrefix(path, p.path)]
		if more := int64(len(e.data)) - held; sent[path] > more+may {
			p.wrong("%s: the stage claimed %d of %d bytes of %s, and the server sent %d", w.run, held, len(e.data), path, sent[path])
		}
	}
	for _, c := range p.claimed.gone {
		if !p.Archive {
			check(c.source, c.end, beginning)
		}
	}
	for _, c := range p.claimed.parts {
		if c.source != p.path+"?tar" {
			check(c.source, c.end, max(c.end/stretch, beginning))
			continue
		}
		for name := range members(c.data) {
			if e := p.want[strings.TrimPrefix(name, "many/")]; e.kind == "file" {
				check(p.path+strings.TrimPrefix(name, "many/"), int64(len(e.data)), 0)
			}
		}
	}
	p.say("%s: the server sent %v\n", w.run, sent)
}

// receipt holds a receipt against what is there.
func (p *played) receipt(w *judged, file string, fresh bool) {
	body := p.view[file]
	var r receipt
	if err := json.Unmarshal(body, &r); err != nil || len(body) >= 2048 || body[len(body)-1] != '\n' {
		p.wrong("%s: %s is no receipt: %q", w.run, file, body)
		return
	}
	lie := func(why string) { p.wrong("%s: %s: %s: %s", w.run, file, why, body) }
	base := strings.TrimSuffix(strings.TrimSuffix(file, ".new"), ".receipt.json")
	late := base != r.Name
	switch {
	case late && base != r.Name+"."+r.Run:
		lie("it is called otherwise than what it tells of")
	case r.Name == "many" && !p.Archive: // the directory, which is no file
		if r.Status != "failed" || r.SHA256 != nil {
			lie("a directory that is a file")
		}
		return
	case !p.whole(r.Name):
		lie("nobody asked for that")
		return
	}
	if late && fresh {
		p.Late++
		if p.late[file] { // its journal has others that are not told of yet
			p.Twice++
		}
		p.late[file] = true
	}
	mine := r.Run == w.run && !late
	if mine && w.exit >= 0 && r.Exit != w.exit {
		lie("the exit code is another")
	}
	name := r.Name
	switch r.Status {
	case "failed":
		if r.SHA256 != nil || r.Size != 0 {
			lie("failed with bytes")
		}
		return
	case "partial":
		if name += ".part"; !mine {
			return // a later run may have gone on with it
		}
	case "complete":
		if !p.has(name) {
			lie("there is no such file, and never was")
		}
		if r.Total == nil || *r.Total != r.Size {
			lie("complete, and not of the size that it should have")
		}
	default:
		lie("no such status")
	}
	if r.SHA256 == nil {
		lie("no sha256")
		return
	}
	data, there := p.view[name]
	if r.Status == "complete" {
		run := r.Run
		if r.Unchanged != nil {
			run, there = *r.Unchanged, false
		}
		if p.told[r.Name] == nil {
			p.told[r.Name] = map[string]bool{}
		}
		p.told[r.Name][run] = true
		if mine && r.Unchanged == nil && there { // in the place of what was there
			if n := len(p.by[name]); n > 0 && p.view[name] != nil {
				p.by[name][n-1] = run
			}
		}
	}
	switch sum := *r.SHA256; {
	case mine && r.Unchanged == nil:
		if got := sumOf(data); !there || hex.EncodeToString(got[:]) != sum || int64(len(data)) != r.Size {
			lie("the file beside it is another")
		}
	case p.Archive:
		if b, err := hex.DecodeString(sum); err != nil || !p.archives[[32]byte(b)] {
			lie("there never was such an archive")
		}
	default:
		if got := sumOf(p.want[name].data); hex.EncodeToString(got[:]) != sum || int64(len(p.want[name].data)) != r.Size {
			lie("it tells of other bytes")
		}
	}
	if r.Archive != nil && mine && there {
		p.counts(lie, &r, data)
	}
}

// all is what must be true of a run that says that all is complete.
func (p *played) all(w *judged) {
	names := []string{"many.tar"}
	if !p.Archive {
		names = nil
		for name, e := range p.want {
			if e.kind == "file" {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		var r receipt
		json.Unmarshal(p.view[name+".receipt.json"], &r)
		if !p.has(name) || r.Status != "complete" || r.Run != w.run {
			p.wrong("%s: complete, and %s there: %v, its receipt: %s", w.run, name, p.has(name), p.view[name+".receipt.json"])
		}
	}
}

// complete is what must be true when all is over: each file that came has a
// receipt of the run that brought it.
func (p *played) complete() {
	for name, runs := range p.by {
		for _, run := range runs {
			// Where files are copied, a cut between a copy and its note leaves a
			// file that nobody knows of; the next run fetches it again.
			if !p.told[name][run] && !(p.Apart && len(p.told[name]) > 0) {
				p.wrong("%s came with %s, and no receipt of that run ever did: %v", name, run, p.told[name])
			}
		}
	}
}
