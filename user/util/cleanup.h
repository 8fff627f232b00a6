/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cleanup.h: ownership that a reader can see.
 *
 * An owned local carries __cleanup(...) and starts NULL or -1; it is released at the end of
 * its scope. Ownership leaves only by TAKE_PTR() or TAKE_FD(). A module that exports an
 * owning type declares `mt_x_free(struct mt_x **)`, which takes NULL and clears, and is
 * itself the cleanup function: `__cleanup(mt_x_free) struct mt_x *x = NULL;`.
 */
#ifndef MT_UTIL_CLEANUP_H
#define MT_UTIL_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define __cleanup(fn) __attribute__((cleanup(fn)))
#define _free_	      __cleanup(mt_cleanup_free)
#define _close_	      __cleanup(mt_cleanup_fd)
#define _fclose_      __cleanup(mt_cleanup_file)
#define _closedir_    __cleanup(mt_cleanup_dir)

#define TAKE_PTR(p)                          \
	({                                   \
		__typeof__(p) __taken = (p); \
		(p) = NULL;                  \
		__taken;                     \
	})

#define TAKE_FD(fd)                 \
	({                          \
		int __taken = (fd); \
		(fd) = -1;          \
		__taken;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void mt_cleanup_free(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}

static inline void mt_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void mt_cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

static inline void mt_cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

#endif
