# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Every program whose numbers are known, byte for byte, with every allocator.

Where allocators differ (a realloc that moves, realloc(p, 0), functions that one has not) the
program finds out and its truth says so; the comparison is the same for all of them.
"""
import os
import re
import subprocess
from pathlib import Path

from memtide import (PROGRAMS, Program, Recording, Skip, build, check, children, image, is_probed, need,
                     program, record, report_result, scratch, until)
from truth import (Differences, View, aliases_in, check_lossless, compare, compare_all,
                   compare_beside, own_frame)

# Arguments; `leaf` is replaced by that program's path. Then: is it known to the order?
CASES = (
    (("family",), True), (("failures",), True), (("zero",), True), (("resize",), True),
    (("chains",), True), (("huge",), True), (("lifetime",), True), (("peaks", "lower"), True),
    (("peaks", "higher"), True), (("peaks", "start"), True), (("peaks", "end"), True),
    (("peaks", "plateau"), True), (("forks",), True), (("vforks", "leaf"), True),
    (("execs", "leader"), True), (("execs", "thread"), False), (("children", "8", "leaf"), True),
    (("cross",), False), (("race", "16", "500"), False), (("race", "2", "4000"), False),
)
LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4",
             "mimalloc": "libmimalloc.so.2"}


def library(name):
    """Debian's library of that allocator."""
    found = next(Path("/usr/lib").glob(f"*/{LIBRARIES[name]}"), None)
    if not found:
        raise Skip(f"{LIBRARIES[name]} is not installed")
    return found


def preloaded(lib, *argv):
    """Not in memtide's own environment, which would be another program under test."""
    return ("env", f"LD_PRELOAD={lib}", *argv)


def compared(command, label, view, exact=True, **options):
    """Record, compare all images with what they wrote; the report."""
    recording = record("--", *command, **options)
    document, truths = recording.report(), recording.truths()
    check(truths, "it wrote no truth")
    compare_all(document, truths, exact, view)
    for truth in truths:
        process = next(p for p in reversed(document["processes"]) if p["pid"] == truth["pid"])
        check(any(a.startswith(label) for a in process["allocators"]),
              f"allocators {process['allocators']}, not {label}")
        check(process["coverage_pct"] is None or 0 <= process["coverage_pct"] <= 100,
              f"coverage {process['coverage_pct']} %")
    return document


def each_program(label, command, view):
    """All cases; what failed, a paragraph for each program."""
    failed = []
    for argv, exact in CASES:
        try:
            compared(command(argv), label, view, exact)
        except AssertionError as error:
            failed.append(f"{' '.join(argv)}: {error}")
    check(not failed, "\n".join([f"{len(failed)} of {len(CASES)} programs", *failed]))
    print(f"{len(CASES)} programs")


def in_folder(folder):
    return lambda argv: [program(folder + argv[0]),
                         *(program(folder + a) if a == "leaf" else a for a in argv[1:])]


def with_preload(name, label):
    lib, plain = library(name), in_folder("")
    each_program(label, lambda argv: preloaded(lib, *plain(argv)),
                 View(names=aliases_in(lib, "-D")))


def test_glibc():
    each_program("glibc 2.", in_folder(""), View())


def test_glibc_static():
    # Not every static program holds glibc's version.
    each_program("glibc", in_folder("static/"),
                 View(names=aliases_in(program("static/family")), static=True))


def test_musl_static():
    need("musl-gcc")
    each_program("musl", in_folder("musl/"), View(names=aliases_in(program("musl/family")), static=True))


def test_jemalloc():
    with_preload("jemalloc", "jemalloc 5.")


def test_tcmalloc():
    with_preload("tcmalloc", "tcmalloc")


def test_mimalloc():
    with_preload("mimalloc", "mimalloc 2")


for _test in (test_glibc, test_glibc_static, test_musl_static, test_jemalloc, test_tcmalloc,
              test_mimalloc):
    _test.timeout_s = 150


# ---- C++ -------------------------------------------------------------------------------------


def sized_with(name, label):
    """Its own operator new, which may throw, and so has no return probe: probed at its ends."""
    lib = library(name)
    document = compared(preloaded(lib, program("sized")), label, View(names=aliases_in(lib, "-D")))
    check(image(document, comm="sized")["heap"]["kind"] == "exact", "not called exact")
    rets = {(p["kind"], p["placement"]) for p in document["capture"]["probes"]
            if p["module"] == str(lib.resolve()) and p["function"] == "_Znwm"}
    check(("return", "stepped") in rets, f"_Znwm's own return is not probed: {rets}")


