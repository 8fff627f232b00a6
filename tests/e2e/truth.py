# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Comparing a report with what programs wrote about themselves (tests/programs/truth.h).

A site of the truth is a function of the program and an allocator's function; the report has
one for every stack, so those that begin in the same function are added up. All differences
are collected, so that a failure shows them together.
"""
import ctypes
import subprocess
from collections import defaultdict

from memtide import PROGRAMS, check, need

SUMS = ("alloc_count", "alloc_bytes", "live_count", "live_bytes", "at_peak_count",
        "at_peak_bytes", "temporary_count", "short_lived_count")
STORM_SUMS = ("calls", "moved", "copied_bytes", "chains")
EXACT = SUMS[:4]
HEAP = EXACT + ("free_count", "free_bytes", "temporary_count", "failed_count")
REALLOC = ("count", "grow_count", "moved_count", "copied_bytes", "failed_count")
STORM_CHAIN = 4


class Differences:
    def __init__(self, title):
        self.title = title
        self.found = []

    def equal(self, what, got, want):
        if got != want:
            self.found.append(f"{what}: {got}, in truth {want}")

    def between(self, what, got, low, high):
        if got is None or not low <= got <= high:
            self.found.append(f"{what}: {got}, in truth {low} to {high}")

    def near(self, what, got, want, slack):
        self.between(what, got, want - slack, want + slack)

    def check(self):
        check(not self.found, "\n  ".join([f"{self.title}:", *self.found]))


def aliases():
    """Names of one function: a probe cannot tell them apart, the first is reported."""
    libc = ctypes.CDLL(None)
    address = {name: ctypes.cast(getattr(libc, name), ctypes.c_void_p).value
               for name in ("aligned_alloc", "memalign")}
    return {"memalign": "aligned_alloc"} if len(set(address.values())) == 1 else {}


ALIASES = aliases()


def aliases_in(binary, *options):
    """The same of a library or a static program."""
    address, out = {}, subprocess.run([need("nm"), "--defined-only", *options, binary],
                                      capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        address[line.split()[2].partition("@")[0]] = line.split()[0]
    same = address.get("memalign") == address["aligned_alloc"]
    return {"memalign": "aligned_alloc"} if same else {}


class View:
    """How a report is matched with the truth: the program's modules are below `home`.

    static: they hold the C library too, whose functions have no file and line.
    """

    def __init__(self, home=PROGRAMS, names=None, static=False):
        self.home, self.static = str(home), static
        self.aliases = ALIASES if names is None else names

    def function(self, stack):
        """The innermost frame's function if it is one of a test program, or None."""
        inner = stack[0] if stack else None
        own = inner and (inner["module"] or "").startswith(self.home)
        own = own and (inner["file"] or not self.static)
        return inner["function"] if own else None


VIEW = View()


def check_lossless(document):
    lost = {name: n for name, n in document["capture"]["lost"].items() if n}
    check(not lost, f"lost: {lost}")


def own_frame(stack):
    """The innermost frame in a test program, or None."""
    return next((f for f in stack if (f["module"] or "").startswith(str(PROGRAMS))), None)


def add_up(process, view=VIEW):
    """(function, kind) -> sums; and the sums of all sites that are not the program's."""
    sums, others = defaultdict(lambda: dict.fromkeys(SUMS, 0)), dict.fromkeys(SUMS, 0)
    for site in process["sites"]:
        function = view.function(site["stack"])
        into = sums[function, ",".join(site["kinds"])] if function else others
        for field in SUMS:
            into[field] += site[field]
        if function:
            largest = site["size_bytes"]["max"]
            into["largest_bytes"] = max(into.get("largest_bytes", 0), largest)
            age = (site["live_age_ns"] or {}).get("max")
            into["oldest_ns"] = max(into.get("oldest_ns", 0), age or 0)
    return sums, others


def _compare_sites(d, sums, truth, exact, view):
    wanted = {(s["function"], view.aliases.get(s["kind"], s["kind"])): s for s in truth["sites"]}
    for key, got in sums.items():
        if key not in wanted and got["alloc_count"]:
            d.found.append(f"{key}: unknown to the program: {got}")
    for key, want in wanted.items():
        got, name = sums.get(key), "/".join(key)
        if not got:
            d.found.append(f"{name}: no such site; there are {sorted(sums)}")
            continue
        for field in EXACT + ("largest_bytes",):
            d.equal(f"{name} {field}", got[field], want[field])
        d.between(f"{name} short_lived_count", got["short_lived_count"],
                  want["short_lived_min_count"], want["short_lived_max_count"])
        if want["live_count"]:
            d.between(f"{name} oldest_ns", got["oldest_ns"], want["oldest_ns"],
                      want["oldest_ns"] + 60e9)
        for field in ("at_peak_count", "at_peak_bytes", "temporary_count") if exact else ():
            d.equal(f"{name} {field}", got[field], want[field])


