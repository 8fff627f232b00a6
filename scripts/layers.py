#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Do the #includes point one way, from later stages to earlier ones?

The rules are problem(); CASES holds what it must refuse and what it must let pass, and is
checked on every run, so that a rule that no longer refuses anything cannot go unseen.
"""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

# Equal ranks do not include each other.
RANK = {
    "util": 0,
    "target": 1,
    "unwind": 2,
    "session": 3,
    "capture": 4,
    "model": 5,
    "analysis": 6,
    "finding": 7,
    "symbol": 7,
    "report": 8,
    "export": 8,
    "cli": 9,
    "main.c": 10,
}
SKELETON = "memtide.skel.h"
MESSAGES = "pprof.pb.h"  # made from user/export/pprof.proto
WIRE = ("wire.h", "wire_fault.h")  # what both sides share

CASES = [
    # includer, what it includes, allowed
    ("user/model/model.c", "util/log.h", True),
    ("user/model/model.c", "model/sites.h", True),
    ("user/model/model.c", "wire.h", True),
    ("user/session/drain.c", "logic/peak.h", True),
    ("user/session/load.c", SKELETON, True),
    ("user/main.c", "cli/options.h", True),
    ("user/export/pprof.c", MESSAGES, True),
    ("user/report/text.c", MESSAGES, False),
    ("bpf/alloc.bpf.c", "vmlinux.h", True),
    ("bpf/alloc.bpf.c", "logic/peak.h", True),
    ("bpf/logic/peak.h", "wire.h", True),
    ("bpf/logic/peak.h", "../wire.h", True),
    ("bpf/logic/fault.h", "../wire_fault.h", True),
    ("user/util/log.c", "model/model.h", False),
    ("user/capture/read.c", "report/text.h", False),
    ("user/report/text.c", "export/pprof.h", False),
    ("user/cli/record.c", "main.h", False),
    ("user/model/model.c", "sites.h", False),
    ("user/model/model.c", "../util/log.h", False),
    ("user/model/model.c", SKELETON, False),
    ("user/model/model.c", "maps.h", False),
    ("user/pictures/draw.c", "util/log.h", False),
    ("bpf/alloc.bpf.c", "util/log.h", False),
    ("bpf/logic/peak.h", "maps.h", False),
    ("bpf/logic/peak.h", "vmlinux.h", False),
    ("bpf/wire.h", "maps.h", False),
]


def bpf_problem(path, include):
    include = include.removeprefix("../")
    logic = include in WIRE or include.startswith("logic/")
    if path == "bpf/wire.h":
        return "wire.h includes nothing of ours"
    if path.startswith("bpf/logic/") and not logic:
        return "bpf/logic/ includes only wire.h and logic/"
    if "/" in include and not logic:
        return "bpf/ includes only bpf/ and vmlinux.h"
    return None


def user_problem(path, include):
    here = path.split("/")[1]
    there = include.split("/")[0]
    if here not in RANK:
        return f"user/{here}/ has no rank in scripts/layers.py"
    if include == SKELETON:
        return None if here == "session" else "only user/session/ includes the skeleton"
    if include == MESSAGES:
        return None if here == "export" else "only user/export/ includes pprof's messages"
    if include in WIRE or there == "logic":
        return None
    if there not in RANK:
        return "user/ includes wire.h, logic/... and DIRECTORY/FILE relative to user/"
    if RANK[there] > RANK[here]:
        return f"{here} comes before {there}"
    if RANK[there] == RANK[here] and there != here:
        return f"{here} and {there} stand side by side"
    return None


def problem(path, include):
    """Why `path` may not include "include"; None if it may."""
    return (bpf_problem if path.startswith("bpf/") else user_problem)(path, include)


def self_test():
    for path, include, allowed in CASES:
        if (problem(path, include) is None) != allowed:
            sys.exit(f'layers: broken: {path} including "{include}" must be '
                     f'{"allowed" if allowed else "refused"}')


def sources():
    for top in ("bpf", "user"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in sorted(files):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def main():
    self_test()
    count = bad = 0
    for path in sources():
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
                if not match:
                    continue
                count += 1
                why = problem(path, match[1])
                if why:
                    bad += 1
                    print(f'{path}:{number}: #include "{match[1]}": {why}', file=sys.stderr)
    if bad:
        sys.exit(f"layers: {bad} of {count} includes point the wrong way")
    print(f"layers: {count} includes point one way")


if __name__ == "__main__":
    main()
