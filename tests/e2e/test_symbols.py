# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Names for addresses: functions, files, lines, whatever has become of the files meanwhile."""
import os
import shutil
import subprocess
from pathlib import Path

from memtide import Program, Recording, Skip, build, check, image, need, record, scratch
from truth import check_lossless

# It allocates when it is told to, in `inner`, which is inlined into `outer`.
SOURCE = """
#include <stdio.h>
#include <stdlib.h>
static inline __attribute__((always_inline)) void *inner(size_t size)
{
	return malloc(size);
}
__attribute__((noinline)) void *outer(size_t size)
{
	void *block = inner(size);
	asm volatile("" : : "r"(block) : "memory");
	return block;
}
int main(void)
{
	puts("ready");
	fflush(stdout);
	getchar();
	for (int i = 0; i < 100; i++)
		outer(1000);
	puts("done");
	fflush(stdout);
	getchar();
	return 0;
}
"""
FLAGS = ("-O2", "-fno-builtin", "-fno-omit-frame-pointer")


def stack_of(document, count, pid=None):
    """The stack of the one site with so many calls."""
    check_lossless(document)
    found = [s["stack"] for p in document["processes"] if pid in (None, p["pid"])
             for s in p["sites"] or [] if s["alloc_count"] == count]
    check(len(found) == 1, f"{len(found)} sites with {count} calls")
    return found[0]


def check_inlined(stack, module):
    """`inner` in `outer` in main, with their lines."""
    have = [(f["function"], f["line"], f["inlined"]) for f in stack]
    check(have[:2] == [("inner", 6, True), ("outer", 10, False)], f"frames {have}")
    check(("main", 20, False) in have, f"frames {have}")
    check(stack[0]["file"] and stack[0]["module"] == str(module), f"frame {stack[0]}")


def attached(target):
    """Record a Program of SOURCE through its 100 calls."""
    recording = Recording("-p", target.pid)
    recording.await_attached()
    target.go()
    target.await_line("done")
    recording.interrupt()
    target.go()
    target.wait()
    return recording.report()


def started(binary, *before):
    target = Program(*before, binary)
    target.await_line("ready")
    return target


def build_id(file):
    out = subprocess.run([need("readelf"), "-n", file], capture_output=True, text=True,
                         check=True).stdout
    return out.split("Build ID: ", 1)[1].split()[0]


def test_lines_and_build_ids():
    binary = build(SOURCE, *FLAGS, "-Wl,--build-id")
    stack = stack_of(attached(started(binary)), 100)
    check_inlined(stack, binary)
    check({f["build_id"] for f in stack[:2]} == {build_id(binary)}, f"stack {stack}")


def test_lines_of_libc():
    """Its debug file is a package of its own."""
    libc = os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")
    identity = build_id(libc)
    if not Path(f"/usr/lib/debug/.build-id/{identity[:2]}/{identity[2:]}.debug").exists():
        raise Skip("libc6-dbg is not installed")
    binary = build(SOURCE, *FLAGS)
    frames = [f for f in stack_of(attached(started(binary)), 100)
              if f["module"] == libc]
    check(frames and all(f["file"] and f["line"] for f in frames), f"frames {frames}")
    check(frames[0]["file"].endswith("libc_start_call_main.h"), f"frame {frames[0]}")


def stripped(*flags):
    """A program without symbols, and its debug file."""
    binary = build(SOURCE, *FLAGS, *flags)
    debug = binary.with_name("program.debug")
    for command in (["objcopy", "--only-keep-debug", binary, debug], ["strip", binary],
                    ["objcopy", f"--add-gnu-debuglink={debug}", binary]):
        subprocess.run([need(command[0]), *command[1:]], check=True, cwd=binary.parent)
    return binary, debug


def test_debug_link():
    binary, _ = stripped("-Wl,--build-id=none")
    check_inlined(stack_of(attached(started(binary)), 100), binary)


def test_debug_link_to_another_build():
    """The CRC is not the one that is said."""
    binary, debug = stripped("-Wl,--build-id=none")
    with open(debug, "ab") as file:
        file.write(b"x")
    stack = stack_of(attached(started(binary)), 100)
    check(stack[0]["function"] is None and stack[0]["module"] == str(binary), f"stack {stack}")


def test_deleted():
    """Its file has no name any more."""
    binary = build(SOURCE, *FLAGS)
    target = started(binary)
    binary.unlink()
    check_inlined(stack_of(attached(target), 100), binary)


