/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* The files that web/build.mjs makes, as bytes of the program. */
	.section .rodata
	.global mt_page_head, mt_page_head_end, mt_page_tail, mt_page_tail_end
mt_page_head:
#ifndef NO_HTML
	.incbin "web/head.html"
#endif
mt_page_head_end:
mt_page_tail:
#ifndef NO_HTML
	.incbin "web/tail.html"
#endif
mt_page_tail_end:
	.section .note.GNU-stack, "", %progbits
