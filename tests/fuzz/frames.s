# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
# What a fuzzer would long look for: an .eh_frame with every instruction that CFI has.
	.text
f:
	.cfi_startproc
	nop
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	nop
	.cfi_remember_state
	.cfi_def_cfa_register %rbp
	.cfi_escape 0x16, 3, 2, 0x77, 8			# val_expression
	.cfi_escape 0x2f, 6, 2				# GNU_negative_offset_extended
	nop
	.cfi_restore_state
	.cfi_escape 0x0f, 3, 0x76, 0x78, 0x06		# def_cfa_expression: breg6 -8; deref
	.cfi_escape 0x10, 6, 2, 0x76, 0			# expression: breg6 0
	nop
	.cfi_escape 0x0f, 6, 0x77, 0x98, 1, 6, 0x23, 8	# breg7 152; deref; plus_uconst 8
	.skip	300
	.cfi_def_cfa %rbx, 24
	.cfi_escape 0x12, 7, 0x7c			# def_cfa_sf
	.cfi_escape 0x13, 0x7b				# def_cfa_offset_sf
	nop
	.cfi_restore %rbp
	.cfi_escape 0x05, 6, 4				# offset_extended
	.cfi_escape 0x11, 3, 4				# offset_extended_sf
	.cfi_escape 0x06, 6				# restore_extended
	nop
	.cfi_undefined %rip
	.cfi_same_value %rbp
	.cfi_register %rbx, %r12
	.cfi_escape 0x14, 6, 1				# val_offset
	.cfi_escape 0x15, 6, 1				# val_offset_sf
	.cfi_escape 0x2e, 16				# GNU_args_size
	.cfi_escape 0x03, 1, 0, 0x04, 1, 0, 0, 0	# advance_loc2, advance_loc4
	nop
	.cfi_endproc

g:
	.cfi_startproc
	.cfi_personality 0x1b, f
	.cfi_signal_frame
	nop
	.cfi_endproc

h:	# one that a PLT has
	.cfi_startproc
	.cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
	nop
	.cfi_endproc
