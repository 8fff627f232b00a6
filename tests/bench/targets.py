# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The programs whose cost under a tracer is measured.

A target is started and idle, so that a tracer can attach to it; then it does a fixed amount of
work, or works for a fixed time and says how much it did. Costs are CPU time and wall time from
there on, for each unit of its work: a tracer's start is not in them.
"""
import functools
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from memtide import BUILD, PATIENCE_S, Program, check, scratch, until

INPUTS = Path(__file__).resolve().parent / "inputs"
COMPILE = ("-std=gnu++17", "-x", "c++", "-O2", "-S", "-", "-o", "/dev/null")
LOOP_MS = 1000
LATENCIES = ("p50", "p99", "p99.9")
RUN_PATIENCE_S = 10 * PATIENCE_S  # a tracer can make a second a minute


class Missing(Exception):
    """It cannot be measured here; the argument says what to do."""


def installed(command, package):
    path = shutil.which(command)
    if not path:
        raise Missing(f"not installed: apt-get install {package}")
    return path


def cpu_s(pid):
    """CPU time of a process so far; of one that nobody waited for too."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of a process, linux/posix-timers.h


def await_idle(pid):
    """It waits for its input."""
    until(lambda: "pipe_read" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii"),
          f"{pid} reads its input")


class Command:
    """A program that reads its input, works and ends."""

    def __init__(self, argv, text):
        self.argv = argv
        self.text = text.encode()
        self.program = None

    @property
    def pid(self):
        return self.program.pid

    def start(self, environment):
        self.program = Program(*self.argv, env=environment)
        await_idle(self.pid)

    def units(self, _):
        """What it has done, and the allocations that there were at least, by its output."""
        return 1, 1

    def run(self):
        """Its costs by name, and a lower bound of its allocations."""
        process = self.program.process
        cpu, wall = cpu_s(self.pid), time.monotonic()
        process.stdin.write(self.text)
        process.stdin.close()
        # pylint: disable-next=protected-access
        while self.program._read(time.monotonic() + RUN_PATIENCE_S):
            pass
        _, status, usage = os.wait4(self.pid, 0)
        wall = time.monotonic() - wall
        process.returncode = os.waitstatus_to_exitcode(status)
        check(process.returncode == 0, f"{self.argv}: {status}: {self.program.stderr()}")
        cpu = usage.ru_utime + usage.ru_stime - cpu
        units, allocations = self.units(self.program.pending.decode())
        return {"CPU time": cpu / units, "wall time": wall / units}, allocations

    def end(self):
        if self.program and self.program.alive():
            self.program.process.kill()
            self.program.process.wait()


def told(output):
    """What load said: (ns, CPU ns, pairs, bytes) by step."""
    return [tuple(int(n) for n in line.split()[1::2]) for line in output.splitlines()]


class Load(Command):
    """load.c in phases (threads, spins, ms); its unit is a pair of malloc and free."""

    def __init__(self, *phases):
        super().__init__([BUILD / "bench/load"], "".join(f"{t} {s} {ms}\n" for t, s, ms in phases))

    def units(self, output):
        pairs = told(output)[-1][2]
        return pairs, pairs


def pair_ns(spins):
    load = Load((1, spins, 200))
    load.start({})
    costs, _ = load.run()
    return costs["CPU time"] * 1e9


@functools.cache
def spins_for(pairs_per_s):
    """What load.c computes between two pairs so that one thread makes that many a second."""
    bare, long = pair_ns(0), pair_ns(1000)
    return max(0, round((1e9 / pairs_per_s - bare) / (long - bare) * 1000))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Redis:
    """A server under redis-benchmark; its unit is a request. It serves some before it is measured:
    latencies are those of a load that goes on, not of the moment when it comes."""

    REQUESTS = 400000
    REQUESTS_BEFORE = 200000

    def __init__(self):
        # redis-check-rdb is the same program, whose package starts no service.
        self.server = scratch() / "redis-server"
        self.server.symlink_to(installed("redis-check-rdb", "redis-tools"))
        self.client = installed("redis-benchmark", "redis-tools")
        self.port = str(free_port())
        self.program = None

    @property
    def pid(self):
        return self.program.pid

    def start(self, environment):
        self.program = Program(self.server, "--port", self.port, "--bind", "127.0.0.1",
                               "--save", "", "--appendonly", "no", "--daemonize", "no",
                               env=environment, cwd=scratch())
        while "Ready to accept connections" not in self.program.await_line(""):
            pass

    def serve(self, requests):
        """What redis-benchmark says, and the server's CPU time."""
        cpu = cpu_s(self.pid)
        result = subprocess.run([self.client, "-p", self.port, "-t", "set", "-d", "100",
                                 "-r", "50000", "-n", str(requests)], text=True,
                                capture_output=True, check=True, timeout=RUN_PATIENCE_S)
        return result.stdout, cpu_s(self.pid) - cpu

    def run(self):
        self.serve(self.REQUESTS_BEFORE)
        said, cpu = self.serve(self.REQUESTS)
        return {"CPU time": cpu, **parse_benchmark(said)}, self.REQUESTS

    def end(self):
        if self.program and self.program.alive():
            self.program.process.kill()
            self.program.process.wait()


def parse_benchmark(output):
    """Throughput and latencies of what redis-benchmark 7 printed."""
    found = re.search(r"throughput summary: ([\d.]+) requests per second", output)
    steps = re.findall(r"^([\d.]+)% <= ([\d.]+) milliseconds \(", output, re.M)
    check(found and steps, f"redis-benchmark said {output[-500:]!r}")
    costs = {"throughput": float(found.group(1))}
    for name in LATENCIES:
        costs[name] = next(float(ms) for percent, ms in steps if float(percent) >= float(name[1:]))
    return costs


def compiler(driver, package, argv0):
    """The compiler proper, as its driver would run it."""
    plan = subprocess.run([installed(driver, package), "-###", *COMPILE], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=True).stderr
    argv = next(words for words in map(shlex.split, filter(is_command, plan.splitlines()))
                if words[0].endswith(argv0))
    return Command(argv, (INPUTS / "words.cc").read_text(encoding="ascii"))


def is_command(line):
    return line.startswith((" /", ' "/'))


def script(path, name, *options):
    return Command([path, *options], (INPUTS / name).read_text(encoding="ascii"))


def rust():
    if not (BUILD / "bench/words").exists():
        raise Missing("not installed: apt-get install rustc")
    return Command([BUILD / "bench/words"], "100000\n")


def loop(pairs_per_s, threads):
    """That rate is of all threads together."""
    return Load((threads, spins_for(pairs_per_s // threads), LOOP_MS))


# What makes each one anew, by its name in the table.
TARGETS = {
    "cc1plus": lambda: compiler("g++", "g++", "cc1plus"),
    "clang": lambda: compiler("clang", "clang", "clang"),
    "perl": lambda: script(installed("perl", "perl"), "words.pl", "-"),
    "python3": lambda: script(sys.executable, "words.py", "-"),
    "redis": Redis,
    "sqlite3": lambda: script(installed("sqlite3", "sqlite3"), "words.sql", ":memory:"),
    "rust": rust,
    "1M/s 1 thread": lambda: loop(1_000_000, 1),
    "1M/s 2 threads": lambda: loop(1_000_000, 2),
    "10M/s 1 thread": lambda: loop(10_000_000, 1),
    "10M/s 2 threads": lambda: loop(10_000_000, 2),
}
