// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* target/smaps.h: good text, bad text, and a process that we know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/smaps.h"
#include "util/cleanup.h"

#define TEXT                                                                                    \
	"55d0c0000000-55d0c0004000 r--p 00000000 fe:01 1234                       /usr/bin/x\n" \
	"Size:                 16 kB\n"                                                         \
	"KernelPageSize:        4 kB\n"                                                         \
	"Rss:                  12 kB\n"                                                         \
	"Pss:                   3 kB\n"                                                         \
	"VmFlags: rd mr mw me sd \n"                                                            \
	"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"    \
	"Rss:                   0 kB\n"

static int read_text(struct mt_smaps **out, const char *text, size_t len)
{
	_fclose_ FILE *in = fmemopen((void *)text, len, "r");

	assert_non_null(in);
	return mt_smaps_read(out, in);
}

static void test_fields(void **state)
{
	__cleanup(mt_smaps_free) struct mt_smaps *s = NULL;

	assert_int_equal(read_text(&s, TEXT, strlen(TEXT)), 0);
	assert_int_equal(s->nr, 2);
	assert_int_equal(s->v[0].m.start, 0x55d0c0000000);
	assert_int_equal(s->v[0].m.inode, 1234);
	assert_string_equal(s->v[0].m.path, "/usr/bin/x");
	assert_int_equal(s->v[0].rss_bytes, 12 * 1024);
	assert_string_equal(s->v[1].m.path, "[stack]");
	assert_int_equal(s->v[1].rss_bytes, 0);
}

/* A name can say what it likes: it is in a line that begins with an address. */
static void test_hostile_name(void **state)
{
	static const char text[] = "1000-3000 r--p 00000000 fe:01 1  /tmp/\\012Rss: 99 kB\n"
				   "Rss: 4 kB\n"
				   "3000-5000 rw-p 00000000 fe:01 1  Rss: 8 kB (deleted)\n"
				   "Rss: 8 kB\n";
	__cleanup(mt_smaps_free) struct mt_smaps *s = NULL;

	assert_int_equal(read_text(&s, text, strlen(text)), 0);
	assert_int_equal(s->nr, 2);
	assert_string_equal(s->v[0].m.path, "/tmp/\nRss: 99 kB");
	assert_int_equal(s->v[0].rss_bytes, 4096);
	assert_int_equal(s->v[1].rss_bytes, 8192);
	assert_true(s->v[1].m.deleted);
}

/* Read in pieces while it changes, the text can show a mapping twice. */
static void test_overlap(void **state)
{
	static const char text[] = "1000-3000 r--p 00000000 00:00 0 \nRss: 4 kB\n"
				   "2000-5000 r--p 00000000 00:00 0 \nRss: 8 kB\n"
				   "5000-6000 r--p 00000000 00:00 0 \nRss: 0 kB\n";
	__cleanup(mt_smaps_free) struct mt_smaps *s = NULL;

	assert_int_equal(read_text(&s, text, strlen(text)), 0);
	assert_int_equal(s->nr, 2);
	assert_int_equal(s->v[0].rss_bytes, 4096);
	assert_int_equal(s->v[1].m.start, 0x5000);
}

/* Whatever is cut off, nothing of a mapping whose size is not known comes out. */
static void test_truncated(void **state)
{
	const char *second = strstr(TEXT, "7ffd"), *rss = strstr(TEXT, "Rss:");

	for (size_t len = 1; len < strlen(TEXT); len++) {
		__cleanup(mt_smaps_free) struct mt_smaps *s = NULL;
		const char *end = TEXT + len;
		bool whole = end[-1] == '\n' && end > rss && end <= second && end != rss;

		assert_int_equal(read_text(&s, TEXT, len), whole ? 0 : -EBADMSG);
		assert_int_equal(s ? s->nr : 0, whole ? 1 : 0);
	}
}

static void test_refused(void **state)
{
#define HEADER "1000-3000 r--p 00000000 00:00 0 \n"
	static const char *const bad[] = {
		"Rss: 4 kB\n",
		HEADER "Rss: -4 kB\n",
		HEADER "Rss: kB\n",
		HEADER "Rss: 4\n",
		HEADER "Rss: 4 MB\n",
		HEADER "Rss: 12 kB\n", /* more than it has room for */
		HEADER "Rss: 99999999999999999999 kB\n",
		HEADER "Rss: 4 kB\nRss: 4 kB\n",
		HEADER "Pss: 4 kB\n",
		HEADER HEADER "Rss: 4 kB\n",
		"3000-1000 r--p 00000000 00:00 0 \nRss: 0 kB\n",
		"zebra\n",
		"\n",
	};
	static const char nul[] = HEADER "Rss: 4\0kB\n";

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mt_smaps *s = NULL;

		assert_int_equal(read_text(&s, bad[i], strlen(bad[i])), -EBADMSG);
		assert_null(s);
	}
	assert_int_equal(read_text(&(struct mt_smaps *){ NULL }, nul, sizeof(nul) - 1), -EBADMSG);
}

static const struct mt_smap *find(const struct mt_smaps *s, const void *at)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->v[i].m.start <= (uintptr_t)at && (uintptr_t)at < s->v[i].m.end)
			return &s->v[i];
	fail();
	return NULL;
}

static void test_this_process(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), len = 64 * page;
	__cleanup(mt_smaps_free) struct mt_smaps *s = NULL;
	_close_ int memory = memfd_create("mt test", MFD_CLOEXEC);
	_close_ int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *anon = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *mem, *file = mmap(NULL, page, PROT_READ, MAP_PRIVATE, exe, 0);

	assert_int_equal(ftruncate(memory, (off_t)len), 0);
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	assert_true(anon != MAP_FAILED && mem != MAP_FAILED && file != MAP_FAILED);
	memset(anon, 1, 5 * page);
	memset(mem, 1, 7 * page);
	assert_int_equal(*file, 0x7f);

	assert_int_equal(mt_smaps_load(&s, getpid()), 0);
	assert_int_equal(find(s, anon)->rss_bytes, 5 * page);
	assert_true(find(s, anon)->shmem);
	assert_int_equal(find(s, mem)->rss_bytes, 7 * page);
	assert_true(find(s, mem)->shmem && find(s, mem)->m.deleted);
	assert_int_equal(find(s, file)->rss_bytes, page);
	assert_false(find(s, file)->shmem);
	assert_true(find(s, &page)->rss_bytes > 0);
	munmap(anon, len);
	munmap(mem, len);
	munmap(file, page);
}

static void test_none(void **state)
{
	struct mt_smaps *s = NULL;
	siginfo_t ended;
	pid_t pid;

	assert_int_equal(mt_smaps_load(&s, INT32_MAX), -ESRCH);
	pid = fork();
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, pid, &ended, WEXITED | WNOWAIT), 0);
	assert_int_equal(mt_smaps_load(&s, pid), 0); /* a zombie */
	assert_int_equal(s->nr, 0);
	mt_smaps_free(&s);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(mt_smaps_load(&s, pid), -ESRCH);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),	cmocka_unit_test(test_hostile_name),
		cmocka_unit_test(test_overlap), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_this_process),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
