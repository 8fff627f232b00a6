# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The unwinder's tables: from the cache, of files that come late, too many of them, gone with us."""
import os
import platform
import shutil
import subprocess
from pathlib import Path

from memtide import (TOOL, Program, Recording, Skip, bpf_objects, build, check, image, need, program,
                     record, report_result, scratch, still_there, until)
from truth import compare_all

if platform.machine() != "x86_64":
    raise Skip("the unwinder is for x86-64")

BARE = ("-O2", "-fomit-frame-pointer")

LIBRARY = """
#include <stdlib.h>
#define NOINLINE __attribute__((noipa))
#define KEEP(p) __asm__ volatile("" : : "r"(p) : "memory")
static NOINLINE void dive(int n)
{
    char frame[SIZE];
    KEEP(frame);
    if (n) {
        dive(n - 1);
    } else {
        void *p = malloc(SIZE);
        KEEP(p);
        free(p);
    }
    KEEP(frame);
}
void work(void)
{
    dive(20);
}
"""

MAIN = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        void *lib;
        void (*work)(void);
        puts("ready");
        getchar();
        lib = dlopen(argv[i], RTLD_NOW);
        work = (void (*)(void))dlsym(lib, "work");
        for (int n = 0; n < 500; n++) {
            work();
            usleep(1000);
        }
        dlclose(lib);
    }
    puts("done");
    getchar();
    return 0;
}
"""


SIZES = (1000, 3000)


def library(path, size):
    """
    Of different size the frames are elsewhere: the table of one is wrong for the other. No other
    code shares its 64 KiB, of which the recorder keeps one mapping.
    """
    made = build(LIBRARY, *BARE, "-shared", "-fPIC", f"-DSIZE={size}", "-Wl,-z,separate-code",
                 "-Wl,-z,max-page-size=0x10000")
    os.replace(made, path)


def own_cache():
    """A recorder with an empty cache of its own; where that is."""
    need("unshare")
    folder = scratch()
    tool, cache = folder / "memtide", folder / "cache"
    cache.mkdir()
    tool.write_text(f"#!/bin/sh\nexec unshare -m sh -c 'mount --bind {cache} /var/cache && "
                    f"exec {TOOL} \"$@\"' sh \"$@\"\n")
    tool.chmod(0o755)
    return tool, cache / "memtide"


def tables(recording):
    return recording.report()["capture"]["unwind"]


def share_whole(process):
    """The share of the libraries' blocks whose stack leads from dive to main."""
    sites = [s for s in process["sites"] if s["size_bytes"]["max"] in SIZES]
    whole = [s for s in sites
             if [f["function"] for f in s["stack"]].count("dive") == 21
             and any(f["function"] == "main" for f in s["stack"])]
    return sum(s["alloc_count"] for s in whole) / sum(s["alloc_count"] for s in sites)


def test_cache():
    """What the first recording builds the second finds; what is damaged is built again."""
    tool, cache = own_cache()
    first = tables(record("--", program("family"), tool=tool))
    check(first["tables"] >= 3 and not first["from_cache"], f"the first: {first}")
    second = tables(record("--", program("family"), tool=tool))
    check(second["from_cache"] == first["tables"] - 1, f"all but the vDSO's: {second}")
    check(second["bytes"] == first["bytes"], f"{first['bytes']} and {second['bytes']}")
    for path in cache.iterdir():
        path.write_bytes(b"x" * path.stat().st_size)
    third = tables(record("--", program("family"), tool=tool))
    check(not third["from_cache"] and third["bytes"] == first["bytes"], f"damaged: {third}")


def test_without_a_cache():
    """It costs time only."""
    tool, cache = own_cache()
    cache.write_text("no directory")
    recording = record("--", program("family"), tool=tool)
    compare_all(recording.report(), recording.truths())
    check(not tables(recording)["from_cache"], "from which cache?")


def dlopened(paths, options=()):
    """A running program is attached to, and opens the libraries then."""
    with_libraries = Program(build(MAIN, *BARE, "-ldl"), *paths)
    with_libraries.await_line("ready")
    recording = Recording("-p", with_libraries.pid, options=options)
    recording.await_attached()
    return with_libraries, recording


def finish(target, recording):
    target.await_line("done")
    recording.interrupt()
    target.go()
    target.wait()
    return image(recording.report(), target.pid)


