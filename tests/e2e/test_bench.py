# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The benchmark's own way with what goes wrong; no measurement."""
import sys

from memtide import ROOT, check

sys.path.insert(0, str(ROOT / "tests/bench"))
# pylint: disable-next=wrong-import-position
import bench  # noqa: E402


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
