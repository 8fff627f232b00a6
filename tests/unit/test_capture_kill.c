// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The capture file while it is written: a writer that is killed, and a reader beside one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "capture_file.h"

#define ROWS_A_TICK 50

static int put_tick(struct mt_capture *c, int tick, int rows)
{
	struct mt_sample_row sample = { .t_ns = tick };
	int err = mt_capture_begin(c);

	for (int i = 0; i < rows && !err; i++) {
		sample.process = i;
		err = mt_capture_put_sample(c, &sample);
	}
	return err;
}

struct ticks {
	int rows;
	int last;
};

static int count_ticks(const struct mt_sample_row *row, void *arg)
{
	struct ticks *t = arg;

	t->rows++;
	if (row->t_ns > t->last)
		t->last = row->t_ns;
	return 0;
}

/* Whole ticks only, and all of those that were acknowledged. */
static void check_ticks(int acknowledged)
{
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;
	struct ticks ticks = { 0, -1 };

	assert_int_equal(mt_capture_open(&c, path), 0);
	assert_int_equal(mt_capture_each_sample(c, count_ticks, &ticks), 0);
	assert_int_equal(ticks.rows, (ticks.last + 1) * ROWS_A_TICK);
	assert_true(ticks.last == acknowledged || ticks.last == acknowledged + 1);
}

static void test_kill_at_any_moment(void **state)
{
	for (int round = 0; round < 30; round++) {
		int acknowledged = -1, fds[2];
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (!pid) {
			struct mt_capture *c = NULL;

			if (mt_capture_create(&c, path, true))
				_exit(1);
			for (int tick = 0;; tick++)
				if (put_tick(c, tick, ROWS_A_TICK) || mt_capture_commit(c) ||
				    write(fds[1], &tick, sizeof(tick)) != sizeof(tick))
					_exit(1);
		}
		close(fds[1]);
		assert_int_equal(read(fds[0], &acknowledged, sizeof(acknowledged)), 4);
		nanosleep(&(struct timespec){ .tv_nsec = (round * 7919 % 1000) * 20000 }, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], &acknowledged, sizeof(acknowledged)) == 4)
			;
		close(fds[0]);
		check_ticks(acknowledged);
	}
}

/* Dies in a transaction so large that its pages are in the file already. */
static void leave_hot_journal(void)
{
	pid_t pid = fork();

	if (!pid) {
		struct mt_capture *c = NULL;

		if (mt_capture_create(&c, path, true) || put_tick(c, 0, ROWS_A_TICK) ||
		    mt_capture_commit(c) || put_tick(c, 1, 200000))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(count_files(), 2);
}

static uint64_t checksum(const char *file)
{
	_fclose_ FILE *f = fopen(file, "r");
	uint64_t sum = 1;

	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;)
		sum = sum * 31 + c;
	return sum;
}

static void test_hot_journal_is_recovered_beside(void **state)
{
	static const uint8_t magic[] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	__cleanup(mt_capture_free) struct mt_capture *c = NULL;
	char journal[160];
	uint64_t before;
	int fd;

	snprintf(journal, sizeof(journal), "%s-journal", path);
	leave_hot_journal();
	before = checksum(path) ^ checksum(journal);
	check_ticks(0);
	assert_int_equal(checksum(path) ^ checksum(journal), before);
	assert_int_equal(count_files(), 2);

	/* A journal of several databases may have SQLite delete the file that it names. */
	fd = open(journal, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, magic, sizeof(magic)), sizeof(magic));
	close(fd);
	assert_int_equal(open_it(), -EBADMSG);
	assert_int_equal(count_files(), 2);

	/* -f: the old journal must not be played into the new capture. */
	assert_int_equal(mt_capture_create(&c, path, true), 0);
	assert_int_equal(put_tick(c, 0, ROWS_A_TICK), 0);
	assert_int_equal(mt_capture_commit(c), 0);
	mt_capture_free(&c);
	assert_int_equal(count_files(), 1);
	check_ticks(0);
}

static void test_reader_sees_one_state(void **state)
{
	__cleanup(mt_capture_free) struct mt_capture *writer = create(), *reader = NULL;
	struct ticks ticks = { 0, -1 };

	assert_int_equal(put_tick(writer, 0, ROWS_A_TICK), 0);
	assert_int_equal(mt_capture_commit(writer), 0);
	assert_int_equal(mt_capture_open(&reader, path), 0);
	assert_int_equal(put_tick(writer, 1, ROWS_A_TICK), 0);
	assert_int_equal(mt_capture_commit(writer), -EBUSY);
	assert_int_equal(mt_capture_each_sample(reader, count_ticks, &ticks), 0);
	assert_int_equal(ticks.rows, ROWS_A_TICK);
	mt_capture_free(&reader);
	assert_int_equal(mt_capture_begin(writer), 0);
	assert_int_equal(mt_capture_commit(writer), 0);
	mt_capture_free(&writer);
	check_ticks(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(test_kill_at_any_moment),
		IN_DIRECTORY(test_hot_journal_is_recovered_beside),
		IN_DIRECTORY(test_reader_sees_one_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
