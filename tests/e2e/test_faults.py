# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Page faults: by whom, of what, and that their bytes are what became resident."""
from collections import Counter
from pathlib import Path

from memtide import (Program, Recording, Skip, attached, check, image, program, record,
                     report_result, text_is_clean)
from truth import Differences, check_lossless

PAGE = 4096
MIB = 1 << 20


def run(*words, options=()):
    """A recording of `touch`, and the anonymous memory that it says it had in the end."""
    recording = Recording("--", program("touch"), *words, options=options)
    recording.go()
    resident = int(recording.await_line("resident").split()[1])
    recording.go()
    recording.wait()
    document = recording.report()
    check_lossless(document)
    return document, resident


def by_function(process, field="bytes"):
    """The program's innermost function -> sums over its sites."""
    sums = Counter()
    for site in process["faults"]["sites"]:
        own = [f for f in site["stack"]
               if (f["module"] or "").endswith("/touch") and not f["inlined"]]
        if own:
            sums[own[0]["function"]] += site[field]
    return sums


def classes(process):
    sums = Counter()
    for site in process["faults"]["sites"]:
        sums[site["class"]] += site["count"]
    return sums


def check_growth(d, process, resident):
    """What sites have of anonymous memory is what the kernel says it was, to its own error."""
    slack = process["peak"]["rss_error_bytes"] + 32 * PAGE
    faults = process["faults"]
    anon = sum(s["bytes"] for s in faults["sites"] if s["class"] != "file")
    d.between("growth", faults["grown_anon_bytes"], resident - slack, resident + slack)
    d.between("anonymous sites", anon, resident - slack, resident + slack)


def test_two_functions():
    """Two functions touch known numbers of pages: to the page, by class, every one counted."""
    document, resident = run("two", "6000", "3000")
    process, d = document["processes"][0], Differences("two functions")
    counts = by_function(process, "count")
    d.equal("touch_first", counts["touch_first"], 6000)
    d.equal("touch_second", counts["touch_second"], 3000)
    sizes = by_function(process)
    d.between("bytes of touch_first", sizes["touch_first"], 5900 * PAGE, 6000 * PAGE)
    d.between("bytes of touch_second", sizes["touch_second"], 2950 * PAGE, 3000 * PAGE)
    d.between("anon", classes(process)["anon"], 9000, 9100)
    d.equal("kind", process["faults"]["kind"], "exact")
    d.equal("sampled_period", process["faults"]["sampled_period"], 1)
    d.equal("sum over sites", sum(s["count"] for s in process["faults"]["sites"]),
            process["faults"]["count"])
    check_growth(d, process, resident)
    d.check()


def touched(*words, options=()):
    """touch.c with these words, attached to before it does its work: its process in the report."""
    target = Program(program("touch"), *words)
    target.await_line("ready")
    recording = Recording("-p", str(target.pid), options=options)
    recording.await_attached()
    target.go()
    target.await_line("resident")
    target.go()
    target.wait()
    recording.wait()
    return image(recording.report(), comm="touch")


def test_attached():
    """Threads that were there before, and those that they create."""
    process = touched("threads", "20", "50")
    d = Differences("attached")
    d.equal("touch_first", by_function(process, "count")["touch_first"], 20 * 50)
    d.check()


def test_threads():
    """Five hundred threads with few faults each."""
    document, resident = run("threads", "500", "40")
    process, d = document["processes"][0], Differences("threads")
    d.equal("touch_first", by_function(process, "count")["touch_first"], 500 * 40)
    check_growth(d, process, resident)
    d.check()


def test_children():
    """Nothing of a child is missed that lives for a moment only."""
    document, _ = run("forks", "30", "40")
    d = Differences("children")
    d.equal("images", len(document["processes"]), 31)
    for process in document["processes"][1:]:
        d.equal(f"{process['pid']}", by_function(process, "count")["touch_first"], 40)
    d.check()


def test_kernel_touches():
    """Memory that a system call is the first to write to is credited to who made the call."""
    document, resident = run("read", "2000")
    process, d = document["processes"][0], Differences("read")
    d.between("fill", by_function(process, "count")["fill"], 2000, 2010)
    check_growth(d, process, resident)
    d.check()


def test_huge_pages():
    """A fault that brings 2 MiB counts as much, beside one that brings 4 KiB."""
    policy = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not policy.exists() or "[never]" in policy.read_text(encoding="ascii"):
        raise Skip("no transparent huge pages here")
    document, resident = run("huge", "64")
    process, d = document["processes"][0], Differences("huge pages")
    if resident < 64 * MIB or by_function(process, "count")["touch_huge"] > 4096:
        raise Skip("the kernel had no huge pages to give")
    d.between("touch_huge", by_function(process)["touch_huge"], 62 * MIB, 64 * MIB)
    check_growth(d, process, resident)
    d.check()


