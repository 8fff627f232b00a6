# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""What a target runs under: nobody, memtide with some options, heaptrack, bpftrace.

A tracer is attached to an idle target before its costs are counted, or is in its environment.
`end` gives what there is to know about the tracer itself, by name; one that has not seen the
target's allocations fails there, so that nothing is free because it did nothing.
"""
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bench import bpftrace_end, bpftrace_start, says_attached
from memtide import PATIENCE_S, TOOL, Recording, check, fdinfo, scratch, status_bytes
from targets import Missing, cpu_s, installed

MIB = 1 << 20
NOBODY = 1 << 22  # no process: a kernel's PID_MAX_LIMIT
UNKNOWN = 2  # memtide's status for an option that it does not have
END_PATIENCE_S = 5 * PATIENCE_S  # to symbolize all stacks of a compiler


class Nobody:
    """The bare program."""

    def environment(self):
        return {}

    def attach(self, pid):
        pass

    def cpu_s(self):
        return None

    def look(self):
        """At what is gone when it ends."""

    def end(self, allocations):  # pylint: disable=unused-argument
        return {}

    def kill(self):
        pass


def map_bytes(pid):
    """Kernel memory of the maps that a process holds, each once."""
    return sum({fields["map_id"]: int(fields["memlock"])
                for fields in fdinfo(pid) if "map_id" in fields}.values())


class Memtide(Nobody):
    def __init__(self, *options):
        self.options = options
        self.pid = None
        self.recording = None
        self.rss_bytes = 0
        self.maps_bytes = 0

    def attach(self, pid):
        self.pid = pid
        # What it prints is not read.
        self.recording = Recording("-p", pid, options=self.options, stdout=subprocess.DEVNULL)
        self.recording.await_attached()
        self.look()

    def cpu_s(self):
        return cpu_s(self.recording.pid)

    def look(self):
        self.maps_bytes = max(self.maps_bytes, map_bytes(self.recording.pid))
        self.rss_bytes = max(self.rss_bytes, status_bytes(self.recording.pid, "VmHWM:") or 0)

    def interrupt(self):
        """Ends it. Its peak RSS is followed to the end, as wait4's would be that of the harness
        where that is larger: it survives exec."""
        if Path(f"/proc/{self.pid}").exists():  # otherwise it ends by itself
            self.recording.signal(signal.SIGINT)
        end = time.monotonic() + END_PATIENCE_S
        while self.recording.alive():
            self.rss_bytes = max(self.rss_bytes, status_bytes(self.recording.pid, "VmHWM:") or 0)
            check(time.monotonic() < end, f"the recorder does not end: {self.recording.stderr()}")
            time.sleep(0.005)
        status = self.recording.process.returncode
        check(status == 0, f"the recorder's status {status}: {self.recording.stderr()}")

    def end(self, allocations):
        self.interrupt()
        document = self.recording.report()
        check(document["processes"], "nothing was recorded")
        heap = document["processes"][0]["heap"]
        if heap and heap["kind"] == "exact":
            check(heap["alloc_count"] >= allocations,
                  f"{heap['alloc_count']} of {allocations} allocations seen")
        overhead_pct = document["capture"]["overhead_pct"]
        return {"RSS": self.rss_bytes / MIB, "maps": self.maps_bytes / MIB,
                "reported": None if overhead_pct is None else 1 + overhead_pct / 100}

    def kill(self):
        if self.recording and self.recording.alive():
            self.recording.process.kill()
            self.recording.process.wait()


class Heaptrack(Nobody):
    """Preloaded, as its script does it: a pipe to the interpreter, that writes a packed file."""

    def __init__(self):
        home = Path(installed("heaptrack", "heaptrack")).resolve().parents[1] / "lib/heaptrack"
        folder = scratch()
        self.library = home / "libheaptrack_preload.so"
        self.pipe, self.output = folder / "pipe", folder / "output"
        os.mkfifo(self.pipe)
        self.interpreter = home / "libexec/heaptrack_interpret"
        self.shell = None

    def environment(self):
        packer = shutil.which("zstd") or "gzip"
        self.shell = subprocess.Popen(
            ["sh", "-c", f"'{self.interpreter}' <'{self.pipe}' | {packer} -c >'{self.output}'"],
            stderr=subprocess.DEVNULL)
        return {"LD_PRELOAD": str(self.library), "DUMP_HEAPTRACK_OUTPUT": str(self.pipe)}

    def end(self, allocations):
        self.shell.wait(END_PATIENCE_S)
        check(self.output.stat().st_size > 1000, "heaptrack wrote nothing")
        return {}

    def kill(self):
        """A target that never started leaves the interpreter waiting for a writer."""
        if self.shell and self.shell.poll() is None:
            os.close(os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK))
            self.shell.wait(END_PATIENCE_S)


def allocator_of(pid):
    """The file whose malloc it calls: one that has been interposed goes before libc."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    files = {line.split(maxsplit=5)[5] for line in maps if len(line.split(maxsplit=5)) == 6}
    found = [f for name in ("libjemalloc", "libc.so") for f in sorted(files) if name in f]
    check(found, f"{pid} has no malloc")
    return found[0]


class Bpftrace(Nobody):
    """heap.bt, with stacks."""

    def __init__(self):
        installed("bpftrace", "bpftrace")
        self.program = None

    def attach(self, pid):
        self.program = bpftrace_start(pid, True, allocator_of(pid))
        says_attached(self.program)

    def end(self, allocations):
        seen = bpftrace_end(self.program)
        check(seen > 0, f"bpftrace has seen {seen} of {allocations} allocations")
        return {}

    def kill(self):
        if self.program and self.program.alive():
            self.program.process.kill()
            self.program.process.wait()


def memtide(*options):
    """Makes one; Missing where this memtide has no such options."""
    def make():
        probe = subprocess.run([TOOL, "record", *options, "-p", str(NOBODY)], text=True,
                               capture_output=True, check=False)
        if probe.returncode == UNKNOWN:
            raise Missing(f"this memtide has no {' '.join(options)}")
        return Memtide(*options)
    return make


# What makes each one anew, by its name in the table. The first is what the others are compared
# with, the second says how much that means.
TRACERS = {
    "base": Nobody,
    "base again": Nobody,
    "kernel": memtide("--mode", "kernel"),
    "auto 1%": memtide("--mode", "auto", "--budget", "1"),
    "auto 5%": memtide("--mode", "auto", "--budget", "5"),
    "exact": memtide("--mode", "exact"),
    "heaptrack": Heaptrack,
    "bpftrace": Bpftrace,
}
