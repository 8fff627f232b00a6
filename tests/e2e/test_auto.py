# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Mode auto: what it costs stays in the budget, and what it estimates is as sure as it says."""
import signal
import subprocess
import time

from memtide import (BUILD, Program, Recording, build, check, check_text, image, is_probed, need,
                     program, record, report_result, until)
from test_sampling import check_far
from truth import Differences, View

SITES = 16  # of load.c, all called as often
SPINS = 10_000  # between two pairs: some microseconds
DENSE_SPINS = 400  # less than a twentieth of what a pair costs in a burst
DENSE_FACTOR = 2  # what it may be wrong by: an error of 3% of our price
SECONDS = 6
BUDGET_PCT = 3


class Load:
    """load.c, which says what it has done as it goes on."""

    def __init__(self, spins, seconds, threads=1):
        self.process = Program(BUILD / "bench/load")
        self.pid = self.process.pid
        self.process.process.stdin.write(f"{threads} {spins} {seconds * 1000}\n".encode())
        self.process.process.stdin.flush()

    def at(self, when_ns=0):
        """Pairs and bytes so far, by its first line that is not older."""
        while True:
            words = self.process.await_line("at ").split()
            if int(words[1]) >= when_ns:
                return int(words[5]), int(words[7])

    def end(self):
        self.process.process.kill()
        self.process.process.wait()


def recorded(load, *options):
    """The report of some seconds of it, and the share of all that it did in that time."""
    recording = Recording("-p", load.pid, options=("-d", str(SECONDS), *options))
    recording.await_attached()
    begin_ns = time.monotonic_ns()
    recording.wait()
    pairs, size = load.at(begin_ns)
    pairs_end, size_end = load.at(begin_ns + SECONDS * 10**9)
    return recording, pairs_end - pairs, size_end - size


def test_bursts():
    """A load that exact would slow down a lot: totals and sites in their intervals, in the budget."""
    load = Load(SPINS, 4 * SECONDS)
    try:
        recording, pairs, size = recorded(load, "--mode", "auto", "--budget", str(BUDGET_PCT))
    finally:
        load.end()
    document = recording.report()
    process, capture = image(document, load.pid), document["capture"]
    heap, d = process["heap"], Differences("auto")
    d.equal("mode", capture["mode"], "auto")
    d.equal("budget", capture["budget_pct"], BUDGET_PCT)
    d.equal("kind", heap["kind"], "windowed")
    d.equal("layer", process["layer"], "burst")
    d.equal("live", (heap["live_bytes"], heap["peak_live_bytes"]), (None, None))
    d.equal("large", {s["live_large_bytes"] for s in process["sites"]}, {None})
    d.equal("lost", {n: v for n, v in capture["lost"].items() if v}, {})
    check_far(d, "alloc_count", heap["alloc_count"], bounded(heap["ci95"]["alloc_count"]), pairs)
    check_far(d, "alloc_bytes", heap["alloc_bytes"], bounded(heap["ci95"]["alloc_bytes"]), size)
    d.between("exact_would_cost_pct", capture["exact_would_cost_pct"], 20, 2000)
    d.between("overhead_pct", capture["overhead_pct"], 0.01, 1.5 * BUDGET_PCT)
    compare_sites(d, process, size)
    d.check()
    _, text, _ = report_result(recording.capture)
    for words in ("windowed", "bursts", "budget: 3", "--mode exact would cost"):
        check(words in text, f"no {words!r} in {text}")


test_bursts.alone = "what it costs is timed"


def test_dense_bursts():
    """A load that does little but call: what is left of a burst is not taken for an error."""
    load = Load(DENSE_SPINS, 4 * SECONDS)
    try:
        recording, pairs, size = recorded(load, "--mode", "auto", "--budget", str(BUDGET_PCT))
    finally:
        load.end()
    heap, d = image(recording.report(), load.pid)["heap"], Differences("dense")
    d.equal("kind", heap["kind"], "windowed")
    for field, truth in (("alloc_count", pairs), ("alloc_bytes", size)):
        low, high = bounded(heap["ci95"][field])
        print(f"{field}: {heap[field] / truth:.2f} of the truth, in "
              f"[{low / truth:.2f}, {high / truth:.2f}]")
        check_far(d, field, heap[field], (low, high), truth)
        d.between(field, heap[field], truth / DENSE_FACTOR, truth * DENSE_FACTOR)
    d.check()