def beside(binary, label):
    """A program is compared with itself when it does nothing."""
    idle = record("--", binary, env={"MT_IDLE": "1"}).report()["processes"][0]
    recording = record("--", binary)
    document, truth = recording.report(), recording.truths()[0]
    check_lossless(document)
    process = image(document)
    compare_beside(process, truth, idle)
    check(any(a.startswith(label) for a in process["allocators"]),
          f"allocators {process['allocators']}, not {label}")


def test_sized():
    beside(program("sized"), "glibc 2.")


def test_sized_jemalloc():
    sized_with("jemalloc", "jemalloc 5.")


def test_sized_tcmalloc():
    sized_with("tcmalloc", "tcmalloc")


def test_sized_mimalloc():
    sized_with("mimalloc", "mimalloc 2")


def test_sized_je():
    """jemalloc's operators in the program itself, its malloc under a prefix, libc's beside it."""
    compared((program("sized_je"),), "jemalloc", View(names={}))


def never_returned(recording, comm):
    """How many calls of the image that ended by itself have not returned, as the text says."""
    _, text, _ = report_result(recording.capture, "--text")
    line = re.search(r"calls that never returned: ([0-9,]+)", text.rpartition(f"\n{comm}, ")[2])
    return int(line[1].replace(",", "")) if line else 0


def thrown(*prefix):
    """An operator that ends by an exception has failed; the exception's memory is balanced."""
    idle = record("--", *prefix, program("sized"), env={"MT_IDLE": "1"})
    recording = record("--", *prefix, program("sized"), "throw")
    document = recording.report()
    check_lossless(document)
    idle, heap = (image(r, comm="sized")["heap"] for r in (idle.report(), document))
    check(idle and heap, "no heap")
    truth = recording.truths()[0]["heap"]
    d = Differences("sized throw")
    d.equal("kind", heap["kind"], "exact")
    for field in ("live_count", "live_bytes"):
        d.equal(field, heap[field] - idle[field], truth[field])
    for unit in ("count", "bytes"):
        d.equal(f"alloc - free - live, {unit}",
                heap[f"alloc_{unit}"] - heap[f"free_{unit}"] - heap[f"live_{unit}"], 0)
    d.equal("unknown_free_count", heap["unknown_free_count"], truth["unknown_free_count"])
    # A malloc below it has returned NULL, or the exception has left the operator itself.
    d.equal("failed_count", heap["failed_count"] + never_returned(recording, "sized"),
            truth["failed_count"])
    d.check()


def test_throw():
    thrown()


def thrown_by(name):
    """Another process's probes in the same library must not harm it either."""
    other = Program(program("attached"), env={"LD_PRELOAD": str(library(name))})
    other.await_line("ready")
    beside_it = Recording("-p", str(other.pid))
    beside_it.await_attached()
    thrown(*preloaded(library(name)))
    beside_it.interrupt()
    other.process.kill()
    other.process.wait()


def test_throw_jemalloc():
    thrown_by("jemalloc")


def test_throw_tcmalloc():
    thrown_by("tcmalloc")  # mimalloc's would abort: it is built as C


def limited(name, links, *argv):
    """Small blocks throw too where the program has set itself a limit, after its start."""
    recording = Recording("--", *preloaded(library(name), program("exhaust"), *argv),
                          options=("--uprobes", links))
    blocks = int(recording.await_line("caught 2 times, blocks: ").rpartition(" ")[2])
    recording.wait()
    document = recording.report()
    check_lossless(document)
    process = image(document, comm="exhaust")
    check(process["heap"]["kind"] == "exact", f"{links}: not called exact")
    # What the exceptions themselves are made of comes from malloc.
    sums = [sum(s[field] for s in process["sites"]
                if own_frame(s["stack"]) and s["kinds"][0].startswith("operator new"))
            for field in ("alloc_count", "alloc_bytes", "live_count")]
    check(sums == [blocks, blocks << 20, 0],
          f"{links}: blocks, bytes, live {sums}, in truth {blocks} of 1 MiB")
    check(never_returned(recording, "exhaust") == 2, f"{links}: not two calls that threw")


def test_throw_at_a_limit_jemalloc():
    for links in ("session", "multi"):
        limited("jemalloc", links)


def test_new_handler():
    """What it frees is the program's; what is tried again behind it is the one call of new.

    jemalloc catches what the handler throws, and is seen to free it: that is the program's too.
    """
    limited("jemalloc", "session", "handler")
    limited("tcmalloc", "session", "handler")


