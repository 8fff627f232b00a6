// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "util/capability.h"

#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

bool mt_capability_has(unsigned int number)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (number / 32 >= _LINUX_CAPABILITY_U32S_3 || syscall(SYS_capget, &header, data))
		return false;
	return data[number / 32].effective >> number % 32 & 1;
}

struct mt_capability_names mt_capability_missing(void)
{
	struct mt_capability_names names = { "" };
	bool admin = mt_capability_has(CAP_SYS_ADMIN);
	bool bpf = admin || mt_capability_has(CAP_BPF);
	bool perfmon = admin || mt_capability_has(CAP_PERFMON);

	snprintf(names.s, sizeof(names.s), "%s%s%s", bpf ? "" : "CAP_BPF",
		 bpf || perfmon ? "" : " and ", perfmon ? "" : "CAP_PERFMON");
	return names;
}
