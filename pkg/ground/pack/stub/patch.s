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
1:	cbz	w24, write
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
	mov	x2, #1			// PROT_READ
	mov	x3, #2			// MAP_PRIVATE
	mov	x30, x9
	b	map

	.include "write.s"
