# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Targets that bite: what they compute, what their children cost, and whose memory it was."""
import os
import statistics
import subprocess
import time
from pathlib import Path

from memtide import (BUILD, PATIENCE_S, Program, Recording, Skip, build, check, fdinfo, image, images, need,
                     program, record, scratch, status_bytes, text_is_clean, until)
from truth import compare

LONG = bool(os.environ.get("MT_LONG"))
CYCLES = 1000 if LONG else 6
STORM_S = 60 if LONG else 2
SOAK_S = 1800 if LONG else 9
LIMIT_MIB = 64
STORM_RATE = 1000  # forks a second that are asked for

TEXT = "".join(f"{i * 7919 % 1009} line {i} of a text that is sorted, cut and packed\n"
               for i in range(20000))
SQL = ("create table t (k integer, v text); with recursive c(i) as (select 1 union all select i + 1 "
       "from c where i < 5000) insert into t select i * 7919 % 5003, hex(i) from c; "
       "select k, v from t order by v desc limit 50;")
# Each writes to stdout what must not change; TEXT is its stdin.
COMMANDS = [
    ["sort"], ["sort", "-n", "--parallel=2"], ["tac"], ["wc"], ["md5sum"], ["sha256sum"],
    ["base64"], ["gzip", "-nc"], ["xz", "-c", "-T2"], ["zstd", "-qc"], ["awk", "{ s[$1 % 7] += $1 } END"
     " { for (i = 0; i < 7; i++) print i, s[i] }"], ["sed", "s/line/row/; n; d"],
    ["grep", "-nE", "[0-9]+ line 1?9+"], ["cut", "-d ", "-f1,3"], ["od", "-x"], ["tr", "a-m", "n-z"],
    ["perl", "-ne", "$h{$1}++ if /(\\d+)$/ or /^(\\d)/; END { print map { \"$_ $h{$_}\\n\" } sort keys "
     "%h }"],
    ["python3", "-c", "import json, sys; print(json.dumps([l.split() for l in sys.stdin])[:200000])"],
    ["sqlite3", "-batch", ":memory:", SQL], ["node", "-e", "let s = ''; process.stdin.on('data', d =>"
     " s += d).on('end', () => console.log(s.split('\\n').map(l => l.split('').reverse().join('')).sort()"
     ".join('\\n')))"],
    ["g++", "-x", "c++", "-O1", "-S", "-o", "-", "/dev/null"],
    ["sh", "-c", "for i in 1 2 3 4 5; do echo $i | sed s/x/y/; done; exit 7"],
    ["tar", "-c", "--mtime=@0", "-C", "/etc", "passwd", "group"], ["openssl", "dgst", "-sha512"],
]


def run(argv):
    result = subprocess.run([str(a) for a in argv], input=TEXT.encode(), capture_output=True,
                            timeout=PATIENCE_S, check=False)
    return result.returncode, result.stdout


def test_outputs():
    """Two dozen programs do the same with every call traced as without us."""
    folder, compared = scratch(), 0
    for argv in COMMANDS:
        try:
            need(argv[0])
        except Skip:
            continue
        bare = run(argv)
        traced = run([BUILD / "memtide", "record", "-q", "-f", "-o", folder / "c", "--mode",
                      ("exact", "auto")[compared % 2], "--", *argv])
        check(traced == bare, f"{argv}: {traced[0]} {traced[1][:200]!r}, bare {bare[0]} "
              f"{bare[1][:200]!r}")
        compared += 1
    print(f"{compared} programs, the same output and status")
    check(compared >= 20, f"only {compared} are installed")


test_outputs.timeout_s = 240


def test_cycles():
    """Attach and detach, again and again: the target goes on, and nothing stays."""
    target = Program(program("midflight"), "4", "20000")
    target.await_line("ready")
    for cycle in range(CYCLES):
        recording = Recording("-p", target.pid)
        recording.await_attached()
        recording.interrupt()
        check(text_is_clean(target.pid), f"code differs after cycle {cycle}")
    target.end()
    print(f"{CYCLES} cycles")


test_cycles.timeout_s = 60 + 4 * CYCLES

