# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The benchmarks' own arithmetic, and their way with what goes wrong; no measurement."""
import sys

from memtide import ROOT, check

sys.path.insert(0, str(ROOT / "tests/bench"))
# pylint: disable=wrong-import-position
import bench  # noqa: E402
import cost  # noqa: E402
import promises  # noqa: E402
import targets  # noqa: E402


def rounds_with(outcomes):
    """Rounds that end so, in turn: with a cost or by an error."""
    outcomes = iter(outcomes)

    def run_round(_):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return {(None, False, 1): outcome}

    bench.run_round = run_round
    return bench.run_rounds()[None, False, 1]


def test_failed_round():
    """One that fails is measured again."""
    costs = rounds_with([1, AssertionError("silent"), 2, ValueError("not a number"), 3, 4, 5, 6, 7])
    check(costs == [1, 2, 3, 4, 5, 6, 7], f"rounds {costs}")


def test_partial():
    """After too many failures there is what was measured before."""
    costs = rounds_with([1, 2] + [OSError("gone")] * bench.FAILURES_MAX)
    check(costs == [1, 2], f"rounds {costs}")


def test_ratios():
    """What both runs have is divided; what only the tracer has is as it is, unknown is left out."""
    bare, traced = ({"CPU time": 2, "p99": 10},
                    {"CPU time": 3, "p99": 5, "RSS": 7, "reported": None})
    for traced_first, order in ((False, [bare, traced]), (True, [traced, bare])):
        runs = iter(order)
        cost.measure = lambda *_, runs=runs: next(runs)
        got = cost.pair(None, None, traced_first)
        check(got == {"CPU time": 1.5, "p99": 0.5, "RSS": 7}, f"ratios {got}")


def test_table():
    """Medians; the spread of the noise; a reason where a target or all pairs are missing."""
    pairs = [{"CPU time": n, "RSS": 10 * n} for n in (1, 2, 9)]
    text = cost.table({"cc": {"base again": pairs, "exact": pairs}, "no": "not installed",
                       "bad": {"base again": pairs, "exact": []}},
                      ["base again", "exact"], {"kernel": "unknown"}, 3)
    for line in ("| cc, CPU time | 2.00 (1.00-9.00) | 2.00 |", "| no | not installed |  |",
                 "| bad, CPU time | 2.00 (1.00-9.00) | failed |",
                 "| memtide's peak RSS, MiB, highest of all | 20.0 | 20.0 |",
                 "Left out: kernel: unknown"):
        check(line in text.splitlines(), f"{line!r} is not in {text}")


def test_readme():
    """The table goes between the markers, again and again; a document without them is refused."""
    document = f"a\n{cost.MARKER}old\n{cost.MARKER}b\n"
    once = cost.with_table(document, "new\n")
    check(once == f"a\n{cost.MARKER}new\n{cost.MARKER}b\n", f"document {once!r}")
    check(cost.with_table(once, "new\n") == once, "the second time differs")
    cost.with_table(cost.README.read_text(encoding="utf-8"), "")
    try:
        cost.with_table("no markers\n", "new\n")
    except AssertionError:
        return
    raise AssertionError("a document without markers was taken")


def test_latencies():
    """The first step of redis-benchmark's distribution that has the percentile."""
    output = ("0.000% <= 0.100 milliseconds (cumulative count 1)\n"
              "50.000% <= 0.200 milliseconds (cumulative count 50)\n"
              "99.219% <= 0.700 milliseconds (cumulative count 99)\n"
              "99.902% <= 1.500 milliseconds (cumulative count 100)\n"
              "  throughput summary: 1234.50 requests per second\n")
    got = targets.parse_benchmark(output)
    check(got == {"throughput": 1234.5, "p50": 0.2, "p99": 0.7, "p99.9": 1.5}, f"got {got}")


def test_windows():
    """A window has its margin after the step and its whole length; a gap counts if it overlaps."""
    steps = [(n * 10**8, n * 10**7 * (2 if n > 15 else 1), n * 1000, 0) for n in range(31)]
    costs = list(promises.window_costs(steps))
    check(len(costs) == 10 and min(costs) > 14000, f"costs {costs}")  # from 0.1 s to 1.0 s
    beats = [0, 10**6, 9 * 10**6, 10 * 10**6]
    gaps = [promises.largest_gap_ms(beats, *w) for w in ((0, 10**5), (5 * 10**6, 6 * 10**6))]
    check(gaps == [1, 8], f"gaps {gaps}")


def test_worst_window():
    """The window whose median is highest: one bad run is not its cost."""
    def run(*costs):  # of one window each: CPU time of 1,000 pairs
        return [[(n * 10**9, n * cost * 1000, n * 1000, 0) for n in range(4)] for cost in costs]
    bare = run(100, 100, 100)
    check(round(promises.worst_window(run(101, 500, 102), bare), 3) == 2, "the median is 2%")
    check(round(promises.worst_window(run(99, 98, 500), bare), 3) == -1, "it is 1% less")


def test_coverage():
    """An interval has the truth or not; exact bytes are the truth or not; null never is."""
    def document(count, interval):
        return {"processes": [{"heap": {"alloc_bytes": count, "ci95": interval}}]}
    found = [promises.covered(document(*d), 100) for d in
             ((90, {"alloc_bytes": [80, 110]}), (90, {"alloc_bytes": [80, 99]}), (100, {}), (99, {}),
              (None, {}))]
    check(found == [True, False, True, False, False], f"covered {found}")
