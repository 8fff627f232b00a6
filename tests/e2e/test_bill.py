# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What resident memory consists of, against what the kernel says to the program itself."""
import re
import subprocess
from pathlib import Path

from memtide import (BUILD, Program, Recording, Skip, check, image, need, program, record, scratch)
from test_real import redis
from truth import Differences, check_lossless

KIB, MIB = 1 << 10, 1 << 20
PARTS = ("allocator_bytes", "thread_stacks_bytes", "file_bytes", "shmem_bytes",
         "other_anon_bytes", "unexplained_bytes")


def parse(text):
    """/proc/PID/status and smaps as one text: fields, and per mapping (name, field -> bytes)."""
    fields, mappings = {}, []
    for line in text.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            words = line.split(maxsplit=5)
            mappings.append((words[5] if len(words) > 5 else "", {}))
            continue
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            (mappings[-1][1] if mappings else fields)[name] = int(value.split()[0]) * KIB
        elif name == "Threads":
            fields[name] = int(value)
    return fields, mappings


def resident(mappings, like=None):
    return sum(m["Rss"] for name, m in mappings if like is None or re.match(like, name))


def bill_of(process, at):
    found = [b for b in process["rss_bill"] if b["at"] == at]
    check(len(found) == 1, f"{len(found)} bills of the {at}")
    return found[0]


def check_sum(d, bill):
    d.equal("sum of the parts", sum(bill[p] for p in PARTS), bill["rss_bytes"])
    if bill["heap_live_bytes"] is not None:
        d.equal("the allocator's", bill["heap_live_bytes"] + bill["heap_retained_bytes"],
                bill["allocator_bytes"])
    share = bill["unexplained_bytes"] / bill["rss_bytes"]
    mib = bill["rss_bytes"] >> 20
    print(f"{d.title}, {bill['at']}: {100 * share:.2f}% of {mib} MiB unexplained")
    d.between("unexplained share", share, 0, 0.05)


def compare_with(text, process, title, slack=512 * KIB):
    """The bill of its exit with what it was told just before; that, and its mappings."""
    fields, mappings = parse(text)
    bill, d = bill_of(process, "end"), Differences(title)
    check_sum(d, bill)
    # Between its look and ours it wrote a file and went: some pages of libraries, no more.
    d.near("rss_bytes and smaps", bill["rss_bytes"], resident(mappings), slack)
    anon = bill["rss_bytes"] - bill["shmem_bytes"] - bill["file_bytes"]
    copies = sum(m["Anonymous"] for path, m in mappings if path.startswith("/"))
    d.near("anonymous", anon + copies, fields["RssAnon"], slack)
    d.near("files", bill["file_bytes"] + bill["shmem_bytes"] - copies,
           fields["RssFile"] + fields["RssShmem"], slack)
    d.near("page tables", bill["page_tables_bytes"], fields["VmPTE"], 64 * KIB)
    named = {m["name"]: m["rss_bytes"] for m in bill["mappings"]}
    for path in ("[heap]", "[stack]"):
        if resident(mappings, re.escape(path)) > MIB:
            d.near(path, named.get(path, 0), resident(mappings, re.escape(path)), 64 * KIB)
    peak = bill_of(process, "peak")
    check(peak["rss_bytes"] >= bill["rss_bytes"], "the peak's is lower than the end's")
    check_sum(d, peak)
    return d, bill, named


def compare(name, mode="exact"):
    recording = record("--", program(name), options=("--mode", mode))
    check_lossless(recording.report())
    process = image(recording.report(), comm=name)
    return compare_with(recording.truth_file.read_text(), process, f"{name}, mode {mode}")


def check_heap(d, bill, live_mib, retained_mib, slack=128 * KIB):
    """Bursts, and no calls at all, leave only the sum of the two."""
    if bill["heap_live_kind"]:
        d.near("live", bill["heap_live_bytes"], live_mib * MIB, slack)
        d.near("retained", bill["heap_retained_bytes"], retained_mib * MIB, slack)
    d.near("the allocator's", bill["allocator_bytes"], (live_mib + retained_mib) * MIB, 2 * slack)