def test_replaced():
    """Another file has its name: its lines would be others."""
    binary = build(SOURCE, *FLAGS)
    target = started(binary)
    other = build("\n\n\n" + SOURCE.replace("inner", "wrong"), *FLAGS)
    os.replace(other, binary)
    check_inlined(stack_of(attached(target), 100), binary)


def jailed(binary):
    """A root with the program and what it needs."""
    root = scratch()
    shutil.copy(binary, root / "program")
    return root


def test_debug_file_below_root():
    """It is that of the process's own root, at the place that its build id says."""
    binary, debug = stripped("-static", "-Wl,--build-id")
    identity, root = build_id(binary), jailed(binary)
    home = root / "usr/lib/debug/.build-id" / identity[:2]
    home.mkdir(parents=True)
    debug.rename(home / f"{identity[2:]}.debug")
    target = started("/program", need("unshare"), "-m", need("chroot"), root)
    check_inlined(stack_of(attached(target), 100), root / "program")


JIT = """
const blocks = [];
function grow(n) { for (let i = 0; i < n; i++) blocks.push(Buffer.allocUnsafeSlow(70000)); }
for (let i = 0; i < 200; i++) grow(5);
"""

COMPILES = ("--perf-basic-prof", "--always-sparkplug")  # at a function's first call


def jit_names(recording):
    process = image(recording.report(), comm="node")
    return {f["function"] for s in process["sites"] for f in s["stack"]
            if f["function"] and not f["module"]}


def test_perf_map():
    """Code that node has compiled, named by what it tells perf."""
    script = scratch() / "grow.js"
    script.write_text(JIT, encoding="utf-8")
    recording = record("--", need("node"), *COMPILES, script,
                       cwd=script.parent)  # where it leaves a log
    names = jit_names(recording)
    Path(f"/tmp/perf-{image(recording.report(), comm='node')['pid']}.map").unlink()
    check(any("grow" in name and "grow.js" in name for name in names), f"names {names}")


def test_perf_map_in_namespaces():
    """Its pid is another there, and so is its /tmp."""
    inside = 'mount -t tmpfs none /tmp && exec "$@"'
    recording = record("--", need("unshare"), "-m", "-p", "-f", "sh", "-c", inside, "sh",
                       need("node"), *COMPILES, "-e", JIT, cwd=scratch())
    names = jit_names(recording)
    check(any("grow" in name for name in names), f"names {names}")


def test_perf_map_of_another():
    """One that an earlier process of the same pid has left says nothing of this one."""
    inside = ('mount -t tmpfs none /tmp && echo "0 7fffffffffff stale" >/tmp/perf-$$.map && '
              'touch -d "1 hour ago" /tmp/perf-$$.map && exec "$@"')
    recording = record("--", need("unshare"), "-m", "-p", "-f", "sh", "-c", inside, "sh",
                       need("node"), "-e", JIT, cwd=scratch())
    check("stale" not in jit_names(recording), "code has the names of another process's")


RUST = """
fn fill(n: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for i in 0..n {
        all.push(vec![1u8; 1000 + i % 3]);
    }
    all
}

fn main() {
    println!("{}", fill(std::env::args().count() * 77).iter().map(|v| v.len()).sum::<usize>());
}
"""


def rust(*flags):
    binary = scratch() / "program"
    source = binary.with_suffix(".rs")
    source.write_text(RUST, encoding="utf-8")
    subprocess.run([need("rustc"), "--edition", "2021", "-O", *flags, "-o", binary, source],
                   check=True)
    document = record("--", binary).report()
    stack = stack_of(document, 77)
    functions = [f["function"] or "" for f in stack]
    inlined = [f for f in stack if f["inlined"]]
    check(any("/library/alloc/" in (f["file"] or "") for f in inlined), f"inlined {inlined}")
    user = [f for f in stack if (f["file"] or "").endswith("program.rs")]
    check(user and user[0]["line"] == 5 and "fill" in user[0]["function"], f"stack {user}")
    check(not any(name.startswith(("_ZN", "_R")) for name in functions), f"mangled {functions}")


def test_rust():
    rust("-g")


def test_rust_line_tables():
    rust("-C", "debuginfo=line-tables-only")


def test_rust_v0():
    rust("-g", "-C", "symbol-mangling-version=v0")
