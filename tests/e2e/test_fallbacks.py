# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What memtide does where the better way cannot be had, each forced: told, and still true."""
import json
import subprocess
import time

from memtide import (PATIENCE_S, TOOL, Program, Recording, build, check, children, image, images,
                     need, program, record, report, report_result, scratch,
                     text_is_clean, until)
from truth import Differences, add_up, check_lossless, compare

# ---- commands that are not held at fork and exec --------------------------------------------


def check_gap(process):
    """It is told that the image had begun before it was attached to."""
    d = Differences(f"{process['comm']} ({process['pid']})")
    d.equal("since", process["heap"]["since"], "attach")
    d.between("counted_time_pct", process["counted_time_pct"], 0, 99.999)
    d.check()


def check_part(process, truth):
    """Some of it was not seen; nothing is invented."""
    d, heap = Differences(f"{process['comm']} ({process['pid']})"), process["heap"]
    for field in ("alloc_count", "alloc_bytes", "free_count", "free_bytes"):
        d.between(field, heap[field], 0, truth["heap"][field])
    d.equal("alloc - free - live", heap["alloc_count"] - heap["free_count"] - heap["live_count"],
            0)
    d.between("unknown_free_count", heap["unknown_free_count"], 0,
              truth["heap"]["free_count"] - heap["free_count"])
    d.equal("sum of at_peak_bytes", sum(s["at_peak_bytes"] for s in process["sites"]),
            heap["peak_live_bytes"])
    d.check()


def check_whole(process, truth):
    """All of it; of one that was over before we looked, no stack has a name."""
    d, heap = Differences(f"{process['comm']} ({process['pid']})"), process["heap"]
    for field in ("alloc_count", "alloc_bytes", "free_count", "free_bytes", "live_count",
                  "live_bytes", "peak_live_bytes", "failed_count", "unknown_free_count"):
        d.equal(field, heap[field], truth["heap"][field])
    d.check()


def check_loose(process, truth):
    """Whole, or with its gap told, or not attached to at all: as it says itself."""
    if not process["heap"]:
        check(process["counted_time_pct"] == 0, f"no heap, coverage {process['coverage_pct']}")
    elif process["heap"]["since"] == "start" and process["counted_time_pct"] == 100:
        check_whole(process, truth)
    else:
        check_gap(process)
        check_part(process, truth)


def loose(command, commands):
    """Record a shell that is not held; its report, its commands judged by their truths."""
    recording = record("--", "sh", "-c", command, options=("--no-ptrace",))
    document = recording.report()
    check_lossless(document)
    truths = recording.truths()
    check(len(truths) == commands, f"{len(truths)} truths")
    for truth in truths:
        process = images(document, truth["pid"])[-1]
        check(process["comm"] == truth["comm"], f"{process['comm']}, in truth {truth['comm']}")
        check_loose(process, truth)
    return document


def test_no_ptrace_vfork():
    """dash starts a command by vfork: what the child does in its memory is not followed."""
    document = loose(f"{program('resize')}; {program('lifetime')}; {program('resize')}; :", 3)
    shell = image(document, comm="sh")
    check(shell["counted_time_pct"] < 100, f"no gap in the shell: {shell['coverage_pct']} %")


def test_no_ptrace_fork():
    """Some are attached to before their exec, some after it, some not in time."""
    loose(f"for i in 1 2 3 4 5; do {program('resize')} & {program('lifetime')} & done; wait", 10)


def test_no_ptrace_attached():
    """One that lives long is counted in full from the attach on."""
    recording = Recording("--", "sh", "-c", f"{program('attached')}; :", options=("--no-ptrace",))
    recording.await_line("ready")
    pid = next(iter(children(children(recording.pid)[0])))
    until(lambda: not text_is_clean(pid), "an attach to the shell's child")
    time.sleep(0.5)  # the last of its probes follow the first, which nothing tells
    recording.go()
    recording.await_line("done")
    recording.go()
    recording.wait()
    process, truth = image(recording.report(), pid), recording.truths()[0]
    check_gap(process)
    d, (sums, _) = Differences("attached"), add_up(process)
    for site in truth["sites"]:
        got = sums[site["function"], site["kind"]]
        for field in ("alloc_count", "alloc_bytes", "live_count", "live_bytes"):
            d.equal(f"{site['function']} {field}", got[field], site[field])
    d.check()


