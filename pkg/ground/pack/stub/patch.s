// Applies a pack.Patch: standard input is a file that begins with this program,
// descriptor 3 the old program; the new one is written to standard output. It
// trusts both files: what comes out has to be checked. A fault ends it like any
// program that goes astray. Between is what apply does in Go.
//
// x19 the steps    x22 the old program    x20 the new one    x21 how far it is made
// w24 steps left   x26 differences        x27 new bytes
	.include "system.s"

	mov	x0, #0			// the patch: this file, behind the stub
	bl	whole
	add	x19, x0, #STUB
	mov	x0, #3
	bl	whole
	mov	x22, x0
	adr	x1, old
	mov	w2, #0
	bl	rows
	ldr	w1, [x19], #4		// bytes of the new program
	mov	x2, #3			// PROT_READ|PROT_WRITE
	mov	x3, #0x22		// MAP_PRIVATE|MAP_ANONYMOUS
	mov	x4, #-1
	bl	map
	mov	x20, x0
	mov	x21, x0
	ldr	w24, [x19], #4		// steps
	ldr	w25, [x19], #4		// bytes of differences
	mov	w9, #12
	madd	x26, x24, x9, x19	// differences, behind the steps
	add	x27, x26, x25		// new bytes, behind the differences
1:	cbz	w24, made
	sub	w24, w24, #1
	ldp	w10, w11, [x19], #8	// bytes to add to, new bytes
	ldrsw	x12, [x19], #4		// then skip in the old program
2:	cbz	w10, 3f
	sub	w10, w10, #1
	ldrb	w13, [x22], #1
	ldrb	w14, [x26], #1
	add	w13, w13, w14
	strb	w13, [x21], #1
	b	2b
3:	cbz	w11, 4f
	sub	w11, w11, #1
	ldrb	w13, [x27], #1
	strb	w13, [x21], #1
	b	3b
4:	add	x22, x22, x12
	b	1b

// whole maps the open file x0.
whole:	mov	x9, x30
	mov	x4, x0
	bl	size
	mov	x1, x0
	mov	x2, #3			// PROT_READ|PROT_WRITE
	mov	x3, #2			// MAP_PRIVATE
	mov	x30, x9
	b	map

made:	mov	x0, x20
	adr	x1, new
	mov	w2, #1
	bl	rows
	b	write

// rows loosens the function table of the program x0, or with w2 tightens it:
// (rows).turn in Go. x1 has where it stands.
rows:	ldp	w3, w4, [x1]		// functab, funcs
	ldp	w5, w6, [x1, #8]	// pctab, names
	ldp	w7, w8, [x1, #16]	// made, address
	add	x3, x0, x3
	add	x5, x0, x5
	add	x6, x0, x6
	add	x7, x0, x7		// the next name
	add	x9, x5, #1		// the next table
	mov	x10, x3			// the next pair
	lsl	w11, w4, #3
	add	w11, w11, #8		// the next record, from functab
	mov	w12, #0			// the last entry
1:	cbz	w4, 9f
	sub	w4, w4, #1
	add	x13, x3, x11
	ldr	w14, [x13]
	cbz	w2, 2f
	add	w14, w14, w12
	mov	w12, w14
	stp	w14, w11, [x10], #8
	b	3f
2:	sub	w15, w14, w12
	mov	w12, w14
	mov	w14, w15
	stp	wzr, wzr, [x10], #8
3:	str	w14, [x13]

	// A name that is made of an address.
	sub	x15, x7, x6
	cmp	w2, #0
	csel	w16, w15, wzr, eq	// how it is told now,
	csel	w15, wzr, w15, eq	// and how from now on
	ldr	w17, [x13, #4]
	cmp	w17, w16
	b.ne	6f
	str	w15, [x13, #4]
4:	ldrb	w17, [x7], #1
	cbnz	w17, 4b
	cbnz	w2, 5f
	stur	xzr, [x7, #-8]		// seven digits and the end
	b	6f
5:	sub	x7, x7, #1
	add	w14, w14, w8
	mov	w16, #28
2:	sub	w16, w16, #4
	lsr	w17, w14, w16
	and	w17, w17, #15
	cmp	w17, #10
	add	w15, w17, #'0'
	add	w17, w17, #'a'-10
	csel	w17, w15, w17, lo
	strb	w17, [x7], #1
	cbnz	w16, 2b
	add	x7, x7, #1

	// Offsets of tables.
6:	ldr	w14, [x13, #28]		// npcdata
	ldrb	w16, [x13, #43]		// nfuncdata
	add	w16, w16, w14
	add	w11, w11, w16, lsl #2
	add	w11, w11, #44+7
	and	w11, w11, #-8
	add	x15, x13, #16		// pcsp
	add	x13, x13, #44
7:	ldr	w16, [x15]
	cbz	w16, 8f
	sub	x16, x9, x5
	cmp	w2, #0
	csinc	w16, w16, wzr, ne	// 1 when loose
	str	w16, [x15]
3:	ldrb	w17, [x9], #1
	tbnz	w17, #7, 3b
2:	ldrb	w17, [x9], #1
	tbnz	w17, #7, 2b
	ldrb	w17, [x9]
	cbnz	w17, 3b
	add	x9, x9, #1
8:	cbz	w14, 1b
	sub	w14, w14, #1
	mov	x15, x13
	add	x13, x13, #4
	b	7b
9:	ret

	.include "write.s"

// What Patch appends: type rows of the old program, and of the new.
old:
new	= old + 24
