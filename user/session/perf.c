// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "session/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>
#include <linux/perf_event.h>

#include "util/cleanup.h"

#define UPROBE_PMU "/sys/bus/event_source/devices/uprobe"

/* The number in a file, after `prefix`. */
static int read_number(int dir, const char *path, const char *prefix, unsigned int *out)
{
	_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (strncmp(text, prefix, strlen(prefix)))
		return -EINVAL;
	return sscanf(text + strlen(prefix), "%u", out) == 1 ? 0 : -EINVAL;
}

static int perf_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The PMU's type and the bit of config that asks for a return probe. */
static int uprobe_pmu(unsigned int *type, unsigned int *return_bit)
{
	int err = read_number(AT_FDCWD, UPROBE_PMU "/type", "", type);

	return err ? err
		   : read_number(AT_FDCWD, UPROBE_PMU "/format/retprobe", "config:", return_bit);
}

int mt_perf_uprobe_open(const char *path, uint64_t offset, bool is_return, pid_t pid)
{
	unsigned int type = 0, return_bit = 0;
	int err = uprobe_pmu(&type, &return_bit);
	struct perf_event_attr attr = { .size = sizeof(attr) };

	if (err)
		return err;
	attr.type = type;
	attr.config = is_return ? 1ULL << return_bit : 0;
	attr.uprobe_path = (uintptr_t)path;
	attr.probe_offset = offset;
	return perf_open(&attr, pid, -1);
}

int mt_perf_uprobe_probe(void)
{
	unsigned int type, return_bit;

	return uprobe_pmu(&type, &return_bit);
}

int mt_tracefs_open(bool writable)
{
	_close_ int fs = syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, writable ? 0 : MOUNT_ATTR_RDONLY);
	return mount < 0 ? -errno : mount;
}

int mt_perf_tracepoint_id(int tracefs, const char *name, unsigned int *id)
{
	char path[128];

	snprintf(path, sizeof(path), "events/%s/id", name);
	return read_number(tracefs, path, "", id);
}

int mt_perf_tracepoint_open(int tracefs, const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.wakeup_events = 1,
	};
	unsigned int id = 0;
	int err = mt_perf_tracepoint_id(tracefs, name, &id);

	if (err)
		return err;
	attr.config = id;
	/* A program on a tracepoint runs on every CPU, whichever the event was opened for. */
	return perf_open(&attr, -1, 0);
}

int mt_perf_tracepoint_open_task(unsigned int id, pid_t tid)
{
	/* Programs run for a disabled event too, and it costs no time at context switches. */
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.disabled = 1,
	};

	return perf_open(&attr, tid, -1);
}

int mt_perf_faults_open(pid_t tid, uint64_t period, int prog_fd)
{
	/* The address is in a sample that has it only; a task inherits the program with the event.
	 */
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = period,
		.sample_type = PERF_SAMPLE_ADDR,
		.read_format = PERF_FORMAT_TOTAL_TIME_RUNNING,
		.inherit = 1,
		.disabled = 1,
	};
	_close_ int fd = perf_open(&attr, tid, -1);

	if (fd < 0)
		return fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		return -errno;
	return TAKE_FD(fd);
}

int mt_perf_clock_open(pid_t tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.read_format = PERF_FORMAT_TOTAL_TIME_RUNNING,
	};

	return perf_open(&attr, tid, -1);
}

int mt_perf_ran(int event, int64_t *ns)
{
	uint64_t count_and_time[2];
	ssize_t n = read(event, count_and_time, sizeof(count_and_time));

	if (n != sizeof(count_and_time))
		return n < 0 ? -errno : -EIO;
	*ns = count_and_time[1];
	return 0;
}
