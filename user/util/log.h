/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * log.h: messages for people, on stderr.
 *
 * Log once, where the context is: `return mt_err(-ENOENT, "cannot read %s: ...", path)`
 * prints the message and hands the error through, so callers above only propagate it.
 * A message is one line, says what to do next, and ends without a full stop; bytes that
 * could move a terminal's cursor are made visible. Thread-safe: one write(2) a message.
 */
#ifndef MT_UTIL_LOG_H
#define MT_UTIL_LOG_H

enum mt_log_level {
	MT_LOG_QUIET = 0, /* errors only */
	MT_LOG_NORMAL = 1,
	MT_LOG_VERBOSE = 2,
	MT_LOG_DEBUG = 3,
};

void mt_log_set_level(enum mt_log_level level);
enum mt_log_level mt_log_level(void);

/* Prints at any level and returns err. */
int mt_err(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Something a user wants to know even though work goes on; not with -q. */
void mt_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* With -v. */
void mt_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* With -vv. */
void mt_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