def _compare_heap(d, process, others, truth, exact):
    heap, want = process["heap"], truth["heap"]
    for field in EXACT:
        d.equal(f"heap {field}", heap[field], want[field] + others[field])
    for unit in ("count", "bytes"):
        others_freed = others[f"alloc_{unit}"] - others[f"live_{unit}"]
        d.equal(f"heap free_{unit}", heap[f"free_{unit}"], want[f"free_{unit}"] + others_freed)
    for field in ("failed_count", "unknown_free_count", "inherited_free_count"):
        d.equal(f"heap {field}", heap[field], want[field])
    if exact:
        d.equal("heap temporary_count", heap["temporary_count"],
                want["temporary_count"] + others["temporary_count"])
    high = want["peak_live_bytes" if exact else "peak_live_max_bytes"]
    d.between("heap peak_live_bytes", heap["peak_live_bytes"], want["peak_live_bytes"],
              high + others["alloc_bytes"])
    d.equal("sum of at_peak_bytes", sum(s["at_peak_bytes"] for s in process["sites"]),
            heap["peak_live_bytes"])
    d.equal("heap kind", heap["kind"], "exact")


def _compare_realloc(d, process, truth, view):
    got, want = process["realloc"], truth["realloc"]
    for field in REALLOC:
        d.equal(f"realloc {field}", got[field], want[field])
    storms = defaultdict(lambda: dict.fromkeys((*STORM_SUMS, "longest_chain"), 0))
    for storm in got["storms"]:
        into = storms[view.function(storm["stack"])]
        for field in STORM_SUMS:
            into[field] += storm[field]
        into["longest_chain"] = max(into["longest_chain"], storm["longest_chain"])
    wanted = {s["function"]: {f: s[f] for f in (*STORM_SUMS, "longest_chain")}
              for s in truth["sites"] if s["longest_chain"] >= STORM_CHAIN}
    d.equal("storms", dict(storms), wanted)


def compare(process, truth, exact=True, view=VIEW):
    """The heap of one image. `exact`: one thread, so that peak and order are known too."""
    d = Differences(f"{truth['comm']} ({truth['pid']})")
    check(process["heap"], f"{truth['comm']} ({truth['pid']}): no heap in {process['comm']}")
    sums, others = add_up(process, view)
    _compare_sites(d, sums, truth, exact, view)
    _compare_heap(d, process, others, truth, exact)
    _compare_realloc(d, process, truth, view)
    d.check()


def compare_all(document, truths, exact=True, view=VIEW):
    """Every image of every process: as many as there are truths, and each as it says."""
    check_lossless(document)
    of_pid = defaultdict(list)
    for truth in truths:
        of_pid[truth["pid"]].append(truth)
    for pid, wanted in of_pid.items():
        got = [p for p in document["processes"]
               if p["pid"] == pid and (p["exe"] or view.home).startswith(view.home)]
        check(len(got) == len(wanted),
              f"{pid}: images {[p['comm'] for p in got]}, in truth {[t['comm'] for t in wanted]}")
        for process, truth in zip(got, wanted):
            compare(process, truth, exact, view)


def _by_kind(sites):
    sums = defaultdict(lambda: dict.fromkeys(EXACT, 0))
    for site in sites:
        for field in EXACT:
            sums[site["kind"] if "kind" in site else ",".join(site["kinds"])][field] += site[field]
    return sums


def compare_beside(process, truth, idle):
    """A program whose calls go through libraries without frame pointers, which hide its sites.

    `idle` is the same program when it does nothing: what it has beyond that is compared, as a
    whole and by kind.
    """
    d, want = Differences(f"{truth['comm']} ({truth['pid']})"), truth["heap"]
    for field in HEAP:
        d.equal(f"heap {field}", process["heap"][field] - idle["heap"][field], want[field])
    d.equal("heap unknown_free_count", process["heap"]["unknown_free_count"], 0)
    d.between("heap peak_live_bytes", process["heap"]["peak_live_bytes"], want["peak_live_bytes"],
              want["peak_live_bytes"] + idle["heap"]["alloc_bytes"])
    for field in REALLOC:
        d.equal(f"realloc {field}", process["realloc"][field] - idle["realloc"][field],
                truth["realloc"][field])
    got, base, wanted = (_by_kind(x["sites"]) for x in (process, idle, truth))
    for kind in {*got, *wanted}:
        for field in EXACT:
            d.equal(f"{kind} {field}", got[kind][field] - base[kind][field], wanted[kind][field])
    d.check()