STORM = """
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    double seconds = atof(argv[1]), rate = atof(argv[2]);
    struct timespec begin, now, pause = { 0, 100000 };
    long forks = 0, ended = 0, failed = 0;
    int status;
    if (argc > 3)
        getchar();
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (double s = 0; s < seconds;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        s = now.tv_sec - begin.tv_sec + (now.tv_nsec - begin.tv_nsec) / 1e9;
        if (forks < s * rate) {
            pid_t pid = fork();
            if (!pid) {
                char *volatile p = malloc(1000 + forks % 100);
                p[0] = 1;
                free(p);
                _exit(forks % 100);
            }
            forks += pid > 0;
        } else {
            nanosleep(&pause, NULL);
        }
        while (waitpid(-1, &status, WNOHANG) > 0) {
            ended++;
            failed += !WIFEXITED(status);
        }
    }
    while (wait(&status) > 0) {
        ended++;
        failed += !WIFEXITED(status);
    }
    printf("forks %ld ended %ld failed %ld\\n", forks, ended, failed);
    return forks != ended || failed;
}
"""


def test_fork_storm():
    """As many children as the machine makes, attached to while they come: each ends as it would, and
    the recorder lives through it."""
    storm = build(STORM)
    bare = subprocess.run([storm, str(STORM_S), str(STORM_RATE)], text=True, capture_output=True,
                          timeout=STORM_S + PATIENCE_S, check=True).stdout.split()
    for mode in ("kernel", "auto", "exact") if LONG else ("auto", "exact"):
        target = Program(storm, STORM_S, STORM_RATE, "wait")
        recording = Recording("-p", target.pid, options=("--mode", mode))
        recording.await_attached()
        target.go()
        said = target.wait(seconds=STORM_S + PATIENCE_S).split()
        recording.wait(seconds=PATIENCE_S)
        seen = len(recording.report()["processes"])
        print(f"mode {mode}: {int(said[1]) / STORM_S:.0f} forks/s, bare {int(bare[1]) / STORM_S:.0f}; "
              f"{seen} images recorded")
        check(said[5] == "0" and said[1] == said[3], f"children died: {said}")
        check(seen > int(said[1]) / 2, f"{seen} of {said[1]} children recorded")


test_fork_storm.timeout_s = 3 * STORM_S + 3 * PATIENCE_S

def test_soak():
    """Processes come and go for long: the recorder's memory does not grow with them."""
    target = Program(build(STORM), SOAK_S, 100)
    recording = Recording("-p", target.pid)
    recording.await_attached()
    began, rss = time.monotonic(), []
    while target.alive():
        time.sleep(SOAK_S / 30)
        rss.append((time.monotonic() - began, status_bytes(recording.pid, "VmRSS:") or 0))
    said = target.wait().split()
    recording.wait()
    # It has its tables and its buffers after a third.
    early = max(b for t, b in rss if SOAK_S / 4 < t < SOAK_S / 2)
    late = max(b for t, b in rss if 3 * SOAK_S / 4 < t < SOAK_S - 1)
    print(f"{said[1]} processes in {SOAK_S} s; the recorder's RSS {early >> 10} KiB, then {late >> 10}")
    check(late < early * 1.1 + (2 << 20), f"{rss}")


test_soak.timeout_s = SOAK_S + 2 * PATIENCE_S


def test_map_memory():
    """All maps together are what was allowed, and no more, as the kernel accounts for them."""
    for mib in (16, 64):
        target = Program(program("attached"))
        target.await_line("ready")
        recording = Recording("-p", target.pid, options=("--map-memory", mib))
        recording.await_attached()
        sizes = {fields["map_id"]: int(fields["memlock"]) for fields in fdinfo(recording.pid)
                 if "map_id" in fields}
        recording.interrupt()
        print(f"--map-memory {mib}: {sum(sizes.values()) / (1 << 20):.1f} MiB in {len(sizes)} maps",
              end="; ")
        check(sum(sizes.values()) <= 1.05 * (mib << 20), f"{sum(sizes.values())} bytes")


