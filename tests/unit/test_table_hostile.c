// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Damaged files, and files made to take long: a table that is whole or an error, in good time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "cfi_bytes.h"
#include "elf_fixture.h"
#include "table_search.h"

#define COPIES	     100 /* of each file, damaged each way */
#define SEARCHES     1000
#define HOSTILE_CIES 4
#define HOSTILE_LEN  (1U << 20)
#define SECONDS_MAX  5 /* under sanitizers; what is quadratic takes minutes */

static const char *const files[] = {
	FIXTURE_LIBC,
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/lib/x86_64-linux-gnu/libz.so.1",
	"/lib64/ld-linux-x86-64.so.2",
};

/* Whatever it says, it is whole and can be searched. */
static void expect_searchable(struct mt_table *table)
{
	struct mt_rule rule;

	assert_int_equal(mt_table_check(table->nodes, table->nr_nodes), 0);
	for (int i = 0; i < SEARCHES; i++)
		mt_unwind_rule(table, (uint32_t)fixture_random(1ULL << (8 + i % 25)), &rule);
}

static void test_damaged_files(void **state)
{
	unsigned int built = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct fixture_victim victim;

		fixture_victim_new(&victim, files[i]);
		for (int copy = 0; copy < COPIES; copy++) {
			__cleanup(mt_table_free) struct mt_table *table = NULL;
			__cleanup(mt_elf_free) struct mt_elf *elf = NULL;

			fixture_damage(&victim);
			if (!mt_elf_new(&elf, victim.fd) && !mt_table_build(&table, elf)) {
				expect_searchable(table);
				built++;
			}
			fixture_heal(&victim);
		}
		fixture_victim_free(&victim);
	}
	print_message("%u of %zu have a table\n", built, ARRAY_SIZE(files) * COPIES);
	assert_true(built > 20);
}

static void damage_frames(uint8_t *data, size_t len)
{
	for (uint64_t nr = 1 + fixture_random(256); nr; nr--)
		data[fixture_random(len)] = (uint8_t)fixture_random(256);
}

/* The same of nothing but .eh_frame, in many places. */
static void test_damaged_frames(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct fixture_victim victim;

		fixture_victim_new(&victim, files[i]);
		for (int copy = 0; copy < COPIES; copy++) {
			__cleanup(mt_table_free) struct mt_table *table = NULL;
			__cleanup(mt_elf_free) struct mt_elf *elf = NULL;
			_free_ uint8_t *data = NULL;
			uint64_t address;
			size_t len;
			int err;

			assert_int_equal(mt_elf_new(&elf, victim.fd), 0);
			assert_int_equal(mt_elf_read_frames(elf, &data, &len, &address), 0);
			/* Here addresses of what is read only are places in the file. */
			assert_memory_equal(victim.data + address, data, len);
			damage_frames(data, len);
			assert_int_equal(pwrite(victim.fd, data, len, (off_t)address), len);
			err = mt_table_build(&table, elf);
			assert_true(!err || err == -E2BIG);
			if (!err)
				expect_searchable(table);
			assert_int_equal(
				pwrite(victim.fd, victim.data + address, len, (off_t)address), len);
		}
		fixture_victim_free(&victim);
	}
}

static int on_row(uint64_t address, const struct mt_rule *rule, void *arg)
{
	return 0;
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* CIEs of which each is long, and many short FDEs that change from one to the other. */
static void expect_no_time_lost(bool in_letters, int expected)
{
	struct cfi_bytes b = { 0 };
	size_t cies[HOSTILE_CIES];
	double begin;
	int err;

	for (size_t i = 0; i < HOSTILE_CIES; i++) {
		_free_ uint8_t *ops = calloc(1, HOSTILE_LEN);
		_free_ char *letters = malloc(HOSTILE_LEN);

		assert_true(ops && letters);
		memset(letters, 'S', HOSTILE_LEN);
		letters[0] = 'z';
		letters[HOSTILE_LEN - 1] = '\0';
		cfi_cie(&b, in_letters ? letters : "z", NULL, 0, ops, in_letters ? 0 : HOSTILE_LEN);
		cies[i] = b.cie;
	}
	for (uint64_t i = 0; i < 100000; i++) {
		b.cie = cies[i % HOSTILE_CIES];
		cfi_fde(&b, i * 16, 16, NULL, 0);
	}
	begin = cpu_seconds();
	err = cfi_read(&b, on_row, NULL);
	assert_int_equal(err, expected);
	assert_true(cpu_seconds() - begin < SECONDS_MAX);
	cfi_bytes_free(&b);
}

static void test_long_programs(void **state)
{
	expect_no_time_lost(false, -E2BIG);
}

static void test_long_augmentations(void **state)
{
	expect_no_time_lost(true, 0);
}

static int setup(void **state)
{
	fixture_new();
	return 0;
}

static int teardown(void **state)
{
	fixture_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_damaged_frames),
		cmocka_unit_test(test_long_programs),
		cmocka_unit_test(test_long_augmentations),
	};

#ifndef __x86_64__
	puts("tables are only for x86-64");
	return 77;
#endif
	return cmocka_run_group_tests(tests, setup, teardown);
}
