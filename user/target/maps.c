// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/maps.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "target/proc.h"
#include "util/cleanup.h"

/* 65,530 mappings (the default vm.max_map_count) of 100 bytes are 6.5 MB. */
#define TEXT_MAX (256U << 20)

/* Hexadecimal (or decimal) digits and the character after them. */
static bool take_number(char **at, int base, char after, uint64_t *value)
{
	char *end;

	/* strtoull also takes spaces and signs, which have no place here. */
	if (strchr(" \t\n\v\f\r+-", **at))
		return false;
	errno = 0;
	*value = strtoull(*at, &end, base);
	if (errno || end == *at || *end != after)
		return false;
	*at = end + 1;
	return true;
}

static bool take_prot(char **at, struct mt_mapping *m)
{
	const char *p = *at;

	if (strnlen(p, 5) < 5 || p[4] != ' ')
		return false;
	if (!strchr("r-", p[0]) || !strchr("w-", p[1]) || !strchr("x-", p[2]) ||
	    !strchr("ps", p[3]))
		return false;
	m->prot = (p[0] == 'r' ? PROT_READ : 0) | (p[1] == 'w' ? PROT_WRITE : 0) |
		  (p[2] == 'x' ? PROT_EXEC : 0);
	m->shared = p[3] == 's';
	*at += 5;
	return true;
}

/* The kernel writes a newline in a path as \012, and nothing else in another way. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		bool escaped = !strncmp(from, "\\012", 4);

		*to = escaped ? '\n' : *from;
		from += escaped ? 4 : 1;
	}
	*to = '\0';
}

int mt_maps_parse_line(char *line, struct mt_mapping *out)
{
	static const char gone[] = " (deleted)";
	struct mt_mapping m = { 0 };
	uint64_t major, minor;
	char *at = line;
	size_t len;

	if (!take_number(&at, 16, '-', &m.start) || !take_number(&at, 16, ' ', &m.end) ||
	    !take_prot(&at, &m) || !take_number(&at, 16, ' ', &m.file_offset) ||
	    !take_number(&at, 16, ':', &major) || !take_number(&at, 16, ' ', &minor))
		return -EBADMSG;
	m.path = at + strspn(at, "0123456789");
	if (!take_number(&at, 10, *m.path, &m.inode) || (*m.path && *m.path != ' '))
		return -EBADMSG;
	if (m.start >= m.end || major > UINT32_MAX || minor > UINT32_MAX)
		return -EBADMSG;
	m.dev_major = (uint32_t)major;
	m.dev_minor = (uint32_t)minor;
	m.path += strspn(m.path, " ");
	len = strlen(m.path);
	if (len >= sizeof(gone) && !strcmp(m.path + len - strlen(gone), gone)) {
		m.path[len - strlen(gone)] = '\0';
		m.deleted = true;
	}
	unescape(m.path);
	*out = m;
	return 0;
}

static int parse_owned(struct mt_maps *maps, size_t len)
{
	size_t lines = 0;
	char *next;

	if (memchr(maps->text, '\0', len))
		return -EBADMSG;
	for (const char *p = maps->text; (p = strchr(p, '\n')); p++)
		lines++;
	maps->v = calloc(lines + 1, sizeof(*maps->v));
	if (!maps->v)
		return -ENOMEM;
	for (char *line = maps->text; *line; line = next) {
		struct mt_mapping *m = &maps->v[maps->nr];
		int err;

		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		err = mt_maps_parse_line(line, m);
		if (err)
			return err;
		if (!maps->nr || m->start >= m[-1].end)
			maps->nr++;
	}
	return 0;
}

static int from_owned_text(struct mt_maps **out, char **text, size_t len)
{
	__cleanup(mt_maps_free) struct mt_maps *maps = calloc(1, sizeof(*maps));
	int err;

	if (!maps)
		return -ENOMEM;
	maps->text = TAKE_PTR(*text);
	err = parse_owned(maps, len);
	if (err)
		return err;
	*out = TAKE_PTR(maps);
	return 0;
}

int mt_maps_parse(struct mt_maps **out, const char *text, size_t len)
{
	_free_ char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return from_owned_text(out, &copy, len);
}

int mt_maps_load(struct mt_maps **out, pid_t pid)
{
	_free_ char *text = NULL;
	size_t len;
	int err = mt_proc_read_file(pid, "maps", TEXT_MAX, &text, &len);

	return err ? err : from_owned_text(out, &text, len);
}

void mt_maps_free(struct mt_maps **maps)
{
	if (!*maps)
		return;
	free((*maps)->v);
	free((*maps)->text);
	free(*maps);
	*maps = NULL;
}

const struct mt_mapping *mt_maps_find(const struct mt_maps *maps, uint64_t address)
{
	size_t lo = 0, hi = maps->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (maps->v[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < maps->nr && maps->v[lo].start <= address ? &maps->v[lo] : NULL;
}

bool mt_mapping_is_code(const struct mt_mapping *m)
{
	return m->prot & PROT_EXEC && m->inode && m->path[0] == '/';
}
