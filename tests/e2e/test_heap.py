# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Programs whose every number is known, launched: counts and bytes per site are the truth."""
import platform
import subprocess
from pathlib import Path

from memtide import Recording, build, check, image, need, program, record, scratch
from truth import ALIASES, add_up, compare_all


def trace(*argv, exact=True):
    """Record a program, compare all of its images; the report and the last image's entry."""
    recording = record("--", program(argv[0]), *argv[1:])
    document, truths = recording.report(), recording.truths()
    check(truths, f"{argv}: wrote no truth")
    compare_all(document, truths, exact)
    return document, document["processes"][-1]


def test_family():
    document, process = trace("family")
    heap = process["heap"]
    check(heap["since"] == "start", f"since {heap['since']}")
    check(process["layer"] == "exact", f"layer {process['layer']}")
    check(len(document["processes"]) == 1, f"images: {len(document['processes'])}")
    check(document["capture"]["traps"] >= heap["alloc_count"] + heap["free_count"], "too few traps")
    placements = {p["function"]: p["placement"] for p in document["capture"]["probes"]}
    check(placements, "no probe is listed")
    check(all(placements.values()), f"probes without a placement: {placements}")
    if platform.machine() == "x86_64":
        for name in ("malloc", "free"):
            check(placements[name] == "emulated", f"{name} is {placements[name]}")
    _, others = add_up(process)
    check(not others["alloc_count"], f"allocations that the program did not make: {others}")


def test_family_stacks():
    """A stack goes from the caller of the allocator out to main, with file and line."""
    _, process = trace("family")
    source = (Path(__file__).parents[1] / "programs/family.c").read_text().splitlines()
    for site in process["sites"]:
        frames = site["stack"]
        inner = frames[0]
        functions = [f["function"] for f in frames]
        check("main" in functions[1:4], f"main is not near {functions}")
        check(Path(inner["file"]).name == "family.c", f"file {inner['file']}")
        line = source[inner["line"] - 1]
        names = {site["kinds"][0], *(n for n, one in ALIASES.items() if one in site["kinds"])}
        check(any(f"T_{name.upper()}(" in line for name in names),
              f"{functions[0]} line {inner['line']}: no call of {names} in {line!r}")


def test_failures():
    trace("failures")


def test_zero():
    trace("zero")


def test_resize():
    trace("resize")


def test_chains():
    _, process = trace("chains")
    storms = process["realloc"]["storms"]
    finals = {s["stack"][0]["function"]: s["final_size_bytes"] for s in storms}
    for name, size in (("double_it", 65536), ("add_some", 4800)):
        got = finals[name]["p99"]  # a histogram's bucket is at most a quarter wide
        check(size * 0.75 <= got <= size * 1.25, f"{name}: final size {got}, in truth {size}")


def test_huge():
    trace("huge")


def test_lifetime():
    _, process = trace("lifetime")
    aged = next(s for s in process["sites"] if s["stack"][0]["function"] == "aged")
    p50 = aged["lifetime_ns"]["p50"]
    check(35e6 <= p50 <= 100e6, f"half of the aged blocks lived {p50} ns, in truth 50 ms")


def test_cross_thread():
    trace("cross", exact=False)


def test_race():
    trace("race", "64", "500", exact=False)


def test_race_two():
    trace("race", "2", "8000", exact=False)


def test_peak_lower():
    trace("peaks", "lower")


def test_peak_higher():
    trace("peaks", "higher")


def test_peak_start():
    trace("peaks", "start")


def test_peak_end():
    trace("peaks", "end")


def test_peak_plateau():
    trace("peaks", "plateau")


def test_stripped():
    """Without symbols the numbers are the same and places are module and offset."""
    copy = scratch() / "family"
    subprocess.run([need("strip"), "-o", copy, program("family")], check=True)
    recording = record("--", copy)
    process, truth = recording.report()["processes"][0], recording.truths()[0]
    for field in ("alloc_count", "alloc_bytes", "live_count", "live_bytes", "peak_live_bytes"):
        check(process["heap"][field] == truth["heap"][field],
              f"{field}: {process['heap'][field]}, in truth {truth['heap'][field]}")
    inner = process["sites"][0]["stack"][0]
    check(inner["module"] == str(copy) and inner["offset"] > 0, f"innermost frame {inner}")


def test_handed():
    """What another thread allocated is not temporary, though it lies where a block of ours did."""
    recording = Recording("--", program("handed"))
    same = int(recording.await_line("same").split()[1])
    recording.wait()
    check(same > 100, f"only {same} of 200 blocks were where the first one was")
    heap = image(recording.report(), comm="handed")["heap"]
    check(heap["temporary_count"] < 10, f"temporary {heap['temporary_count']}")


def test_heirs():
    """Also a grandparent's blocks are inherited, and those that the parent has freed since."""
    document = record("--", program("heirs")).report()
    heaps = [p["heap"] for p in document["processes"]]
    counts = sorted(h["inherited_free_count"] for h in heaps)
    check(counts == [0, 0, 100, 100], f"inherited {counts}")
    check(not any(h["unknown_free_count"] for h in heaps), f"unknown frees: {heaps}")


def test_another_malloc():
    """Where libc's malloc is not the one that is called, the heap is unknown, not empty."""
    other = program("lib/libother.so")
    document = record("--", "env", f"LD_PRELOAD={other}", program("resize")).report()
    process = image(document, comm="resize")
    check(process["heap"] is None, f"heap {process['heap']}")
    check(process["allocators"] == [], f"allocators {process['allocators']}")


def test_another_malloc_behind():
    """A plugin's own malloc, opened in mid-run, is not what the program calls."""
    recording = Recording("--", program("late"), program("lib/libother.so"))
    recording.go()
    recording.wait()
    process, truth = image(recording.report(), comm="late"), recording.truths()[0]
    check(process["heap"], f"no heap: {process['heap_note']}")
    for field in ("alloc_count", "live_count"):
        got = sum(s[field] for s in process["sites"] if s["stack"][0]["function"] == "by_libc")
        want = next(s[field] for s in truth["sites"] if s["function"] == "by_libc")
        check(got == want, f"{field} by libc: {got}, in truth {want}")


FLUSHED = """
#include <pthread.h>
#include <stdlib.h>

static void *fill(void *arg)
{
	void *block[7];
	int n = *(int *)arg;

	for (int i = 0; i < n; i++)
		block[i] = malloc(40);
	for (int i = 0; i < n; i++)
		free(block[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]);
	pthread_t thread;

	return pthread_create(&thread, NULL, fill, &n) || pthread_join(thread, NULL);
}
"""


def test_flushed():
    """What a thread's cache hands back when the thread ends is told, and is no free of ours."""
    program_file = build(FLUSHED, "-O0", "-pthread")
    few, many = (record("--", program_file, n).report()["processes"][0]["heap"] for n in (2, 7))
    flushed = many["flushed_free_count"] - few["flushed_free_count"]
    check(flushed == 5, f"{flushed} of 5 more blocks in a cache were flushed")
    check(many["free_count"] - few["free_count"] == 5, f"frees {few} {many}")
    check(many["unknown_free_count"] == 0, f"unknown frees {many}")
