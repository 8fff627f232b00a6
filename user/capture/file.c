// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The file itself: created, opened, recovered, closed.
 *
 * A rollback journal rather than a write-ahead log: between two commits, which is nearly
 * always, a killed writer leaves one complete file and nothing beside it. Killed inside a
 * commit it also leaves FILE-journal, from which the reader goes back to the last tick.
 * Nothing is synced: that protects against a kernel crash only, and an fsync a second
 * would disturb the very host that is being looked at.
 */
#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "capture/schema.h"
#include "util/cleanup.h"
#include "util/log.h"

/* How long a commit waits for somebody's sqlite3 shell, and a reader for a commit. */
#define BUSY_MS 1000

/* https://www.sqlite.org/fileformat.html, section 1.3; big-endian throughout. */
struct file_header {
	char magic[16];
	uint16_t page_bytes;
	uint8_t write_version; /* 1: rollback journal, 2: write-ahead log */
	uint8_t read_version;
	uint8_t ignored[40];
	uint32_t user_version;
	uint32_t incremental_vacuum;
	uint32_t application_id;
};
_Static_assert(offsetof(struct file_header, user_version) == 60, "SQLite file format");
_Static_assert(offsetof(struct file_header, application_id) == 68, "SQLite file format");

/* Ends a rollback journal that names a super-journal; pager.c, aJournalMagic. */
static const uint8_t journal_magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };

static int sqlite_errno(sqlite3 *db)
{
	switch (sqlite3_errcode(db)) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISUSE:
		return -EINVAL;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return -(sqlite3_system_errno(db) ?: EIO);
	default:
		return -EBADMSG;
	}
}

int mt_capture_error(const struct mt_capture *c, const char *verb)
{
	int err = sqlite_errno(c->db);

	if (err == -ENOSPC)
		return mt_err(err, "cannot %s %s: the disk is full; use -o to write elsewhere",
			      verb, c->path);
	return mt_err(err, "cannot %s %s: %s", verb, c->path, sqlite3_errmsg(c->db));
}

/* For a statement whose only failures are the file's. */
static int run(struct mt_capture *c, const char *sql, const char *verb)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) ? mt_capture_error(c, verb) : 0;
}

static int connect_file(struct mt_capture *c, const char *path, int flags)
{
	if (sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL))
		return mt_capture_error(c, "open");
	sqlite3_busy_timeout(c->db, BUSY_MS);
	return 0;
}

void mt_capture_free(struct mt_capture **capture)
{
	struct mt_capture *c = *capture;

	if (!c)
		return;
	for (int i = 0; i < MT_TABLE_MAX; i++)
		sqlite3_finalize(c->put[i]);
	sqlite3_close(c->db);
	free(c->path);
	free(c);
	*capture = NULL;
}

/* ---- creating ---------------------------------------------------------------------------- */

/*
 * Absolute, with every directory resolved and the last component as given, so that SQLite
 * finds no symbolic link to follow and takes no name for a URI or ":memory:".
 */
static char *absolute_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	_free_ char *directory = NULL, *resolved = NULL;
	char *absolute;

	directory = slash ? strndup(path, slash - path + 1) : strdup("./");
	resolved = directory ? realpath(directory, NULL) : NULL;
	if (!resolved || asprintf(&absolute, "%s/%s", resolved, slash ? slash + 1 : path) < 0)
		return NULL;
	return absolute;
}

static int make_file(const char *path, bool force)
{
	_close_ int fd = -1;
	struct stat st;

	if (force && lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return mt_err(-EEXIST, "%s is not a regular file; choose another with -o",
				      path);
		if (unlink(path))
			return mt_err(-errno, "cannot replace %s: %m", path);
	}
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return mt_err(-EEXIST, "%s exists; overwrite it with -f or choose another with -o",
			      path);
	if (fd < 0)
		return mt_err(-errno, "cannot create %s: %m", path);
	return 0;
}

