// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "target/smaps.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "target/proc.h"
#include "util/cleanup.h"

#define DEVICES_MAX 32 /* that are asked for what they are only once */

/* ---- the text --------------------------------------------------------------------------- */

/* Adds what a header line says; one that overlaps the mapping before it is not kept. */
static int add_mapping(struct mt_smaps *s, char *line, bool *skipped)
{
	struct mt_mapping m;
	int err = mt_maps_parse_line(line, &m);

	if (err)
		return err;
	*skipped = s->nr && m.start < s->v[s->nr - 1].m.end;
	if (*skipped)
		return 0;
	if (s->nr == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct mt_smap *v = reallocarray(s->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->room = room;
	}
	m.path = strdup(m.path);
	if (!m.path)
		return -ENOMEM;
	s->v[s->nr++] = (struct mt_smap){ .m = m, .rss_bytes = -1 };
	return 0;
}

/* "Rss:      1234 kB"; every other field is passed over. */
static int take_field(struct mt_smap *map, const char *line)
{
	static const char name[] = "Rss:";
	unsigned long long kib;
	char unit[3];

	if (strncmp(line, name, strlen(name)))
		return 0;
	line += strlen(name) + strspn(line + strlen(name), " ");
	if (*line < '0' || *line > '9' || sscanf(line, "%llu %2s", &kib, unit) != 2 ||
	    strcmp(unit, "kB") || map->rss_bytes >= 0)
		return -EBADMSG;
	/* No more than it has room for. */
	if (kib > (map->m.end - map->m.start) / 1024)
		return -EBADMSG;
	map->rss_bytes = (int64_t)(kib * 1024);
	return 0;
}

static int parse(struct mt_smaps *s, FILE *in)
{
	_free_ char *line = NULL;
	bool skipped = false;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, in)) > 0) {
		int err;

		if (strlen(line) != (size_t)len || line[len - 1] != '\n')
			return -EBADMSG;
		line[len - 1] = '\0';
		/* A field's name begins with a capital, a mapping's address has none. */
		if (*line >= 'A' && *line <= 'Z') {
			if (!s->nr)
				return -EBADMSG;
			err = skipped ? 0 : take_field(&s->v[s->nr - 1], line);
		} else {
			if (s->nr && s->v[s->nr - 1].rss_bytes < 0)
				return -EBADMSG;
			err = add_mapping(s, line, &skipped);
		}
		if (err)
			return err;
	}
	if (ferror(in))
		return errno == ENOMEM ? -ENOMEM : -ESRCH;
	return s->nr && s->v[s->nr - 1].rss_bytes < 0 ? -EBADMSG : 0;
}

int mt_smaps_read(struct mt_smaps **out, FILE *in)
{
	__cleanup(mt_smaps_free) struct mt_smaps *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = parse(s, in);
	if (err)
		return err;
	*out = TAKE_PTR(s);
	return 0;
}

void mt_smaps_free(struct mt_smaps **smaps)
{
	struct mt_smaps *s = *smaps;

	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++)
		free(s->v[i].m.path);
	free(s->v);
	free(s);
	*smaps = NULL;
}

/* ---- a process -------------------------------------------------------------------------- */

struct device {
	uint32_t major;
	uint32_t minor;
	bool shmem;
};

/* By its file system: memfd, System V and anonymous shared memory are of one that none mounts. */
static bool ask(pid_t pid, const struct mt_mapping *m)
{
	struct statfs fs;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	return !statfs(path, &fs) && fs.f_type == TMPFS_MAGIC;
}

static void find_shmem(struct mt_smaps *s, pid_t pid)
{
	struct device known[DEVICES_MAX];
	size_t nr = 0;

	for (size_t i = 0; i < s->nr; i++) {
		const struct mt_mapping *m = &s->v[i].m;
		size_t d = 0;

		if (!m->inode || !s->v[i].rss_bytes)
			continue;
		while (d < nr && (known[d].major != m->dev_major || known[d].minor != m->dev_minor))
			d++;
		s->v[i].shmem = d < nr ? known[d].shmem : ask(pid, m);
		if (d == nr && nr < DEVICES_MAX)
			known[nr++] = (struct device){ m->dev_major, m->dev_minor, s->v[i].shmem };
	}
}

int mt_smaps_load(struct mt_smaps **out, pid_t pid)
{
	_close_ int fd = mt_proc_open(pid, "smaps");
	_fclose_ FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	int err;

	if (fd < 0)
		return fd;
	if (!in)
		return -errno;
	TAKE_FD(fd);
	err = mt_smaps_read(out, in);
	if (!err)
		find_shmem(*out, pid);
	return err;
}
