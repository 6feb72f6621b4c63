package pack

import "bytes"

// Of what the go command writes into a program about its modules, the text
// stands between these (cmd/go/internal/modload/build.go), behind a header of
// 32 bytes in the section (debug/buildinfo).
var (
	modulesStart = []byte("\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6")
	modulesEnd   = []byte("\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2")
)

// ClearBuildInfo takes the list of modules and build settings out of a Go
// program, in place, and returns how many copies it found. What reads them,
// runtime/debug.ReadBuildInfo and go version -m, is not aboard; their hashes
// are 300 bytes that no packer makes smaller, and change with each version of
// a module that changes nothing else.
func ClearBuildInfo(program []byte) int {
	copies := 0
	for rest := program; ; copies++ {
		start := bytes.Index(rest, modulesStart)
		if start < 0 {
			return copies
		}
		end := bytes.Index(rest[start:], modulesEnd)
		if end < 0 {
			return copies
		}
		clear(rest[start : start+end+len(modulesEnd)])
		rest = rest[start+end+len(modulesEnd):]
	}
}
