/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * catalogue.h: the allocators that we know, as data.
 *
 * A family is recognised by functions that nobody else defines. Its functions are the
 * standard ones, where the file's malloc is the family's, and those of its own, which may be
 * called beside another malloc. All of it is constant and lives for ever. Numbers of
 * arguments count from 1; 0: there is no such argument.
 */
#ifndef MT_TARGET_CATALOGUE_H
#define MT_TARGET_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct mt_catalogue_function {
	enum mt_func func;
	const char *name;
	uint8_t size, factor, block;
	bool throws; /* it may end by a C++ exception, which does not pass a return probe */
};

/* How a file tells the version of its allocator: one of these. */
struct mt_catalogue_version {
	const char *definition;	  /* its highest version definition that begins so */
	const char *function;	  /* what this returns: 209 is 2.0.9 */
	const char *const *texts; /* a text that begins with one of these, to the NULL */
	const char
		*then; /* the version comes behind this; NULL: the text's beginning is part of it */
	char end;      /* and this behind the version */
};

struct mt_catalogue_family {
	const char *name;
	const char *soname;	     /* or NULL: any, or none */
	const char *const *prefixes; /* names may begin with one of these, to the NULL */
	const char *const *marks;    /* it defines these, behind the prefix, to the NULL */
	const char *malloc_alias;    /* malloc is the family's if this is the same; NULL: it is */
	bool is_libc;		     /* what it calls its own malloc for is the program's */
	bool operators; /* C++'s new and delete too, where they are not made of a malloc */
	const struct mt_catalogue_function *own; /* behind the prefix; or NULL */
	/*
	 * Who in a static program calls its own free for blocks that the program has freed
	 * before: the first of these that is there, to the NULL; or NULL.
	 */
	const char *const *flushers;
	const struct mt_catalogue_version *version;
};

/* To the entry without a name. Of several that claim one function the first has it. */
extern const struct mt_catalogue_family mt_catalogue[];

/* What a user says to be an allocator, with a prefix; it has no name. */
extern const struct mt_catalogue_family mt_catalogue_custom;

/* malloc and its kin; operator new and delete. The lists end with the entry without a name. */
extern const struct mt_catalogue_function mt_catalogue_standard[];
extern const struct mt_catalogue_function mt_catalogue_operators[];

#endif
