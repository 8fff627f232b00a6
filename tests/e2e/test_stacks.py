# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Stacks are whole: programs without frame pointers, whatever their code does to the stack."""
import platform
import shutil
import subprocess
from pathlib import Path

from memtide import Program, Recording, Skip, build, check, image, need, record, scratch

if platform.machine() != "x86_64":
    raise Skip("the unwinder is for x86-64")

BARE = ("-O2", "-fomit-frame-pointer")
WHOLE_PCT = 99

HEADER = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define NOINLINE __attribute__((noipa))
#define KEEP(p) __asm__ volatile("" : : "r"(p) : "memory")
"""

ALLOCATE = HEADER + """
static NOINLINE void allocate(size_t size)
{
	for (int i = 0; i < 10; i++) {
		void *p = malloc(size);
		KEEP(p);
		free(p);
	}
}
"""

# Frames of many sizes, and work behind the call, so that it is no jump.
DEEP = ALLOCATE + """
static NOINLINE int dive(int n)
{
	char frame[n % 7 * 40 + 8];
	memset(frame, n, sizeof(frame));
	KEEP(frame);
	if (n)
		return dive(n - 1) + frame[0];
	allocate(1000);
	return frame[0];
}
int main(void)
{
	return dive(40) < 0;
}
"""


def functions(site):
    return [frame["function"] for frame in site["stack"]]


def check_whole(process, *within):
    """All stacks are whole, and those of the program's own allocations pass these functions."""
    ends = process["stack_ends"]
    check(process["stacks_complete_pct"] >= WHOLE_PCT, f"{process['comm']}: stacks end {ends}")
    found = [functions(s) for s in process["sites"]]
    for names in within:
        check(any(is_part(names, f) for f in found), f"no stack passes {names}: {found[:10]}")


def is_part(names, stack):
    """Are the names in the stack, in their order?"""
    rest = iter(stack)
    return all(name in rest for name in names)


def trace(source, *options, within, program=None):
    binary = program or build(source, *BARE, *options)
    recording = record("--", binary)
    document = recording.report()
    check_whole(document["processes"][-1], *within)
    return document


# ---- what code does to the stack ------------------------------------------------------------


def test_deep():
    document = trace(DEEP, within=[["allocate", *["dive"] * 41, "main", "_start"]])
    unwind = document["capture"]["unwind"]
    check(unwind["tables"] >= 3 and not unwind["evicted"], f"tables: {unwind}")


def test_mapping_under_malloc():
    """malloc maps: the return probe has put its own address where malloc returns to."""
    document = trace(HEADER + """
    NOINLINE void map_much(void)
    {
        void *p = malloc(64 << 20);
        KEEP(p);
        free(p);
    }
    int main(void)
    {
        map_much();
        return 0;
    }
    """, within=[["map_much", "main", "_start"]])
    stacks = [functions(s) for s in document["processes"][-1]["maps"]["sites"]]
    check(any(is_part(["malloc", "map_much", "main", "_start"], s) for s in stacks),
          f"no mapping below malloc: {stacks}")


def test_static():
    trace(DEEP, "-static", within=[["allocate", *["dive"] * 41, "main", "_start"]])


def test_position_dependent():
    trace(DEEP, "-no-pie", "-fcf-protection=none",
          within=[["allocate", *["dive"] * 41, "main", "_start"]])


def test_stripped():
    binary = build(DEEP, *BARE)
    subprocess.run([need("strip"), binary], check=True)
    document = trace(None, program=binary, within=[])
    own = [f for s in document["processes"][-1]["sites"] for f in s["stack"]
           if f["module"] == str(binary)]
    check(len(own) >= 43, f"{len(own)} frames in the program, allocate to main are 43")


def test_alloca():
    trace(ALLOCATE + """
    #include <alloca.h>
    NOINLINE void grow(int n)
    {
        char *p = alloca(n);
        memset(p, 0, n);
        KEEP(p);
        allocate(n);
        KEEP(p);
    }
    int main(void)
    {
        for (int n = 16; n < 100000; n *= 3)
            grow(n);
        return 0;
    }
    """, within=[["allocate", "grow", "main", "_start"]])


def test_aligned_stack():
    """A frame aligned to more than the ABI's: the old stack pointer is in another register."""
    trace(ALLOCATE + """
    NOINLINE void align(int n)
    {
        _Alignas(256) char wide[512];
        char more[n];
        memset(wide, n, sizeof(wide));
        KEEP(wide);
        KEEP(more);
        allocate(n);
        KEEP(wide);
    }
    int main(void)
    {
        align(100);
        return 0;
    }
    """, within=[["allocate", "align", "main", "_start"]])


