# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Thread stacks, mappings, the break."""
import contextlib
import sqlite3
import time
from collections import Counter, defaultdict

from memtide import Program, Recording, check, program, record
from truth import Differences, check_lossless, own_frame

KIB = 1024


def test_threads():
    recording = Recording("--", program("threads"))
    recording.await_line("ready")
    time.sleep(0.5)  # some ticks of the recorder, which look at the stacks
    recording.go()
    recording.wait()
    document, truth = recording.report(), recording.truths()[0]
    check_lossless(document)
    process = document["processes"][0]
    threads, d = process["threads"], Differences("threads")
    d.equal("created", threads["created"], sum(s["count"] for s in truth["spawns"]))
    d.equal("exited", threads["exited"], threads["created"])
    for field in ("peak_alive", "stack_reserved_peak_bytes"):
        d.equal(field, threads[field], truth[field if field[0] == "s" else "threads_peak_alive"])
    sites = {s["stack"][0]["function"]: s for s in threads["spawn_sites"] if s["stack"]}
    for want in truth["spawns"]:
        name, got = want["function"], sites.get(want["function"])
        if not got:
            d.found.append(f"{name}: no such site; there are {sorted(sites)}")
            continue
        d.equal(f"{name} created", got["created"], want["count"])
        d.equal(f"{name} reserved_bytes", got["reserved_bytes"], want["bytes"])
        if want["touched_bytes"]:  # below pthread_create's own frames and thread data
            d.between(f"{name} touched_max_bytes", got["touched_max_bytes"],
                      want["touched_bytes"], want["touched_bytes"] + 32 * KIB)
    named = Counter(t["comm"] for t in threads["list"])
    guards = {t["comm"]: t["guard_bytes"] for t in threads["list"]}
    for name, count, guard in (("deep", 4, 4), ("shallow", 3, 64), ("large", 1, 4)):
        d.equal(f"threads named {name}", named[name], count)
        d.equal(f"guard of {name}", guards.get(name), guard * KIB)
    d.equal("entries of the main thread", named["threads"] - 20, 1)  # the short ones have its name
    touched = sum(t["touched_bytes"] for t in truth["spawns"] for _ in range(t["count"]))
    d.between("stack_touched_peak_bytes", threads["stack_touched_peak_bytes"], touched,
              touched + 8 * 32 * KIB)
    d.check()


def map_sites(process):
    """The program's functions -> sums of what they mapped; whoever called mmap for them."""
    sums = defaultdict(Counter)
    for site in process["maps"]["sites"]:
        frame = own_frame(site["stack"])
        for field in ("count", "live_bytes", "at_peak_bytes") if frame else ():
            sums[frame["function"]][field] += site[field]
    return sums


def test_ledger():
    """Split, shrunk, mapped over, grown, moved and left behind: live to the page."""
    recording = record("--", program("ledger"))
    document, truth = recording.report(), recording.truths()[0]
    check_lossless(document)
    process = document["processes"][0]
    d, got = Differences("mappings"), map_sites(process)
    for field, word in (("live_bytes", "bytes"), ("at_peak_bytes", "at_peak_bytes")):
        d.equal(f"sum of {field}", sum(s[field] for s in got.values()),
                sum(s[word] for s in truth["maps"]))
    for want in truth["maps"]:
        d.equal(f"{want['function']} live_bytes", got[want["function"]]["live_bytes"],
                want["bytes"])
    d.equal("mremap_count", process["maps"]["mremap_count"], truth["mremap_count"])
    d.check()
    check(process["peak"]["mapped_bytes"] >= truth["maps"][0]["at_peak_bytes"], "peak mapped")


def grown(way):
    """Growth in the capture, and what the program says: (bytes, of them an allocator's)."""
    recording = Recording("--", program("grows"), way)
    said = tuple(map(int, recording.await_line("grew").split()[1:]))
    recording.wait()
    check_lossless(recording.report())
    with contextlib.closing(sqlite3.connect(recording.capture)) as database:
        rows = database.execute("SELECT anon_grown_bytes, anon_heap_bytes FROM process "
                                "WHERE comm = 'grows'").fetchall()
    check(len(rows) == 1, f"{len(rows)} programs")
    return rows[0], said


def test_growth():
    """Anonymous memory that becomes writable: all of that, to the byte, and stacks left out."""
    (base, heap_base), _ = grown("none")
    d = Differences("growth")
    for way in ("opened", "remapped", "pooled", "cloned", "spawned"):
        (bytes_, heap_bytes), said = grown(way)
        d.equal(f"{way}: bytes", bytes_ - base, said[0])
        d.equal(f"{way}: an allocator's", heap_bytes - heap_base, said[1])
    d.check()


def test_break():
    recording = record("--", program("breaks"))
    document, truth = recording.report(), recording.truths()[0]
    check_lossless(document)
    maps, got = document["processes"][0]["maps"], map_sites(document["processes"][0])
    d = Differences("break")
    d.equal("brk_grown_bytes", maps["brk_grown_bytes"], truth["brk_grown_bytes"])
    # sbrk keeps no frame pointer: who called it is for the unwinder to find.
    d.equal("sbrk", sum(s["live_bytes"] for s in maps["sites"]
                          if s["stack"][0]["function"] == "sbrk"), truth["maps"][1]["bytes"])
    d.equal("grow_by_call", got["grow_by_call"]["live_bytes"], truth["maps"][0]["bytes"])
    d.check()


def test_timeline():
    """Samples rise in time and agree with the peak."""
    recording = Recording("--", program("threads"))
    recording.await_line("ready")
    time.sleep(0.7)
    recording.go()
    recording.wait()
    process = recording.report()["processes"][0]
    samples = process["timeline"]
    check(len(samples) >= 4, f"{len(samples)} samples of 0.7 s")
    times = [s["t_s"] for s in samples]
    check(times == sorted(set(times)), f"times {times}")
    most = max(s["threads"] for s in samples)
    check(most in (8, 9), f"{most} threads in the timeline")  # with the main thread or without
    slack = process["peak"]["rss_error_bytes"] or 0
    most = max(s["rss_bytes"] for s in samples)
    check(most <= process["peak"]["rss_bytes"] + slack, f"a sample of {most} above the peak")


def test_long_timeline():
    """Ticks of 10 ms for longer than the timeline has points: fewer, from its start to its end."""
    target = Program(program("attached"))
    target.await_line("ready")
    recording = Recording("-p", target.pid, options=("--tick", "10", "-d", "24"))
    recording.wait(seconds=40)
    document = recording.report()
    times = [s["t_s"] for s in document["processes"][0]["timeline"]]
    check(1000 <= len(times) <= 2000, f"{len(times)} points")
    check(times == sorted(set(times)), "times do not rise")
    gap = max(b - a for a, b in zip(times, times[1:]))
    check(times[0] < 0.5 and times[-1] > 23.5 and gap < 1, f"{times[0]} to {times[-1]}, gap {gap}")


def test_still():
    """While nothing moves it is looked at less and less, and the recording still ends in time."""
    target = Program(program("attached"))
    target.await_line("ready")
    recording = Recording("-p", target.pid, options=("--mode", "kernel", "-d", "4.1"))
    recording.wait()
    document = recording.report()
    times = [s["t_s"] for s in document["processes"][0]["timeline"]]
    gaps = [b - a for a, b in zip(times, times[1:])]
    check(gaps[0] < 0.2 and max(gaps) > 0.23, f"gaps {gaps}")
    check(document["capture"]["duration_s"] < 4.4, f"{document['capture']['duration_s']} s")