def test_throw_at_a_limit_tcmalloc():
    for links in ("session", "multi", "perf", "shared"):
        limited("tcmalloc", links)


# ---- jemalloc's own functions, under every name ------------------------------------------------


def test_mallocx():
    compared((program("mallocx"),), "jemalloc 5.", View(names={}))


def test_mallocx_static():
    compared((program("mallocx_static"),), "jemalloc", View(names={}))


def test_mallocx_je():
    compared((program("mallocx_je"),), "jemalloc", View(names={}))


def test_reallocf():
    """A block goes also where mimalloc's reallocf fails."""
    recording = record("--", *preloaded(library("mimalloc"), program("reallocf")))
    process = image(recording.report(), comm="reallocf")
    own = [s for s in process["sites"] if own_frame(s["stack"])]
    live = {kind: tuple(sum(s[field] for s in own if s["kinds"] == [kind])
                        for field in ("alloc_count", "live_count", "live_bytes"))
            for kind in ("malloc", "reallocf")}
    check(live == {"malloc": (3, 0, 0), "reallocf": (1, 1, 200)}, f"live by kind {live}")
    check(process["heap"]["failed_count"] == 2, f"failed {process['heap']['failed_count']}")


# ---- Rust --------------------------------------------------------------------------------------


def rust(name, label):
    if not (PROGRAMS / name).exists():
        raise Skip("rustc was not installed when the programs were built")
    beside(program(name), label)


def test_rust_system():
    rust("rust_system", "glibc 2.")


def test_rust_jemalloc():
    rust("rust_jemalloc", "jemalloc")


# ---- what arrives in mid-run ---------------------------------------------------------------------


def late(lib, label, env=None):
    """The library's calls are counted from when its probes are there, for which we wait."""
    recording = Recording("--", program("late"), lib, env=env)
    recording.await_line("loaded")
    pid = children(recording.pid)[0]
    until(lambda: is_probed(pid, os.path.realpath(lib)), f"probes in {lib}", 10)
    recording.go()
    recording.wait()
    document, truths = recording.report(), recording.truths()
    compare_all(document, truths)
    process = image(document, truths[0]["pid"])
    for name in ("glibc 2.", label):
        check(any(a.startswith(name) for a in process["allocators"]),
              f"allocators {process['allocators']}, not {name}")


def test_late_mimalloc():
    late(library("mimalloc"), "mimalloc 2")


def test_late_tcmalloc():
    late(library("tcmalloc"), "tcmalloc")