def test_signal_on_another_stack():
    """A handler on its own stack: out of it, through the signal's frame, to what it interrupted."""
    trace(ALLOCATE + """
    #include <signal.h>
    static NOINLINE void handler(int signo)
    {
        allocate(2000);
        KEEP(&signo);
    }
    NOINLINE void interrupted(int n)
    {
        char frame[n];
        KEEP(frame);
        raise(SIGUSR1);
        KEEP(frame);
    }
    int main(void)
    {
        static char area[1 << 16];
        stack_t stack = { .ss_sp = area, .ss_size = sizeof(area) };
        struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
        sigaltstack(&stack, NULL);
        sigaction(SIGUSR1, &action, NULL);
        interrupted(100);
        return 0;
    }
    """, within=[["allocate", "handler", "interrupted", "main", "_start"]])


def test_signal_in_any_instruction():
    """Whatever instruction a timer interrupts: in prologues and epilogues too."""
    trace(ALLOCATE + """
    #include <signal.h>
    #include <sys/time.h>
    static volatile int ticks;
    static NOINLINE void handler(int signo)
    {
        allocate(2000); /* nothing else here does */
        ticks++;
    }
    static NOINLINE int leaf(int n)
    {
        char frame[n & 255 | 1];
        KEEP(frame);
        return n + frame[0] * 0;
    }
    NOINLINE int spin(int n)
    {
        int sum = 0;
        for (int i = 0; i < n; i++)
            sum += leaf(i);
        return sum;
    }
    int main(void)
    {
        struct itimerval often = { { 0, 500 }, { 0, 500 } };
        signal(SIGALRM, handler);
        setitimer(ITIMER_REAL, &often, NULL);
        while (ticks < 1000)
            spin(1000);
        return 0;
    }
    """, within=[["allocate", "handler", "spin", "main", "_start"],
                 ["allocate", "handler", "leaf", "spin", "main", "_start"]])


def test_exceptions():
    """Thrown through frames without frame pointers, and caught: the program goes on and is whole."""
    need("g++")
    trace(ALLOCATE + """
    #include <string>
    struct Note {
        std::string text;
        ~Note() { allocate(3000); }
    };
    NOINLINE void toss(int n)
    {
        Note note{std::string(100, 'x')};
        KEEP(&note);
        if (!n)
            throw std::string(200, 'y');
        toss(n - 1);
    }
    int main()
    {
        for (int i = 0; i < 20; i++) {
            try {
                toss(10);
            } catch (const std::string &s) {
                allocate(s.size());
            }
        }
    }
    """, "-x", "c++", "-Wl,--no-as-needed", "-lstdc++",
          within=[["allocate(unsigned long)", *["toss(int)"] * 5, "main", "_start"],
                  ["allocate(unsigned long)", "main", "_start"]])


def test_threads():
    trace(ALLOCATE + """
    #include <pthread.h>
    static NOINLINE void *start(void *arg)
    {
        allocate(4000);
        return arg;
    }
    int main(void)
    {
        pthread_t threads[8];
        for (int i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, start, threads);
        for (int i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        return 0;
    }
    """, "-pthread", within=[["allocate", "start", "start_thread"]])


def test_rust_release():
    rustc = shutil.which("rustc") or need(str(Path.home() / ".cargo/bin/rustc"))
    folder = scratch()
    (folder / "fill.rs").write_text("""
    use std::collections::HashMap;
    #[inline(never)]
    fn fill(n: u32) -> HashMap<u32, String> {
        (0..n).map(|i| (i, format!("value {i}"))).collect()
    }
    fn main() {
        let map = std::thread::spawn(|| fill(1000)).join().unwrap();
        println!("{}", fill(1000).len() + map.len());
    }
    """)
    subprocess.run([rustc, "-O", "-C", "strip=none", "-o", folder / "fill", folder / "fill.rs"],
                   check=True)
    trace(None, program=folder / "fill",
          within=[["fill::fill", "fill::main", "main", "_start"], ["fill::fill", "start_thread"]])


for _name, _test in list(globals().items()):
    if _name.startswith("test_"):
        _test.alone = "a stack ends busy while the one who changes its mappings has no CPU"
