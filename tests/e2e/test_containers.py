# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Processes with another root or other mounts: their libc is theirs, a file of its own."""
import ctypes
import json
import os
import shutil
import subprocess
from pathlib import Path

from memtide import Recording, Skip, build, check, need, program, record, scratch
from truth import View, check_lossless, compare

IN_OPEN = 0x20
LIBC = "lib/x86_64-linux-gnu/libc.so.6"


def copied(root, *files):
    """Host's files in the new root, under the same names, as inodes of their own."""
    for file in files:
        target = root / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(file), target)


def interpreter(binary):
    """The program's dynamic linker."""
    out = subprocess.run([need("readelf"), "-l", binary], capture_output=True, text=True,
                         check=True).stdout
    return out.split("interpreter: ", 1)[1].split("]")[0]


def with_glibc():
    """A root with the family program and glibc."""
    root, libc = scratch(), Path("/") / LIBC
    if not libc.exists():
        raise Skip(f"{libc} is not there")
    copied(root, libc, interpreter(program("family")))
    shutil.copy(program("family"), root)
    return root


def chrooted(root, *variables):
    """Record family below `root`, with mounts of its own; the report and its truth."""
    recording = Recording("--", need("env"), "-u", "MT_TRUTH", *variables, need("unshare"), "-m",
                          need("chroot"), root, "/family")  # which writes to stdout then
    truths = [json.loads(line) for line in recording.wait().splitlines()]
    return recording.report(), truths[0]


def last_image(document, truth):
    check_lossless(document)
    return [p for p in document["processes"] if p["pid"] == truth["pid"]][-1]


def check_family(document, truth, home, names=None):
    process = last_image(document, truth)
    check(process["comm"] == "family", f"the last image is {process['comm']}")
    check(process["counted_time_pct"] == 100, f"{process['counted_time_pct']} % counted")
    compare(process, truth, view=View(home, names))
    return process


def test_glibc_below_root():
    """The same libc at another place is another file with probes of its own, beside the host's."""
    root, script = with_glibc(), 'unshare -m chroot "$0" /family & "$1"; wait'
    recording = Recording("--", need("env"), "-u", "MT_TRUTH", "sh", "-c", script, root,
                          program("family"))
    truths = [json.loads(line) for line in recording.wait().splitlines()]
    document = recording.report()
    check(len(truths) == 2, f"{len(truths)} truths")
    homes = {last_image(document, truth)["exe"] for truth in truths}
    check(homes == {str(root / "family"), program("family")}, f"programs {homes}")
    for truth in truths:
        check_family(document, truth, last_image(document, truth)["exe"])


def test_musl_below_root():
    """A root with musl in it, though the host has glibc."""
    gcc, root = need("musl-gcc"), scratch()
    subprocess.run([gcc, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-fno-builtin",
                    "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-o",
                    root / "family", Path(__file__).parents[1] / "programs/family.c"], check=True)
    copied(root, interpreter(root / "family"))
    document, truth = chrooted(root)
    process = check_family(document, truth, root, names={})
    check(any(a.startswith("musl") for a in process["allocators"]),
          f"allocators {process['allocators']}")


def test_other_mount():
    """Another file is mounted where the host has its libc: the path says nothing."""
    copy = scratch() / "libc"
    shutil.copy(Path("/") / LIBC, copy)
    script = f'mount --bind {copy} "$(readlink -f /{LIBC})" && exec "$@"'
    recording = record("--", need("unshare"), "-m", "sh", "-c", script, "sh", program("family"))
    document, truth = recording.report(), recording.truths()[0]
    check_family(document, truth, program(""))


def opened(watch):
    """Has anybody opened what is watched?"""
    try:
        return bool(os.read(watch, 4096))
    except BlockingIOError:
        return False


def watched(path):
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    check(watch >= 0 and libc.inotify_add_watch(watch, str(path).encode(), IN_OPEN) >= 0,
          f"cannot watch {path}: {os.strerror(ctypes.get_errno())}")
    return watch


def hostile(link):
    """The usual place of libc is a link that leaves the root; the real one is elsewhere."""
    root, outside = with_glibc(), scratch() / "libc.so.6"
    shutil.copy(root / LIBC, outside)
    (root / "elsewhere").mkdir()
    (root / LIBC).rename(root / "elsewhere/libc.so.6")
    (root / LIBC).symlink_to(link(outside))
    watch = watched(outside)
    document, truth = chrooted(root, "LD_LIBRARY_PATH=/elsewhere")
    check(not opened(watch), f"it was opened through {os.readlink(root / LIBC)}")
    heap = last_image(document, truth)["heap"]
    if heap and heap["since"] == "start":  # else we were late, as libc is at no usual place
        check_family(document, truth, root)
    elif heap:
        check(heap["alloc_count"] <= truth["heap"]["alloc_count"], f"heap {heap}")
    modules = {p["module"] for p in document["capture"]["probes"]}
    check(str(outside) not in modules, f"probes in {modules}")


def test_link_absolute():
    hostile(lambda outside: outside)


def test_link_upwards():
    hostile(lambda outside: "../" * 30 + str(outside).lstrip("/"))


def test_link_magic():
    """A link of procfs leads to the host's root, whoever follows it."""
    hostile(lambda outside: f"/proc/1/root{outside}")


FIFO = """
#include <stdlib.h>
int main(void)
{
	for (int i = 0; i < 50; i++)
		free(malloc(100));
	return 0;
}
"""


def test_fifo_for_a_library():
    """What is not a regular file is not opened: a FIFO would hang the recorder."""
    root, binary = scratch(), build(FIFO, "-static", "-fno-builtin")
    (root / LIBC).parent.mkdir(parents=True)
    os.mkfifo(root / LIBC)
    shutil.copy(binary, root / "program")
    recording = record("--", need("unshare"), "-m", need("chroot"), root, "/program")
    process = recording.report()["processes"][-1]
    check(process["heap"] and process["heap"]["free_count"] >= 50, f"heap {process['heap']}")