def near_mib(d, name, got, mib, slack=128 * KIB):
    d.near(name, got, mib * MIB, slack)


def check_c(mode):
    d, bill, named = compare("bill", mode)
    check_heap(d, bill, 8 + 9, 24)
    near_mib(d, "stacks", bill["thread_stacks_bytes"], 4)
    near_mib(d, "shared", bill["shmem_bytes"], 3 + 5, 0)
    near_mib(d, "own mapping", named.get("[anonymous]", 0), 7)
    near_mib(d, "bss", next((n for k, n in named.items()
                             if k.startswith("[bss]") and k.endswith("/bill")), 0), 4)
    near_mib(d, "data", next((n for k, n in named.items() if k.endswith("/bill")
                              and k[0] == "/"), 0), 2)
    d.equal("memfd", named.get("/memfd:bill"), 3 * MIB)
    near_mib(d, "file", next((n for k, n in named.items() if "mt-bill-" in k), 0), 6, 0)
    d.equal("kernel stacks", bill["kernel_stacks_bytes"] % (16 * KIB), 0)
    return d, bill


def test_c():
    d, bill = check_c("exact")
    d.equal("kind", bill["heap_live_kind"], "exact")
    d.check()


def test_modes():
    """Who made a mapping while no calls were counted its stack tells."""
    for mode in ("auto", "kernel"):
        d, bill = check_c(mode)
        d.equal("kind", bill["heap_live_kind"], None)
        d.check()
        for name, live, retained in (("bill_cxx", 32, 18), ("bill_rust", 26, 14)):
            d, bill, _ = compare(name, mode)
            check_heap(d, bill, live, retained, 512 * KIB)
            d.check()


def test_cxx():
    d, bill, _ = compare("bill_cxx")
    check_heap(d, bill, 20 + 12, 18, 512 * KIB)
    d.equal("kind", bill["heap_live_kind"], "exact")
    d.check()


def test_rust():
    d, bill, _ = compare("bill_rust")
    check_heap(d, bill, 10 + 16, 14, 256 * KIB)
    d.equal("kind", bill["heap_live_kind"], "exact")
    d.check()


def test_attached():
    """What is older than the attach: the break is told by its name, blocks are not known."""
    target = Program(program("attached"))
    target.await_line("ready")
    recording = Recording("-p", target.pid)
    recording.await_attached()
    recording.interrupt()
    process = image(recording.report(), pid=target.pid)
    bill, d = bill_of(process, "end"), Differences("attached")
    with open(f"/proc/{target.pid}/smaps", encoding="utf-8") as smaps:
        _, mappings = parse(smaps.read())
    d.equal("sum of the parts", sum(bill[p] for p in PARTS), bill["rss_bytes"])
    d.near("rss_bytes", bill["rss_bytes"], resident(mappings), 64 * KIB)
    d.equal("heap_live_bytes", bill["heap_live_bytes"], None)
    d.equal("heap_retained_bytes", bill["heap_retained_bytes"], None)
    check(bill["allocator_bytes"] >= resident(mappings, r"\[heap\]"),
          "its heap is not an allocator's")
    d.check()


def test_older():
    """All of it is older than the attach: blocks that malloc mapped are told by their headers."""
    for mode in ("exact", "kernel"):
        target = Program(program("bill"), "wait")
        target.await_line("ready")
        recording = Recording("-p", target.pid, options=("--mode", mode))
        recording.await_attached()
        recording.interrupt()
        process = image(recording.report(), pid=target.pid)
        bill, d = bill_of(process, "end"), Differences(f"older, mode {mode}")
        d.equal("sum of the parts", sum(bill[p] for p in PARTS), bill["rss_bytes"])
        near_mib(d, "the allocator's", bill["allocator_bytes"], 8 + 9 + 24)
        near_mib(d, "stacks", bill["thread_stacks_bytes"], 4)
        near_mib(d, "shared", bill["shmem_bytes"], 3 + 5, 0)
        near_mib(d, "bss", bill["other_anon_bytes"], 4)
        near_mib(d, "own mapping", bill["unexplained_bytes"], 7)  # nobody saw it being made
        d.equal("heap_live_bytes", bill["heap_live_bytes"], None)
        d.check()
        target.go()
        target.wait()