static int create_tables(struct mt_capture *c)
{
	char pragmas[256];
	int err;

	snprintf(
		pragmas, sizeof(pragmas),
		"PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;"
		"PRAGMA secure_delete=OFF; BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d",
		MT_CAPTURE_APPLICATION_ID, MT_CAPTURE_SCHEMA);
	err = run(c, pragmas, "create");
	for (int i = 0; i < MT_TABLE_MAX && !err; i++) {
		_free_ char *sql = mt_schema_create_sql(&mt_tables[i]);

		err = sql ? run(c, sql, "create") : -ENOMEM;
	}
	return err ?: run(c, "COMMIT", "create");
}

int mt_capture_create(struct mt_capture **out, const char *path, bool force)
{
	__cleanup(mt_capture_free) struct mt_capture *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->readable_bytes = INT64_MAX;
	c->path = absolute_path(path);
	if (!c->path)
		return mt_err(-errno, "cannot create %s: %m", path);
	err = make_file(c->path, force);
	if (err)
		return err;
	err = connect_file(c, c->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
	if (!err)
		err = create_tables(c);
	if (err) {
		unlink(c->path);
		return err;
	}
	*out = TAKE_PTR(c);
	return 0;
}

int mt_capture_begin(struct mt_capture *c)
{
	/* After a commit that found the file busy the transaction is still open. */
	return sqlite3_get_autocommit(c->db) ? run(c, "BEGIN", "write") : 0;
}

int mt_capture_commit(struct mt_capture *c)
{
	/* Somebody reads it: no error yet, the transaction is whole and can be tried again. */
	if (sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL) == SQLITE_BUSY)
		return -EBUSY;
	return sqlite3_errcode(c->db) ? mt_capture_error(c, "write") : 0;
}

/* ---- opening: the file may be damaged or hostile ------------------------------------------ */

static int check_header(struct mt_capture *c)
{
	_close_ int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct file_header h = {};
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return mt_err(-errno, "cannot open %s: %m", c->path);
	if (!S_ISREG(st.st_mode))
		return mt_err(-EBADMSG, "%s is not a memtide capture: not a regular file", c->path);
	n = pread(fd, &h, sizeof(h), 0);
	if (n < 0)
		return mt_err(-errno, "cannot read %s: %m", c->path);
	if (n < (ssize_t)sizeof(h) || memcmp(h.magic, "SQLite format 3", sizeof(h.magic)) ||
	    be32toh(h.application_id) != MT_CAPTURE_APPLICATION_ID || h.read_version != 1 ||
	    h.write_version != 1)
		return mt_err(-EBADMSG, "%s is not a memtide capture", c->path);
	if (be32toh(h.user_version) != MT_CAPTURE_SCHEMA)
		return mt_err(-EPROTO,
			      "%s has capture schema %u and this memtide reads schema %d; use the "
			      "memtide that recorded it",
			      c->path, be32toh(h.user_version), MT_CAPTURE_SCHEMA);
	return 0;
}

