# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Real programs: a compile, a database, a server, a script's engine.

Those under load run for LOAD_S seconds: MT_LONG=1 makes them 60.
"""
import os
import socket
import subprocess
import time

from memtide import (PATIENCE_S, Recording, check, image, need, program, record, scratch)
from truth import check_lossless

LOAD_S = 60 if os.environ.get("MT_LONG") else 10

CPP = """
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
int main()
{
	std::map<std::string, std::vector<int>> m;
	std::unordered_map<int, std::unique_ptr<std::string>> u;
	for (int i = 0; i < 10; i++) {
		m[std::to_string(i)].push_back(i);
		u[i] = std::make_unique<std::string>("x");
	}
	return static_cast<int>(m.size() + u.size());
}
"""


def check_peak(process, truth):
    """Peak RSS within 1% or the printed bound of what wait4 said."""
    peak = process["peak"]
    slack = max(truth * 0.01, peak["rss_error_bytes"] or 0)
    print(f"{process['comm']}: peak RSS {peak['rss_bytes']}, wait4 says {truth}, "
          f"bound {peak['rss_error_bytes']}")
    check(abs(peak["rss_bytes"] - truth) <= slack,
          f"peak RSS {peak['rss_bytes']}, wait4 says {truth}, slack {slack:.0f}")


def check_heap(process, unknown=0.0):
    heap = process["heap"]
    check(heap["alloc_count"] > 100, f"{heap['alloc_count']} allocations")
    check(heap["live_count"] == heap["alloc_count"] - heap["free_count"], "live count")
    check(heap["live_bytes"] == heap["alloc_bytes"] - heap["free_bytes"], "live bytes")
    check(heap["unknown_free_count"] <= unknown * heap["free_count"],
          f"{heap['unknown_free_count']} unknown of {heap['free_count']} frees")
    at_peak = sum(s["at_peak_bytes"] for s in process["sites"])
    check(at_peak == heap["peak_live_bytes"], f"{at_peak} by site, {heap['peak_live_bytes']}")


def test_compile():
    gxx = need("g++")
    source = scratch() / "a.cpp"
    source.write_text(CPP)
    recording = record("--", gxx, "-O2", "-wrapper", program("rusage"), "-c", source, "-o",
                       source.with_suffix(".o"))
    document = recording.report()
    check_lossless(document)
    truth = {t["comm"]: t for t in recording.truths()}
    for comm in ("cc1plus", "as"):
        process = image(document, truth[comm]["pid"], comm)
        check_peak(process, truth[comm]["rss_bytes"])
        check_heap(process, unknown=0.001)
    check(source.with_suffix(".o").stat().st_size > 1000, "nothing was compiled")


test_compile.timeout_s = 240


def test_sqlite():
    sqlite = need("sqlite3")
    database = scratch() / "db"
    sql = ("create table t (k integer primary key, v text);"
           "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) "
           "insert into t select i, hex(randomblob(50)) from n;"
           "create index x on t (v); select count(*), sum(length(v)) from t;")
    recording = Recording("--", program("rusage"), sqlite, database, sql)
    out = recording.wait()
    check("5000|500000" in out, f"sqlite3 said {out!r}")
    document = recording.report()
    check_lossless(document)
    process = image(document, recording.truths()[0]["pid"], "sqlite3")
    check_peak(process, recording.truths()[0]["rss_bytes"])
    check_heap(process)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def proc_status(pid, field):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def redis(*options):
    """A server under a recorder, ready; the recording and its port."""
    server = scratch() / "redis-server"  # the same program under the name that it goes by
    server.symlink_to(need("redis-check-rdb"))
    port = str(free_port())
    recording = Recording("--", server, "--port", port, "--bind", "127.0.0.1", "--save", "",
                          "--appendonly", "no", "--daemonize", "no", cwd=scratch(),
                          options=options)
    line = recording.await_line("")
    while "Ready to accept connections" not in line:
        line = recording.await_line("")
    return recording, port


def test_redis():
    client, benchmark = need("redis-cli", "redis-benchmark")
    recording, port = redis()
    subprocess.run([benchmark, "-p", port, "-n", "20000", "-d", "100", "-r", "5000", "-q", "-t",
                    "set,get,lpush"], check=True, capture_output=True, timeout=PATIENCE_S)
    info = subprocess.run([client, "-p", port, "info", "server"], check=True, text=True,
                          capture_output=True).stdout
    pid = int(info.split("process_id:")[1].split()[0])
    rss, mapped = proc_status(pid, "VmHWM:"), proc_status(pid, "VmPeak:")
    subprocess.run([client, "-p", port, "shutdown", "nosave"], check=False, capture_output=True)
    recording.wait()
    document = recording.report()
    check_lossless(document)
    process = image(document, pid)
    check(process["comm"] == "redis-server", f"comm {process['comm']}, which is a thread's")
    check_peak(process, rss)
    check(process["peak"]["mapped_bytes"] >= mapped, f"mapped {process['peak']}, VmPeak {mapped}")
    check(process["maps"]["mmap_count"] > 10, f"{process['maps']['mmap_count']} mappings")
    check(process["threads"]["created"] >= 3, f"{process['threads']['created']} threads")
    names = {t["comm"] for t in process["threads"]["list"]}
    check({"bio_close_file", "bio_lazy_free"} <= names, f"threads {names}")
    for thread in process["threads"]["list"]:
        if thread["comm"].startswith("bio_"):
            check(thread["reserved_bytes"] >= 1 << 20, f"{thread}")


test_redis.timeout_s = 150


def check_allocators(process, *names):
    """They are named, the heap is whole, and what it explains of the growth is told."""
    for name in names:
        check(any(a.startswith(name) for a in process["allocators"]),
              f"allocators {process['allocators']}, not {name}")
    heap, coverage = process["heap"], process["coverage_pct"]
    check(heap["kind"] == "exact", f"the heap is {heap['kind']}")
    check(coverage is not None and 0 <= coverage <= 100, f"coverage {coverage} %")
    check_heap(process, unknown=0.001)
    print(f"{process['comm']}: {heap['alloc_count']} allocations, coverage {coverage:.1f} %")


def test_redis_load():
    """Every answer is right under exact probes, while others ask as much as it can take."""
    client, benchmark = need("redis-cli", "redis-benchmark")
    recording, port = redis("--mode", "exact")
    cli = [client, "-p", port]
    load = subprocess.Popen([benchmark, "-p", port, "-l", "-c", "20", "-d", "200", "-r", "20000",
                             "-q", "-t", "set,get,lpush,lpop,hset,sadd"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end, asked = time.monotonic() + LOAD_S, 0
    while time.monotonic() < end:
        value = f"{asked:0{asked * 7 % 3000}}"
        for command in (("set", "mine", value), ("append", "mine", "!")):
            subprocess.run([*cli, *command], check=True, capture_output=True, timeout=PATIENCE_S)
        got = subprocess.run([*cli, "get", "mine"], check=True, text=True, capture_output=True,
                             timeout=PATIENCE_S).stdout
        check(got == value + "!\n", f"get answered {got[:80]!r}")
        asked += 1
    check(load.poll() is None, "the load ended")
    load.terminate()
    load.wait(PATIENCE_S)
    subprocess.run([*cli, "shutdown", "nosave"], check=False, capture_output=True)
    recording.wait()
    process = image(recording.report(), comm="redis-server")
    check((process["ended"], process["exit_status"]) == ("exit", 0),
          f"ended {process['ended']} {process['exit_status']}")
    print(f"{asked} rounds")
    check_allocators(process, "jemalloc 5.")


test_redis_load.timeout_s = 120 + LOAD_S

NODE = """
const crypto = require('crypto');
function round() {
  const objects = [], hash = crypto.createHash('sha256');
  for (let i = 0; i < 3000; i++)
    objects.push({ i, text: 'x'.repeat(i % 300), list: Array.from({ length: i % 20 }) });
  hash.update(JSON.stringify(objects));
  for (let i = 0; i < 300; i++)
    hash.update(Buffer.alloc(1000 + 37 * i, i));
  return hash.digest('hex');
}
const end = Date.now() + 1000 * Number(process.argv[1]), first = round();
let rounds = 1;
for (; Date.now() < end; rounds++)
  if (round() !== first)
    process.exit(3);
console.log(first);
console.error(rounds + ' rounds');
"""


def test_node_load():
    """What it computes is the same under exact probes; V8's own heap is told apart."""
    node = need("node")
    want = subprocess.run([node, "-e", NODE, "0"], capture_output=True, text=True, check=True,
                          timeout=PATIENCE_S).stdout
    recording = Recording("--", node, "-e", NODE, str(LOAD_S), options=("--mode", "exact"))
    got = recording.wait(seconds=PATIENCE_S + LOAD_S)
    check(got == want and len(got) == 65, f"it computed {got!r}, without us {want!r}")
    print(recording.stderr().split(" rounds")[0].split()[-1] + " rounds")
    process = recording.report()["processes"][0]
    check((process["ended"], process["exit_status"]) == ("exit", 0),
          f"ended {process['ended']} {process['exit_status']}")
    check(process["runtimes"] == ["V8"], f"runtimes {process['runtimes']}")
    check_allocators(process, "glibc 2.")


test_node_load.timeout_s = 120 + LOAD_S