LEAK = """
#include <stdlib.h>
#include <string.h>
__attribute__((noipa)) static char *lose(int n) { return strcpy(malloc(n), "lost"); }
int main(void) { return lose(1234)[0] == 'x'; }
"""


def test_sanitizer():
    """LeakSanitizer ptraces its own process: it must find its leak as without us."""
    binary = build(LEAK, "-fsanitize=address,leak", "-fno-omit-frame-pointer")
    alone = subprocess.run([binary], capture_output=True, text=True, timeout=PATIENCE_S,
                           check=False)
    check("1234 byte(s) leaked" in alone.stderr, f"it does not work alone: {alone.stderr}")
    recording = record("--", binary, status=alone.returncode)
    check("1234 byte(s) leaked" in recording.stderr(),
          f"the leak check failed: {recording.stderr()}")
    check("LeakSanitizer has encountered a fatal error" not in recording.stderr(),
          f"the leak check failed: {recording.stderr()}")
    process = image(recording.report())
    check((process["ended"], process["exit_status"]) == ("exit", alone.returncode),
          f"ended {process['ended']} {process['exit_status']}")


def test_strace():
    """A command that ptraces its own children keeps them."""
    out = scratch() / "strace"
    recording = Program(TOOL, "record", "-o", scratch() / "c", "--", need("strace"), "-f", "-o",
                        out, program("resize"), stdin=subprocess.DEVNULL)
    recording.wait()
    traced = out.read_text()
    check("execve(" in traced and "+++ exited with 0 +++" in traced, f"strace saw {traced[:200]}")
    check("strace" in recording.stderr() and "gap" in recording.stderr(),
          f"not told that there is a gap: {recording.stderr()[:300]}")
    document = report(recording.argv[3])
    truth = recording.truths()[0]
    process = images(document, truth["pid"])[-1]
    check(process["comm"] == "resize", f"its last image is {process['comm']}")
    check_loose(process, truth)


# ---- other hooks ------------------------------------------------------------------------------


def hooked(*options):
    recording = record("--", program("ledger"), options=options)
    document = recording.report()
    check_lossless(document)
    return document["capture"]["hooks"]["vm"], document["processes"][0], recording.truths()[0]


def test_vm_hooks_none():
    """Without them mappings are unknown, which is not none; the rest is as ever."""
    hooks, process, truth = hooked("--vm-hooks", "none")
    check(hooks == "none", f"hooks.vm {hooks}")
    check(process["maps"] is None, f"maps {process['maps']}")
    check(process["peak"]["mapped_bytes"] >= truth["maps"][0]["at_peak_bytes"], "peak mapped")
    recording = record("--", program("family"), options=("--vm-hooks", "none"))
    compare(image(recording.report()), recording.truths()[0])


def test_vm_hooks_tracepoint():
    hooks, process, truth = hooked("--vm-hooks", "tracepoint")
    check(hooks == "tracepoint", f"hooks.vm {hooks}")
    check(process["maps"]["mremap_count"] == truth["mremap_count"],
          f"mremap_count {process['maps']['mremap_count']}, in truth {truth['mremap_count']}")


# ---- too little memory for the maps -----------------------------------------------------------


