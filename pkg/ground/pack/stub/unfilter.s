// Undoes pack.Filter: standard input, a file that begins with this program, is
// mapped copy-on-write, made whole in place and written to standard output.
// Exit 0 when all was written, else 1. Needs four system calls that Linux
// always had. Between is what (params).unfilter does in Go.
//
// x20 the program, behind the stub    x21 its end
// x22 where each column stands, in 32-bit offsets from x20, moved as it is read
// In the loop over functions, all but offsets being addresses:
// x23 its pair   x24 its record   x25 the next pc-value table   x26 the next name
// w27 functions left   w28 its entry, from the start of the code
// w29 how far the index by address is, from the start of the code   x19 its next byte
// x9 its code   w10 instructions in it   w11 its block, that grows the stack
	.include "system.s"

	mov	x0, #0
	bl	size
	mov	x1, x0
	mov	x0, #0
	mov	x2, #3			// PROT_READ|PROT_WRITE
	mov	x3, #2			// MAP_PRIVATE
	mov	x4, #0
	bl	map
	add	x20, x0, #STUB
	ldr	w21, length
	add	x21, x20, x21
	mov	x22, x21		// the columns stand behind the program

// The bytes of instructions turn around; ADRP: from positions to distances.
	ldr	w9, text
	ldr	w10, words
	add	x9, x20, x9
	mov	w11, #0			// number of the instruction
