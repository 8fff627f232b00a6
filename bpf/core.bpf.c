// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * core: the maps, the knobs, and counting a loss.
 */
#define MT_MAPS_DEFINE
#include "maps.h"

struct mt_live_map mt_live SEC(".maps");
struct mt_sites_map mt_sites SEC(".maps");
struct mt_hists_map mt_hists SEC(".maps");
struct mt_storms_map mt_storms SEC(".maps");
struct mt_faults_map mt_faults SEC(".maps");
struct mt_fault_work_map mt_fault_work SEC(".maps");
struct mt_stacks_map mt_stacks SEC(".maps");
struct mt_procs_map mt_procs SEC(".maps");
struct mt_images_map mt_images SEC(".maps");
struct mt_threads_map mt_threads SEC(".maps");
struct mt_files_map mt_files SEC(".maps");
struct mt_tables_map mt_tables SEC(".maps");
struct mt_rules_map mt_rules SEC(".maps");
struct mt_uses_map mt_uses SEC(".maps");
struct mt_code_map mt_code SEC(".maps");
struct mt_probes_map mt_probes SEC(".maps");
struct mt_lost_map mt_lost SEC(".maps");
struct mt_events_map mt_events SEC(".maps");
struct mt_events_map mt_vm_events SEC(".maps");

const volatile __u32 mt_links_by_process = 1;
const volatile __u32 mt_stacks_wanted = 1;
const volatile __u64 mt_sample_bytes = 0;
const volatile __u32 mt_meter_every = MT_METER_EVERY;
const volatile __u64 mt_zero[MT_ZERO_WORDS] = {};

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__noinline int mt_lose(__u32 what)
{
	__u64 *cnt = bpf_map_lookup_elem(&mt_lost, &what);

	if (cnt)
		__sync_fetch_and_add(cnt, 1);
	return 0;
}
