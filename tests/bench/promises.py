#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""promises.py CHECK: is what memtide promises about its cost true on this machine?

Each check prints its figures and "passed" or "failed" (status 1). They record with `--mode auto
--budget N`; --mode and --budget say otherwise. Status 77: this memtide has no such options.
What a machine's own noise may add is measured beside, without memtide.
"""
import argparse
import contextlib
import resource
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "e2e"))
# pylint: disable=wrong-import-position
from bench import Pairs, running  # noqa: E402
from memtide import BUILD, Program  # noqa: E402
from targets import Load, Missing, spins_for, told  # noqa: E402
from tracers import MIB, memtide  # noqa: E402

MARGIN_S = 0.1  # after a step, and around an attach
CROWD = 200  # other processes of the same libc
STALL_MAX_MS = 5
WINDOW_S = 2
SPARE_PCT = 0.5  # of the target's CPU time, over the budget
RECORDER_MAX_PCT, RECORDER_MAX_MIB = 3, 100
SLOW, FAST = 500, 2_500_000  # pairs a second: 1,000 and 5 million calls
COVERED_MIN = 0.88  # 44 of 50


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextlib.contextmanager
def attached(args, pid):
    """A recorder of that process, until the end of the block; never left running."""
    recorder = args.recorder()
    try:
        recorder.attach(pid)
        yield recorder
    finally:
        recorder.kill()


def run_load(args, phases, recorded=True):
    """What load said by step; the recorder's report, its share of a CPU in % and its peak RSS."""
    load = Load(*phases)
    try:
        load.start({})
        if not recorded:
            load.run()
            return told(load.program.pending.decode()), None, None, None
        with attached(args, load.pid) as recorder:
            cpu, began = recorder.cpu_s(), time.monotonic()
            load.run()
            share_pct = 100 * (recorder.cpu_s() - cpu) / (time.monotonic() - began)
            recorder.look()
            recorder.interrupt()
            return (told(load.program.pending.decode()), recorder.recording.report(), share_pct,
                    recorder.rss_bytes / MIB)
    finally:
        load.end()


def pair_cost(steps):
    """CPU ns for each pair between the first step and the last."""
    (_, cpu, pairs, _), (_, cpu_end, pairs_end, _) = steps[0], steps[-1]
    return (cpu_end - cpu) / (pairs_end - pairs)


# ---- heartbeat ----------------------------------------------------------------------------


def largest_gap_ms(beats, begin, end):
    """Between two beats, of which one is in the window."""
    gaps = [b - a for a, b in zip(beats, beats[1:]) if b >= begin and a <= end]
    return max(gaps) / 1e6


def attach_and_detach(args, pid):
    """Two windows, and a control window as long as each before anything happens."""
    margin = int(MARGIN_S * 1e9)
    began = time.monotonic_ns()
    with attached(args, pid) as recorder:
        has = time.monotonic_ns()
        time.sleep(2 * MARGIN_S)  # attach and detach apart
        ends = time.monotonic_ns()
        recorder.interrupt()
        gone = time.monotonic_ns()
    time.sleep(MARGIN_S)
    windows = [(began - margin, has + margin), (ends - margin, gone + margin)]
    quiet = time.monotonic_ns()
    time.sleep(sum(end - begin for begin, end in windows) / 1e9)
    middle = quiet + windows[0][1] - windows[0][0]
    return windows, [(quiet, middle), (middle, time.monotonic_ns())]


