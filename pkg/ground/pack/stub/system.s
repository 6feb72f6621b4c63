	.equ	STUB, 4096		// stubSize: bytes in front of what a stub works on

	// Columns of a filtered program (columns.go).
	.equ	SIZES, 0
	.equ	NAMES, 1
	.equ	ARGS, 2
	.equ	DEFERS, 3
	.equ	SHAPES, 4
	.equ	PCSPS, 5		// and five for the tables of pcdata
	.equ	FUNCDATA, 11		// and seven more
	.equ	COLUMNS, 27		// with the newest of each column of funcdata

	.equ	PROLOGUE, 12		// instructions in which a stack is looked at
	.equ	FRAMED, 18		// and in which a frame is made
