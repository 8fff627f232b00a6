/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * page.h: the HTML report up to its data and behind it, as web/build.mjs made them. Constants of
 * page.S; both are empty where memtide was built with NO_HTML=1.
 */
#ifndef MT_REPORT_PAGE_H
#define MT_REPORT_PAGE_H

extern const char mt_page_head[], mt_page_head_end[];
extern const char mt_page_tail[], mt_page_tail_end[];

#endif
