// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum mt_log_level level = MT_LOG_NORMAL;

void mt_log_set_level(enum mt_log_level l)
{
	level = l;
}

enum mt_log_level mt_log_level(void)
{
	return level;
}

static void say(const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "memtide: %s", prefix);
	int m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);

	n += m < 0 ? 0 : m;
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, n);
}

int mt_err(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
	return err;
}

#define MT_LOG_FUNCTION(name, at_least, prefix) \
	void name(const char *fmt, ...)         \
	{                                       \
		va_list ap;                     \
                                                \
		if (level < (at_least))         \
			return;                 \
		va_start(ap, fmt);              \
		say(prefix, fmt, ap);           \
		va_end(ap);                     \
	}

MT_LOG_FUNCTION(mt_warn, MT_LOG_NORMAL, "warning: ")
MT_LOG_FUNCTION(mt_info, MT_LOG_VERBOSE, "")
MT_LOG_FUNCTION(mt_debug, MT_LOG_DEBUG, "debug: ")
