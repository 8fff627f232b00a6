#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The e2e core on Debian's kernels, emulated: run.py [SERIES...], default 6.1 and 6.12.

Each kernel boots with an initramfs that holds build/memtide, the programs that it traces
and their libraries. Inside, only recording happens (tests/vm/guest/init); the captures come out
over a serial port and are judged here as those of the host are (tests/e2e/memtide.py).
Kernels are downloaded once, into build/vm/. Prints a line per test, `ok SERIES/NAME: ...` or
`FAIL SERIES/NAME: ...`; exits 1 if one failed, 77 (and says why) where no machine can run.
"""

import concurrent.futures
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import cases
from memtide import BUILD, PROGRAMS, ROOT, TOOL

VM = BUILD / "vm"
LOAD = BUILD / "bpf-tests/load"
GUEST = Path(__file__).resolve().parent / "guest"
BPFTOOL = Path("/usr/sbin/bpftool")

DEADLINE_S = 400  # of one machine, from power-on to power-off
BOOTS_MAX = 3  # of one machine, where the emulator is to blame

# Nehalem has all that the kernel and Debian's libraries use; emulating more slows it down.
QEMU = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "Nehalem", "-m", "1536", "-smp", "2",
        "-nodefaults", "-display", "none", "-no-reboot"]


def newest_package(series):
    """The newest kernel of a series that apt knows, without the cloud and rt flavours."""
    pattern = rf"^linux-image-{re.escape(series)}\.[0-9][-0-9.]*(\+deb[0-9]+)?-amd64$"
    names = subprocess.run(["apt-cache", "search", "--names-only", pattern], check=True,
                           capture_output=True, text=True).stdout.split("\n")
    names = [name.split()[0] for name in names if name]
    if not names:
        sys.exit(f"vm: apt knows no linux-image of {series}: try apt-get update")
    return max(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def kernel(series):
    """The uncompressed kernel: it boots at once, where emulated unpacking takes seconds."""
    package = newest_package(series)
    path = VM / package
    if not path.exists():
        new = VM / (package + ".new")
        subprocess.run([ROOT / "scripts/debian-kernel.sh", package, new], check=True)
        new.rename(path)
    return path


def busybox():
    """Debian's static busybox, not installed: its package would remove the usual one."""
    path = VM / "busybox"
    if not path.exists():
        with tempfile.TemporaryDirectory() as work:
            subprocess.run("apt-get download -qq -o APT::Sandbox::User=root busybox-static &&"
                           " dpkg -x *.deb .", shell=True, check=True, cwd=work)
            shutil.move(Path(work) / "bin/busybox", path)
    return path


def libraries(programs):
    """What the dynamic linker will ask for, itself included, by the paths it will ask with."""
    found = set()
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        found.update(re.findall(r"(/\S+) \(0x", listed.stdout))
    return sorted(found)


def script(planned):
    lines = [f"export PATH={PROGRAMS}:{BUILD}:/mt:/bin"]
    lines += [f"run {case.name} {case.seconds} '{case.command}'" for case in planned]
    return "\n".join(lines) + "\n"


def initramfs(planned):
    """Programs have the paths that they have here, so that reports name the same modules."""
    tree = VM / "tree"
    shutil.rmtree(tree, ignore_errors=True)

    def put(source, path):
        target = tree / str(path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)

    put(GUEST / "init", "init")
    put(busybox(), "bin/busybox")
    for path in GUEST.glob("*.sh"):
        put(path, f"mt/{path.name}")
    programs = [TOOL, BPFTOOL, LOAD,
                *(p for p in PROGRAMS.iterdir() if p.is_file() and p.suffix != ".d")]
    for path in [*programs, *libraries(programs)]:
        put(path, path)
    put(BPFTOOL, "bin/bpftool")
    put(ROOT / "tests/bpf/insns.txt", "mt/insns.txt")
    (tree / "mt/cases.sh").write_text(script(planned))

    path = VM / "initramfs.cpio"
    subprocess.run(f"find . | {busybox()} cpio -o -H newc -R 0:0 >{path} 2>/dev/null",
                   shell=True, check=True, cwd=tree)
    return path


def boot(image, initrd, folder):
    """Runs the machine to its end; True unless it had to be stopped."""
    command = [*QEMU, "-kernel", image, "-initrd", initrd,
               "-append", "console=ttyS0 quiet panic=-1 nowatchdog"]
    for name in ("console.log", "results"):
        command += ["-serial", f"file:{folder / name}"]
    try:
        subprocess.run(command, check=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return False
    return True


def unpack(folder):
    """Tar files one after the other, the last perhaps cut short."""
    try:
        with tarfile.open(folder / "results", "r:gz", ignore_zeros=True) as tar:
            tar.extractall(folder)
    except (tarfile.TarError, EOFError):
        pass


def judge(series, case, folder):
    """Is it good, and a line that says so."""
    name = f"{series}/{case.name}"
    if not (folder / "uptime").exists():
        return False, f"FAIL {name}: the machine ended before it did"
    began, ended = map(float, (folder / "uptime").read_text().split())
    try:
        note = case.check(folder, series)
    except Exception as why:  # pylint: disable=broad-except
        # Whatever a check trips over is its test's failure.
        return False, f"FAIL {name}: {why or type(why)} (its output: {folder.relative_to(ROOT)})"
    return True, f"ok {name}: {ended - began:.1f} s" + (f", {note}" if note else "")


def slipped(folder):
    """Has the emulator shown a kernel a breakpoint that the kernel had removed from its own code?

    With several threads QEMU's TCG does so now and then while the kernel patches a jump label
    (qemu-devel and bugzilla.redhat.com 2216496, 2023). No other crash looks so.
    """
    return bool(re.search(rb"\bint3: 0000 ", (folder / "console.log").read_bytes()))


def run_series(series, image, initrd, planned):
    folder = VM / series
    began = time.monotonic()
    boots = 0
    while not boots or (boots < BOOTS_MAX and slipped(folder)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        in_time = boot(image, initrd, folder)
        boots += 1
    unpack(folder)
    results = [judge(series, case, folder / case.name) for case in planned]
    lines = [line for _, line in results]
    if not in_time:
        lines.append(f"FAIL {series}/end: still running after {DEADLINE_S} s, stopped")
    again = ", booted again after the emulator's int3" if boots > 1 else ""
    lines.append(f"{series}: {image.name}, {time.monotonic() - began:.0f} s{again}")
    print("\n".join(lines), flush=True)
    return in_time and all(good for good, _ in results)


def main():
    if not shutil.which(QEMU[0]):
        print(f"no {QEMU[0]}: scripts/setup.sh installs it")
        sys.exit(77)
    chosen = sys.argv[1:] or ["6.1", "6.12"]
    VM.mkdir(parents=True, exist_ok=True)
    planned = cases.CASES
    images = [kernel(series) for series in chosen]
    initrd = initramfs(planned)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        good = list(pool.map(lambda s, i: run_series(s, i, initrd, planned), chosen, images))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
