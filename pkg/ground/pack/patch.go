package pack

import (
	"bytes"
	"errors"
	"index/suffixarray"
)

// Patch returns a program for linux/arm64 that makes new out of old: started
// with itself as standard input and old as descriptor 3, it writes new to
// standard output. Packed, it is a small part of new where the two are builds
// of neighbouring commits.
//
// It is the method of bsdiff (Colin Percival, "Naive differences of executable
// code", 2003): stretches of new that are almost a stretch of old are told as
// byte differences, nearly all of them 0 and the rest alike, because what
// differs are addresses; the rest is told as it is. Behind the stub, in 32-bit
// words: the length of new, the number of steps and of differences; then the
// steps (bytes to add, bytes to insert, bytes to skip in old), the
// differences, the inserted bytes.
func Patch(old, new []byte) ([]byte, error) {
	var steps, diffs, extra []byte
	n := uint32(0)
	from, to := rowsOf(old), rowsOf(new)
	aboard, want := old, new
	old, new = bytes.Clone(old), bytes.Clone(new)
	if err := errors.Join(from.turn(old, false), to.turn(new, false)); err != nil {
		return nil, err
	}
	each(old, new, func(from, to, add, insert, next int) {
		steps = le.AppendUint32(steps, uint32(add))
		steps = le.AppendUint32(steps, uint32(insert))
		steps = le.AppendUint32(steps, uint32(next-from-add))
		for i := range add {
			diffs = append(diffs, new[to+i]-old[from+i])
		}
		extra = append(extra, new[to+add:to+add+insert]...)
		n++
	})
	out := stub(patchCode, append(from.literals(), to.literals()...)...)
	out = le.AppendUint32(out, uint32(len(new)))
	out = le.AppendUint32(out, n)
	out = le.AppendUint32(out, uint32(len(diffs)))
	out = append(append(append(out, steps...), diffs...), extra...)
	back, err := apply(bytes.Clone(aboard), out[stubSize:], from, to)
	if err != nil || !bytes.Equal(back, want) {
		return nil, errors.New("the patch does not make the new program")
	}
	return out, nil
}

// apply is what the stub does, in Go. It loosens old.
func apply(old, patch []byte, from, to rows) (new []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("a patch that points beyond its data")
		}
	}()
	if err := from.turn(old, false); err != nil {
		return nil, err
	}
	n, length := int(le.Uint32(patch[4:])), int(le.Uint32(patch[8:]))
	steps := patch[12:]
	diffs := steps[12*n:]
	extra := diffs[length:]
	pos := 0
	for i := range n {
		s := steps[12*i:]
		add, insert := int(le.Uint32(s)), int(le.Uint32(s[4:]))
		for j := range add {
			new = append(new, old[pos+j]+diffs[j])
		}
		new = append(new, extra[:insert]...)
		diffs, extra = diffs[add:], extra[insert:]
		pos += add + int(int32(le.Uint32(s[8:])))
	}
	return new, to.turn(new, true)
}

// each divides new into steps, in order: add bytes at to that resemble those
// of old at from, then insert bytes that resemble nothing; the next step's
// from is next.
func each(old, new []byte, step func(from, to, add, insert, next int)) {
	index := suffixarray.New(old)
	const better = 8 // by how much a match must beat going on with the last one
	var scan, length, pos int
	var lastScan, lastPos, offset int
	for scan < len(new) {
		same := 0
		scan += length
		for probe := scan; scan < len(new); scan++ {
			pos, length = longest(index, old, new[scan:])
			for ; probe < scan+length; probe++ {
				if at := probe + offset; at < len(old) && at >= 0 && old[at] == new[probe] {
					same++
				}
			}
			if length == same && length != 0 || length > same+better {
				break
			}
			if at := scan + offset; at < len(old) && at >= 0 && old[at] == new[scan] {
				same--
			}
		}
		if length == same && scan != len(new) {
			continue
		}
		// The last match reaches forward from lastScan, the new one back from
		// scan; each as far as more than half of the bytes agree.
		forward := stretch(scan-lastScan, len(old)-lastPos, func(i int) bool { return old[lastPos+i] == new[lastScan+i] })
		back := 0
		if scan < len(new) {
			back = stretch(scan-lastScan, pos, func(i int) bool { return old[pos-1-i] == new[scan-1-i] })
		}
		if over := forward + back - (scan - lastScan); over > 0 {
			// Both claim these bytes: cut where the two together agree most.
			score, most, cut := 0, 0, 0
			for i := range over {
				if new[lastScan+forward-over+i] == old[lastPos+forward-over+i] {
					score++
				}
				if new[scan-back+i] == old[pos-back+i] {
					score--
				}
				if score > most {
					most, cut = score, i+1
				}
			}
			forward += cut - over
			back -= cut
		}
		next := pos - back
		if scan == len(new) {
			next = lastPos + forward
		}
		step(lastPos, lastScan, forward, scan-back-lastScan-forward, next)
		lastScan, lastPos, offset = scan-back, next, pos-scan
	}
}

// stretch returns the length, at most the smaller of two limits, at which the
// surplus of agreeing bytes is largest.
func stretch(limit1, limit2 int, agree func(i int) bool) int {
	score, most, at := 0, 0, 0
	for i := range min(limit1, limit2) {
		if agree(i) {
			score++
		}
		if 2*score-i > 2*most-at {
			most, at = score, i+1
		}
	}
	return at
}

// longest returns the longest beginning of b, from 8 bytes on, that is
// somewhere in old.
func longest(index *suffixarray.Index, old, b []byte) (pos, length int) {
	for want := 8; want <= len(b); want = length + 1 {
		found := index.Lookup(b[:want], 1)
		if len(found) == 0 {
			break
		}
		pos, length = found[0], want
		for length < len(b) && pos+length < len(old) && old[pos+length] == b[length] {
			length++
		}
	}
	return pos, length
}
