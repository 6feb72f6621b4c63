package outbox

// Listed is a line of the manifest of an archive: what a listing of the server
// names, and what became of it.
type Listed struct {
	Name     string // any bytes
	Type     string // as the listing has it: file, directory, symlink, fifo, ...
	Size     int64  // bytes in the archive; of what is missing, as the listing has it, negative if it has not
	MTime    string // as the listing has it, "" if it has not
	Mode     string // so too
	Target   string // of a symlink
	SHA256   string // hex, of a file that is in the archive
	Verified Verified
	Reason   string // why it is not in it, or not as it is now

	_ [0]func() // nobody compares two: 560 bytes of uplink
}

// Append adds the line to b: a JSON object and a newline. Keys that say nothing
// are left out. href, the exact bytes of the name, is for one that is no UTF-8.
func (l *Listed) Append(b []byte, href string) []byte {
	j := &object{b: append(b, '{'), cut: 2 * MaxText}
	j.text("name", l.Name)
	if l.Type == "file" && l.Size >= 0 {
		j.int("size", l.Size)
	}
	keys := [...]string{"href", "type", "mtime", "mode", "target", "sha256", "verified", "reason"}
	for k, v := range [...]string{href, l.Type, l.MTime, l.Mode, l.Target, l.SHA256, string(l.Verified), l.Reason} {
		if v != "" {
			j.text(keys[k], v)
		}
	}
	return append(j.b, "}\n"...)
}