static void distrust(struct mt_capture *c)
{
	static const int off[] = { SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
				   SQLITE_DBCONFIG_TRUSTED_SCHEMA };
	static const struct {
		int id;
		int max;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, 1 << 20 },  { SQLITE_LIMIT_SQL_LENGTH, 1 << 16 },
		{ SQLITE_LIMIT_COLUMN, 100 },	   { SQLITE_LIMIT_EXPR_DEPTH, 20 },
		{ SQLITE_LIMIT_ATTACHED, 0 },	   { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		sqlite3_db_config(c->db, off[i], 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		sqlite3_limit(c->db, limits[i].id, limits[i].max);
}

static bool is_ours(sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	const char *sql = (const char *)sqlite3_column_text(row, 1);

	for (int i = 0; name && sql && i < MT_TABLE_MAX; i++) {
		_free_ char *expected = mt_schema_create_sql(&mt_tables[i]);

		if (expected && !strcmp(name, mt_tables[i].name) && !strcmp(sql, expected))
			return true;
	}
	return false;
}

/* Exactly our tables, as we make them: no trigger, view, index, or generated column. */
static int check_tables(struct mt_capture *c)
{
	sqlite3_stmt *stmt = NULL;
	int rc, tables = 0;

	rc = sqlite3_prepare_v2(c->db, "SELECT name,sql FROM sqlite_schema", -1, &stmt, NULL);
	while (!rc && tables <= MT_TABLE_MAX && sqlite3_step(stmt) == SQLITE_ROW)
		tables += is_ours(stmt) ? 1 : MT_TABLE_MAX + 1;
	rc = sqlite3_finalize(stmt) ?: rc;
	if (rc && sqlite3_extended_errcode(c->db) == SQLITE_READONLY_ROLLBACK)
		return -EUCLEAN;
	if (rc)
		return mt_capture_error(c, "read");
	if (tables != MT_TABLE_MAX)
		return mt_err(-EBADMSG, "%s is not a memtide capture: its tables are not ours",
			      c->path);
	return 0;
}

/* -EUCLEAN: its writer was killed inside a commit. */
static int open_untrusted(struct mt_capture *c, const char *path, int flags)
{
	struct stat st;
	int err = connect_file(c, path, flags);

	if (err)
		return err;
	distrust(c);
	/* The transaction stays open: a reader sees one state of a file that still grows. */
	err = run(c, "PRAGMA cell_size_check=ON; BEGIN", "read");
	if (!err)
		err = check_tables(c);
	if (!err && stat(path, &st))
		err = mt_err(-errno, "cannot read %s: %m", c->path);
	if (!err)
		c->readable_bytes = st.st_size;
	return err;
}

/* ---- opening one whose writer was killed inside a commit ----------------------------------- */

static int copy_file(const char *from, const char *to)
{
	_close_ int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_close_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return -errno;
	do {
		n = sendfile(out, in, NULL, 1 << 30);
	} while (n > 0);
	return n < 0 ? -errno : 0;
}

/* Rolling back a journal that names a super-journal may delete the file so named. */
static int check_journal(const char *path)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t tail[sizeof(journal_magic)];
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (end < 0)
		return -errno;
	if (end < (off_t)sizeof(tail))
		return 0;
	if (pread(fd, tail, sizeof(tail), end - sizeof(tail)) != sizeof(tail))
		return -EIO;
	return memcmp(tail, journal_magic, sizeof(tail)) ? 0 : -EBADMSG;
}

/*
 * A report never changes the capture, and may not be able to: the journal is rolled back in
 * a private copy, which is unlinked as soon as SQLite holds it open.
 */
static int open_copy(struct mt_capture *c, const char *directory)
{
	_free_ char *journal = NULL, *copy = NULL, *copied_journal = NULL;
	int err;

	if (asprintf(&journal, "%s-journal", c->path) < 0 ||
	    asprintf(&copy, "%s/capture", directory) < 0 ||
	    asprintf(&copied_journal, "%s-journal", copy) < 0)
		return -ENOMEM;
	err = copy_file(c->path, copy) ?: copy_file(journal, copied_journal);
	if (err)
		err = mt_err(err, "cannot recover %s in %s: %s; is TMPDIR full?", c->path,
			     directory, strerror(-err));
	else if (check_journal(copied_journal))
		err = mt_err(-EBADMSG, "%s: its journal is not one of memtide's", c->path);
	else
		err = open_untrusted(c, copy, SQLITE_OPEN_READWRITE);
	unlink(copy);
	unlink(copied_journal);
	return err;
}

static int recover(struct mt_capture *c)
{
	_free_ char *directory = NULL;
	int err;

	if (asprintf(&directory, "%s/memtide-XXXXXX", secure_getenv("TMPDIR") ?: "/tmp") < 0)
		return -ENOMEM;
	if (!mkdtemp(directory))
		return mt_err(-errno, "cannot recover %s in %s: %m; set TMPDIR", c->path,
			      directory);
	sqlite3_close(c->db);
	c->db = NULL;
	err = open_copy(c, directory);
	rmdir(directory);
	return err;
}

int mt_capture_open(struct mt_capture **out, const char *path)
{
	__cleanup(mt_capture_free) struct mt_capture *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->path = realpath(path, NULL);
	if (!c->path)
		return mt_err(-errno, "cannot open %s: %m", path);
	err = check_header(c) ?: open_untrusted(c, c->path, SQLITE_OPEN_READONLY);
	if (err == -EUCLEAN)
		err = recover(c);
	if (err)
		return err;
	*out = TAKE_PTR(c);
	return 0;
}
