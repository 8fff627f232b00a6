// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "symbol/jit.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "symbol/demangle.h"
#include "util/cleanup.h"

/* How many entries that begin before an address are looked at: old code lies under new. */
#define OVERLAP_MAX 256

struct entry {
	uint64_t start;
	uint64_t end;
	const char *name; /* in `text`: what is later in the file is higher up */
};

struct mt_jit {
	char *text; /* lines cut to names by zeros */
	size_t len;
	struct entry *entries; /* in rising order of start, then of age */
	size_t nr;
	size_t size;
};

static int read_text(struct mt_jit *j, int fd)
{
	struct stat st;
	size_t size;

	if (fstat(fd, &st))
		return -EBADF;
	size = st.st_size < (off_t)MT_JIT_BYTES ? (size_t)st.st_size : MT_JIT_BYTES;
	j->text = malloc(size + 1);
	if (!j->text)
		return -ENOMEM;
	while (j->len < size) {
		ssize_t got = pread(fd, j->text + j->len, size - j->len, (off_t)j->len);

		if (got < 0)
			return -errno;
		if (!got)
			break;
		j->len += (size_t)got;
	}
	j->text[j->len] = '\0';
	return 0;
}

/* Digits, and one space behind them; strtoull would take signs, and spaces before. */
static bool parse_number(char **at, uint64_t *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	char *end;

	if (!**at || !strchr(digits, **at))
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 16);
	if (errno || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

static int add_entry(struct mt_jit *j, struct entry entry)
{
	if (j->nr == j->size) {
		size_t size = j->size ? 2 * j->size : 1024;
		struct entry *grown = reallocarray(j->entries, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		j->entries = grown;
		j->size = size;
	}
	j->entries[j->nr++] = entry;
	return 0;
}

/* `line` ends in a zero, and so does what is in it: a name ends there. */
static int parse_line(struct mt_jit *j, char *line)
{
	uint64_t start, size;

	if (!parse_number(&line, &start) || !parse_number(&line, &size) || !*line || !size ||
	    size > UINT64_MAX - start)
		return 0;
	if (strlen(line) > MT_SYMBOL_NAME_MAX)
		strcpy(line + MT_SYMBOL_NAME_MAX - 3, "...");
	return add_entry(j, (struct entry){ .start = start, .end = start + size, .name = line });
}

static int by_start_and_age(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

/* What has no end of its line may still be written. */
static int parse_text(struct mt_jit *j)
{
	char *line = j->text, *end;
	int err = 0;

	while (!err && (end = memchr(line, '\n', j->len - (size_t)(line - j->text)))) {
		*end = '\0';
		err = parse_line(j, line);
		line = end + 1;
	}
	return err;
}

int mt_jit_new(struct mt_jit **out, int fd)
{
	__cleanup(mt_jit_free) struct mt_jit *j = calloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	err = read_text(j, fd);
	err = err ? err : parse_text(j);
	if (err)
		return err;
	if (j->nr)
		qsort(j->entries, j->nr, sizeof(*j->entries), by_start_and_age);
	*out = TAKE_PTR(j);
	return 0;
}

void mt_jit_free(struct mt_jit **jit)
{
	struct mt_jit *j = *jit;

	if (!j)
		return;
	free(j->text);
	free(j->entries);
	free(j);
	*jit = NULL;
}

const char *mt_jit_find(const struct mt_jit *j, uint64_t address)
{
	const char *latest = NULL;
	size_t lo = 0, hi = j->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (j->entries[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = lo; i > 0 && lo - i < OVERLAP_MAX; i--) {
		const struct entry *e = &j->entries[i - 1];

		if (e->end > address && (!latest || e->name > latest))
			latest = e->name;
	}
	return latest;
}
