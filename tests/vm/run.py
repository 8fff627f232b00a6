#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""The e2e core on Debian's kernels, emulated: run.py [SERIES...], default 5.10, 6.1 and 6.12.

Each kernel boots with an initramfs that holds build/memtide, the programs that it traces
and their libraries. Inside, only recording happens (tests/vm/guest/init); the captures come out
over a serial port and are judged here as those of the host are (tests/e2e/memtide.py). On 5.10,
which is too old, it is judged how memtide says so.
Kernels are downloaded once, into build/vm/. Prints a line per test, `ok SERIES/NAME: ...` or
`FAIL SERIES/NAME: ...`; exits 1 if one failed, 77 (and says why) where no machine can run.
"""

import argparse
import concurrent.futures
import os
import platform
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
README = ROOT / "README.md"
MARKER = "<!-- matrix -->\n"

RELEASES = {"5.10": "bullseye"}  # of Debian, where this one's has no such kernel

DEADLINE_S = 400  # of one machine, from power-on to power-off
BOOTS_MAX = 3  # of one machine, where the emulator is to blame

# Nehalem has all that the kernel and Debian's libraries use; emulating more slows it down.
QEMU = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "Nehalem", "-m", "1536", "-smp", "2",
        "-nodefaults", "-display", "none", "-no-reboot"]


def apt_of(series):
    """The environment in which apt knows kernels of that series; of an older release it has lists
    of its own, and the machine's are left alone."""
    if series not in RELEASES:
        return os.environ
    folder = VM / f"apt-{RELEASES[series]}"
    conf = folder / "apt.conf"
    if not conf.exists():
        found = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)",
                                "Codename: bookworm", "Component: main"], check=True,
                               capture_output=True, text=True).stdout.split()
        (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text(f"deb {found[0]} {RELEASES[series]} main\n")
        conf.with_suffix(".new").write_text(
            f'Dir::Etc::SourceList "{folder}/sources.list";\nDir::Etc::SourceParts "-";\n'
            f'Dir::State::Lists "{folder}/lists";\nDir::Cache "{folder}";\n')
        subprocess.run(["apt-get", "update", "-qq", "-o", "APT::Sandbox::User=root"], check=True,
                       env={**os.environ, "APT_CONFIG": str(conf.with_suffix(".new"))})
        conf.with_suffix(".new").rename(conf)
    return {**os.environ, "APT_CONFIG": str(conf)}


def newest_package(series):
    """The newest kernel of a series that apt knows, without the cloud and rt flavours."""
    pattern = rf"^linux-image-{re.escape(series)}\.[0-9][-0-9.]*(\+deb[0-9]+)?-amd64$"
    names = subprocess.run(["apt-cache", "search", "--names-only", pattern], check=True,
                           capture_output=True, text=True,
                           env=apt_of(series)).stdout.split("\n")
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
        subprocess.run([ROOT / "scripts/debian-kernel.sh", package, new], check=True,
                       env=apt_of(series))
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


def planned(series):
    return cases.REFUSALS.get(series, cases.CASES)


def lines_of(planned_cases):
    return [f"run {case.name} {case.seconds} '{case.command}'" for case in planned_cases]


def script():
    """All kernels have the same initramfs."""
    lines = [f"export PATH={PROGRAMS}:{BUILD}:/mt:/bin", "case $(uname -r) in"]
    for series, refusals in cases.REFUSALS.items():
        lines += [f"{series}.*)", *lines_of(refusals), ";;"]
    return "\n".join([*lines, "*)", *lines_of(cases.CASES), ";;", "esac"]) + "\n"


def initramfs():
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
    (tree / "mt/cases.sh").write_text(script())

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


def run_series(series, image, initrd):
    """Its results by the name of the case, and whether all are good."""
    folder = VM / series
    began = time.monotonic()
    boots = 0
    while not boots or (boots < BOOTS_MAX and slipped(folder)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        in_time = boot(image, initrd, folder)
        boots += 1
    unpack(folder)
    results = {case.name: judge(series, case, folder / case.name) for case in planned(series)}
    lines = [line for _, line in results.values()]
    if not in_time:
        lines.append(f"FAIL {series}/end: still running after {DEADLINE_S} s, stopped")
    again = ", booted again after the emulator's int3" if boots > 1 else ""
    lines.append(f"{series}: {image.name}, {time.monotonic() - began:.0f} s{again}")
    print("\n".join(lines), flush=True)
    return results, in_time and all(good for good, _ in results.values())


def run_here():
    """The same on the running kernel, without a machine; nothing but the cases' own is ended."""
    results = {}
    for case in cases.CASES:
        if case.name in cases.OF_A_BOOT:
            continue
        folder = VM / "here" / case.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "uptime").write_text("0 0")
        environment = {**os.environ, "MT_TRUTH": str(folder / "truth"),
                       "PATH": f"{PROGRAMS}:{BUILD}:{GUEST}:{os.environ['PATH']}"}
        command = case.command.replace("/mt/insns.txt", str(ROOT / "tests/bpf/insns.txt"))
        with open(folder / "stdout", "w", encoding="utf-8") as out, \
                open(folder / "stderr", "w", encoding="utf-8") as err:
            status = subprocess.run(["timeout", "-s", "KILL", str(case.seconds), "sh", "-c", command],
                                    cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                    env=environment, check=False).returncode
        (folder / "status").write_text(f"{status}\n")
        results[case.name] = judge("here", case, folder)
        print(results[case.name][1], flush=True)
    return results


def cell(results, names):
    """Works, says no and why, or failed: the worst of those cases."""
    found = [results[name] for name in names if name in results]
    if not found:
        return "too old: refused"
    if not all(good for good, _ in found):
        return "FAILED"
    return next((line[line.index(cases.NO):] for _, line in found if cases.NO in line), "works")


def table(columns):
    """Markdown: features by kernel."""
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {feature} | " + " | ".join(cell(r, names) for r in columns.values()) + " |"
              for feature, names in cases.FEATURES.items()]
    return "\n".join(lines) + "\n"


def main():
    if not shutil.which(QEMU[0]):
        print(f"no {QEMU[0]}: scripts/setup.sh installs it")
        sys.exit(77)
    parser = argparse.ArgumentParser(description="The e2e core on Debian's kernels.")
    parser.add_argument("--matrix", action="store_true",
                        help="on the running kernel too; the table in README.md is replaced")
    parser.add_argument("series", nargs="*", default=["5.10", "6.1", "6.12"])
    args = parser.parse_args()
    VM.mkdir(parents=True, exist_ok=True)
    images = [kernel(series) for series in args.series]
    initrd = initramfs()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda s, i: run_series(s, i, initrd), args.series, images))
    good = all(good for _, good in done)
    if args.matrix:
        columns = {f"{s} (Debian)": results for s, (results, _) in zip(args.series, done)}
        columns[platform.release().split("-")[0] + " (running)"] = here = run_here()
        text = README.read_text(encoding="utf-8").split(MARKER)
        README.write_text(MARKER.join((text[0], table(columns), text[2])), encoding="utf-8")
        print(table(columns))
        good = good and all(good for good, _ in here.values())
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
