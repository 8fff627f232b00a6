// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "target/proc.h"
#include "util/cleanup.h"

/* include/uapi/linux/fs.h of 6.16; Debian 12's headers are older. */
struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define PAGEMAP_SCAN_CMD _IOWR('f', 16, struct scan_arg)
#define CATEGORY_PRESENT (1ULL << 3)
#define CATEGORY_SWAPPED (1ULL << 4)
#define CATEGORY_ZERO	 (1ULL << 5) /* the page of zeroes that all share */
#define CATEGORY_GUARD	 (1ULL << 8)

/* Documentation/admin-guide/mm/pagemap.rst; bit 58 is 0 before 6.15. */
#define ENTRY_PRESENT (1ULL << 63)
#define ENTRY_SWAPPED (1ULL << 62)
#define ENTRY_GUARD   (1ULL << 58)
#define ENTRIES	      512
#define REGIONS	      256	    /* that one ioctl tells */
#define READ_MAX      (16ULL << 30) /* 4 million entries, some 50 ms; sanitizers map terabytes */

static int scan(const struct mt_pagemap *p, enum mt_pages what, uint64_t *start, uint64_t *end)
{
	struct page_region region = {};
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = *start,
		.end = *end,
		.vec = (uintptr_t)&region,
		.vec_len = 1,
	};
	int n;

	if (what == MT_PAGES_GUARD) {
		arg.category_mask = CATEGORY_GUARD;
		arg.return_mask = CATEGORY_GUARD;
	} else {
		arg.max_pages = 1;
		arg.category_anyof_mask = CATEGORY_PRESENT | CATEGORY_SWAPPED;
		if (p->guards) {
			arg.category_mask = CATEGORY_GUARD;
			arg.category_inverted = CATEGORY_GUARD;
		}
	}
	n = ioctl(p->fd, PAGEMAP_SCAN_CMD, &arg);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	*start = region.start;
	*end = region.end;
	return 1;
}

static bool is(enum mt_pages what, uint64_t entry)
{
	if (what == MT_PAGES_GUARD || entry & ENTRY_GUARD)
		return what == MT_PAGES_GUARD && entry & ENTRY_GUARD;
	return entry & (ENTRY_PRESENT | ENTRY_SWAPPED);
}

static int read_entries(const struct mt_pagemap *p, enum mt_pages what, uint64_t *start,
			uint64_t *end)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t entries[ENTRIES], at = *start, first = 0;
	bool found = false;

	while (at < *end) {
		uint64_t nr = (*end - at) / page;
		ssize_t n;

		if (nr > ENTRIES)
			nr = ENTRIES;
		n = pread(p->fd, entries, nr * sizeof(*entries), at / page * sizeof(*entries));
		if (n < 0)
			return -errno;
		if (n < (ssize_t)sizeof(*entries))
			break; /* the address space is gone */
		nr = n / sizeof(*entries);
		for (uint64_t i = 0; i < nr; i++, at += page) {
			bool match = is(what, entries[i]);

			if (match && !found) {
				found = true;
				first = at;
			}
			if (found && (!match || what == MT_PAGES_TOUCHED)) {
				*start = first;
				*end = match ? at + page : at;
				return 1;
			}
		}
	}
	if (found) {
		*start = first;
		*end = at;
	}
	return found;
}

int mt_pagemap_first(struct mt_pagemap *p, enum mt_pages what, uint64_t *start, uint64_t *end)
{
	int n;

	if (*start >= *end)
		return 0;
	while (p->scan && (p->guards || what != MT_PAGES_GUARD)) {
		n = scan(p, what, start, end);
		if (n == -ENOTTY)
			p->scan = false;
		else if (n == -EINVAL && p->guards)
			p->guards = false;
		else
			return n;
	}
	return p->scan ? 0 : read_entries(p, what, start, end);
}

/* Where the scan has come to in *start; 1: there may be more. */
static int scan_resident(const struct mt_pagemap *p, uint64_t *start, uint64_t end,
			 int (*cb)(uint64_t start, uint64_t end, void *arg), void *arg)
{
	struct page_region regions[REGIONS];
	struct scan_arg scan = {
		.size = sizeof(scan),
		.start = *start,
		.end = end,
		.vec = (uintptr_t)regions,
		.vec_len = REGIONS,
		.category_inverted = CATEGORY_ZERO,
		.category_mask = CATEGORY_PRESENT | CATEGORY_ZERO,
		.return_mask = CATEGORY_PRESENT,
	};
	int n = ioctl(p->fd, PAGEMAP_SCAN_CMD, &scan), err = 0;

	if (n < 0)
		return -errno;
	if (scan.walk_end <= *start)
		return 0;
	for (int i = 0; i < n && !err; i++)
		err = cb(regions[i].start, regions[i].end, arg);
	*start = scan.walk_end;
	return err ? err : *start < end;
}

static int read_resident(const struct mt_pagemap *p, uint64_t start, uint64_t end,
			 int (*cb)(uint64_t start, uint64_t end, void *arg), void *arg)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t entries[ENTRIES], at = start, first = 0;
	bool found = false;
	int err = 0;

	if (end - start > READ_MAX)
		return -EFBIG;
	while (at < end && !err) {
		uint64_t nr = (end - at) / page < ENTRIES ? (end - at) / page : ENTRIES;
		ssize_t n =
			pread(p->fd, entries, nr * sizeof(*entries), at / page * sizeof(*entries));

		if (n < 0)
			return -errno;
		if (n < (ssize_t)sizeof(*entries))
			break; /* the address space is gone */
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*entries) && !err; i++, at += page) {
			bool resident = entries[i] & ENTRY_PRESENT;

			if (resident && !found)
				first = at;
			else if (!resident && found)
				err = cb(first, at, arg);
			found = resident;
		}
	}
	return err || !found ? err : cb(first, at, arg);
}

int mt_pagemap_each_resident(struct mt_pagemap *p, uint64_t start, uint64_t end,
			     int (*cb)(uint64_t start, uint64_t end, void *arg), void *arg)
{
	while (p->scan && start < end) {
		int more = scan_resident(p, &start, end, cb, arg);

		if (more == -ENOTTY)
			p->scan = false;
		else if (more <= 0)
			return more;
	}
	return start < end ? read_resident(p, start, end, cb, arg) : 0;
}

int mt_pagemap_open(struct mt_pagemap *p, pid_t pid)
{
	int fd = mt_proc_open(pid, "pagemap");

	if (fd < 0)
		return fd;
	*p = (struct mt_pagemap){ .fd = fd, .scan = true, .guards = true };
	return 0;
}

void mt_pagemap_close(struct mt_pagemap *p)
{
	mt_cleanup_fd(&p->fd);
}
