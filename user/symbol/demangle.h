/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * demangle.h: C++ and Rust names (legacy and v0) as their programmers wrote them.
 *
 * Names come from files that somebody else made. libiberty's own limits bound the recursion;
 * the output, which a short name can make exponentially long, is bounded here, and with it
 * the time. What prints a name must escape it: it may hold any bytes but 0. Thread-safe.
 */
#ifndef MT_SYMBOL_DEMANGLE_H
#define MT_SYMBOL_DEMANGLE_H

#define MT_SYMBOL_NAME_MAX 4096 /* bytes of a name; what is longer is cut and ends in "..." */

/*
 * The name, demangled if it is mangled, without a version ("@GLIBC_2.17"). A new string, the
 * caller's to free; NULL only without memory.
 */
char *mt_symbol_demangle(const char *name);

#endif
