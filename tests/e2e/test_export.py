# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Exports of real recordings: their tools read them, and find what the JSON report says."""
import collections
import json
import os
import pty
import re
import subprocess
from pathlib import Path

from memtide import (PATIENCE_S, ROOT, TOOL, Skip, check, image, need, program, record, scratch)
from test_errors import refused, usage
from truth import Differences

GO = Path("/usr/lib/go-1.19/bin/go")
DH_VIEW = ROOT / "tests/export/dh_view.js"
# pprof's name of a value, that of a site's in the JSON, and of the heap's total there.
VALUES = (("alloc_objects", "alloc_count", "alloc_count"),
          ("alloc_space", "alloc_bytes", "alloc_bytes"),
          ("inuse_objects", "live_count", "live_count"),
          ("inuse_space", "live_bytes", "live_bytes"),
          ("peak_objects", "at_peak_count", None),
          ("peak_space", "at_peak_bytes", "peak_live_bytes"))


def export(capture, form, *options):
    """What `memtide export` writes, into a file beside nothing."""
    out = scratch() / form
    result = subprocess.run([TOOL, "export", "-q", capture, "--format", form, "-o", out, *options],
                            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    check(result.returncode == 0, f"export {form}: {result.returncode}: {result.stderr}")
    check(not result.stderr and not result.stdout, f"{form}: {result.stderr!r}")
    check(out.stat().st_mode & 0o777 == 0o600, f"{form}: mode {out.stat().st_mode:o}")
    check(os.listdir(out.parent) == [form], f"beside {form}: {os.listdir(out.parent)}")
    return out


def mix(*options):
    """A recording of mix, its report's one process and its pid."""
    recording = record("--", program("mix"), options=options)
    process = image(recording.report(), comm="mix")
    return recording.capture, process


def site_sum(process, field):
    return sum(site[field] for site in process["sites"])


def check_values(title, got, process):
    """`got` maps pprof's names to sums over all stacks."""
    d = Differences(title)
    for name, field, total in VALUES:
        d.equal(name, got.get(name), site_sum(process, field))
        if total:
            d.equal(f"{name}, of the heap", got.get(name), process["heap"][total])
    d.equal("resident_space", got.get("resident_space", 0),
            sum(site["bytes"] for site in process["faults"]["sites"]))
    d.check()


# ---- pprof ------------------------------------------------------------------------------------


def pprof(file, *options):
    if not GO.exists():
        raise Skip("golang-1.19-go is not installed")
    result = subprocess.run([GO, "tool", "pprof", "-symbolize=none", *options, file],
                            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                            env=dict(os.environ, HOME=str(scratch())))
    check(result.returncode == 0, f"pprof {options}: {result.stderr}")
    return result.stdout


def raw_sums(raw):
    """The sum of each value over the samples of `pprof -raw`."""
    lines = iter(raw.splitlines())
    check(any(line == "Samples:" for line in lines), f"no samples in {raw[:300]!r}")
    names = [word.partition("/")[0] for word in next(lines).replace("[dflt]", "").split()]
    sums = dict.fromkeys(names, 0)
    for line in lines:
        if line.startswith("Locations"):
            return sums
        if re.match(r" +\d+ ", line):
            for name, value in zip(names, line.partition(":")[0].split()):
                sums[name] += int(value)
    raise AssertionError(f"no locations in {raw[:300]!r}")


def test_pprof_totals():
    """Debian's pprof reads the profile, and its sums are the report's."""
    capture, process = mix()
    file = export(capture, "pprof")
    raw = pprof(file, "-raw")
    check_values("pprof -raw", raw_sums(raw), process)
    check("inuse_space/bytes[dflt]" in raw, f"another default: {raw[:500]}")
    check(f"pid:[{process['pid']}]" in raw, f"no label of the pid: {raw[:500]}")
    for name, field, _ in VALUES[1::2]:
        top = pprof(file, "-top", "-unit=B", f"-sample_index={name}")
        check(f" of {site_sum(process, field)}B total" in top, f"{name}: {top[:500]}")
    peak = pprof(file, "-top", "-unit=B", "-sample_index=peak_space")
    check(" large" in peak and " main" in peak, f"no functions: {peak}")


def test_pprof_places():
    """Mappings have their build ids, and addresses are those of the calls."""
    capture, process = mix()
    raw = pprof(export(capture, "pprof", "--value", "peak"), "-raw")
    check("peak_space/bytes[dflt]" in raw, f"--value is not the default: {raw[:500]}")
    frame = next(f for site in process["sites"] for f in site["stack"] if f["function"] == "main")
    mapping = re.search(rf"(\d+): (0x\w+)/0x\w+/(0x\w+) {frame['module']} {frame['build_id']}",
                        raw)
    check(mapping, f"no mapping of {frame['module']}: {raw[raw.find('Mappings'):]}")
    number, start, offset = mapping.groups()
    calls = {int(address, 16) - int(start, 16) + int(offset, 16) for address in
             re.findall(rf"^ +\d+: (0x\w+) M={number} main ", raw, re.M)}
    returns = {f["offset"] for site in process["sites"]
               for inner, f in zip(site["stack"], site["stack"][1:])
               if f["function"] == "main" and not inner["inlined"]}
    check({call + 1 for call in calls} >= returns, f"calls at {calls}, returns to {returns}")
    check(re.search(r": 0x\w+ M=\d+ chain .*\n +main ", raw), "chain is not inlined into main")


def test_pprof_terminal():
    """It is no text."""
    capture, _ = mix()
    primary, secondary = pty.openpty()
    with os.fdopen(primary, "rb"), os.fdopen(secondary, "wb") as terminal:
        result = subprocess.run([TOOL, "export", capture, "--format", "pprof"], stdout=terminal,
                                stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    check(result.returncode == 2 and b"-o FILE" in result.stderr, f"{result}")


# ---- flame graphs ------------------------------------------------------------------------------


def test_folded():
    """A line a stack, outermost first, whose values add up to the report's."""
    capture, process = mix()
    for word, field in (("inuse", "live_bytes"), ("peak-count", "at_peak_count"),
                        ("alloc", "alloc_bytes")):
        lines = export(capture, "folded", "--value", word).read_text().splitlines()
        sums = collections.Counter()
        for line in lines:
            stack, _, value = line.rpartition(" ")
            frames = stack.split(";")
            check(frames[0] == "mix", f"not below its process: {line}")
            if "main" in frames:
                check(frames.index("main") < len(frames) - 1, f"main is innermost: {line}")
            sums[frames[-1]] += int(value)
        check(sum(sums.values()) == site_sum(process, field), f"{word}: {sums}")
        want = sum(s[field] for s in process["sites"] if s["stack"][0]["function"] == "middle")
        check(sums["middle"] == want, f"{word}: middle {sums['middle']}, {want} by the report")


def test_speedscope():
    """As its schema has it: frames by number, a weight a sample, all within start and end."""
    capture, process = mix()
    document = json.loads(export(capture, "speedscope").read_text())
    frames, sums = document["shared"]["frames"], {}
    check(document["$schema"] == "https://www.speedscope.app/file-format-schema.json", "no schema")
    for profile in document["profiles"]:
        name = profile["name"]
        check(profile["type"] == "sampled" and profile["startValue"] == 0, f"{name}: {profile}")
        check(profile["unit"] == ("bytes" if name.endswith("_space") else "none"), name)
        check(len(profile["samples"]) == len(profile["weights"]), f"{name}: not a weight each")
        check(all(0 <= n < len(frames) for s in profile["samples"] for n in s), f"{name}: frames")
        check(all(frames[s[0]]["name"] == "mix" for s in profile["samples"]), f"{name}: root")
        check(profile["endValue"] == sum(profile["weights"]), f"{name}: end")
        sums[name] = profile["endValue"]
    check_values("speedscope", sums, process)
    check(document["profiles"][document["activeProfileIndex"]]["name"] == "inuse_space",
          "another is shown first")
    check(len({(f["name"], f.get("file")) for f in frames}) == len(frames), "frames come twice")


# ---- DHAT ---------------------------------------------------------------------------------------


def shown_by_dh_view(file):
    node = need("nodejs")
    if not Path("/usr/libexec/valgrind/dh_view.js").exists():
        raise Skip("valgrind is not installed")
    result = subprocess.run([node, DH_VIEW, file], capture_output=True, text=True,
                            timeout=PATIENCE_S, check=False)
    check(result.returncode == 0, f"dh_view: {result.stdout[-500:]}{result.stderr}")
    return result.stdout


def root_of(shown):
    """{what: (bytes, blocks)} of the root of the tree."""
    root = shown[:shown.index("Allocated at")]
    found = re.findall(r"(Total|At t-gmax|At t-end): +([\d,]+) bytes .*? in ([\d,]+) blocks", root)
    return {what: tuple(int(n.replace(",", "")) for n in numbers) for what, *numbers in found}


def test_dhat_totals():
    """valgrind's viewer shows it by every metric, with the report's numbers."""
    capture, process = mix()
    heap, file = process["heap"], export(capture, "dhat")
    shown = shown_by_dh_view(file)
    check(root_of(shown) == {
        "Total": (heap["alloc_bytes"], heap["alloc_count"]),
        "At t-gmax": (heap["peak_live_bytes"], site_sum(process, "at_peak_count")),
        "At t-end": (heap["live_bytes"], heap["live_count"])}, f"{shown[:1000]}")
    check("NaN" not in shown, "something is not known")
    check(f"PID:     {process['pid']}\n" in shown and "heap exact" in shown, shown[:300])


def test_dhat_lifetimes():
    """Blocks live as long as the program says that they do."""
    capture = record("--", program("lifetime")).capture
    document = json.loads(export(capture, "dhat").read_text())
    process = image(json.loads(subprocess.run([TOOL, "report", capture, "--json"], check=True,
                                              capture_output=True).stdout), comm="lifetime")
    lives = document["te"]
    for point in document["pps"]:
        check(0 <= point["tl"] <= point["tbk"] * lives * 1.25, f"{point} in {lives} us")
    mean = sum(p["tl"] for p in document["pps"]) / sum(p["tbk"] for p in document["pps"])
    medians = [s["lifetime_ns"]["p50"] for s in process["sites"] if s["lifetime_ns"]["p50"]]
    check(min(medians) / 2e3 <= mean <= lives, f"mean {mean} us, medians {medians} ns")


def test_dhat_windowed():
    """Bursts do not tell what lives: then the file does not either, and says why."""
    capture = scratch() / "auto.mtd"
    sql = (ROOT / "tests/golden/auto.sql").read_text()
    subprocess.run([need("sqlite3"), "-batch", capture], input=sql, text=True, check=True)
    file = export(capture, "dhat")
    document = json.loads(file.read_text())
    check(not document["bklt"] and "windowed" in document["cmd"], document["cmd"])
    check(all("tl" not in p and "eb" not in p and "mb" not in p for p in document["pps"]), "lives")
    check("Total" in root_of(shown_by_dh_view(file)), "not shown")
    line = refused(1, "export", capture, "--format", "folded", "--value", "inuse")
    check("inuse_space" in line, line)


# ---- many captures -------------------------------------------------------------------------------


def test_ndjson():
    capture, process = mix()
    lines = [json.loads(line) for line in export(capture, "ndjson").read_text().splitlines()]
    sums, heap = collections.Counter(), [line for line in lines if line["of"] == "heap"]
    check(all(line["schema"] == "memtide.sites/1" for line in lines), "another schema")
    check({line["host"] for line in lines} == {os.uname().nodename}, "another host")
    check({(line["comm"], line["exe"], line["kind"]) for line in heap} ==
          {("mix", process["exe"], "exact")}, f"{heap[0]}")
    for line in lines:
        for name, field, _ in VALUES:
            sums[name] += line.get(field, 0)
        sums["resident_space"] += line.get("resident_bytes", 0)
    check_values("ndjson", sums, process)
    large = next(site["stack"] for site in process["sites"]
                 if site["stack"][0]["function"] == "large")
    line = next(line for line in heap if line["stack"][0] == "large")
    check(line["stack"] == [f["function"] for f in large], f"{line}")
    check((line["module"], line["offset"] + 1) == (large[0]["module"], large[0]["offset"]), line)
    check({line["build_id"] for line in lines} == {large[0]["build_id"]}, "another build id")


def metrics(capture, *options):
    try:
        from prometheus_client.openmetrics import parser  # pylint: disable=import-outside-toplevel
    except ImportError as missing:
        raise Skip("python3-prometheus-client is not installed") from missing
    text = export(capture, "openmetrics", *options).read_text()
    check(text.endswith("# EOF\n"), "no end")
    return {(sample.name, sample.labels.get("comm")): sample for family in
            parser.text_string_to_metric_families(text) for sample in family.samples}


def test_openmetrics():
    """Those of one name are added up; no pid, no time."""
    recording = record("--", "sh", "-c", '"$0"; "$0"; true', program("mix"))
    both = [p for p in recording.report()["processes"] if p["comm"] == "mix"]
    found, d = metrics(recording.capture), Differences("openmetrics")
    d.equal("processes", found["memtide_processes", "mix"].value, 2)
    for name, field in (("memtide_heap_live_bytes", "live_bytes"),
                        ("memtide_heap_allocated_bytes", "alloc_bytes"),
                        ("memtide_heap_allocations", "alloc_count"),
                        ("memtide_heap_peak_bytes", "peak_live_bytes")):
        d.equal(name, found[name, "mix"].value, sum(p["heap"][field] for p in both))
    d.equal("rss", found["memtide_peak_resident_bytes", "mix"].value,
            sum(p["peak"]["rss_bytes"] for p in both))
    d.equal("labels", found["memtide_heap_live_bytes", "mix"].labels,
            {"comm": "mix", "heap": "exact"})
    d.equal("times", {sample.timestamp for sample in found.values()}, {None})
    d.equal("sh", found["memtide_processes", "sh"].value, 1)
    d.check()
    one = metrics(recording.capture, "--pid", str(both[1]["pid"]))
    check(one["memtide_heap_live_bytes", "mix"].value == both[1]["heap"]["live_bytes"], "--pid")
    check(("memtide_processes", "sh") not in one, "others are there with --pid")


# ---- the command ---------------------------------------------------------------------------------


def test_export_usage():
    for argv in (("export",), ("export", "a"), ("export", "--format", "folded"),
                 ("export", "a", "--format", "svg"), ("export", "a", "--format"),
                 ("export", "a", "--format", "dhat", "--value", "alloc"),
                 ("export", "a", "--format", "folded", "--value", "all"),
                 ("export", "a", "b", "--format", "folded"),
                 ("export", "a", "--format", "folded", "--pid", "0")):
        usage(*argv)


def test_export_refused():
    """What is there stays, and nothing is left beside it."""
    capture, process = mix()
    folder = scratch()
    out, link = folder / "out", folder / "link"
    out.write_text("precious")
    link.symlink_to(folder / "elsewhere")
    folded = ("export", capture, "--format", "folded", "-o")
    refused(1, *folded, out)
    refused(1, *folded, link)
    refused(1, *folded, link, "-f")
    refused(1, *folded, folder / "missing" / "out")
    refused(1, *folded, capture, "-f")
    refused(1, *folded, out, "-f", "--pid", process["pid"] + 1)
    check(out.read_text() == "precious", "it was overwritten")
    check(sorted(os.listdir(folder)) == ["link", "out"], f"left: {os.listdir(folder)}")


def test_export_replaces():
    """-f puts a new file in place of the old one, which those who read it keep."""
    capture, _ = mix()
    out = scratch() / "memtide.prom"
    out.write_text("old")
    with open(out, encoding="utf-8") as old:
        subprocess.run([TOOL, "export", capture, "--format", "openmetrics", "-f", "-o", out],
                       check=True, timeout=PATIENCE_S)
        check(old.read() == "old", "the old file was changed")
    check(out.read_text().endswith("# EOF\n"), "not replaced")
    check(os.listdir(out.parent) == [out.name], f"left: {os.listdir(out.parent)}")


def test_export_kernel():
    """Mode kernel knows of page faults only: those are shown, and nothing as 0."""
    recording = record("--", program("mix"), options=("--mode", "kernel"))
    document = json.loads(export(recording.capture, "speedscope").read_text())
    check([p["name"] for p in document["profiles"]] == ["resident_space"], "other values")
    process = image(recording.report(), comm="mix")
    check(document["profiles"][0]["endValue"] >=
          sum(site["bytes"] for site in process["faults"]["sites"]), "fewer bytes")
    refused(1, "export", recording.capture, "--format", "dhat")
