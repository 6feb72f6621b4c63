package outbox

// Listed is a line of the manifest of an archive: what a listing of the server
// names, and what became of it.
type Listed struct {
	Name     string // of the member
	Href     string // its exact bytes, percent-encoded, where it is no UTF-8
	Type     string // as the listing has it: file, directory, symlink, fifo, ...
	Size     int64  // bytes in the archive; of what is missing, as the listing has it, negative if it has not
	MTime    string // as the listing has it, "" if it has not
	Mode     string // so too
	Target   string // of a symlink
	SHA256   string // hex, of a file that is in the archive
	Verified Verified
	Reason   string // why it is not in it, or not as it is now
}

// Append adds the line to b: a JSON object and a newline. Keys that say nothing
// are left out.
func (l *Listed) Append(b []byte) []byte {
	const cut = 2 * MaxText
	j := &object{b: append(b, '{'), cut: cut}
	j.text("name", l.Name)
	if l.Href != "" {
		j.text("href", l.Href)
	}
	j.text("type", l.Type)
	if l.Size >= 0 && l.Type == "file" {
		j.int("size", l.Size)
	}
	for _, f := range []struct{ key, value string }{
		{"mtime", l.MTime}, {"mode", l.Mode}, {"target", l.Target}, {"sha256", l.SHA256}, {"verified", string(l.Verified)}, {"reason", l.Reason},
	} {
		if f.value != "" {
			j.text(f.key, f.value)
		}
	}
	j.close('}')
	return append(j.b, '\n')
}