test_dense_bursts.alone = "its bursts are timed"


def bounded(interval):
    """A bound that is not known is far away."""
    low, high = interval
    return low, high if high is not None else 1 << 62


def compare_sites(d, process, size):
    """All are found, the larger the block the more bytes, as load.c has it."""
    view = View(home=BUILD / "bench")
    found = {view.function(s["stack"]): s for s in process["sites"]}
    d.equal("sites", sorted(f for f in found if f and f.startswith("site_")),
            sorted(f"site_{n}" for n in range(SITES)))
    whole = sum(16 + 32 * n for n in range(SITES))
    for n in range(SITES // 2, SITES):
        site = found[f"site_{n}"]
        check_far(d, f"site_{n}", site["alloc_bytes"], bounded(site["ci95"]["alloc_bytes"]),
                  size * (16 + 32 * n) / whole)


def test_exact_where_it_fits():
    """A program that seldom allocates is soon counted exactly, and what lives is known again."""
    target = Program(program("attached"))
    target.await_line("ready")
    recording = Recording("-p", target.pid, options=("--mode", "auto", "--budget", "5"))
    try:
        recording.await_attached()
        until(lambda: "; using it" in recording.stderr() or not recording.alive(), "exact")
        target.go()
        target.await_line("done")
        recording.interrupt()
    finally:
        target.process.kill()
        target.process.wait()
    process = image(recording.report(), target.pid)
    check(process["phases"][-1]["layer"] == "exact", f"phases {process['phases']}")
    check(process["heap"]["live_bytes"] is not None, f"heap {process['heap']}")


def test_killed_in_bursts():
    """kill -9 at any moment of a burst leaves nothing behind."""
    load = Load(SPINS, 60)
    try:
        for n in range(6):
            recording = Recording("-p", load.pid, options=("--mode", "auto", "--budget", "20"))
            recording.await_attached()
            until(lambda: is_probed(load.pid, "libc.so.6"), "a burst")
            time.sleep(0.01 * n)
            recording.signal(signal.SIGKILL)
            recording.wait(-signal.SIGKILL)
            check_text(load.pid)
            report = report_result(recording.capture, "--json")
            check(report[0] == 0, f"report: {report}")
        load.at()
    finally:
        load.end()


FAULTING = r"""
#include <sys/mman.h>
#define BYTES (32 << 20)
int main(void)
{
	for (int i = 0; i < 40; i++) {
		char *p = mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(p, BYTES, MADV_NOHUGEPAGE);
		for (int at = 0; at < BYTES; at += 4096)
			p[at] = 1;
		munmap(p, BYTES);
	}
	return 0;
}
"""
FAULTS = 40 * (32 << 20) // 4096


def test_faults_in_budget():
    """A program that does nothing but fault: few faults get a stack, and all are counted."""
    document = record("--", build(FAULTING), options=("--mode", "auto")).report()
    faults = image(document, comm="program")["faults"]
    check(faults["kind"] == "sampled" and faults["sampled_period"] > 100, f"{faults['kind']}, "
          f"one stack in {faults['sampled_period']}")
    check(FAULTS <= faults["count"] < 1.01 * FAULTS, f"{faults['count']} faults of {FAULTS}")
    check(sum(site["samples"] for site in faults["sites"]) < FAULTS / 20, "too many stacks")


def test_command():
    """A command is followed with its children, and ends with its own status."""
    recording = record("--", need("sh"), "-c", "ls / >/dev/null; exit 3", status=3,
                       options=("--mode", "auto"))
    document = recording.report()
    check(document["capture"]["finished"], "not finished")
    check({p["comm"] for p in document["processes"]} >= {"sh", "ls"},
          f"{[p['comm'] for p in document['processes']]}")


def test_default():
    """auto is what runs when nothing is said."""
    load = Load(SPINS, 10)
    try:
        capture = load.process.folder / "default.mtd"
        subprocess.run([BUILD / "memtide", "record", "-q", "-d", "0.5", "-o", capture, "-p",
                        str(load.pid)], check=True)
        status, out, err = report_result(capture)
        check(status == 0 and "mode auto" in out and "budget: 1" in out, out + err)
    finally:
        load.end()
