# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Running memtide and its targets from tests.

A Program is a process that the test talks to: it says lines on stdout and takes bytes on
stdin. A Recording is one run of `memtide record`. Nothing here sleeps where something can be
awaited; a wait that takes longer than PATIENCE_S fails the test. What a test leaves running
is ended by tests/run.
"""
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
TOOL = BUILD / "memtide"
PROGRAMS = BUILD / "programs"
PATIENCE_S = 60


class Skip(Exception):
    """The test cannot run here; the argument says why."""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def need(*commands):
    """The commands' paths; skips the test when one is not installed."""
    paths = [shutil.which(c, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for c in commands]
    for command, path in zip(commands, paths):
        if not path:
            raise Skip(f"{command} is not installed")
    return paths if len(paths) > 1 else paths[0]


def seed():
    """MT_SEED or a new one, printed so that a failure can be repeated."""
    value = int(os.environ.get("MT_SEED") or int.from_bytes(os.urandom(4), "little"))
    print(f"MT_SEED={value}")
    return value


def program(name):
    path = PROGRAMS / name
    check(path.exists(), f"{path} is missing: make programs")
    return str(path)


def scratch():
    """A new directory; tests/run gives each test a place of its own and removes it."""
    return Path(tempfile.mkdtemp(prefix="mt-"))


def build(source, *options):
    """A program from C source; skips the test where that cannot be had."""
    binary = scratch() / "program"
    made = subprocess.run([need("gcc"), "-x", "c", "-O1", "-g", *options, "-o", binary, "-"],
                          input=source, text=True, capture_output=True, check=False)
    if made.returncode:
        raise Skip(f"cannot build with {options}: {made.stderr.splitlines()[-1]}")
    return binary


def until(condition, what, seconds=PATIENCE_S):
    """Polls for what no event tells; returns the condition's value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.005)


class Program:
    """A child process: `say` lines, `go` bytes, `wait` for its status."""

    def __init__(self, *argv, env=None, **options):
        self.folder = scratch()
        self.argv = [str(a) for a in argv]
        self.truth_file = self.folder / "truth"
        self.stderr_file = self.folder / "stderr"
        self.pending = b""
        environment = dict(os.environ, MT_TRUTH=str(self.truth_file), LC_ALL="C", **(env or {}))
        for stream in ("stdin", "stdout"):
            options.setdefault(stream, subprocess.PIPE)
        with open(self.stderr_file, "wb") as stderr:
            self.process = subprocess.Popen(self.argv, stderr=stderr, env=environment, **options)
        self.pid = self.process.pid

    def stderr(self):
        return self.stderr_file.read_text(errors="replace")

    def _read(self, end):
        """More of its stdout; False at the end of it."""
        left = max(0, end - time.monotonic())
        readable, _, _ = select.select([self.process.stdout], [], [], left)
        check(readable, f"{self.argv}: silent; it said {self.pending!r}; {self.stderr()}")
        data = os.read(self.process.stdout.fileno(), 65536)
        self.pending += data
        return bool(data)

    def await_line(self, start, seconds=PATIENCE_S):
        """Its next line on stdout that begins so; lines before it are dropped."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.pending:
                line, self.pending = self.pending.split(b"\n", 1)
                if line.startswith(start.encode()):
                    return line.decode()
            check(self._read(end), f"{self.argv} ended without {start!r}: {self.stderr()}")

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def signal(self, number):
        self.process.send_signal(number)

    def alive(self):
        return self.process.poll() is None

    def wait(self, status=0, seconds=PATIENCE_S):
        """Its remaining output, once it has ended as expected (None: in any way)."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        got = self.process.wait(max(1, end - time.monotonic()))
        check(status is None or got == status,
              f"{self.argv}: status {got}, expected {status}: {self.stderr()}")
        return self.pending.decode(errors="replace")

    def end(self):
        """End it by SIGTERM and expect what midflight says then."""
        self.signal(signal.SIGTERM)
        check("intact" in self.wait(), f"{self.argv}: not intact: {self.stderr()}")

    def truths(self):
        """What its images wrote, in the order in which they did."""
        return [json.loads(line) for line in self.truth_file.read_text().splitlines()]


def attached(count=1):
    """Processes of attached.c that wait to be recorded."""
    targets = [Program(program("attached")) for _ in range(count)]
    for target in targets:
        target.await_line("ready")
    return targets


def work(targets):
    """They do what they tell, and then wait again."""
    for target in targets:
        target.go()
        target.await_line("done")


class Recording(Program):
    """`memtide record TARGET`, started, mode exact; TARGET is ("-p", PID), ("--", COMMAND...), ..."""

    def __init__(self, *target, options=(), capture=None, tool=TOOL, **popen):
        self.capture = Path(capture) if capture else scratch() / "capture.mtd"
        # A command shares stderr with its recorder; of running targets it says when it has them.
        words = ["-q" if target[0] == "--" else "-v", "-o", self.capture]
        if "--mode" not in options:
            words += ["--mode", "exact"]
        super().__init__(tool, "record", *words, *options, *target, **popen)

    def await_attached(self, seconds=PATIENCE_S):
        """Every allocation of the targets is counted from here on."""
        until(lambda: "memtide: recording\n" in self.stderr() or not self.alive(), "an attach",
              seconds)
        check(self.alive(), f"the recorder ended: {self.stderr()}")

    def interrupt(self, seconds=PATIENCE_S):
        """SIGINT: it ends and writes."""
        self.signal(signal.SIGINT)
        return self.wait(seconds=seconds)

    def report(self):
        return report(self.capture)


def record(*target, status=0, **options):
    """A whole recording."""
    recording = Recording(*target, stdin=subprocess.DEVNULL, **options)
    recording.wait(status)
    return recording


def report_result(capture, *options):
    """`memtide report`: status, stdout, stderr."""
    result = subprocess.run([TOOL, "report", capture, *options], capture_output=True, text=True,
                            errors="replace", timeout=PATIENCE_S, check=False)
    return result.returncode, result.stdout, result.stderr


def report(capture):
    status, out, err = report_result(capture, "--json")
    check(status == 0, f"report {capture}: status {status}: {err}")
    document = json.loads(out)
    check(document["schema"] == "memtide.report/1", f"schema {document['schema']!r}")
    return document


def images(document, pid):
    """The images of a process, in the order of the report."""
    return [p for p in document["processes"] if p["pid"] == pid]


def image(document, pid=None, comm=None):
    """The one image of that pid or name."""
    found = [p for p in document["processes"]
             if pid in (None, p["pid"]) and comm in (None, p["comm"])]
    have = [(p["pid"], p["comm"]) for p in document["processes"]]
    check(len(found) == 1, f"{len(found)} images of {pid or comm}; there are {have}")
    return found[0]


# ---- the target from outside --------------------------------------------------------------


def _text_differences(pid):
    """Where executable pages differ from the files that they map."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        lines = [line.split(maxsplit=5) for line in maps]
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for fields in lines:
            if len(fields) < 6 or "x" not in fields[1] or not fields[5].startswith("/"):
                continue
            start, end = (int(x, 16) for x in fields[0].split("-"))
            memory.seek(start)
            mapped = memory.read(end - start)
            with open(f"/proc/{pid}/root{fields[5].rstrip()}", "rb") as file:
                file.seek(int(fields[2], 16))
                stored = file.read(end - start).ljust(end - start, b"\0")
            if mapped != stored:
                first = next(i for i, (a, b) in enumerate(zip(mapped, stored)) if a != b)
                yield f"{fields[5].rstrip()}+{int(fields[2], 16) + first:#x}"


def text_is_clean(pid):
    """Is its code byte for byte that of its files, without anybody's breakpoint?"""
    return not any(_text_differences(pid))


def is_probed(pid, file):
    """Has a file that it maps somebody's breakpoint, the name's last part told?"""
    return any(where.partition("+")[0].endswith(file) for where in _text_differences(pid))


def check_text(pid, seconds=1):
    """Its code is clean within that time."""
    until(lambda: text_is_clean(pid), f"clean text of {pid}, {list(_text_differences(pid))}",
          seconds)


def status_bytes(pid, field):
    """Of /proc/PID/status; None when it has no memory any more."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in text.splitlines()
                 if line.startswith(field)), None)


def fdinfo(pid):
    """What the kernel says of each descriptor of a process, by field."""
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            lines = entry.read_text().splitlines()
        except OSError:
            continue  # closed meanwhile
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def bpf_objects(pid):
    """The BPF programs, maps and links that a process holds, by kind and id."""
    found = set()
    for fields in fdinfo(pid):
        found |= {(kind, fields[f"{kind}_id"].strip()) for kind in ("prog", "map", "link")
                  if f"{kind}_id" in fields}
    return found


def still_there(objects):
    """Those that the kernel still has. Ids are not used again."""
    bpftool = need("bpftool")
    return {(kind, number) for kind, number in objects
            if subprocess.run([bpftool, kind, "show", "id", number], capture_output=True,
                              check=False).returncode == 0}


def children(pid):
    """The children of a process, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and _parent(entry.name) == pid:
                found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile
    return sorted(found)


def _parent(pid):
    # The name, in parentheses, may hold anything.
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
