package pack

import (
	"encoding/binary"
	"slices"
)

// Columns of a filtered program, as the stub knows them (stub/system.s).
const (
	columnSizes = iota // of functions, in 16 bytes, and 1; 0: sizeOf
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

	tablePoints    = 2 // pointTable
	tableAllPoints = 3 // the same, in a function all of which is unsafe
)

// A shape is what few functions differ in: two bits for each table, above three
// with the number of those of pcdata; and the record's last word.
type shape struct{ tables, last uint32 }

// A telling is the columns as they grow.
type telling struct {
	columns [columns][]byte
	shapes  []shape
	newest  [funcdataKinds]uint32 // offset told of each kind of funcdata
}

func (l *telling) put(column int, v uint64) {
	l.columns[column] = binary.AppendUvarint(l.columns[column], v)
}

// columnsOf returns what unfilter needs to make the records, tables and names,
// of code as turn tells it: the offsets of the columns, from where they
// begin in the program's body, room for the newest offset of each column of
// funcdata, the shapes, the columns. Those are numbers of seven bits in a byte.
func (t *table) columnsOf(code []byte, made uint32, base int) ([]byte, error) {
	var l telling
	for _, f := range t.funcs {
		if len(f.tables) > 6 || len(f.funcdata) > funcdataKinds {
			return nil, ErrForm
		}
		name := uint64(f.nameOff)<<1 | 1
		if f.nameOff >= made {
			at, ok := t.beginningAt(f.name[:max(0, len(f.name)-digits)], made)
			if !ok {
				return nil, ErrForm
			}
			name = uint64(at) << 1
		}
		size := f.size/16 + 1
		if f.size >= 16 && sizeOf(code[f.entry:]) == f.size/16 {
			size = 0
		}
		l.put(columnSizes, uint64(size))
		l.put(columnNames, name)
		l.put(columnArgs, uint64(f.args))
		l.put(columnDefers, uint64(f.deferreturn))
		l.shape(l.tables(f, t.instructions(f)))
		l.funcdata(f)
	}
	return l.bytes(base), nil
}

// tables tells the pc-value tables of a function whose instructions are code.
func (l *telling) tables(f function, code []uint32) shape {
	s := shape{uint32(len(f.tables) - 1), f.last}
	for j, b := range f.tables {
		s.tables |= l.table(j, code, b) << (3 + 2*j)
	}
	return s
}

// table tells one pc-value table and returns how.
func (l *telling) table(j int, code []uint32, b []byte) uint32 {
	if b == nil {
		return tableNone
	}
	if j == 1+pcdataUnsafePoint {
		how, list := uint32(tablePoints), []uint32(nil)
		some, ok := toldPoints(code, false, b)
		every, better := toldPoints(code, true, b)
		switch {
		case better && (!ok || len(every) < len(some)):
			how, list = tableAllPoints, every
		case ok:
			list = some
		default:
			return l.whole(j, b)
		}
		for _, v := range list {
			l.put(columnTables+j, uint64(v))
		}
		return how
	}
	list, ok := changes(code, b)
	switch {
	case j == 0 && string(stackTable(code)) == string(b):
		return tableStack
	case j == 1+pcdataStackMap && ok:
		for _, c := range list {
			l.put(columnTables+j, zigzag(c.delta))
			l.put(columnTables+j, uint64(c.calls))
		}
		l.put(columnTables+j, 0)
		return tableCalls
	}
	return l.whole(j, b)
}

// whole tells a pc-value table as it is.
func (l *telling) whole(j int, b []byte) uint32 {
	rs := spans(b)
	for k, r := range rs {
		l.put(columnTables+j, zigzag(r.delta))
		if k == len(rs)-1 {
			r.n = 0
		}
		l.put(columnTables+j, uint64(r.n))
	}
	return tableWhole
}

// shape tells a shape by its number.
func (l *telling) shape(s shape) {
	i := slices.Index(l.shapes, s)
	if i < 0 {
		i = len(l.shapes)
		l.shapes = append(l.shapes, s)
	}
	l.put(columnShapes, uint64(i))
}

// funcdata tells the offsets of a function's data: 0 is none, an even number the
// distance from the newest of its kind, and an odd one an offset before it.
func (l *telling) funcdata(f function) {
	for j, o := range f.funcdata {
		v := uint64(0)
		switch {
		case o == none:
		case o >= l.newest[j]:
			v = uint64(o-l.newest[j])*2 + 2
			l.newest[j] = o
		default:
			v = uint64(o)*2 + 1
		}
		l.put(columnFuncdata+j, v)
	}
}

// bytes puts the columns behind each other, for a body in which they begin at
// base.
func (l *telling) bytes(base int) []byte {
	var out, data []byte
	at := base + 4*(columns+funcdataKinds) + 8*len(l.shapes)
	for _, c := range l.columns {
		out = le.AppendUint32(out, uint32(at+len(data)))
		data = append(data, c...)
	}
	out = append(out, make([]byte, 4*funcdataKinds)...)
	for _, s := range l.shapes {
		out = le.AppendUint32(le.AppendUint32(out, s.tables), s.last)
	}
	return append(out, data...)
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