def test_seen_in_bursts():
    """jemalloc has mapped all before the attach: blocks that bursts saw say what is its."""
    library = next(Path("/usr/lib").glob("*/libjemalloc.so.2"), None)
    if not library:
        raise Skip("libjemalloc2 is not installed")
    target = Program(BUILD / "bench/load", env={"LD_PRELOAD": str(library)})
    target.process.stdin.write(b"1 10000 60000\n")
    target.process.stdin.flush()
    target.await_line("at ")
    bills = {}
    try:
        for mode, *more in (("kernel", "-d", "1"), ("auto", "-d", "5", "--budget", "10")):
            recording = Recording("-p", target.pid, options=("--mode", mode, *more))
            recording.wait()
            process = image(recording.report(), pid=target.pid)
            if mode == "auto" and process["layer"] == "kernel":
                raise Skip("no burst in 5 s: the machine is too busy")
            bills[mode] = bill_of(process, "end")
    finally:
        target.process.kill()
        target.process.wait()
    d, was, now = Differences("bursts"), bills["kernel"], bills["auto"]
    d.equal("the allocator's, without bursts", was["allocator_bytes"], 0)
    d.between("with bursts", now["allocator_bytes"], 16 * KIB, was["unexplained_bytes"])
    d.near("in all", now["allocator_bytes"] + now["unexplained_bytes"],
           was["unexplained_bytes"], 128 * KIB)
    d.check()


def test_sampled():
    """Blocks that stand for others: an estimate, and said to be one."""
    recording = record("--", program("bill_rust"), options=("--sample-bytes", "64K"))
    process, d = image(recording.report(), comm="bill_rust"), Differences("sampled")
    bill = bill_of(process, "end")
    d.equal("sum of the parts", sum(bill[p] for p in PARTS), bill["rss_bytes"])
    d.equal("kind", bill["heap_live_kind"], "sampled")
    near_mib(d, "live", bill["heap_live_bytes"], 10 + 16, 5 * MIB)
    d.check()


def test_compile():
    """cc1plus, on a real source."""
    source = scratch() / "x.cc"
    source.write_text("#include <iostream>\n#include <map>\n#include <string>\n#include <thread>\n"
                      "std::map<std::string, std::thread> m;\n"
                      "int main() { std::cout << m.size(); }\n")
    # Sampled, since all sites of a compiler are hundreds of megabytes of JSON.
    for mode, *more in (("exact", "--sample-bytes", "256K"), ("auto", "--budget", "20")):  # bills are paid from it
        recording = record("--", need("g++"), "-c", source, "-o", scratch() / "x.o",
                           options=("--mode", mode, *more))
        process, d = image(recording.report(), comm="cc1plus"), Differences(f"cc1plus, {mode}")
        peak = bill_of(process, "peak")
        check_sum(d, peak)
        check_sum(d, bill_of(process, "end"))
        d.between("of the peak", peak["rss_bytes"] / process["peak"]["rss_bytes"], 0.9, 1.05)
        d.check()


def test_redis():
    """redis-server under load, and how it was left by that."""
    client, bench = need("redis-cli", "redis-benchmark")
    recording, port = redis()
    subprocess.run([bench, "-p", port, "-n", "20000", "-r", "20000", "-d", "2000", "-q",
                    "-t", "set,lpush"], stdout=subprocess.DEVNULL, check=True)
    subprocess.run([client, "-p", port, "shutdown", "nosave"], check=True)
    recording.wait(None)
    process, d = image(recording.report(), comm="redis-server"), Differences("redis-server")
    for at in ("peak", "end"):
        check_sum(d, bill_of(process, at))
    d.check()
