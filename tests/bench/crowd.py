#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What tracing costs a malloc and a free when many processes of one libc are recorded at once.

A trap looks at every consumer of its instruction, so each process that is traced by a link of
its own makes the others' calls dearer. One process is measured, the others wait; the table has
what memtide adds, by the kind of its probes. Median of three measurements.
"""
import contextlib
import resource
import statistics
import sys
import tempfile

from bench import FAILURE, Pairs, Recording, check, running

CROWDS = (1, 10, 100, 500)
# A perf_event is closed at 50 ms or more, and a process has some twenty: larger crowds take
# minutes to end.
KINDS = {"session": CROWDS, "multi": CROWDS, "perf": (1, 10), "shared": CROWDS, "auto": CROWDS}
PATIENCE_S = 120  # to attach to 500 processes, or to let them go
MEASUREMENTS = 3


def cost_ns(pairs):
    return statistics.median(pairs.measure(1)[0] for _ in range(MEASUREMENTS))


def measure(crowd, kind):
    """Added ns per pair, of the one in the middle: a shared event's list is searched."""
    pids = ",".join(str(p.pid) for p in crowd)
    pairs = crowd[len(crowd) // 2]
    bare = cost_ns(pairs)
    with running(Recording("-p", pids, options=("--uprobes", kind))) as recording:
        recording.await_attached(PATIENCE_S)
        added = cost_ns(pairs) - bare
        recording.interrupt(PATIENCE_S)
    seen = sum(p["heap"]["alloc_count"] for p in recording.report()["processes"])
    check(seen > 0, f"{kind}: nothing was seen of {len(crowd)} processes")
    return added


def cell(crowd, kind):
    """The table's: what cannot be measured at the second try either is told, and left out."""
    for _ in range(2):
        try:
            return f"{measure(crowd, kind):.0f}"
        except FAILURE as error:
            print(f"\n{kind}, {len(crowd)} processes: {error!r}", file=sys.stderr)
    return "failed"


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each process has two pipes
    with tempfile.TemporaryDirectory(prefix="memtide-bench-") as folder, \
            contextlib.ExitStack() as crowd:
        tempfile.tempdir = folder
        everybody = [crowd.enter_context(running(Pairs())) for _ in range(max(CROWDS))]
        print("CPU ns that memtide adds to a malloc/free pair, by processes recorded at once\n")
        print(f"{'':10}" + "".join(f"{n:>10}" for n in CROWDS))
        for kind, sizes in KINDS.items():
            print(f"{kind:10}", end="", flush=True)
            for n in sizes:
                print(f"{cell(everybody[:n], kind):>10}", end="", flush=True)
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