PREFORK = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static double pair_ns(void)
{
    struct timespec a, b;
    enum { PAIRS = 300000 };
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    for (int i = 0; i < PAIRS; i++) {
        void *volatile p = malloc(16 + i % 200);
        free(p);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    return ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec) / PAIRS;
}
int main(void)
{
    int to[2], back[2];
    char c;
    setbuf(stdout, NULL);
    if (pipe(to) || pipe(back))
        return 1;
    if (!fork()) {
        while (read(to[0], &c, 1) == 1) {
            double ns = pair_ns();
            if (write(back[1], &ns, sizeof(ns)) < 0)
                _exit(1);
        }
        _exit(0);
    }
    close(to[0]);
    printf("ready\\n");
    while (read(0, &c, 1) == 1) {
        double ns;
        if (write(to[1], "x", 1) != 1 || read(back[0], &ns, sizeof(ns)) != sizeof(ns))
            return 1;
        printf("ns %f\\n", ns);
    }
    return 0;
}
"""


def test_prefork():
    """Workers that were there before the attach are no targets, and pay nothing; none do after it."""
    server = Program(build(PREFORK, "-fno-builtin"))
    server.await_line("ready")

    def worker_ns():
        server.go()
        return float(server.await_line("ns ").split()[1])

    bare, traced = [], []
    worker_ns()
    for _ in range(7):
        bare += [worker_ns(), worker_ns()]
        recording = Recording("-p", server.pid)
        recording.await_attached()
        traced += [worker_ns(), worker_ns()]
        recording.interrupt()
    ratio, noise = (statistics.median(v) / statistics.median(bare) for v in (traced, bare[::2]))
    print(f"a worker's malloc and free: {ratio:.3f} of bare, {min(traced) / min(bare):.3f} at best; "
          f"bare again {noise:.3f}")
    # A trap would make it ten times as much.
    check(min(traced) / min(bare) < 1.05 or ratio < 1.05, f"{traced} against {bare}")


test_prefork.alone = "a malloc is timed"

REUSED = """
#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile kept[10];
static void make(int blocks, size_t bytes)
{
    for (int i = 0; i < blocks; i++)
        memset(kept[i] = malloc(bytes), 1, bytes);
}
static pid_t clone_as(pid_t pid)
{
    struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = pid ? (uintptr_t)&pid : 0,
                               .set_tid_size = pid ? 1 : 0 };
    return syscall(SYS_clone3, &args, sizeof(args));
}
int main(void)
{
    char c;
    int status;
    pid_t first, again;
    setbuf(stdout, NULL);
    first = clone_as(0);
    if (!first) {
        printf("first %d\\n", getpid());
        if (read(0, &c, 1) == 1)
            make(5, 1000);
        kill(getpid(), SIGKILL);
    }
    waitpid(first, &status, 0);
    again = clone_as(first);
    if (again < 0) {
        perror("clone3");
        return 77;
    }
    if (!again) {
        make(10, 100000);
        printf("again %d\\n", getpid());
        if (read(0, &c, 1) == 1)
            make(10, 100000);
        _exit(0);
    }
    waitpid(again, &status, 0);
    return 0;
}
"""


def test_pid_reuse():
    """A newcomer with a dead target's pid is nobody's target: no byte of it is credited."""
    target = Program(build(REUSED))
    first = int(target.await_line("first ").split()[1])
    recording = Recording("-p", first, options=("--mode", "exact"))
    recording.await_attached()
    target.go()
    again = int(target.await_line("again ").split()[1])
    check(again == first, f"{again} is not {first}")
    check(text_is_clean(again), "the newcomer has breakpoints")
    target.go()
    recording.wait()
    target.wait()
    document = recording.report()
    check(len(images(document, first)) == 1, f"{document['processes']}")
    heap = image(document, first)["heap"]
    print(f"{heap['alloc_count']} blocks, {heap['alloc_bytes']} bytes: the first one's")
    check(heap["alloc_bytes"] <= 5 * 1000 + 8192 and heap["alloc_count"] >= 5, f"{heap}")


def test_deep_recursion():
    """A stack of 100,000 frames: those that fit are there, and that it goes on is told."""
    source = """
