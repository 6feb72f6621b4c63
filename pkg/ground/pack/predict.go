package pack

// What of the pc-value tables the code tells. The stub reads it off the same
// way; where the guess is wrong Filter tells the table as it is.

// prologue is in how many instructions a function has looked whether its stack
// is large enough.
const prologue = 12

// instructions of arm64 (Arm Architecture Reference Manual, C6.2).
func isCall(w uint32) bool { return w>>26 == 0x25 || w>>10 == 0x358fc0 } // BL, BLR

// block returns where code grows the stack, the target of its first B.LS, or a
// negative number.
func block(code []uint32) int32 {
	for i, w := range code[:min(prologue, len(code))] {
		if w&0xff00001f == 0x54000009 {
			return int32(i) + int32(w<<8)>>13
		}
	}
	return -1
}

// A maker makes a table of what it is told in order: where a value ends.
type maker struct {
	out          []byte
	before, from int32 // the value before, and where the present one began
}

func newMaker() *maker { return &maker{before: -1} }

// run closes the run of a value.
func (m *maker) run(value, to int32) {
	if to != m.from {
		m.out = appendSpan(m.out, span{value - m.before, uint32(to - m.from)})
		m.before, m.from = value, to
	}
}

func (m *maker) end() []byte { return append(m.out, 0) }

// stackTable returns what pcsp says, bytes of stack, if it is as the code looks:
// pushed and popped with the link register or through X20, back to the body's
// frame behind a RET, and 0 where the stack grows.
func stackTable(code []uint32) []byte {
	m, grow := newMaker(), block(code)
	value, frame, large := int32(0), int32(0), int32(0)
	for i, w := range code {
		next, to, imm := value, int32(i+1), int32(w>>10&0xfff)
		switch {
		case w&0xffe00fff == 0xf8000ffe, w&0xffe00fff == 0xf84007fe: // STR X30, [SP, #imm]! and LDR X30, [SP], #imm
			next -= int32(w<<11) >> 23
		case w&0xffc003ff == 0xd10003f4: // SUB X20, SP, #imm
			large = imm
		case w&0xffc003ff == 0x910003ff: // ADD SP, SP, #imm
			next -= imm
		case w == 0x9100029f: // MOV SP, X20
			next += large
		case w == 0xd65f03c0 && i+1 < len(code) && code[i+1] != 0: // RET, and not only padding behind it
			next = frame
		}
		if to == grow {
			next = 0
		}
		if next == value {
			continue
		}
		if next > value {
			frame = next
		}
		m.run(value, to)
		value = next
	}
	m.run(value, int32(len(code)))
	return m.end()
}

// A change is one of a table whose value changes at calls only: by how much,
// and how many calls there are from the last change on.
type change struct {
	delta int32
	calls uint32
}

// callTable returns the table with those changes, which ends as -1 where the
// stack grows.
func callTable(code []uint32, changes []change) []byte {
	m, value, at := newMaker(), int32(-1), 0
	for _, c := range changes {
		for left := c.calls; at < len(code); at++ {
			if isCall(code[at]) {
				if left == 0 {
					break
				}
				left--
			}
		}
		m.run(value, int32(at))
		value += c.delta
	}
	if b := block(code); b >= 0 {
		m.run(value, b)
		value = -1
	}
	m.run(value, int32(len(code)))
	return m.end()
}

// changes returns those of a table, if it is one of callTable.
func changes(code []uint32, table []byte) (list []change, ok bool) {
	rs, grow, at := spans(table), block(code), uint32(0)
	for i, r := range rs {
		if i > 0 && (int32(at) != grow || i < len(rs)-1) {
			calls := uint32(0)
			from := uint32(0)
			if len(list) > 0 {
				from = at - rs[i-1].n
			}
			for j := from; j < at && int(j) < len(code); j++ {
				if isCall(code[j]) {
					calls++
				}
			}
			list = append(list, change{r.delta, calls})
		}
		at += r.n
	}
	return list, string(callTable(code, list)) == string(table)
}