def test_dlopen():
    """The first stacks in a new library may come before its table."""
    path = scratch() / "libone.so"
    library(path, SIZES[0])
    target, recording = dlopened([path])
    target.go()
    share = share_whole(finish(target, recording))
    print(f"{100 * share:.1f}% of the stacks of 500 ms after a dlopen")
    check(share >= 0.8, f"{100 * share:.1f}% of its stacks are whole")


def test_replaced_file():
    """Another library of the same name, at the same address, has another table."""
    path = scratch() / "libone.so"
    library(path, SIZES[0])
    target, recording = dlopened([path, path])
    target.go()
    target.await_line("ready")
    library(path, SIZES[1])
    target.go()
    share = share_whole(finish(target, recording))
    check(share >= 0.8, f"{100 * share:.1f}% of the stacks in both are whole")


def test_no_room():
    """Too many tables: some are left out, which the report says, and the numbers are right."""
    recording = record("--", program("family"), options=("--map-memory", "1"))
    document = recording.report()
    unwind = document["capture"]["unwind"]
    check(unwind["evicted"] and unwind["tables"] < unwind["files"], f"all had room: {unwind}")
    check(unwind["bytes"] <= (1 << 20) * 12 // 100, f"more than its share: {unwind}")
    check(document["capture"]["lost"]["tables_evicted"] == unwind["evicted"], "and lost?")
    _, text, _ = report_result(recording.capture)
    check("tables_evicted" in text, f"not said:\n{text}")
    heap, truth = document["processes"][-1]["heap"], recording.truths()[-1]
    for name in ("alloc_count", "alloc_bytes", "live_bytes", "peak_live_bytes"):
        check(heap[name] == truth["heap"][name], f"{name}: {heap[name]}, truth {truth['heap']}")


def test_one_too_large():
    """Those that are larger than all the room cost no other its table."""
    clang = need("clang")
    small = tables(record("--", clang, "--version", options=("--map-memory", "16")))
    whole = tables(record("--", clang, "--version"))
    check(whole["bytes"] > (16 << 20) * 12 // 100, f"clang has become small: {whole}")
    check(0 < small["evicted"] < small["tables"] // 3, f"{small} of {whole}")


def test_exec():
    """What a target executes has its tables when it begins, like the target itself."""
    source = LIBRARY + "int main(void) { work(); return 0; }"
    fresh = [build(source, *BARE, f"-DSIZE={1000 + i}") for i in range(5)]
    recording = record("--", "/bin/sh", "-c", "; ".join(map(str, [*fresh, "exit"])))
    for process in recording.report()["processes"]:
        check(process["stacks_complete_pct"] == 100, f"stacks end: {process['stack_ends']}")


def test_many_processes():
    """Files are what counts, not who maps them."""
    command = "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done"
    one = tables(record("--", "/bin/sh", "-c", "/bin/true; exit"))
    ten = tables(record("--", "/bin/sh", "-c", command))
    check(ten["files"] == one["files"] and ten["bytes"] == one["bytes"], f"{one}, then {ten}")


def test_overlay():
    """As in a container: what stat() says of a file is not what the kernel says of its code."""
    need("unshare")
    folder = scratch()
    for name in ("lower", "upper", "work", "merged"):
        (folder / name).mkdir()
    shutil.copy(program("family"), folder / "lower/family")
    tool = folder / "memtide"
    tool.write_text("#!/bin/sh\nexec unshare -m sh -c 'cd %s && "
                    "mount -t tmpfs none upper && mkdir upper/u upper/w && mount -t overlay none merged "
                    "-o lowerdir=lower,upperdir=upper/u,workdir=upper/w && exec %s \"$@\"' sh "
                    "\"$@\"\n" % (folder, TOOL))
    tool.chmod(0o755)
    plain = tables(record("--", program("family")))
    recording = record("--", folder / "merged/family", tool=tool)
    process = recording.report()["processes"][-1]
    check(process["stacks_complete_pct"] == 100, f"stacks end: {process['stack_ends']}")
    check(tables(recording)["files"] == plain["files"], f"{tables(recording)}, not {plain}")


def test_nothing_stays():
    """Neither tables nor threads, when it ends as when it is killed."""
    target = Program(program("midflight"))
    target.await_line("ready")
    for number in (2, 9):
        recording = Recording("-p", target.pid)
        recording.await_attached()
        objects = bpf_objects(recording.pid)
        recording.signal(number)
        recording.wait(None)
        until(lambda: not still_there(objects), "the end of all BPF objects")
    target.end()


OTHERS = """
#include <stdlib.h>
#define NOINLINE __attribute__((noipa))
NOINLINE void *FIRST(size_t n)
{
    char frame[SIZE];
    void *p;
    __asm__ volatile("" : : "r"(frame) : "memory");
    p = malloc(n);
    __asm__ volatile("" : : "r"(frame) : "memory");
    return p;
}
int main(void)
{
    for (int i = 0; i < 100; i++)
        free(FIRST(SIZE));
    return 0;
}
"""


def test_written_over():
    """A program in the place of another, in the same inode: neither has the other's names."""
    folder = scratch()
    made = [build(OTHERS, *BARE, f"-DFIRST={name}", f"-DSIZE={size}")
            for name, size in (("one", 64), ("two", 4096))]
    script = 'cd "$0" && cp "$1" run && ./run && cat "$2" >run && ./run'
    document = record("--", need("sh"), "-c", script, folder, *made).report()
    runs = [p for p in document["processes"] if p["comm"] == "run"]
    check(len(runs) == 2, f"{len(runs)} runs")
    for run, name, other in zip(runs, ("one", "two"), ("two", "one")):
        names = {f["function"] for s in run["sites"] for f in s["stack"]}
        check(other not in names, f"{name} has names of {other}: {names}")
        check(run["stacks_complete_pct"] == 100, f"{name}: {run['stack_ends']}")
    check("two" in {f["function"] for s in runs[1]["sites"] for f in s["stack"]}, "no name at all")


ANOTHER_CODE = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define NOINLINE __attribute__((noipa))
/* push %rbp; mov %rsp,%rbp; sub $0x40,%rsp; call *%rdi; leave; ret */
static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x40,
                                      0xff, 0xd7, 0xc9, 0xc3 };
static NOINLINE void *allocate(void)
{
    void *p = malloc(77);
    __asm__ volatile("" : : "r"(p) : "memory");
    return p;
}
int main(int argc, char **argv)
{
    void *lib = dlopen(argv[1], RTLD_NOW);
    void (*work)(void) = (void (*)(void))dlsym(lib, "work");
    char *page = (char *)((unsigned long)work & ~4095UL), *m;
    void *(*made)(void *(*)(void)) = (void *(*)(void *(*)(void)))work;
    puts("ready");
    fflush(stdout);
    getchar();
    for (int i = 0; i < 100; i++)
        work();
    dlclose(lib);
    m = mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy(m + ((char *)work - page), code, sizeof(code));
    mprotect(m, 4096, PROT_READ | PROT_EXEC);
    for (int i = 0; i < 1000; i++)
        free(made(allocate));
    return 0;
}
"""


MOVED_CODE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    void (*work)(void) = (void (*)(void))dlsym(dlopen(argv[1], RTLD_NOW), "work");
    void *page = (void *)((unsigned long)work & ~4095UL);
    void *more = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    puts("ready");
    fflush(stdout);
    getchar();
    for (int i = 0; i < 100; i++)
        work();
    mremap(more, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page);
    _exit(0);
}
"""


def test_code_by_mremap():
    """Code that is moved over a library's: its names are told to be in doubt."""
    path = scratch() / "libone.so"
    library(path, SIZES[0])
    target = Program(build(MOVED_CODE, *BARE, "-ldl"), path)
    target.await_line("ready")
    recording = Recording("-p", target.pid)
    recording.await_attached()
    target.go()
    target.wait()
    recording.wait()
    lost = recording.report()["capture"]["lost"]
    check(lost["code_replaced"] == 1, f"{lost}")


def test_code_by_mprotect():
    """What a program makes code where a library's was is not unwound by that one's table."""
    path = scratch() / "libone.so"
    library(path, SIZES[0])
    target = Program(build(ANOTHER_CODE, "-O2", "-fno-omit-frame-pointer", "-ldl"), path)
    target.await_line("ready")
    recording = Recording("-p", target.pid)
    recording.await_attached()
    target.go()
    target.wait()
    recording.wait()
    document = recording.report()
    process = document["processes"][-1]
    check(document["capture"]["lost"]["code_replaced"] == 1, f"{document['capture']['lost']}")
    made = [s for s in process["sites"] if s["stack"] and s["stack"][0]["function"] == "allocate"]
    check(sum(s["alloc_count"] for s in made) == 1000, f"{len(made)} sites of allocate")
    for site in made:
        names = [f["function"] for f in site["stack"]]
        check("main" in names, f"a stack ends: {names}")
