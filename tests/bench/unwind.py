#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What a stack costs: memtide's unwinder beside the kernel's bpf_get_stack, in one run.

One process allocates below 8, 32 and 120 frames, that have frame pointers so that both find them
all. A stack's cost is what a pair of malloc and free costs more with stacks than without, under
the same tracer in the same round; the table has the medians of the rounds.
"""
import statistics
import sys
import tempfile

from bench import TRACERS, Pairs, running

DEPTHS = (8, 32, 120)
ROUNDS = 5
MEASURE_MS = 200
COMPARED = ("memtide", "naive")


def measure(pairs, name, stacks):
    """ns per pair by depth."""
    start, await_attached, end = TRACERS[name]
    with running(start(pairs.pid, stacks)) as tracer:
        await_attached(tracer)
        costs = {depth: pairs.measure(1, MEASURE_MS, depth)[0] for depth in DEPTHS}
        end(tracer)
    return costs


def run_round(pairs):
    costs = {(name, stacks): measure(pairs, name, stacks)
             for name in COMPARED for stacks in (True, False)}
    return {(name, depth): costs[name, True][depth] - costs[name, False][depth]
            for name in COMPARED for depth in DEPTHS}


def main():
    with tempfile.TemporaryDirectory(prefix="memtide-bench-") as folder, running(Pairs()) as pairs:
        tempfile.tempdir = folder
        rounds = [run_round(pairs) for _ in range(ROUNDS)]
    print(f"CPU ns for one stack, median of {ROUNDS} rounds\n")
    print(f"{'frames':>8}{'memtide':>12}{'bpf_get_stack':>16}{'ratio':>8}")
    for depth in DEPTHS:
        ours, theirs = (statistics.median(r[name, depth] for r in rounds) for name in COMPARED)
        print(f"{depth:>8}{ours:>12.0f}{theirs:>16.0f}{ours / theirs:>8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