def heartbeat(args):
    """Attach and detach do not stall the target, among 200 processes of the same libc."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two pipes for each of the crowd
    windows, controls = [], []
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(running(Pairs()))
        heart = stack.enter_context(running(Program(BUILD / "bench/heartbeat")))
        time.sleep(2 * MARGIN_S)
        for _ in range(args.times or 50):
            window, control = attach_and_detach(args, heart.pid)
            windows += window
            controls += control
        heart.process.stdin.close()
        beats = [int(line) for line in heart.wait().split()]
    return all([judge_gaps("attach", beats, windows[::2], controls[::2]),
                judge_gaps("detach", beats, windows[1::2], controls[1::2])])


def judge_gaps(name, beats, windows, controls):
    """Of each window the largest gap, of these the 90th percentile."""
    stall, quiet = (quantile([largest_gap_ms(beats, *w) for w in some], 0.9)
                    for some in (windows, controls))
    print(f"{name}: largest gap, p90: {stall:.1f} ms; control windows: {quiet:.1f} ms; "
          f"at most {STALL_MAX_MS} ms more")
    return stall <= quiet + STALL_MAX_MS


# ---- bystander ----------------------------------------------------------------------------


class Getppid(Program):
    def __init__(self):
        super().__init__(BUILD / "bench/getppid")

    def cost_ns(self):
        self.process.stdin.write(b"200\n")
        self.process.stdin.flush()
        return float(self.await_line("ns ").split()[1])


class Malloc(Pairs):
    def cost_ns(self):
        return self.measure(1)[0]


def bystander(args):
    """Who is not recorded pays nothing; nor for a target that allocates all the time."""
    ratios = {kind: ([], []) for kind in (Getppid, Malloc)}
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(running(Pairs()))
        others = {kind: stack.enter_context(running(kind())) for kind in ratios}
        for _ in range(args.times or 9):
            bare = {kind: p.cost_ns() for kind, p in others.items()}
            again = {kind: p.cost_ns() for kind, p in others.items()}
            with attached(args, target.pid) as recorder:
                target.process.stdin.write(b"1 400 8\n")
                target.process.stdin.flush()
                taxed = {kind: p.cost_ns() for kind, p in others.items()}
                target.await_line("ns ")
                recorder.interrupt()
            hooks = recorder.recording.report()["capture"]["hooks"]["vm"]
            for kind, (noise, found) in ratios.items():
                noise.append(again[kind] / bare[kind])
                found.append(taxed[kind] / bare[kind])
    return all([judge_bystander(kind, *pair, hooks) for kind, pair in ratios.items()])


def judge_bystander(kind, noise, found, hooks):
    """System call tracepoints tax every system call: that is told, not judged."""
    tax, limit = statistics.median(found), max(noise)
    told_only = kind is Getppid and hooks == "tracepoint"
    print(f"{kind.__name__.lower()}: {tax:.3f} of bare while another process is recorded; bare "
          f"again {statistics.median(noise):.3f} ({min(noise):.3f}-{limit:.3f})"
          + ("; the hooks are tracepoints, whose tax the report tells" if told_only else ""))
    return told_only or tax <= max(limit, 1)


# ---- steps --------------------------------------------------------------------------------


def window_costs(steps):
    """CPU ns of a pair in every WINDOW_S of a phase from MARGIN_S on, by the step it begins at."""
    inside = [s for s in steps if s[0] >= steps[0][0] + MARGIN_S * 1e9]
    for i, begin in enumerate(inside):
        end = next((s for s in inside[i:] if s[0] >= begin[0] + WINDOW_S * 1e9), None)
        if end and end[2] > begin[2]:
            yield pair_cost((begin, end))


def phases_of(steps, phases):
    """The steps of each phase: load says one at both ends and each 100 ms."""
    parts, rest = [], steps
    for _, _, ms in phases:
        count = 1 + -(-ms // 100)
        parts.append(rest[:count])
        rest = rest[count:]
    return parts


def worst_window(found, bare):
    """Of the windows of a phase the one that costs most, in % of the same window without memtide:
    the median of the runs, since one window of one run is mostly the machine's noise."""
    ratios = [[f / b for f, b in zip(window_costs(f), window_costs(b))]
              for f, b in zip(found, bare)]
    return max(100 * (statistics.median(window) - 1) for window in zip(*ratios))


def steps(args):
    """A load that steps from 1,000 calls a second to 5 million and back costs the budget."""
    ms = (args.seconds or 6) * 1000
    phases = [(1, spins_for(rate), ms) for rate in (SLOW, FAST, SLOW)]
    bare, again, found, layers = [], [], [], []
    for _ in range(args.times or 7):
        steps_found, document, _, _ = run_load(args, phases)
        found.append(phases_of(steps_found, phases))
        for some in (bare, again):
            some.append(phases_of(run_load(args, phases, recorded=False)[0], phases))
        layers.append([p["layer"] for p in document["processes"][0]["phases"]])
    passed = all(some[-1:] == ["exact"] for some in layers)
    for name, b, a, f in zip(("slow", "fast", "slow again"), zip(*bare), zip(*again), zip(*found)):
        noise, worst = worst_window(a, b), worst_window(f, b)
        print(f"{name}: worst window of {WINDOW_S} s costs {worst:.2f}%, bare again {noise:.2f}%")
        passed &= worst <= args.budget + max(0, noise)
    print(f"layers: {', '.join(layers[0])}")
    return passed


