package pack

// What the traceback alone uses to print the values of arguments
// (internal/abi/symtab.go).
const (
	pcdataArgLive   = 3
	funcdataArgInfo = 5
	funcdataArgLive = 6
)

// Strip takes the tables of files, lines and printed arguments out of a Go
// program for linux, in place. A stack trace of it names every function and
// the offset in it, "?:0 +0x134" where the line stood; scripts/trace gives the
// lines back from a build of the same commit. The runtime itself reads none of
// these tables for anything but printing: an offset of 0 is its own sign for
// "no table".
func Strip(program []byte) error {
	t, err := open(program)
	if err != nil {
		return err
	}
	pctab := t.data[t.pctab:t.functab]
	used := make([]bool, len(pctab))
	keep := func(off uint32) error {
		end, ok := tableEnd(pctab, int(off))
		if !ok {
			return errForm
		}
		for i := int(off); i < end; i++ {
			used[i] = true
		}
		return nil
	}
	for i := range t.funcs {
		_, rec := t.pair(i)
		r := t.record(rec)
		for _, field := range []int{recordPcfile, recordPcln, recordCuOffset, recordStartLine} {
			le.PutUint32(r[field:], 0)
		}
		npcdata := int(le.Uint32(r[recordNpcdata:]))
		pcdata, funcdata := r[recordSize:recordSize+4*npcdata], r[recordSize+4*npcdata:recordSize+4*t.words(r)]
		if npcdata > pcdataArgLive {
			le.PutUint32(pcdata[4*pcdataArgLive:], 0)
		}
		for _, field := range []int{funcdataArgInfo, funcdataArgLive} {
			if 4*field < len(funcdata) {
				le.PutUint32(funcdata[4*field:], ^uint32(0))
			}
		}
		if err := keep(le.Uint32(r[recordPcsp:])); err != nil {
			return err
		}
		for j := range npcdata {
			if err := keep(le.Uint32(pcdata[4*j:])); err != nil {
				return err
			}
		}
	}
	for i := range pctab {
		if !used[i] {
			pctab[i] = 0
		}
	}
	clear(t.data[t.cus:t.pctab]) // the names of the files
	return nil
}

// tableEnd returns where the pc-value table at off ends: pairs of varints, a
// zero value difference behind the first pair (runtime.step).
func tableEnd(pctab []byte, off int) (int, bool) {
	if off == 0 {
		return 1, true // no table
	}
	for first := true; off < len(pctab); first = false {
		if pctab[off] == 0 && !first {
			return off + 1, true
		}
		for range 2 {
			for off < len(pctab) && pctab[off]&0x80 != 0 {
				off++
			}
			off++
		}
	}
	return 0, false
}
