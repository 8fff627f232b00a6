# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""memtide diff: what a change saved, against what the finding had promised; gates for scripts."""
import json
import subprocess

from memtide import PATIENCE_S, ROOT, TOOL, check, need, program, record, scratch
from truth import Differences

WITHIN = 0.2
# What a finding saves is seen in this metric.
METRICS = {"preallocate": "realloc_copied_bytes", "shrink": "live_bytes",
           "cloning": "at_peak_bytes", "streaming": "at_peak_bytes",
           "unbounded-cache": "live_bytes", "thread-stacks": "stack_reserved_peak_bytes"}


def diff_result(*words):
    """Status, stdout, stderr."""
    result = subprocess.run([TOOL, "diff", *words], capture_output=True, text=True,
                            timeout=PATIENCE_S, check=False)
    return result.returncode, result.stdout, result.stderr


def diff(old, new):
    status, out, err = diff_result(old, new, "--json")
    check(status == 0, f"status {status}: {err}")
    document = json.loads(out)
    check(document["schema"] == "memtide.diff/1", f"schema {document['schema']}")
    return document


def pair(name, rule):
    """Recordings of the program that a rule fires on and of its twin."""
    return [record("--", program(name), rule, variant, TOOL) for variant in ("bad", "good")]


def promised(recording, rule):
    finding = next(f for f in recording.report()["processes"][0]["findings"] if f["rule"] == rule)
    if rule == "preallocate":  # its copies go, which are no memory that stays
        return finding["evidence"]["copied_bytes"]
    return finding["saves_bytes"] or finding["saves_reserved_bytes"]


def saved(rule, metric):
    """What the advice saved in Rust, and what had been promised."""
    bad, good = pair("advice_rust", rule)
    return (-diff(bad.capture, good.capture)["metrics"][metric]["change"], promised(bad, rule))


def test_saved():
    """As much as was promised, within a fifth."""
    d = Differences("saved")
    for rule, metric in METRICS.items():
        got, want = saved(rule, metric)
        print(f"{rule}: promised {want}, saved {got}", end="; ")
        d.between(rule, got, (1 - WITHIN) * want, (1 + WITHIN) * want)
    d.check()


def test_places():
    """The storm, and what starts threads, by name: gone, and another in its place."""
    bad, good = pair("advice_rust", "preallocate")
    document = diff(bad.capture, good.capture)
    storm = document["storms"][0]
    check(storm["old"]["calls"] > 100 and storm["new"]["calls"] == 0, f"{storm['old']}")
    copied = document["metrics"]["realloc_copied_bytes"]["old"]
    check(0.99 * copied < storm["old"]["copied_bytes"] <= copied, f"of {copied}: {storm['old']}")
    check(any("advice_rust" in (f["function"] or "") for f in storm["stack"]), "not its function")
    bad, good = pair("advice_rust", "thread-stacks")
    document = diff(bad.capture, good.capture)
    for side in ("old", "new"):
        reserved = sum(t[side]["reserved_bytes"] for t in document["threads"])
        peak = document["metrics"]["stack_reserved_peak_bytes"][side]
        # Places have their peaks at different moments.
        check(peak <= reserved <= 1.5 * peak, f"{side}: {reserved} reserved, {peak} at the peak")
    _, text, _ = diff_result(bad.capture, good.capture)
    check("What starts threads:" in text, text)
    check(not diff(bad.capture, bad.capture)["storms"], "storms of threads")


def test_gates():
    """Status 10 where one is exceeded, 1 where it is not known, 2 where it is no gate."""
    bad, good = (r.capture for r in pair("advice_c", "cloning"))
    kernel = record("--", program("leaf"), options=("--mode", "kernel")).capture
    for old, new, gate, want in ((good, bad, "at_peak>+10%", 10), (good, bad, "alloc_count>+19000", 10),
                                 (good, bad, "alloc_count>+21000", 0), (bad, good, "at_peak>+0", 0),
                                 (good, bad, "at_peak_bytes>+1M", 10), (good, bad, "at_peak>+9M", 0),
                                 (good, bad, "size>+1", 2), (good, bad, "at_peak", 2),
                                 (good, bad, "at_peak>+x", 2), (kernel, bad, "at_peak>+1%", 1)):
        status, _, err = diff_result(old, new, "--fail-on", gate)
        check(status == want, f"{gate}: status {status}, not {want}: {err}")
        check((status == 0) == (err == ""), f"{gate}: stderr {err!r}")


def test_same_functions():
    """Other addresses in every run: the same functions are the same sites."""
    plain = [record("--", program("advice_c"), "cloning", "bad", TOOL).capture for _ in range(2)]
    document = diff(*plain)
    check(document["sites"], "there are no sites")
    for site in document["sites"]:
        check(site["old"] == site["new"], f"differs: {site}")
    status, out, _ = diff_result(*plain)
    check(status == 0 and "1. " not in out, f"a site differs: {out}")


def build(*flags):
    """The program of test_same_functions, in a place of its own under the same name."""
    path = scratch() / "advice_c"
    subprocess.run([need("cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-fno-builtin", *flags,
                    "-o", path, ROOT / "tests/programs/advice_c.c", "-lpthread"],
                   check=True, timeout=PATIENCE_S)
    return path


def addresses(path):
    """Of the functions: name -> value."""
    out = subprocess.run([need("nm"), path], capture_output=True, text=True, check=True).stdout
    return {w[2]: w[0] for w in map(str.split, out.splitlines()) if len(w) == 3 and w[1] in "tT"}


def test_two_builds():
    """Functions survive a rebuild that moves all of them; addresses and build ids do not."""
    paths = [build(), build("-falign-functions=512", "-Wl,--build-id=sha1")]
    old, new = map(addresses, paths)
    check(old["main"] != new["main"] and old["filled"] != new["filled"], "nothing has moved")
    captures = [record("--", str(path), "cloning", "bad", TOOL).capture for path in paths]
    sites = [s for s in diff(*captures)["sites"]
             if any(f["function"] == "main" for f in s["stack"])]
    check(sites, "there are no sites of main")
    for site in sites:
        check(site["old"] == site["new"], f"differs: {site}")