# ---- load ---------------------------------------------------------------------------------


def load(args):
    """10 million allocations a second: within the budget, the recorder small, nothing lost that
    is not counted."""
    seconds = args.seconds or 60
    spins = spins_for(10_000_000)
    parts = [run_load(args, [(1, spins, ms * 1000)], recorded)
             for ms, recorded in ((max(1, seconds // 6), False), (seconds, True),
                                  (max(1, seconds // 6), False))]
    before, after = pair_cost(parts[0][0]), pair_cost(parts[2][0])
    found, document, share_pct, rss_mib = parts[1]
    cost_pct = 100 * (2 * pair_cost(found) / (before + after) - 1)
    heap = document["processes"][0]["heap"]
    lost = {name: n for name, n in document["capture"]["lost"].items() if n}
    seen, made = heap["alloc_count"] if heap else None, found[-1][2]
    print(f"cost {cost_pct:.2f}%, budget {args.budget}%; bare before and after differ by "
          f"{100 * abs(after / before - 1):.2f}%")
    print(f"recorder {share_pct:.2f}% of one CPU, {rss_mib:.0f} MiB; "
          f"{heap and heap['kind']}: {seen} of {made} allocations; lost {lost or 'nothing'}")
    uncounted = heap and heap["kind"] == "exact" and seen < made and not lost
    return (cost_pct <= args.budget + SPARE_PCT and share_pct < RECORDER_MAX_PCT and
            rss_mib < RECORDER_MAX_MIB and not uncounted)


# ---- coverage -----------------------------------------------------------------------------


def covered(document, truth):
    """Is the truth in the interval of the total bytes? Exact bytes are one without width."""
    heap = document["processes"][0]["heap"]
    got = heap["alloc_bytes"] if heap else None
    low, high = (heap or {}).get("ci95", {}).get("alloc_bytes") or (got, got)
    if low is None or high is None:
        print("no total, no interval")
        return False
    print(f"{got} bytes in [{low}, {high}], in truth {truth}: {got / truth:.3f}")
    return low <= truth <= high


def coverage(args):
    """The 95% interval of the allocated bytes has the truth in 44 of 50 runs. The rate goes up
    and down, by its length never at the recorder's own rhythm."""
    times = args.times or 50
    phases = [(1, spins_for(rate), ms)
              for rate, ms in ((5_000_000, 730), (300_000, 410), (9_000_000, 370),
                               (1_000_000, 890))] * 4
    inside = 0
    for _ in range(times):
        found, document, _, _ = run_load(args, phases)
        inside += covered(document, found[-1][3])
    print(f"{inside} of {times} intervals have the truth")
    return inside >= COVERED_MIN * times


CHECKS = {f.__name__: f for f in (heartbeat, bystander, steps, load, coverage)}


def main():
    parser = argparse.ArgumentParser(description="Is what memtide promises about its cost true?")
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--budget", type=float, default=1, help="%% of the target's CPU time")
    parser.add_argument("--times", type=int, help="attaches, rounds or runs, not as promised")
    parser.add_argument("--seconds", type=int, help="length of a load's phase, not as promised")
    args = parser.parse_args()
    budget = ("--budget", f"{args.budget:g}") if args.mode == "auto" else ()
    args.recorder = memtide("--mode", args.mode, *budget)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as SIGINT: what runs is ended first
    with tempfile.TemporaryDirectory(prefix="memtide-bench-") as folder:
        tempfile.tempdir = folder
        try:
            args.recorder()
        except Missing as reason:
            print(reason)
            return 77
        passed = CHECKS[args.check](args)
    print("passed" if passed else "failed")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
