package pack

import (
	"encoding/binary"
	"slices"
)

// Columns of a filtered program, as the stub knows them (stub/system.s).
const (
	columnSizes = iota // of functions, in 16 bytes
	columnNames        // odd: nameOff; even: offset of the beginning, before an address
	columnArgs
	columnDefers
	columnShapes
	columnTables   // pc-value tables: of pcsp, and five of pcdata
	columnFuncdata = columnTables + 6
	columns        = columnFuncdata + funcdataKinds
)

// How a pc-value table is told.
const (
	tableNone  = iota
	tableWhole // value differences, and for how many instructions; 0 for the rest
	tableStack // not at all: stackTable
	tableCalls // callTable
)

// A shape is what few functions differ in: two bits for each table, above three
// with the number of those of pcdata; and the record's last word.
type shape struct{ tables, last uint32 }

// columnsOf returns what unfilter needs to make the records, tables and names:
// the offsets of the columns, from where they begin in the program's body,
// room for the newest offset of each column of funcdata, the shapes, the
// columns. Those are numbers of seven bits in a byte.
func (t *table) columnsOf(made uint32, base int) ([]byte, error) {
	var cols [columns][]byte
	var shapes []shape
	var newest [funcdataKinds]uint32
	put := func(column int, v uint64) { cols[column] = binary.AppendUvarint(cols[column], v) }
	for _, f := range t.funcs {
		if len(f.tables) > 6 || len(f.funcdata) > funcdataKinds {
			return nil, ErrForm
		}
		put(columnSizes, uint64(f.size/16))
		if f.nameOff < made {
			put(columnNames, uint64(f.nameOff)<<1|1)
		} else {
			at, ok := t.beginningAt(f.name[:max(0, len(f.name)-digits)], made)
			if !ok {
				return nil, ErrForm
			}
			put(columnNames, uint64(at)<<1)
		}
		put(columnArgs, uint64(f.args))
		put(columnDefers, uint64(f.deferreturn))
		s := shape{uint32(len(f.tables) - 1), f.last}
		code := t.instructions(f)
		for j, b := range f.tables {
			how := tableNone
			if b != nil {
				how = tableWhole
				if list, ok := changes(code, b); j == 0 && string(stackTable(code)) == string(b) {
					how = tableStack
				} else if j == 1+pcdataStackMap && ok {
					how = tableCalls
					for _, c := range list {
						put(columnTables+j, zigzag(c.delta))
						put(columnTables+j, uint64(c.calls))
					}
					put(columnTables+j, 0)
				} else {
					rs := spans(b)
					for k, r := range rs {
						put(columnTables+j, zigzag(r.delta))
						if k == len(rs)-1 {
							r.n = 0
						}
						put(columnTables+j, uint64(r.n))
					}
				}
			}
			s.tables |= uint32(how) << (3 + 2*j)
		}
		i := slices.Index(shapes, s)
		if i < 0 {
			i = len(shapes)
			shapes = append(shapes, s)
		}
		put(columnShapes, uint64(i))
		for j, o := range f.funcdata {
			v := uint64(0)
			switch {
			case o == none:
			case o >= newest[j]:
				v = uint64(o-newest[j])*2 + 2
				newest[j] = o
			default:
				v = uint64(o)*2 + 1
			}
			put(columnFuncdata+j, v)
		}
	}
	var out, data []byte
	at := base + 4*(columns+funcdataKinds) + 8*len(shapes)
	for _, c := range cols {
		out = le.AppendUint32(out, uint32(at+len(data)))
		data = append(data, c...)
	}
	out = append(out, make([]byte, 4*funcdataKinds)...)
	for _, s := range shapes {
		out = le.AppendUint32(le.AppendUint32(out, s.tables), s.last)
	}
	return append(out, data...), nil
}

// instructions returns those of a function.
func (t *table) instructions(f function) []uint32 {
	code := make([]uint32, f.size/16*4)
	for i := range code {
		code[i] = le.Uint32(t.code[int(f.entry)+4*i:])
	}
	return code
}

// beginningAt returns where in the table of names, before made, s stands.
func (t *table) beginningAt(s string, made uint32) (int, bool) {
	names := string(t.data[t.names : t.names+int(made)])
	if s == "" {
		return 0, names[0] == 0
	}
	for i := 0; i < len(names); {
		end := i
		for names[end] != 0 {
			end++
		}
		if names[i:end] == s {
			return i, true
		}
		i = end + 1
	}
	return 0, false
}