1:	cmp	w11, w10
	b.hs	functions
	ldr	w12, [x9, x11, lsl #2]
	rev	w12, w12
	tbz	w12, #31, 3f
	ubfx	w13, w12, #24, #5
	cmp	w13, #16		// ADRP
	b.ne	3f
	ubfx	w13, w12, #5, #19
	ubfx	w14, w12, #29, #2
	orr	w13, w13, w14, lsl #19
	sub	w13, w13, w11, lsr #10
	bfi	w12, w13, #29, #2
	lsr	w13, w13, #2
	bfi	w12, w13, #5, #19
3:	str	w12, [x9, x11, lsl #2]
	add	w11, w11, #1
	b	1b

functions:
	ldr	w23, functab
	add	x23, x20, x23
	ldr	w24, first
	add	x24, x23, x24
	ldr	w25, pctab
	add	x25, x20, x25
	add	x25, x25, #1		// 0 is the sign for no table
	ldr	w26, made
	add	x26, x20, x26
	ldr	w27, funcs
	mov	w28, #0
	ldr	w19, buckets
	add	x19, x20, x19
	mov	w29, #0

function:
	cbz	w27, callees
	sub	w27, w27, #1

	// The pair, and the entry once more.
	ldr	w0, functab
	add	x0, x20, x0
	sub	x0, x24, x0
	stp	w28, w0, [x23], #8
	str	w28, [x24]

	// The code and its length, in 16 bytes and one more; 0: up to the branch to
	// the beginning.
	ldr	w9, text
	add	x9, x20, x9
	add	x9, x9, x28
	mov	w0, #SIZES
	bl	get
	sub	w10, w0, #1
	lsl	w10, w10, #2
	cbnz	w0, 2f
	mov	w10, #0
	mov	w2, #0x14000000
1:	ldr	w1, [x9, x10, lsl #2]
	add	w10, w10, #1
	cmp	w1, w2
	b.ne	1b
	add	w10, w10, #3
	and	w10, w10, #-4
2:
	// The index by address: for each 4,096 bytes of code the number of the
	// function that they begin in, and how much later that of each 256 of them is.
	ldr	w0, funcs
	sub	w0, w0, w27
	sub	w0, w0, #1
	add	w1, w28, w10, lsl #2
	cmp	w27, #0
	csinv	w1, w1, wzr, ne		// the last one reaches to the end
	ldr	w4, end
	add	x4, x20, x4
1:	cmp	w29, w1
	b.hs	3f
	cmp	x19, x4
	b.hs	3f
	ubfx	w2, w29, #8, #4
	cbnz	w2, 2f
	str	w0, [x19], #4
2:	sub	x3, x19, x2
	ldur	w3, [x3, #-4]
	sub	w3, w0, w3
	strb	w3, [x19], #1
	add	w29, w29, #256
	b	1b
3:
	// Its instructions, as turn has them; and where it grows the stack, the
	// target of the first B.LS in its first instructions.
	mov	w11, #-1
	mov	w4, #0			// bytes of its frame
	mov	w0, #0
1:	cmp	w0, w10
	b.hs	named
	ldr	w1, [x9, x0, lsl #2]
	tbz	w11, #31, 2f		// found
	cmp	w0, #PROLOGUE
	b.hs	2f
	and	w2, w1, #0xff00001f
	ldr	w3, less
	cmp	w2, w3
	b.ne	2f
	ubfx	w2, w1, #5, #19
	sub	w11, w10, w2
	sub	w2, w11, w0
	bfi	w1, w2, #5, #19
	b	8f
2:	lsr	w2, w1, #26
	cmp	w2, #5			// B
	b.ne	4f
	sbfx	w2, w1, #0, #26
	cbz	w2, 3f
	adds	w2, w2, w0
	b.ne	9f
	mov	w1, #0x14000000
	b	8f
3:	neg	w2, w0
	bfi	w1, w2, #0, #26
	b	8f
4:	and	w2, w1, #0xffe00fff
	ldr	w3, push
	cmp	w2, w3
	b.ne	5f
	sbfx	w4, w1, #12, #9
	neg	w4, w4
	b	9f
5:	ldr	w3, pop
	cmp	w2, w3
	b.ne	6f
	ubfx	w2, w1, #12, #9
	sub	w2, w4, w2
	bfi	w1, w2, #12, #9
	b	8f
6:	and	w2, w1, #0xffc003ff
	ubfx	w5, w1, #10, #12
	ldr	w3, large
	cmp	w2, w3
	csel	w4, w5, w4, eq
	ldr	w3, release
	cmp	w2, w3
	b.ne	7f
	sub	w2, w4, w5
	bfi	w1, w2, #10, #12
	b	8f
7:	ubfx	w2, w1, #24, #6
	ubfx	w3, w1, #5, #5
	cmp	w2, #0x39		// LDR and STR, [SP, #imm]
	mov	w2, #31
	ccmp	w3, w2, #0, eq
	b.ne	9f
	lsr	w2, w1, #30
	lsr	w3, w4, w2
	cmp	w5, w3
	b.lo	9f
	add	w3, w3, #0xfff
	sub	w2, w3, w5
	bfi	w1, w2, #10, #12
8:	str	w1, [x9, x0, lsl #2]
9:	add	w0, w0, #1
	b	1b
named:
	// The name: as it is, or a beginning and the address.
	mov	w0, #NAMES
	bl	get
	lsr	w1, w0, #1
	tbnz	w0, #0, 4f
	ldr	w2, names
	add	x2, x20, x2
	sub	x3, x26, x2
	add	x2, x2, x1
	mov	w1, w3
1:	ldrb	w3, [x2], #1
	cbz	w3, 2f
	strb	w3, [x26], #1
	b	1b
2:	ldr	w2, address
	add	w2, w2, w28
	mov	w3, #28			// seven digits
3:	sub	w3, w3, #4
	lsr	w4, w2, w3
	and	w4, w4, #15
	cmp	w4, #10
	add	w5, w4, #'0'
	add	w6, w4, #'a'-10
	csel	w4, w5, w6, lo
	strb	w4, [x26], #1
	cbnz	w3, 3b
	strb	wzr, [x26], #1
4:	str	w1, [x24, #4]

	// Bytes of arguments, and the way back from a panic.
	mov	w0, #ARGS
	bl	get
	str	w0, [x24, #8]
	mov	w0, #DEFERS
	bl	get
	str	w0, [x24, #12]

	// The shape: two words from the list of shapes.
	mov	w0, #SHAPES
	bl	get
	add	x1, x22, #4*COLUMNS
	add	x1, x1, x0, lsl #3
	ldp	w12, w0, [x1]		// how its tables are told, two bits each
	str	w0, [x24, #40]
	lsr	w13, w0, #24		// nfuncdata
	and	w0, w12, #7		// npcdata
	str	w0, [x24, #28]
	lsr	w12, w12, #3
	mov	w14, #PCSPS		// the column
	add	x15, x24, #16
	add	x24, x24, #44
	add	x16, x24, x0, lsl #2	// where the tables end

	// Its pc-value tables: stack pointer, then those of pcdata.
table:	and	w0, w12, #3
	lsr	w12, w12, #2
	cbz	w0, 1f
	ldr	w1, pctab
	add	x1, x20, x1
	sub	x1, x25, x1
	str	w1, [x15]
	mov	w4, #-1			// the value before,
	mov	w5, #-1			// now,
	mov	w6, #0			// where now began,
	mov	w7, #0			// and where we are
	cmp	w0, #2
	b.lo	told
	cmp	w14, #PCSPS+1
	b.eq	points
	cmp	w0, #2
	b.hi	calls
	b	stack
1:	str	wzr, [x15]
next:	cmp	w14, #PCSPS
	add	w14, w14, #1
	add	x15, x15, #4
	csel	x15, x24, x15, eq
	cmp	x15, x16
	b.lo	table

	// Its funcdata: 0 none, odd one that was there before, even a new one.
	mov	w14, #FUNCDATA
1:	cbz	w13, 5f
	sub	w13, w13, #1
	mov	w0, w14
	bl	get
	subs	w1, w0, #1
	b.lo	4f			// none: -1
	lsr	w1, w0, #1
	tbnz	w0, #0, 4f
	add	x2, x22, #4*(COLUMNS-8-FUNCDATA)
	ldr	w3, [x2, x14, lsl #2]	// the newest of this column
	add	w1, w1, w3
	sub	w1, w1, #1
	str	w1, [x2, x14, lsl #2]
4:	str	w1, [x15], #4
	add	w14, w14, #1
	b	1b
5:	add	x24, x15, #7		// records begin at multiples of 8
	and	x24, x24, #-8
	add	w28, w28, w10, lsl #2
	b	function

// BL: from numbers of functions, or positions behind these, to distances.
callees:
	ldr	w9, text
	add	x9, x20, x9
	ldr	w10, words
	ldr	w11, funcs
	ldr	w12, functab
	add	x12, x20, x12
	mov	w0, #0
1:	cmp	w0, w10
	b.hs	write
	ldr	w1, [x9, x0, lsl #2]
	lsr	w2, w1, #26
	cmp	w2, #0x25		// BL
	b.ne	3f
	ubfx	w2, w1, #0, #26
	subs	w3, w2, w11
	b.hs	2f
	ldr	x3, [x12, x2, lsl #3]	// its entry is the low half
	lsr	w3, w3, #2
2:	sub	w3, w3, w0
	bfi	w1, w3, #0, #26
	str	w1, [x9, x0, lsl #2]
3:	add	w0, w0, #1
	b	1b

// A table as it is: value differences, and for how many instructions; 0 for
// the rest of the function.
told:	mov	w0, w14
	bl	get
	bl	put
	mov	w0, w14
	bl	get
	cbz	w0, 1f
	add	w7, w7, w0
	bl	put
	b	told
1:	sub	w0, w10, w7
	bl	put
	b	ended

// A table whose value changes at calls: by how much, 0 at the end; and how many
// calls behind the last change. Where the stack grows it is -1 again.
calls:	mov	w0, w14
	bl	get
	cbz	w0, 4f
	mov	w8, w0
	mov	w0, w14
	bl	get
1:	ldr	w1, [x9, x7, lsl #2]
	lsr	w2, w1, #26
	cmp	w2, #0x25		// BL
	b.eq	2f
	lsr	w2, w1, #10
	movz	w3, #0x35, lsl #16
	movk	w3, #0x8fc0		// BLR
	cmp	w2, w3
	b.ne	3f
2:	subs	w0, w0, #1
	b.lo	5f
3:	add	w7, w7, #1
	cmp	w7, w10
	b.lo	1b
5:	bl	run
	tst	w8, #1			// zigzag
	lsr	w8, w8, #1
	csinv	w8, w8, w8, eq
	add	w5, w5, w8
	b	calls
4:	tbnz	w11, #31, rest
	mov	w7, w11
	bl	run
	mov	w5, #-1
rest:	mov	w7, w10
	bl	run
ended:	strb	wzr, [x25], #1
	b	next

// The stack pointer, read off the code.
stack:	mov	w5, #0
	mov	w0, #0			// the frame of the function's body
	mov	w8, #0			// x20, where a large frame is made
1:	cmp	w7, w10
	b.hs	rest
	ldr	w1, [x9, x7, lsl #2]
	add	w7, w7, #1
	mov	w2, w5			// the value behind this instruction
	and	w3, w1, #0xffe00fff
	ldr	w17, push		// STR X30, [SP, #imm]!
	cmp	w3, w17
	b.eq	2f
	ldr	w17, pop		// LDR X30, [SP], #imm
	cmp	w3, w17
	b.ne	3f
2:	sbfx	w3, w1, #12, #9
	sub	w2, w2, w3
	b	5f
3:	and	w3, w1, #0xffc003ff
	ubfx	w17, w1, #10, #12
	ldr	w18, large		// SUB X20, SP, #imm
	cmp	w3, w18
	csel	w8, w17, w8, eq
	ldr	w18, release		// ADD SP, SP, #imm
	cmp	w3, w18
	b.ne	4f
	sub	w2, w2, w17
4:	ldr	w17, switch		// MOV SP, X20
	cmp	w1, w17
	b.ne	4f
	add	w2, w2, w8
4:	ldr	w17, return		// RET
	cmp	w1, w17
	b.ne	5f
	cmp	w7, w10
	b.hs	5f
	ldr	w17, [x9, x7, lsl #2]
	cbz	w17, 5f			// only padding follows
	mov	w2, w0
5:	cmp	w7, w11
	csel	w2, wzr, w2, eq
	cmp	w2, w5
	csel	w0, w2, w0, gt
	b.eq	1b
	mov	w18, w2
	mov	w17, w0
	bl	run
	mov	w5, w18
	mov	w0, w17
	b	1b

// Unsafe points, as (points).value has them. w0 is 3 where all is unsafe.
// x19 from where on all is   w8 the stack: 0 not looked at yet, 1 looks or grows, 2 has
// w26 the last restart   w28 it goes on   w23 told unsafe, or not   w21 for how many more
points:	stp	x19, x21, [sp, #-48]!
	stp	x23, x26, [sp, #16]
	stp	x28, x29, [sp, #32]
	mov	w19, w10
	cmp	w0, #2
	b.eq	2f
	mov	w19, #0
	mov	w0, #0
1:	cmp	w0, w10
	b.hs	2f
	cmp	w0, #FRAMED
	b.hs	2f
	ldr	w1, [x9, x0, lsl #2]
	add	w0, w0, #1
	ldr	w2, frame
	cmp	w1, w2
	b.ne	1b
	mov	w19, w0
2:	lsr	w8, w11, #31
	lsl	w8, w8, #1
	mov	w26, #-4
	mov	w28, #0
	mov	w23, #0
	mov	w0, w14
	bl	get
	sub	w21, w0, #1
3:	cmp	w7, w10
	b.hs	9f
4:	cbnz	w21, 5f
	eor	w23, w23, #1
	mov	w0, w14
	bl	get
	eor	w1, w23, #1
	sub	w21, w0, w1
	b	4b
5:	sub	w21, w21, #1
	ldr	w1, [x9, x7, lsl #2]
	cmp	w7, w11
	mov	w2, #1
	csel	w8, w2, w8, eq
	ubfx	w2, w1, #26, #3		// makes: of immediates, in X27
	and	w3, w1, #0x1f
	cmp	w2, #4
	mov	w2, #27
	ccmp	w3, w2, #0, eq
	cset	w2, eq
	mov	w29, #-2
	cbnz	w23, 6f
	cmp	w8, #1
	b.eq	6f
	cmp	w7, w19			// w11 without a sign is beyond all where there is none
	ccmp	w7, w11, #2, hs
	b.lo	6f
	ldr	w3, switch
	cmp	w1, w3
	b.eq	6f
	and	w3, w1, #0xffc0001f
	ldr	w17, check
	cmp	w3, w17
	b.eq	6f
	cbnz	w28, 5f
	mov	w29, #-1
	cbz	w2, 7f
	eor	w26, w26, #1
5:	mov	w29, w26
	mov	w28, w2
	b	7f
6:	mov	w28, #0
7:	lsr	w3, w1, #26
	cmp	w3, #0x25		// BL
	b.eq	8f
	and	w3, w1, #0xff00001f
	ldr	w17, less
	cmp	w3, w17
	b.eq	8f
	cbnz	w8, 7f
	and	w3, w1, #0xffc003ff
	ldr	w17, guard
	cmp	w3, w17
	b.ne	7f
	mov	w8, #1
	b	7f
8:	mov	w8, #2
7:	cmp	w29, w5
	b.eq	8f
	bl	run
	mov	w5, w29
8:	add	w7, w7, #1
	b	3b
9:	ldp	x23, x26, [sp, #16]
	ldp	x28, x29, [sp, #32]
	ldp	x19, x21, [sp], #48
	b	rest

// run closes the run of the value w5 at w7; the next one begins there.
run:	cmp	w6, w7
	b.eq	2f
	mov	x3, x30
	sub	w0, w5, w4
	lsl	w1, w0, #1		// zigzag
	eor	w0, w1, w0, asr #31
	bl	put
	sub	w0, w7, w6
	bl	put
	mov	w4, w5
	mov	w6, w7
	mov	x30, x3
2:	ret

// put appends w0 to the tables, seven bits in a byte.
put:	cmp	w0, #0x80
	b.lo	2f
	orr	w1, w0, #0x80
	strb	w1, [x25], #1
	lsr	w0, w0, #7
	b	put
2:	strb	w0, [x25], #1
	ret

// get returns the next number of column w0. x0 is all of it.
get:	add	x17, x22, x0, lsl #2
	ldr	w18, [x17]
	add	x18, x20, x18
	mov	x0, #0
	mov	w1, #0
1:	ldrb	w2, [x18], #1
	and	w3, w2, #0x7f
	lsl	w3, w3, w1
	orr	w0, w0, w3
	add	w1, w1, #7
	tbnz	w2, #7, 1b
	sub	x18, x18, x20
	str	w18, [x17]
	ret

	.include "write.s"

push:	.word	0xf8000ffe
pop:	.word	0xf84007fe
large:	.word	0xd10003f4
release: .word	0x910003ff
switch:	.word	0x9100029f
return:	.word	0xd65f03c0
less:	.word	0x54000009		// B.LS
frame:	.word	0xd10023fd		// SUB X29, SP, #8
check:	.word	0x3980001b		// LDRSB X27, [Xn, #imm]
guard:	.word	0xf9400390		// LDR X16, [X28, #imm]

// What Filter appends: type params, in its order.
length:
text	= length + 4
words	= length + 8
functab	= length + 12
funcs	= length + 16
first	= length + 20
pctab	= length + 24
names	= length + 28
made	= length + 32
address	= length + 36
buckets	= length + 40
end	= length + 44
