package pack

// What of the pc-value tables the code tells. The stub reads it off the same
// way; where the guess is wrong Filter tells the table as it is.

// prologue is in how many instructions a function has looked whether its stack
// is large enough, framed in how many it has its frame.
const (
	prologue = 12
	framed   = 18
)

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

// Where a goroutine must not be interrupted (internal/abi/symtab.go).
const (
	pointSafe    = -1
	pointUnsafe  = -2
	pointRestart = -4 // and -3, in turn: the instructions are begun anew
)

// points goes through a function's instructions and says of each whether it may
// be interrupted there, as the compiler and the assembler of arm64 have it
// (cmd/internal/obj/arm64: stacksplit, preprocess, isUnsafePoint,
// isRestartable): not while it looks at its stack or grows it, not where its
// frame is opened through X20, not where X27 is loaded for its faults alone,
// and from the beginning where a value is made in X27. Of package runtime
// nothing behind the frame may be. What it does not know are write barriers and
// the like: told.
type points struct {
	code     []uint32
	grow     int32 // block
	from, to int32 // where all is unsafe
	stack    int32 // 0: not looked at yet; 1: looks or grows; 2: has
	restart  int32 // the last one
	goesOn   bool  // what was begun with it
}

func newPoints(code []uint32, all bool) points {
	p := points{code: code, grow: block(code), from: int32(len(code)), restart: pointRestart}
	p.to = p.from
	if p.grow < 0 {
		p.stack = 2
	} else {
		p.to = p.grow
	}
	if all {
		p.from = 0
		for i, w := range code[:min(framed, len(code))] {
			if w == 0xd10023fd { // SUB X29, SP, #8
				p.from = int32(i + 1)
				break
			}
		}
	}
	return p
}

// value returns that of instruction i; they are asked for in order.
func (p *points) value(i int32, told bool) int32 {
	w := p.code[i]
	if i == p.grow {
		p.stack = 1
	}
	makes := w>>26&7 == 4 && w&31 == 27 // of immediates, in X27
	value := int32(pointSafe)
	switch {
	case told, p.stack == 1, i >= p.from && i < p.to,
		w == 0x9100029f,            // MOV SP, X20
		w&0xffc0001f == 0x3980001b: // LDRSB X27, [Xn, #imm]
		value = pointUnsafe
		p.goesOn = false
	case p.goesOn || makes:
		if !p.goesOn {
			p.restart ^= 1
		}
		value = p.restart
		p.goesOn = makes
	}
	switch {
	case w&0xff00001f == 0x54000009, w>>26 == 0x25: // B.LS, BL
		p.stack = 2
	case p.stack == 0 && w&0xffc003ff == 0xf9400390: // LDR X16, [X28, #imm]
		p.stack = 1
	}
	return value
}

// pointTable returns the table of unsafe points: get gives how many
// instructions, and 1, are as points has them, 0 for the rest; then how many are
// unsafe; and so on.
func pointTable(code []uint32, all bool, get func() uint32) []byte {
	m, p := newMaker(), newPoints(code, all)
	value, told, left := int32(pointSafe), false, get()-1
	for i := range int32(len(code)) {
		for left == 0 {
			told, left = !told, get()
			if !told {
				left--
			}
		}
		left--
		if v := p.value(i, told); v != value {
			m.run(value, i)
			value = v
		}
	}
	m.run(value, int32(len(code)))
	return m.end()
}

// toldPoints returns what pointTable has to be given to make that table, if it can.
func toldPoints(code []uint32, all bool, table []byte) (list []uint32, ok bool) {
	p, i, value := newPoints(code, all), int32(0), int32(-1)
	told, since := false, int32(0)
	for _, s := range spans(table) {
		value += s.delta
		for range s.n {
			if int(i) >= len(code) {
				return nil, false
			}
			ahead := p
			is := told && value == pointUnsafe || ahead.value(i, false) != value
			if is != told {
				n := uint32(i - since)
				if is {
					n++
				}
				list = append(list, n)
				told, since = is, i
			}
			if p.value(i, told) != value {
				return nil, false
			}
			i++
		}
	}
	last := uint32(0)
	if told {
		last = uint32(i - since)
	}
	list = append(list, last)
	at := 0
	made := pointTable(code, all, func() uint32 {
		if at == len(list) {
			return 0
		}
		at++
		return list[at-1]
	})
	return list, string(made) == string(table)
}
