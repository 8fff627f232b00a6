#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What tracing costs real programs and steady loops: memtide in each mode, heaptrack, bpftrace.

Pairs A B B A: each run under a tracer is divided by a bare one right before or right after it, in
turns, so that whichever is second has no advantage; the table has the medians of these ratios.
The column "base again" is a bare run in the tracer's place, with the lowest and the highest ratio:
what is within them is noise. CPU time includes what the traps cost; wall time also shows what the
tracer's own process takes from the target on
a machine with few CPUs. A run that fails is told and done again.

With every target and every tracer the table replaces the one in README.md, between its two
marker comments.
"""
import argparse
import contextlib
import itertools
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "e2e"))
# pylint: disable=wrong-import-position
from bench import FAILURE  # noqa: E402
from memtide import ROOT, check  # noqa: E402
from targets import LATENCIES, TARGETS, Missing  # noqa: E402
from tracers import TRACERS  # noqa: E402

README = ROOT / "README.md"
MARKER = "<!-- bench -->\n"
BASE, AGAIN = "base", "base again"
PAIRS, PAIRS_QUICK = 15, 2
FAILURES_MAX = 3  # of a target under a tracer
# Rows of a target, as far as it has them: those measured, and one that memtide says itself.
COSTS = ("CPU time", "reported", "wall time", "throughput", *LATENCIES)
# Rows at the end, of the tracer itself: the highest median of all targets.
OWN = {"CPU": "memtide's own CPU time, % of one CPU", "RSS": "memtide's peak RSS, MiB",
       "maps": "memory of memtide's maps, MiB"}
LABELS = {"reported": "CPU time, as memtide reports it"}


# ---- measuring ----------------------------------------------------------------------------


def measure(make_target, make_tracer):
    """One run: the target's costs and what there is to know about the tracer, by name."""
    with contextlib.ExitStack() as stack:
        tracer, target = make_tracer(), make_target()
        stack.callback(tracer.kill)
        stack.callback(target.end)
        target.start(tracer.environment())
        tracer.attach(target.pid)
        cpu, began = tracer.cpu_s(), time.monotonic()
        costs, allocations = target.run()
        if cpu is not None:
            costs["CPU"] = 100 * (tracer.cpu_s() - cpu) / (time.monotonic() - began)
            tracer.look()
        target.end()  # a server too: heaptrack writes until then
        costs.update(tracer.end(allocations))
    return costs


def pair(make_target, make_tracer, traced_first):
    """The traced run's costs as ratios to the bare one's; what only it has as it is."""
    if traced_first:
        traced = measure(make_target, make_tracer)
    bare = measure(make_target, TRACERS[BASE])
    if not traced_first:
        traced = measure(make_target, make_tracer)
    return {name: value / bare[name] if name in bare else value
            for name, value in traced.items() if value is not None}


def pairs_of(make_target, make_tracer, count):
    """`count` pairs, fewer where too many have failed."""
    pairs, failures = [], 0
    while len(pairs) < count and failures < FAILURES_MAX:
        try:
            pairs.append(pair(make_target, make_tracer, traced_first=len(pairs) % 2))
        except FAILURE as error:
            failures += 1
            print(f"a pair failed: {error!r}"[:500], file=sys.stderr)
    return pairs


def why_missing(make):
    try:
        make()
    except Missing as reason:
        return str(reason)
    return None


def run(targets, tracers, count):
    """Pairs by target and tracer; a target that is missing here has the reason instead."""
    results = {}
    for target, tracer in itertools.product(targets, tracers):
        reason = why_missing(TARGETS[target])
        if reason:
            results[target] = reason
            continue
        print(f"{target}, {tracer}", file=sys.stderr)
        pairs = pairs_of(TARGETS[target], TRACERS[tracer], count)
        results.setdefault(target, {})[tracer] = pairs
    return results


# ---- telling ------------------------------------------------------------------------------


def values(pairs, name):
    return [p[name] for p in pairs if name in p]