def test_populated():
    """MAP_POPULATE takes no fault that anybody is told of; whoever mapped it has it."""
    document, resident = run("populate", "64")
    process, d = document["processes"][0], Differences("populated")
    d.between("populate", by_function(process)["populate"], 63 * MIB, 64 * MIB)
    check_growth(d, process, resident)
    d.check()


def test_churn():
    """Memory that goes again is faulted in many times, but was resident once."""
    document, _ = run("churn", "1000", "20")
    process, d = document["processes"][0], Differences("churn")
    d.equal("count", by_function(process, "count")["touch_first"], 20000)
    d.between("bytes", by_function(process)["touch_first"], 900 * PAGE, 1100 * PAGE)
    d.equal("scaled", process["faults"]["scaled"], True)
    d.check()


def test_mode_kernel():
    """No breakpoint anywhere, no number of the heap; the rest as always."""
    target = Program(program("touch"), "two", "6000", "3000")
    target.await_line("ready")
    recording = Recording("-p", str(target.pid), options=("--mode", "kernel", "--budget", "100"))
    recording.await_attached()
    check(text_is_clean(target.pid), "a breakpoint")
    target.go()
    resident = int(target.await_line("resident").split()[1])
    check(text_is_clean(target.pid), "a breakpoint")
    target.go()
    target.wait()
    recording.wait()
    document = recording.report()
    check_lossless(document)
    process, d = image(document, comm="touch"), Differences("kernel")
    d.equal("mode", document["capture"]["mode"], "kernel")
    d.equal("traps", document["capture"]["traps"], 0)
    d.equal("probes", document["capture"]["probes"], [])
    d.equal("layer", process["layer"], "kernel")
    d.equal("heap", process["heap"], None)
    counts = by_function(process, "count")
    d.equal("touch_first", counts["touch_first"], 6000)
    d.equal("touch_second", counts["touch_second"], 3000)
    mapped = sum(s["live_bytes"] for s in process["maps"]["sites"])
    d.between("mapped", mapped, 9000 * PAGE, 9100 * PAGE)
    d.between("resident", process["faults"]["grown_anon_bytes"], 9000 * PAGE - 256 * 1024,
              resident + 256 * 1024)
    d.check()


def test_mode_kernel_budget():
    """At 1% a part of the faults has stacks, by which all are shared out; all are counted."""
    process = touched("two", "60000", "30000", options=("--mode", "kernel"))
    d = Differences("kernel, 1%")
    d.between("faults", process["faults"]["count"], 90000, 91000)
    counts = by_function(process, "count")
    # One in eight at first, fewer when their cost is known.
    d.between("touch_first", counts["touch_first"], 0.8 * 60000, 1.2 * 60000)
    d.between("touch_second", counts["touch_second"], 0.7 * 30000, 1.3 * 30000)
    print(f"{counts['touch_first']} of 60,000 and {counts['touch_second']} of 30,000")
    d.check()


def test_whole_host():
    """-a: every process of the host, without a breakpoint anywhere; grouped by cgroup."""
    target = attached()[0]
    recording = record("-a", options=("--mode", "kernel", "-d", "1"))
    document = recording.report()
    image(document, target.pid)
    check(document["capture"]["traps"] == 0, f"traps {document['capture']['traps']}")
    check(recording.pid not in [p["pid"] for p in document["processes"]], "it records itself")
    groups = {g["cgroup"]: g["processes"] for g in document["groups"]}
    have = [p["cgroup"] for p in document["processes"]]
    check(groups == {cgroup: have.count(cgroup) for cgroup in set(have)}, f"groups {groups}")
    target.go()
    target.await_line("done")


test_whole_host.alone = "it looks at all processes"


def test_mode_kernel_launched():
    """Stacks are whole from the first instruction on, and children are followed."""
    document, _ = run("forks", "5", "40", options=("--mode", "kernel", "--budget", "100"))
    d = Differences("kernel, launched")
    d.equal("images", len(document["processes"]), 6)
    for process in document["processes"][1:]:
        d.equal(f"{process['pid']}", by_function(process, "count")["touch_first"], 40)
        d.equal("heap", process["heap"], None)
    d.between("stacks_complete_pct", document["processes"][0]["stacks_complete_pct"], 99, 100)
    d.check()


def test_text():
    """The report names both functions, the larger first."""
    recording = Recording("--", program("touch"), "two", "600", "300")
    recording.go()
    recording.await_line("resident")
    recording.go()
    recording.wait()
    _, out, _ = report_result(recording.capture, "--text")
    section = out[out.index("Page faults"):]
    first, second = section.index("touch_first"), section.index("touch_second")
    check(first < second, section)
    check("1. 2.3 MiB" in section or "1. 2.2 MiB" in section, section)