def test_maps_full():
    """200,000 blocks where a few thousand fit: the loss is told and nothing is made up."""
    count, size = 200_000, 40
    recording = Recording("--", program("many"), str(count), str(size), stdin=subprocess.DEVNULL,
                          options=("--map-memory", "1"))
    recording.await_line("intact")
    recording.wait()
    document = recording.report()
    process = image(document, comm="many")
    heap, d = process["heap"], Differences("many")
    lost = document["capture"]["lost"]["live_full"]
    d.between("lost.live_full", lost, count // 2, count)
    d.equal("alloc_count", heap["alloc_count"], count)
    d.equal("alloc_bytes", heap["alloc_bytes"], count * size)
    d.equal("kind", heap["kind"], None)  # its live and its frees are not exact
    d.equal("temporary_count", heap["temporary_count"], 0)
    d.equal("short_lived_count", heap["short_lived_count"], 0)
    d.equal("unknown_free_count", heap["unknown_free_count"], 0)
    d.between("free_count", heap["free_count"], lost, lost + count // 2)  # a lost one is no more
    d.between("live_count", heap["live_count"], 0, count // 2)
    d.between("peak_live_bytes", heap["peak_live_bytes"], 0, count * size)
    d.check()


test_maps_full.timeout_s = 120


# ---- doctor -----------------------------------------------------------------------------------


def doctor(*prefix):
    """Its checks by name, and its prices as "trap_ns"; the text says the same in 80 columns."""
    run = {"capture_output": True, "text": True, "timeout": PATIENCE_S, "check": False}
    text = subprocess.run([*prefix, TOOL, "doctor"], **run)
    found = subprocess.run([*prefix, TOOL, "doctor", "--json"], **run)
    document = json.loads(found.stdout)
    check(text.returncode == found.returncode == (0 if document["able"] else 4),
          f"able {document['able']}, statuses {text.returncode}, {found.returncode}")
    wide = [line for line in text.stdout.splitlines() if len(line) > 80]
    check(not wide, f"wider than 80 columns: {wide}")
    words = " ".join(text.stdout.split())
    prices = document["trap_ns"]
    check(not prices or prices["stepped"] > prices["push"] > 0 < prices["return"],
          f"prices {prices}")
    check(bool(prices) == ("a probe's hit, in ns:" in words), "prices in one of text and JSON")
    for one in document["checks"]:
        check(bool(one["advice"]) != one["ok"], f"{one['name']}: advice {one['advice']!r}")
        check(one["ok"] or "-> " + one["advice"] in words, f"{one['name']}: not in the text")
    return {one["name"]: one for one in document["checks"]} | {"trap_ns": prices}


def test_doctor():
    checks = doctor()
    check(checks["bpf"]["ok"] and checks["btf"]["ok"], "it cannot record here, yet we do")
    check(set(checks["trap_ns"]) == {"push", "nop", "branch", "stepped", "return"},
          f"prices {checks['trap_ns']}")


def test_doctor_unprivileged():
    """What is refused to others is had by privilege, not by another kernel."""
    checks = doctor(need("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups",
                    "--inh-caps=-all")
    check(not checks["bpf"]["ok"], "anybody may load programs here")
    check(checks.pop("trap_ns") is None, "anybody may have probes here")
    for one in checks.values():
        if one["error"] in ("Operation not permitted", "Permission denied"):
            check("root" in one["advice"] and "CAP_" in one["advice"],
                  f"{one['name']}: {one['advice']!r}")


def test_doctor_no_tracefs():
    """fentry's advice does not promise tracepoints that cannot be had."""
    checks = doctor(need("setpriv"), "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    check(not checks["tracefs"]["ok"] and "CAP_SYS_ADMIN" in checks["tracefs"]["advice"],
          f"tracefs: {checks['tracefs']}")
    check("tracepoints are used" not in (checks["fentry"]["advice"] or ""),
          f"fentry: {checks['fentry']}")


def test_doctor_unwritten():
    for options in ((), ("--json",)):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([TOOL, "doctor", *options], stdout=full, text=True,
                                    stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        check(result.returncode == 1, f"status {result.returncode}")
        check(len(result.stderr.splitlines()) == 1 and "No space left" in result.stderr,
              f"not one clear line: {result.stderr!r}")


def test_syscall_tax():
    """What tracepoints on system calls cost the host is measured, and told where there are any."""
    for hooks in ("tracepoint", "none"):
        recording = record("--", "true", options=("--vm-hooks", hooks))
        tax = recording.report()["capture"]["hooks"]["syscall_tax_ns"]
        text = report_result(recording.capture)[1]
        check((tax > 0) == (hooks == "tracepoint"), f"{hooks}: {tax} ns")
        check((f"took {tax} ns more" in " ".join(text.split())) == (tax > 0), text[:400])
