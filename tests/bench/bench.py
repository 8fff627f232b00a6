#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What tracing costs a malloc and a free: memtide, the naive tracer and bpftrace, in one run.

Every round measures one process bare, then under each tracer in turn, each with and without
stacks, with 1 and with 2 threads. What a tracer adds is the difference to the bare process in
the same round; the table has the median of the rounds. A tracer that has not seen every call
is not compared: a round that fails is told and measured again, and what there is is printed.
Costs are CPU time, so that a busy machine does not change them.

--check: status 1 when a goal is missed.
"""
import argparse
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "e2e"))
# pylint: disable-next=wrong-import-position
from memtide import BUILD, Program, Recording, check, need  # noqa: E402

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
ROUNDS = 7
FAILURES_MAX = 3  # rounds
MEASURE_MS = 200
THREADS = (1, 2)
SMALLEST_BYTES = 16  # that pairs.c asks for
GOALS = {True: 1 / 5, False: 1 / 8}  # of what a peer adds, by `stacks`


# What a measurement may end by that goes wrong: a tracer that died, was silent or lost calls.
FAILURE = (AssertionError, AttributeError, OSError, ValueError, subprocess.SubprocessError)


class Pairs(Program):
    """The measured process."""

    def __init__(self):
        super().__init__(BUILD / "bench/pairs")
        self.await_line("ready")

    def measure(self, threads, milliseconds=MEASURE_MS, depth=8):
        """Mean CPU ns per pair, and the number of pairs."""
        self.process.stdin.write(f"{threads} {milliseconds} {depth}\n".encode())
        self.process.stdin.flush()
        _, cost_ns, _, pairs = self.await_line("ns ").split()
        return float(cost_ns), int(pairs)


@contextlib.contextmanager
def running(program):
    """Ends the program whatever happens; by its own pid."""
    try:
        yield program
    finally:
        if program.alive():
            program.process.kill()
        program.process.wait()


# ---- the tracers: started and attached; ended, with the number of allocations they have seen --


def memtide_start(pid, stacks):
    return Recording("-p", pid, options=() if stacks else ("--no-stacks",))


def memtide_await(recording):
    recording.await_attached()


def memtide_end(recording):
    recording.interrupt()
    return sum(p["heap"]["alloc_count"] for p in recording.report()["processes"])


def naive_start(pid, stacks):
    return Program(BUILD / "bench/naive", pid, LIBC, *([] if stacks else ["no-stacks"]))


def says_attached(program):
    program.await_line("attached")


def naive_end(naive):
    naive.process.stdin.close()
    return int(re.search(r"^allocations (\d+)", naive.wait(), re.M).group(1))


def bpftrace_start(pid, stacks, library=LIBC):
    script = (BENCH / "heap.bt").read_text(encoding="utf-8")
    words = {"LIBC": library, "TARGET": str(pid), "STACK": "ustack" if stacks else "0"}
    for word, value in words.items():
        script = script.replace(word, value)
    return Program(need("bpftrace"), "-p", pid, "-e", script,
                   env={"BPFTRACE_MAP_KEYS_MAX": "1000000"}, stdin=subprocess.DEVNULL)


def bpftrace_end(bpftrace):
    bpftrace.signal(signal.SIGINT)
    sums = re.findall(r"^@allocated\[[^]]*\]: (\d+)$", bpftrace.wait(), re.M)
    return sum(int(s) for s in sums) // SMALLEST_BYTES


TRACERS = {
    "memtide": (memtide_start, memtide_await, memtide_end),
    "naive": (naive_start, says_attached, naive_end),
    "bpftrace": (bpftrace_start, says_attached, bpftrace_end),
}


# ---- measuring ----------------------------------------------------------------------------


def measure_traced(pairs, name, stacks):
    """ns per pair by number of threads."""
    start, await_attached, end = TRACERS[name]
    with running(start(pairs.pid, stacks)) as tracer:
        await_attached(tracer)
        measured = {t: pairs.measure(t) for t in THREADS}
        seen = end(tracer)
    made = sum(n for _, n in measured.values())
    check(seen >= made, f"{name} has seen {seen} of {made} allocations")
    return {t: ns for t, (ns, _) in measured.items()}


def run_round(order):
    """Added ns per pair by tracer, stacks and threads; of None the bare cost."""
    with running(Pairs()) as pairs:
        bare = {t: pairs.measure(t)[0] for t in THREADS}
        result = {(None, False, t): bare[t] for t in THREADS}
        for name, stacks in order:
            traced = measure_traced(pairs, name, stacks)
            result.update({(name, stacks, t): traced[t] - bare[t] for t in THREADS})
    return result


def run_rounds():
    """The costs of each round; fewer than ROUNDS where too many have failed."""
    order = [(name, stacks) for stacks in (True, False) for name in TRACERS]
    rounds, failures = [], 0
    while len(rounds) < ROUNDS and failures < FAILURES_MAX:
        turn = len(rounds) % len(order)  # nobody always comes first
        try:
            rounds.append(run_round(order[turn:] + order[:turn]))
            print(f"round {len(rounds)} of {ROUNDS}", file=sys.stderr)
        except FAILURE as error:
            failures += 1
            print(f"a round failed: {error!r}", file=sys.stderr)
    check(rounds, "no round succeeded")
    return {key: [r[key] for r in rounds] for key in rounds[0]}


# ---- telling ------------------------------------------------------------------------------


def print_table(results):
    rounds = len(results[None, False, THREADS[0]])
    print(f"CPU ns per malloc/free pair, median of {rounds} rounds (lowest-highest)\n")
    print(f"{'':32}" + "".join(f"{f'{t} thread' + 's' * (t > 1):>26}" for t in THREADS))
    for name, stacks in dict.fromkeys((name, stacks) for name, stacks, _ in results):
        label = f"{name} adds, {'with' if stacks else 'without'} stacks" if name else "bare"
        cells = (results[name, stacks, t] for t in THREADS)
        print(f"{label:32}" + "".join(
            f"{f'{statistics.median(c):.0f} ({min(c):.0f}-{max(c):.0f})':>26}" for c in cells))
    print()


def print_goal(results, stacks, peer, threads):
    """Is it met?"""
    ours, theirs = (statistics.median(results[name, stacks, threads])
                    for name in ("memtide", peer))
    met = ours <= GOALS[stacks] * theirs
    print(f"{'with' if stacks else 'without'} stacks, {threads} thread{'s' * (threads > 1)}: "
          f"{ours / theirs:.3f} of {peer}, goal {GOALS[stacks]:.3f}: {'met' if met else 'missed'}")
    return met


def print_goals(results):
    """Are all met?"""
    return all([print_goal(results, stacks, peer, threads)
                for stacks in GOALS for threads in THREADS for peer in ("naive", "bpftrace")])


def main():
    parser = argparse.ArgumentParser(description="What tracing costs a malloc and a free.")
    parser.add_argument("--check", action="store_true", help="status 1 when a goal is missed")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as SIGINT: what runs is ended first
    with tempfile.TemporaryDirectory(prefix="memtide-bench-") as folder:
        tempfile.tempdir = folder
        results = run_rounds()
    print_table(results)
    met = print_goals(results)
    return 1 if args.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
