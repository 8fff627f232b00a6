# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Blocks sampled by bytes: calls are counted all, sites are estimates as sure as they say."""
from memtide import check, image, program, record, report_result
from test_allocators import LIBRARIES, library, preloaded
from truth import VIEW, Differences, add_up

EVERY = 64 << 10
COUNTED = ("alloc_count", "alloc_bytes", "free_count")
ESTIMATED = ("alloc_count", "alloc_bytes", "live_count", "live_bytes", "at_peak_bytes")
RUNS = 6


def trace(*options):
    """The report of mix, and what it knows about itself."""
    recording = record("--", program("mix"), options=options)
    return recording.report(), recording.truths()[0]


def sampled(*options):
    return trace("--sample-bytes", "64K", *options)


def check_far(d, what, got, interval, want):
    """An interval of 95% three times as wide is left once in many thousand times."""
    low, high = interval
    check(low <= got <= high, f"{what}: {got} is not in its interval {interval}")
    d.between(f"{what} {got}", want, low - (high - low), high + (high - low))
    return low <= want <= high


def compare_sites(d, process, truth):
    """How many intervals hold the truth, and how many there are."""
    wanted = {s["function"]: s for s in truth["sites"]}
    inside = [0, 0]
    for site in process["sites"]:
        function = VIEW.function(site["stack"])
        if function not in wanted:
            continue
        for field in ESTIMATED:
            inside[0] += check_far(d, f"{function} {field}", site[field], site["ci95"][field],
                                   wanted[function][field])
            inside[1] += 1
        if function == "passing":
            d.between("passing p50", site["size_bytes"]["p50"], 80, 128)
    return inside


def compare_heap(d, process, truth, exact):
    heap = process["heap"]
    d.equal("kind", heap["kind"], "sampled")
    for field in COUNTED:
        d.equal(field, heap[field], exact["heap"][field])
    for field in ("unknown_free_count", "inherited_free_count"):
        d.equal(field, heap[field], None)
    for field in ("free_bytes", "live_count", "live_bytes", "peak_live_bytes", "temporary_count"):
        check_far(d, f"heap {field}", heap[field], heap["ci95"][field], exact["heap"][field])
    # The estimates are of one state: to the byte.
    for total, field in (("peak_live_bytes", "at_peak_bytes"), ("live_bytes", "live_bytes"),
                         ("live_count", "live_count")):
        d.equal(f"sum of {field}", sum(s[field] for s in process["sites"]), heap[total])
    d.equal("failed", process["realloc"]["failed_count"], truth["realloc"]["failed_count"])


def compare_realloc(d, runs, truth):
    """The mean of some runs, since one has no interval yet."""
    for field, error in (("count", 0.15), ("grow_count", 0.2), ("copied_bytes", 0.5)):
        mean = sum(process["realloc"][field] for process in runs) / len(runs)
        want = truth["realloc"][field]
        print(f"realloc {field}: {mean:.0f}, in truth {want}")
        d.between(f"realloc {field}", mean, (1 - error) * want, (1 + error) * want)


def check_runs(*options):
    exact = image(trace(*options)[0], comm="mix")
    inside, runs = [0, 0], []
    for _ in range(RUNS):
        document, truth = sampled(*options)
        process = image(document, comm="mix")
        d = Differences("mix, sampled")
        d.equal("sample_bytes", document["capture"]["sample_bytes"], EVERY)
        d.equal("lost", {n: v for n, v in document["capture"]["lost"].items() if v}, {})
        inside = [sum(x) for x in zip(inside, compare_sites(d, process, truth))]
        compare_heap(d, process, truth, exact)
        d.check()
        runs.append(process)
    compare_realloc(d, runs, truth)
    d.check()
    print(f"{inside[0]} of {inside[1]} intervals hold the truth")
    check(inside[1] >= 25 * RUNS, f"{inside[1]} intervals: sites are missing")
    check(inside[0] >= 0.8 * inside[1], f"{inside[0]} of {inside[1]} intervals hold the truth")


def test_sampling():
    check_runs()


def test_sampling_perf():
    """Every return is seen: nothing is skipped, and nothing else differs."""
    check_runs("--uprobes", "perf")


def test_sampling_skips_returns():
    """A session is not told of a malloc's return whose block is not followed."""
    exact, truth = trace()
    document, _ = sampled()
    traps = document["capture"]["traps"]
    if document["capture"]["hooks"]["return"] == "session":
        mallocs = sum(s["alloc_count"] for s in truth["sites"] if s["kind"] == "malloc")
        saved = exact["capture"]["traps"] - traps
        check(saved > 0.9 * mallocs, f"{saved} traps saved, {mallocs} calls of malloc")
        coverage = image(document, comm="mix")["coverage_pct"]
        check(coverage is None, f"coverage {coverage}: who asked for memory was not seen")
    else:
        check(traps >= exact["capture"]["traps"], "a return was not seen")


def test_sampling_of_one_byte():
    """So dense that every block of some size is taken: no estimate is off."""
    document, truth = trace("--sample-bytes", "1")
    process = image(document, comm="mix")
    sums, _ = add_up(process)
    for site in truth["sites"]:
        for field in ("alloc_count", "alloc_bytes", "live_count", "live_bytes", "at_peak_bytes"):
            got = sums[site["function"], site["kind"]][field]
            check(got == site[field], f"{site['function']} {field}: {got}, truth {site[field]}")
    for field in ("count", "grow_count", "moved_count", "copied_bytes"):
        got = process["realloc"][field]
        check(got == truth["realloc"][field], f"realloc {field}: {got}, {truth['realloc']}")


def counted(*command, every):
    document = record("--", *command, options=("--sample-bytes", every)).report()
    return [document["processes"][-1]["heap"][field] for field in COUNTED]


def test_sampling_counts_all():
    """Whatever an allocator calls in the course of a call that is skipped: none is counted twice."""
    commands = [(program(name),) for name in ("handed", "musl/family", "static/family")]
    commands += [preloaded(library(name), program(target))
                 for name in LIBRARIES for target in ("family", "sized")]
    for command in commands:
        exact, sample = (counted(*command, every=every) for every in ("0", "1M"))
        check(exact == sample, f"{command}: {COUNTED} {sample}, in truth {exact}")


def test_sampling_is_said():
    recording = record("--", program("mix"), options=("--sample-bytes", "512K"))
    status, text, _ = report_result(recording.capture)
    check(status == 0, f"status {status}")
    check("sampled every 512.0 KiB" in text, text)
    check("about" in text and "(sampled" in text, text)


def test_sampling_words():
    """What is no size is refused."""
    for word in ("", "K", "-1", "1G", "2048M", "12KB", "0x10", "99999999999999999999"):
        record("--", "true", options=("--sample-bytes", word), status=2)


# A stack that could not be walked is a site of its own.
for test in (test_sampling, test_sampling_perf):
    test.alone = "stacks are whole where no other test is beside"
