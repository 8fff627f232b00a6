// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* session/chunks.h on mappings of this process, headers as glibc writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session/chunks.h"
#include "util/cleanup.h"

#define PAGES 16

static uint64_t page;

struct place {
	uint64_t *words;
	int memory;
};

static void head(struct place *p, uint64_t at_page, uint64_t size)
{
	p->words[at_page * page / 8 + 1] = size;
}

/* Where they end, in pages. */
static uint64_t end_of(const struct place *p, uint64_t from, uint64_t to)
{
	uint64_t base = (uintptr_t)p->words;

	return (mt_chunks_end(p->memory, base + from * page, base + to * page) - base) / page;
}

static int setup(void **state)
{
	static struct place p;

	p.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	p.words = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	assert_true(p.memory >= 0 && p.words != MAP_FAILED);
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	munmap(p->words, PAGES * page);
	close(p->memory);
	return 0;
}

static void test_chain(void **state)
{
	struct place *p = *state;

	head(p, 0, (4 * page) | 2);
	assert_int_equal(end_of(p, 0, 4), 4);
	assert_int_equal(end_of(p, 0, 5), 4); /* the next has no header */
	assert_int_equal(end_of(p, 0, 3), 0); /* it is longer than that */
	head(p, 4, page | 2);
	head(p, 5, (11 * page) | 2);
	assert_int_equal(end_of(p, 0, 16), 16);
	assert_int_equal(end_of(p, 4, 16), 16);
	assert_int_equal(end_of(p, 0, 15), 5);
	assert_int_equal(end_of(p, 1, 16), 1);
}

static void test_not_a_header(void **state)
{
	const uint64_t sizes[] = { 0,
				   2,
				   4 * page,
				   (4 * page) | 3,
				   (4 * page) | 6,
				   4 * page + 18,
				   UINT64_MAX,
				   ((uint64_t)1 << 63) | 2 };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		head(p, 0, sizes[i]);
		assert_int_equal(end_of(p, 0, 4), 0);
	}
	head(p, 0, (4 * page) | 2);
	p->words[0] = 16;
	assert_int_equal(end_of(p, 0, 4), 0);
}

static void test_unreadable(void **state)
{
	struct place *p = *state;

	head(p, 0, (4 * page) | 2);
	assert_int_equal(mt_chunks_end(-1, 1, 2), 1);
	munmap(p->words, page);
	assert_int_equal(end_of(p, 0, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
	};

	page = (uint64_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