def test_late_jemalloc():
    # More thread-local storage than dlopen has room for by itself.
    late(library("jemalloc"), "jemalloc 5.",
         {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"})


def test_late_plain():
    """A library without an allocator: its calls of malloc are sites in it, at once."""
    recording = Recording("--", program("late"), program("lib/libplain.so"), "plain")
    recording.go()
    recording.wait()
    compare_all(recording.report(), recording.truths())


def test_late_at_once():
    """Calls before the probes are there may be missed; none is invented, a gap is told."""
    recording = Recording("--", program("late"), library("mimalloc"))
    recording.go()
    recording.wait()
    document, truth = recording.report(), recording.truths()[0]
    check_lossless(document)
    process, want = image(document, truth["pid"]), truth["heap"]
    heap = process["heap"]
    for field in ("alloc_count", "alloc_bytes"):
        libs = sum(s[field] for s in process["sites"]
                   if not s["stack"][0]["module"].startswith(str(PROGRAMS)))
        check(heap[field] - libs <= want[field],
              f"{field} {heap[field]}, {libs} of them by libraries, in truth {want[field]}")
    if heap["alloc_count"] >= want["alloc_count"]:
        compare(process, truth)
    else:
        check(process["coverage_pct"] < 100, f"a gap, coverage {process['coverage_pct']} %")


# ---- the rest --------------------------------------------------------------------------------------


def test_named_library():
    """An allocator that is in no catalogue, named by --lib; it has C23's free_sized."""
    own = program("lib/libown.so")
    document = compared((program("own"),), "glibc 2.", View(names={}),
                        options=("--lib", own, "--symbol-prefix", "own_"))
    probed = {p["function"] for p in document["capture"]["probes"] if p["module"] == own}
    for name in ("own_malloc", "own_free", "own_free_sized", "own_free_aligned_sized"):
        check(name in probed, f"{name} is not probed; {sorted(probed)} are")


THROWING_LIBRARY = """
#include <cstdlib>
#include <new>
extern "C" void *own_malloc(size_t n)
{
    void *p = n > 1000 ? nullptr : malloc(n);
    if (!p)
        throw std::bad_alloc();
    return p;
}
extern "C" void own_free(void *p) { free(p); }
"""

THROWN_AT = """
#include <cstdio>
#include <new>
extern "C" void *own_malloc(size_t n);
extern "C" void own_free(void *p);
int main()
{
    for (int i = 0; i < 100; i++)
        own_free(own_malloc(77));
    try {
        own_malloc(2000);
    } catch (const std::bad_alloc &) {
        return 42;
    }
    return 1;
}
"""


def test_named_library_throws():
    """An exception out of a named allocator is caught, as without us, and the calls are counted."""
    folder = scratch()
    library = folder / "libown.so"
    for source, name, options in ((THROWING_LIBRARY, library, ("-shared", "-fPIC")),
                                  (THROWN_AT, folder / "own", ("-L", folder, "-lown",
                                                               f"-Wl,-rpath,{folder}"))):
        subprocess.run([need("g++"), "-O1", "-x", "c++", "-", "-o", name, *options],
                       input=source, text=True, check=True)
    for kind in ("session", "perf"):
        recording = record("--", folder / "own", status=42,
                           options=("--lib", library, "--symbol-prefix", "own_",
                                    "--uprobes", kind))
        sites = recording.report()["processes"][-1]["sites"]
        counted = sum(s["alloc_count"] for s in sites if s["size_bytes"]["max"] == 77)
        check(counted == 100, f"{kind}: {counted} blocks")


LEAVING = """
#include <setjmp.h>
#include <stdlib.h>
#define NOINLINE __attribute__((noipa))
static jmp_buf out;
NOINLINE void *own_malloc(size_t n)
{
    if (n > 1000000)
        longjmp(out, 1);
    return malloc(n);
}
NOINLINE void *own_realloc(void *p, size_t n)
{
    if (n > 1000000)
        longjmp(out, 1);
    return realloc(p, n);
}
NOINLINE void own_free(void *p) { free(p); }
static NOINLINE void deeper(int depth)
{
    volatile char frame[300];
    frame[0] = (char)depth;
    if (depth)
        deeper(depth - 1);
    else
        for (int i = 0; i < 10; i++)
            own_free(own_malloc(10));
    frame[1] = 0;
}
int main(void)
{
    for (volatile int i = 0; i < 100; i++) {
        void *volatile p = own_malloc(50);
        if (!setjmp(out))
            own_realloc(p, 2000000);
        deeper(3);
        own_free(p);
        if (!setjmp(out))
            own_malloc(2000000);
        deeper(2);
    }
    return 0;
}
"""


def test_named_library_left():
    """A call that is left by longjmp hides none that comes after it from deeper."""
    binary = build(LEAVING, "-O1", "-fno-builtin")
    for kind in ("session", "multi", "perf"):
        recording = record("--", binary, options=("--lib", binary, "--symbol-prefix", "own_",
                                                  "--uprobes", kind))
        process = image(recording.report())
        counts = {n: sum(s["alloc_count"] for s in process["sites"] if s["size_bytes"]["max"] == n)
                  for n in (10, 50)}
        check(counts == {10: 2000, 50: 100}, f"{kind}: {counts}")
        check(process["heap"]["live_bytes"] == 0, f"{kind}: {process['heap']}")
        check(process["heap"]["unknown_free_count"] == 0, f"{kind}: {process['heap']}")


HEADERS = """
#include <stdlib.h>
#define NOINLINE __attribute__((noipa))
NOINLINE void *own_malloc(size_t n)
{
    char *p = malloc(n + 16);
    return p + 16;
}
static void *kept;
NOINLINE void own_free(void *p)
{
    free(kept);
    kept = malloc(33);
    free((char *)p - 16);
}
int main(void)
{
    for (int i = 0; i < 200; i++)
        own_free(own_malloc(77));
    free(malloc(55));
    return 0;
}
"""


def test_named_library_free():
    """What a named allocator's free does with another allocator is no business of the program's."""
    binary = build(HEADERS, "-O1", "-fno-builtin")
    for kind in ("session", "perf"):
        recording = record("--", binary, options=("--lib", binary, "--symbol-prefix", "own_",
                                                  "--uprobes", kind))
        heap = image(recording.report())["heap"]
        got = [heap[f"{what}_count"] for what in ("alloc", "free", "live", "unknown_free")]
        check(got == [201, 201, 0, 0], f"{kind}: {got}")


def test_named_library_missing():
    """A name that nothing has is told, before the command is started."""
    recording = record("--", program("own"), status=None,
                       options=("--lib", "/nonexistent/lib.so", "--symbol-prefix", "own_"))
    check("/nonexistent/lib.so" in recording.stderr(), f"it said {recording.stderr()!r}")


def test_named_library_prefix():
    """So is a prefix that no function has, which would count nothing."""
    for prefix in ("own", "Own_", "own_m"):
        recording = record("--", program("own"), status=2,
                           options=("--lib", program("lib/libown.so"), "--symbol-prefix", prefix))
        told = f"it has no {prefix}malloc" in recording.stderr()
        check(told and "--symbol-prefix" in recording.stderr(), f"it said {recording.stderr()!r}")


def test_unnamed_library():
    """Without --lib only the C library's part is known, and that is byte-exact."""
    recording = record("--", program("own"))
    process, truth = image(recording.report()), recording.truths()[0]
    site = next(s for s in truth["sites"] if s["function"] == "by_libc")
    check(process["heap"]["alloc_count"] == site["alloc_count"],
          f"{process['heap']['alloc_count']} allocations, in truth {site['alloc_count']}")


def test_static_stripped():
    """Nothing to find an allocator by: no heap, which is said; the rest is as ever."""
    copy = scratch() / "family"
    subprocess.run([need("strip"), "-o", copy, program("static/family")], check=True)
    recording = record("--", copy)
    process = image(recording.report())
    check(process["heap"] is None, f"heap {process['heap']}")
    check(process["allocators"] == [], f"allocators {process['allocators']}")
    check(process["maps"]["brk_grown_bytes"] > 0, f"maps {process['maps']}")
    _, text, _ = report_result(recording.capture, "--text")
    words = " ".join(text.split())
    check("static binary without symbols: no allocator found; mappings and faults only" in words,
          f"not told: {text}")


OWN_MALLOC = """
#include <stddef.h>
static _Alignas(16) char room[1 << 20];
static size_t used;
void *malloc(size_t n)
{
    void *p = room + used;
    used += (n + 15) / 16 * 16;
    return p;
}
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) { return malloc(n); }
void free(void *p) { __asm__ volatile("" : : "r"(p)); }
int main(void)
{
    for (int i = 0; i < 100; i++)
        free(malloc(1000));
    return 0;
}
"""


def test_static_own():
    """A malloc of the program's own is not the C library's, and is counted when it is named."""
    binary = build(OWN_MALLOC, "-static", "-fno-builtin")
    process = image(record("--", binary).report())
    check((process["heap"], process["allocators"]) == (None, []),
          f"heap {process['heap']}, allocators {process['allocators']}")
    check("--lib" in process["heap_note"], f"note {process['heap_note']}")
    process = image(record("--", binary, options=("--lib", binary)).report())
    check(process["allocators"] == ["malloc"], f"allocators {process['allocators']}")
    check(process["heap"]["alloc_count"] >= 100, f"heap {process['heap']}")


# The build information that Go's linker writes: magic, flags (strings follow), a version.
GO = r"""
#include <stdlib.h>
__attribute__((section(".go.buildinfo"), aligned(16), used))
static char build_info[64] = "\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			     "\x08" "go1.22.5";
int main(void)
{
	for (int i = 0; i < 100; i++)
		free(malloc(1000));
	return 0;
}
"""


def test_go():
    """A Go program's stacks move: no return probe goes on it, so live blocks are unknown."""
    binary = build(GO, "-fno-builtin")
    document = record("--", binary).report()
    process = image(document)
    check(process["runtimes"] == ["Go"], f"runtimes {process['runtimes']}")
    kinds = {p["kind"] for p in document["capture"]["probes"]}
    check(kinds <= {"entry"}, f"probes {document['capture']['probes']}")
    heap = process["heap"]
    check(not heap or heap["live_bytes"] is None, f"live bytes are known: {heap}")


def named(command, name):
    document = record("--", *command).report()
    check_lossless(document)
    process = document["processes"][-1]  # scripts may have executed it
    check(process["runtimes"] == [name], f"runtimes {process['runtimes']}, not {name}")
    check((process["ended"], process["exit_status"]) == ("exit", 0), f"ended {process['ended']}")


def test_python():
    named((need("python3"), "-c", "print(sum(len(str(i)) for i in range(20000)))"), "CPython")


def test_java():
    named((need("java"), "-Xint", "-version"), "JVM")


test_java.timeout_s = 120
