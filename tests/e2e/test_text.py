# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The text report's own options, on a program whose sites are known."""
import re

from memtide import TOOL, check, program, record, report_result


def lines(capture, *options):
    status, out, err = report_result(capture, *options)
    check(status == 0, f"{options}: status {status}: {err}")
    return out.splitlines()


def test_sites():
    """The cache of advice_c: 400 blocks of 10,000 bytes that live at the end, by one function."""
    capture = record("--", program("advice_c"), "unbounded-cache", "bad", TOOL).capture
    for options, heading in ((("--leaks",), "Live at the end"), (("--sort", "alloc"), "Asked for"),
                             (("--sort", "calls"), "Called most"), ((), "Largest at the heap's")):
        text = lines(capture, *options)
        at = next(i for i, line in enumerate(text) if line.strip().startswith(heading))
        check("3.8 MiB" in text[at + 1] and "filled" in text[at + 2], text[at:at + 3])
    text = lines(capture, "--leaks", "--min-age", "100")
    check(not any("Live at the end (" in line for line in text), "nothing is as old")
    text = lines(capture, "--site", "no such function")
    check(not any("Largest at the heap" in line for line in text), "no site has that name")


def test_tree():
    """Down from main and up from what allocated: each has the other end below it."""
    capture = record("--", program("advice_c"), "unbounded-cache", "bad", TOOL).capture
    for way, first, last in (("callees", "main", "filled"), ("callers", "filled", "main")):
        text = lines(capture, "--tree", way)
        text = text[next(i for i, line in enumerate(text) if "Largest at the heap" in line):]
        at = [next(i for i, line in enumerate(text) if re.match(rf"\s+{name}\b", line))
              for name in (first, "lookup", last)]
        check(at == sorted(at), f"{way}: {at}")
