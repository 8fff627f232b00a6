#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Does our unwinder find the stacks of real programs as libdw does?

compare.c stops each of them SNAPSHOTS times. None has frame pointers, at least not throughout.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMPARE = Path(__file__).resolve().parents[2] / "build/unwind-tests/compare"
SNAPSHOTS = 1000
SAME_MIN = 0.999
COMPLETE_MIN = 0.99  # or deeper than what is kept
COUNTS = re.compile(r"(\d+) snapshots, .*: (\d+) the same, (\d+) complete, (\d+) deep")

SOURCE = "#include <map>\n#include <regex>\n#include <string>\n" + "".join(
    f'int f{i}(std::map<std::string, int[{i + 1}]> &m) {{ return m["x"][0] + '
    f'std::regex_match("a", std::regex("a*{i}")); }}\n' for i in range(40))

PERL = 'while (1) { my %h = map { $_ => "x" x ($_ % 99) } 1 .. 500; my @k = sort keys %h; ' \
       '"@k" =~ /(\\d+ )+9/ }'

PYTHON = """
import json, re
def f(n):
    return n if n < 2 else f(n - 1) + f(n - 2)
while True:
    json.loads(json.dumps([{"a": i, "b": str(i)} for i in range(500)]))
    f(12)
    re.sub("a+", "b", "aaabbb" * 50)
    sorted(range(1000), key=lambda x: -x)
"""

SQL = """
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1e9)
SELECT count(DISTINCT x % 1000), sum(length(printf('%d-%s', x, hex(x)))) FROM c
"""


def cc1plus(folder):
    """A compiler that has enough to do, without the driver."""
    source = os.path.join(folder, "source.ii")
    subprocess.run(["g++", "-E", "-x", "c++", "-", "-o", source], input=SOURCE, text=True,
                   check=True)
    path = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True, capture_output=True,
                          text=True).stdout.strip()
    return [path, "-quiet", "-fpreprocessed", "-O2", source, "-o", "/dev/null"]


def problem(name, command):
    """What is wrong with the stacks of `command`, or None."""
    done = subprocess.run([COMPARE, "-n", str(SNAPSHOTS), "-v", "--", *command],
                          capture_output=True, text=True)
    print(f"{name}: {done.stdout.strip()}")
    found = COUNTS.search(done.stdout)
    if done.returncode or not found:
        return f"status {done.returncode}: {done.stderr}"
    snapshots, same, complete, deep = map(int, found.groups())
    if snapshots < SNAPSHOTS:
        return f"it ended after {snapshots} snapshots"
    if same < SAME_MIN * snapshots or complete + deep < COMPLETE_MIN * snapshots:
        return done.stderr[-4000:]
    return None


def main():
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            "cc1plus": cc1plus(folder),
            "perl": ["perl", "-e", PERL],
            "python3": ["/usr/bin/python3", "-c", PYTHON],
            "sqlite3": ["sqlite3", ":memory:", SQL],
        }
        problems = {name: problem(name, command) for name, command in programs.items()}
    bad = {name: text for name, text in problems.items() if text}
    for name, text in bad.items():
        print(f"{name}: {text}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