#include <stdlib.h>
#include <string.h>
__attribute__((noipa)) static void *deep(int n)
{
    volatile char here[16];
    void *p;
    here[0] = n;
    p = n ? deep(n - 1) : malloc(123456);
    here[1] = here[0];
    return p;
}
int main(void) { memset(deep(100000), 1, 10); return 0; }
"""
    process = image(record("--", build(source, "-fno-builtin")).report(), comm="program")
    site = max(process["sites"], key=lambda s: s["alloc_bytes"])
    check(site["alloc_bytes"] == 123456, f"{site['alloc_bytes']} bytes")
    check(100 < len(site["stack"]) <= 127, f"{len(site['stack'])} frames")


def test_stopped():
    """A stopped process is attached to and left; it is still stopped, and goes on when told."""
    target = Program(program("attached"))
    target.await_line("ready")
    target.signal(19)  # SIGSTOP
    began = time.monotonic()
    recording = Recording("-p", target.pid, options=("-d", "0.5"))
    recording.wait()
    with open(f"/proc/{target.pid}/stat", encoding="utf-8") as stat:
        state = stat.read().rpartition(")")[2].split()[0]
    check(state == "T", f"its state is {state}")
    check(time.monotonic() - began < PATIENCE_S / 2, "it took too long")
    target.signal(18)  # SIGCONT
    target.go()
    target.await_line("done")


GROW = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((noipa)) static void *grow(void)
{
    return memset(malloc(1 << 20), 1, 1 << 20);
}
int main(void)
{
    char c;
    setbuf(stdout, NULL);
    printf("ready\\n");
    if (read(0, &c, 1) == 1)
        for (;;)
            grow();
    return 0;
}
"""


def memory_cgroup():
    """With a limit of LIMIT_MIB; where such groups are: version 1 or 2."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                        ("/sys/fs/cgroup", "memory.max")):
        group = Path(root) / f"mt-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            (group / limit).write_text(str(LIMIT_MIB << 20))
            return group
        group.rmdir()
    raise Skip("no cgroup that limits memory")


def test_oom():
    """Killed for want of memory in mid-recording: what it had is in the report."""
    group = memory_cgroup()
    target = Program(build(GROW))
    target.await_line("ready")
    try:
        (group / "cgroup.procs").write_text(str(target.pid))
        recording = Recording("-p", target.pid)
        recording.await_attached()
        target.go()
        target.wait(-9)
        recording.wait()
    finally:
        group.rmdir()
    process = image(recording.report(), target.pid)
    live, site = process["heap"]["live_bytes"], process["sites"][0]
    print(f"ended by {process['ended']}, {live >> 20} of {LIMIT_MIB} MiB live")
    check(process["ended"] == "signal" and process["exit_status"] == 9,
          f"{process['ended']} {process['exit_status']}")
    check(LIMIT_MIB / 2 < live >> 20 <= LIMIT_MIB, f"{live} bytes live")
    check(site["stack"][0]["function"] == "grow" and site["live_bytes"] == live, f"{site}")


def test_traced():
    """One that strace follows is recorded beside that, to the byte."""
    target = Program(program("attached"))
    target.await_line("ready")
    strace = Program(need("strace"), "-f", "-o", "/dev/null", "-p", target.pid)
    until(lambda: f"TracerPid:\t{strace.pid}\n" in
          Path(f"/proc/{target.pid}/status").read_text(encoding="ascii"), "strace follows it")
    recording = Recording("-p", target.pid)
    recording.await_attached()
    target.go()
    target.await_line("done")
    recording.interrupt()
    check(strace.alive(), "strace has ended")
    compare(image(recording.report(), target.pid), target.truths()[0])
    strace.signal(2)
    strace.wait(None)
    target.go()
    target.wait()


def test_setuid():
    """A command that becomes somebody else: it does so as without us, and is recorded."""
    binary = build("#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
                   "int main(void) { void *volatile p = malloc(54321); free(p);"
                   " printf(\"%d %d\\n\", getuid(), geteuid()); return 0; }", "-fno-builtin")
    os.chown(binary, 65534, 65534)
    os.chmod(binary, 0o4755)
    os.chmod(binary.parent, 0o755)
    recording = record("--", binary, stdout=subprocess.PIPE)
    check(recording.pending.decode() == "0 65534\n", f"it says {recording.pending!r}")
    sites = image(recording.report(), comm="program")["sites"]
    check(54321 in [s["alloc_bytes"] for s in sites], "its block is not there")
