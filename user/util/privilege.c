// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "util/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

const char mt_privilege_self[] = "/proc/self/exe";

int mt_privilege_keep(uint64_t capabilities)
{
	const capng_type_t all = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;
	bool bounds;

	if (capng_get_caps_process())
		return -EIO;
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++) {
		capng_update(CAPNG_DROP, CAPNG_INHERITABLE | CAPNG_AMBIENT, i);
		if (!(capabilities >> i & 1))
			capng_update(CAPNG_DROP, all, i);
	}
	if (capng_apply(CAPNG_SELECT_AMBIENT) || (bounds && capng_apply(CAPNG_SELECT_BOUNDS)))
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

static bool set_effective(capng_act_t action, unsigned int capability)
{
	return !capng_update(action, CAPNG_EFFECTIVE, capability) &&
	       !capng_apply(CAPNG_SELECT_CAPS);
}

uint64_t mt_privilege_to_write(const char *path)
{
	_free_ char *copy = strdup(path);
	bool writes;

	if (!copy || capng_get_caps_process() ||
	    !capng_have_capability(CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE) ||
	    !set_effective(CAPNG_DROP, CAP_DAC_OVERRIDE))
		return MT_PRIVILEGE(CAP_DAC_OVERRIDE);
	writes = !faccessat(AT_FDCWD, dirname(copy), W_OK, AT_EACCESS);
	set_effective(CAPNG_ADD, CAP_DAC_OVERRIDE);
	return writes ? 0 : MT_PRIVILEGE(CAP_DAC_OVERRIDE);
}

int mt_privilege_confine(void)
{
	static const int calls[] = {
		/* another program */
		SCMP_SYS(execveat),
		/* a connection */
		SCMP_SYS(socket),
		SCMP_SYS(connect),
		SCMP_SYS(bind),
		SCMP_SYS(listen),
		SCMP_SYS(accept),
		SCMP_SYS(accept4),
		/* somebody else */
		SCMP_SYS(setuid),
		SCMP_SYS(setgid),
		SCMP_SYS(setreuid),
		SCMP_SYS(setregid),
		SCMP_SYS(setresuid),
		SCMP_SYS(setresgid),
		SCMP_SYS(setfsuid),
		SCMP_SYS(setfsgid),
		SCMP_SYS(setgroups),
		SCMP_SYS(keyctl),
		SCMP_SYS(add_key),
		SCMP_SYS(request_key),
		/* another view of the file system */
		SCMP_SYS(mount),
		SCMP_SYS(umount2),
		SCMP_SYS(move_mount),
		SCMP_SYS(open_tree),
		SCMP_SYS(fsopen),
		SCMP_SYS(fsmount),
		SCMP_SYS(pivot_root),
		SCMP_SYS(chroot),
		SCMP_SYS(setns),
		SCMP_SYS(unshare),
		SCMP_SYS(open_by_handle_at),
		/* another kernel */
		SCMP_SYS(init_module),
		SCMP_SYS(finit_module),
		SCMP_SYS(delete_module),
		SCMP_SYS(kexec_load),
		SCMP_SYS(kexec_file_load),
		SCMP_SYS(reboot),
		SCMP_SYS(iopl),
		SCMP_SYS(ioperm),
		SCMP_SYS(swapon),
		SCMP_SYS(swapoff),
		SCMP_SYS(settimeofday),
		SCMP_SYS(clock_settime),
		SCMP_SYS(clock_adjtime),
		SCMP_SYS(adjtimex),
		/* another process */
		SCMP_SYS(pidfd_getfd),
		SCMP_SYS(userfaultfd),
	};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < ARRAY_SIZE(calls); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
	err = err ? err
		  : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(execve), 1,
				     SCMP_A0(SCMP_CMP_NE, (uintptr_t)mt_privilege_self));
	/* It sets "no new privileges" too. */
	err = err ? err : seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	err = err ? err : seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