def ratio_cell(pairs, name, spread):
    if not pairs:
        return "failed"
    found = values(pairs, name)
    if not found:
        return ""
    text = f"{statistics.median(found):.2f}"
    return f"{text} ({min(found):.2f}-{max(found):.2f})" if spread else text


def table_row(label, cells):
    return f"| {label} | " + " | ".join(cells) + " |\n"


def target_rows(target, by_tracer, tracers):
    """A line for each of its costs that a tracer has."""
    if isinstance(by_tracer, str):
        return table_row(target, [by_tracer] + [""] * (len(tracers) - 1))
    names = [n for n in COSTS if any(values(pairs, n) for pairs in by_tracer.values())]
    return "".join(table_row(f"{target}, {LABELS.get(n, n)}",
                             [ratio_cell(by_tracer[t], n, t == AGAIN) for t in tracers])
                   for n in names or COSTS[:1])


def own_cell(results, tracer, name):
    medians = [statistics.median(values(by_tracer[tracer], name))
               for by_tracer in results.values()
               if not isinstance(by_tracer, str) and values(by_tracer[tracer], name)]
    return f"{max(medians):.1f}" if medians else ""


def own_rows(results, tracers):
    rows = ""
    for name, label in OWN.items():
        cells = [own_cell(results, tracer, name) for tracer in tracers]
        if any(cells):
            rows += table_row(f"{label}, highest of all", cells)
    return rows


def machine():
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.split(": ", 1)[1] for line in info.splitlines()
                  if line.startswith("model name")), platform.machine())
    guest = ", virtual" if " hypervisor" in info else ""
    release = ".".join(platform.release().split(".")[:2])
    return (f"{model}, {os.cpu_count()} CPUs{guest}, Linux {release}, "
            f"glibc {platform.libc_ver()[1]}")


def table(results, tracers, missing, count):
    """Markdown. Ratios to the bare program."""
    text = (f"Ratios to the bare program, medians of {count} pairs, on {machine()}; of \"{AGAIN}\" "
            "also the lowest and the highest, which is the noise.\n\n")
    text += table_row("", tracers) + table_row("---", ["---"] * len(tracers))
    text += "".join(target_rows(target, found, tracers) for target, found in results.items())
    text += own_rows(results, tracers)
    return text + "".join(f"\nLeft out: {name}: {why}\n" for name, why in missing.items())


def with_table(document, text):
    """The document with another table between its markers."""
    parts = document.split(MARKER)
    check(len(parts) == 3, f"README.md has {len(parts) - 1} markers {MARKER!r}, expected 2")
    return MARKER.join((parts[0], text, parts[2]))


def chosen(text, known, parser):
    """The names in a list with commas; all of them without one."""
    names = text.split(",") if text else list(known)
    for name in set(names) - set(known):
        parser.error(f"{name!r} is none of {', '.join(known)}")
    return names


def arguments():
    parser = argparse.ArgumentParser(description="What tracing costs real programs.")
    parser.add_argument("--quick", action="store_true", help=f"{PAIRS_QUICK} pairs, not {PAIRS}")
    parser.add_argument("--pairs", type=int, help="so many pairs")
    parser.add_argument("--only", metavar="TARGETS", help=", ".join(TARGETS))
    parser.add_argument("--variants", metavar="TRACERS", help=", ".join(list(TRACERS)[1:]))
    args = parser.parse_args()
    args.whole = not (args.quick or args.only or args.variants)
    args.only = chosen(args.only, TARGETS, parser)
    args.variants = chosen(args.variants, list(TRACERS)[1:], parser)
    args.pairs = args.pairs or (PAIRS_QUICK if args.quick else PAIRS)
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as SIGINT: what runs is ended first
    with tempfile.TemporaryDirectory(prefix="memtide-bench-") as folder:
        tempfile.tempdir = folder
        missing = {t: why for t in args.variants if (why := why_missing(TRACERS[t]))}
        tracers = [t for t in args.variants if t not in missing]
        check(tracers, f"nothing to measure: {missing}")
        text = table(run(args.only, tracers, args.pairs), tracers, missing, args.pairs)
    print(text, end="")
    if args.whole:
        README.write_text(with_table(README.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
