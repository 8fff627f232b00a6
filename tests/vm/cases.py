# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What the test machines run (a line of shell each) and how its outcome is judged here.

A check gets the folder that came out (stdout, stderr, status and whatever the command left
in its working directory) and the kernel's series; it raises AssertionError, or may return a
note for the result's line.
"""

import json
import re
import sys
from pathlib import Path
from typing import Callable, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import test_bill  # noqa: E402  pylint: disable=wrong-import-position
import truth  # noqa: E402  pylint: disable=wrong-import-position
from memtide import BUILD, PROGRAMS, check, report  # noqa: E402  pylint: disable=wrong-import-position

# What must be used on these kernels: the newest that each has.
HOOKS = {
    "6.1": {"vm": "fentry", "return": "uretprobe"},
    "6.12": {"vm": "fentry", "return": "uretprobe_multi"},
}

LEAF = PROGRAMS / "leaf"
RECORD = "memtide record -q --mode exact -o capture.mtd"

# Recorded from their first instruction and compared with their own truth.
RECORDED = [
    "family",
    "zero",
    "failures",
    "resize",
    "chains",
    "huge",
    "lifetime",
    "peaks lower",
    "peaks plateau",
    "forks",
    f"vforks {LEAF}",
    "execs leader",
    f"children 8 {LEAF}",
    "ledger",
    "breaks",
]
# Those of several threads: what depends on the order of their calls is not known.
THREADED = [
    "execs thread",
    "cross",
    "race 64 50",
]


class Case(NamedTuple):
    name: str
    seconds: int  # until it is killed
    command: str
    check: Callable[[Path, str], str | None]


def said(folder, file="stdout"):
    return (folder / file).read_text(errors="replace")


def check_status(folder):
    status = int(said(folder, "status"))
    check(status == 0, f"status {status}: {said(folder, 'stderr').strip()}")


def check_truth(folder, exact=True):
    truths = [json.loads(line) for line in said(folder, "truth").splitlines()]
    truth.compare_all(report(folder / "capture.mtd"), truths, exact)


def check_boot(folder, series):
    release = said(folder).strip()
    check(release.startswith(series + "."), f"it is {release}")
    return release


def check_doctor(folder, series):
    check_status(folder)
    checks = {c["name"]: c for c in json.loads(said(folder))["checks"]}
    # 6.12 had the hole when it was new, and has it no more in Debian's.
    filtered = checks["uretprobe_seccomp"]
    check(filtered["ok"] or series == "6.12", f"return probes under seccomp: {filtered}")
    return f"return probes {'pass' if filtered['ok'] else 'do not pass'} seccomp filters"


def check_hooks(folder, series):
    check_status(folder)
    hooks = report(folder / "capture.mtd")["capture"]["hooks"]
    for what, wanted in HOOKS.get(series, {}).items():
        check(hooks[what] == wanted, f"{what} by {hooks[what]}, not {wanted}")
    return ", ".join(f"{what} by {how}" for what, how in hooks.items())


def check_recorded(folder, _):
    check_status(folder)
    check_truth(folder)


def check_threaded(folder, _):
    check_status(folder)
    check_truth(folder, exact=False)


def check_attached(folder, _):
    check_status(folder)
    check(said(folder) == "target: 0\nrecorder: 0\n", said(folder))
    check_truth(folder)


def check_midflight(folder, _):
    check(said(folder) == "recorder: 0\nafter: 0 mappings\ntarget: 0\n", said(folder))
    return f"{report(folder / 'capture.mtd')['capture']['traps']} traps"


def check_auto(folder, _):
    check(said(folder) == "recorder: 0\nafter: 0 mappings\ntarget: 0\n", said(folder))
    document = report(folder / "capture.mtd")
    check(document["capture"]["mode"] == "auto", f"mode {document['capture']['mode']}")
    phases = document["processes"][0]["phases"]
    check(phases, "no phases")
    return ", ".join(phase["layer"] for phase in phases)


def check_bill(folder, _):
    check_status(folder)
    process = report(folder / "capture.mtd")["processes"][0]
    # Before 6.2 the kernel's counters leave out up to 256 KiB of each thread.
    d, bill, _ = test_bill.compare_with(said(folder, "truth"), process, "bill",
                                           5 * 256 * test_bill.KIB)
    test_bill.check_heap(d, bill, 8 + 9, 24)
    test_bill.near_mib(d, "stacks", bill["thread_stacks_bytes"], 4)
    d.check()


def check_killed(folder, _):
    check(re.fullmatch(r"before: [1-9]\d* mappings, [1-9]\d* programs\n"
                       r"after: 0 mappings, 0 programs\ntarget: 0\n", said(folder)),
          said(folder))
    report(folder / "capture.mtd")


def check_verifier(folder, _):
    check(said(folder, "status") == "0\n", "\n".join(
        line for line in said(folder).splitlines() if line.startswith("FAIL")))
    return said(folder).splitlines()[-1]


def check_log(folder, _):
    complaints = re.findall(r".*(?:BUG:|WARNING:|Oops|general protection|segfault).*",
                            said(folder))
    check(not complaints, "\n".join(complaints))


def recorded(command, judge):
    name = re.sub(r" /\S*", "", command).replace(" ", "-")
    return Case(name, 60, f"{RECORD} -- {command}", judge)


# What can be asked for by name: its check of `memtide doctor`, and the report's word for it.
FORCED = {
    "--uprobes session": ("uprobe_session", "return", "session"),
    "--uprobes multi": ("uprobe_multi", "return", "uretprobe_multi"),
    "--uprobes perf": ("perf_uprobe", "return", "uretprobe"),
    "--uprobes shared": ("tracefs", "return", "uretprobe"),
    "--vm-hooks fentry": ("fentry", "vm", "fentry"),
    "--vm-hooks tracepoint": ("tracefs", "vm", "tracepoint"),
}
NO = "says no: "


def check_forced(options):
    """It is used where doctor says that it can be had; else that is said, in one line."""
    name, what, word = FORCED[options]

    def judge(folder, _):
        checks = {c["name"]: c for c in json.loads(said(folder))["checks"]}
        if checks[name]["ok"]:
            check_recorded(folder, _)
            hooks = report(folder / "capture.mtd")["capture"]["hooks"]
            check(hooks[what] == word, f"{what} by {hooks[what]}")
            return None
        line = said(folder, "stderr").strip()
        check(said(folder, "status") == "125\n" and len(line.splitlines()) == 1,
              f"status {said(folder, 'status')}: {line}")
        return NO + checks[name]["error"]

    return judge


def check_kernel_mode(folder, _):
    check_status(folder)
    process = report(folder / "capture.mtd")["processes"][0]
    check(process["layer"] == "kernel" and process["faults"]["count"] > 0, "no faults")
    check(process["heap"] is None, f"a heap: {process['heap']}")


def check_refused(folder, _):
    check(said(folder, "status") == "4\n", f"status {said(folder, 'status')}")
    line = said(folder, "stderr")
    check(len(line.splitlines()) == 1 and "too old" in line and "6.1" in line, line)
    check(not (folder / "capture.mtd").exists(), "it left a capture")
    return line.strip()


def check_doctor_refuses(folder, _):
    check(said(folder, "status") == "4\n", f"status {said(folder, 'status')}")
    loops = next(c for c in json.loads(said(folder))["checks"] if c["name"] == "bpf_loop")
    check(not loops["ok"] and "6.1" in loops["advice"], loops)


# On kernels that are too old.
REFUSALS = {
    "5.10": [
        Case("boot", 10, "uname -r", check_boot),
        Case("refused", 30, f"{RECORD} -p 1", check_refused),
        Case("doctor", 30, "memtide doctor --json", check_doctor_refuses),
        Case("kernel-log", 10, "dmesg", check_log),
    ],
}

CASES = [
    Case("boot", 10, "uname -r", check_boot),
    Case("doctor", 30, "memtide doctor --json", check_doctor),
    Case("hooks", 30, f"{RECORD} -- leaf", check_hooks),
    *(recorded(command, check_recorded) for command in RECORDED),
    *(recorded(command, check_threaded) for command in THREADED),
    # It waits for a byte or the end of its stdin, so that ticks see its threads.
    Case("threads", 60, f"sleep 1 | {RECORD} -- threads", check_threaded),
    *(Case(options.lstrip("-").replace(" ", "-"), 60,
           f"memtide doctor --json; {RECORD} {options} -- family", check_forced(options))
      for options in FORCED),
    Case("kernel-mode", 30, "memtide record -q --mode kernel -o capture.mtd -- family",
         check_kernel_mode),
    Case("attached", 30, "attached.sh", check_attached),
    recorded("bill", check_bill),
    Case("midflight", 30, "midflight.sh exact", check_midflight),
    Case("auto", 30, "midflight.sh auto", check_auto),
    Case("killed", 30, "killed.sh", check_killed),
    Case("verifier", 200, f"{BUILD}/bpf-tests/load /mt/insns.txt", check_verifier),
    Case("kernel-log", 10, "dmesg", check_log),
]

OF_A_BOOT = ("boot", "kernel-log")  # what a machine has that runs nothing else

# Rows of the table in README.md: the cases that show it.
FEATURES = {
    "every call, to the byte; fork, vfork, exec": [
        "family", "zero", "failures", "resize", "chains", "huge", "lifetime", "peaks-lower",
        "peaks-plateau", "forks", "vforks", "execs-leader", "execs-thread", "children-8"],
    "threads: races, stacks": ["cross", "race-64-50", "threads"],
    "mappings, break, RSS bill": ["ledger", "breaks", "bill"],
    "return values by session probes": ["uprobes-session"],
    "by uprobe_multi": ["uprobes-multi"],
    "by perf events": ["uprobes-perf"],
    "by shared tracefs events": ["uprobes-shared"],
    "address space by fentry": ["vm-hooks-fentry"],
    "by syscall tracepoints": ["vm-hooks-tracepoint"],
    "page faults alone (mode kernel)": ["kernel-mode"],
    "governor (mode auto), nothing stays": ["auto"],
    "attach and detach under load": ["attached", "midflight"],
    "recorder killed: nothing stays": ["killed"],
    "all programs load, instruction counts": ["verifier"],
}
