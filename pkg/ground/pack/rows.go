package pack

import (
	"bytes"
	"fmt"
)

// rows is where in a stripped program the function table stands, in the order
// of the patch stub's literals. Offsets are in the file, in bytes. With no
// functions, loosen and tighten change nothing.
type rows struct {
	functab, funcs uint32 // the pairs, and how many functions
	pctab          uint32 // the pc-value tables
	names, made    uint32 // the names, and the first that is made of an address
	address        uint32 // where the code is loaded
}

func (r rows) literals() []uint32 {
	return []uint32{r.functab, r.funcs, r.pctab, r.names, r.made, r.address}
}

// rowsOf returns the rows of a program, none if it has not the form that Strip
// leaves.
func rowsOf(program []byte) rows {
	t, _, err := open(program)
	if err != nil || t.ptr != 8 {
		return rows{}
	}
	r := rows{uint32(t.off + t.functab), uint32(len(t.funcs)), uint32(t.off + t.pctab), uint32(t.off + t.names), uint32(t.off+t.names) + t.made(), t.address}
	b := bytes.Clone(program)
	if r.turn(b, false) != nil || r.turn(b, true) != nil || !bytes.Equal(b, program) {
		return rows{}
	}
	return r
}

// turn loosens the rows: entries are told as differences, no offset of a
// record, a table or a name is told, and no address in a name. Where a function
// was put in, what is behind it is then still the same. Or it tightens them
// again.
func (r rows) turn(b []byte, tighten bool) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrForm
		}
	}()
	record := (8*r.funcs + 4 + 7) &^ 7 // from functab
	name, tab, entry := r.made, r.pctab+1, uint32(0)
	for i := range r.funcs {
		pair, rec := b[r.functab+8*i:], b[r.functab+record:]
		e := le.Uint32(rec)
		if tighten {
			e += entry
			entry = e
			le.PutUint32(pair, e)
			le.PutUint32(pair[4:], record)
		} else {
			e, entry = e-entry, e
			le.PutUint32(pair, 0)
			le.PutUint32(pair[4:], 0)
		}
		le.PutUint32(rec, e)

		is := uint32(0)
		if !tighten {
			is = name - r.names
		}
		if le.Uint32(rec[recordNameOff:]) == is {
			end := name + uint32(bytes.IndexByte(b[name:], 0))
			if tighten {
				le.PutUint32(rec[recordNameOff:], name-r.names)
				end += uint32(copy(b[end:], fmt.Sprintf("%0*x", digits, r.address+e)))
			} else {
				le.PutUint32(rec[recordNameOff:], 0)
				clear(b[end-digits : end])
			}
			name = end + 1
		}

		npcdata := le.Uint32(rec[recordNpcdata:])
		for j := range npcdata + 1 {
			field := rec[recordPcsp:]
			if j > 0 {
				field = rec[recordSize+4*(j-1):]
			}
			if le.Uint32(field) == 0 {
				continue
			}
			if tighten {
				le.PutUint32(field, tab-r.pctab)
			} else {
				le.PutUint32(field, 1)
			}
			table, _ := pcTable(b[tab-1:], 1)
			tab += uint32(len(table))
		}
		record = (record + recordSize + 4*(npcdata+uint32(rec[recordLast+3])) + 7) &^ 7
	}
	return nil
}
