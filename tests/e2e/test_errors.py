# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""Bad input: one clear line, the exit status of the design, nothing lost that was recorded."""
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
from pathlib import Path

from memtide import (PATIENCE_S, TOOL, Program, Recording, Skip, build, check, image, need, program,
                     record, report, report_result, scratch, seed, until)


def refused(status, *argv, prefix=()):
    """Run memtide; it ends with that status and, on stderr, one line that tells why."""
    result = subprocess.run([*prefix, str(TOOL), *map(str, argv)], capture_output=True, text=True,
                            errors="replace", timeout=PATIENCE_S, cwd=scratch(), check=False)
    check(result.returncode == status, f"{argv}: status {result.returncode}: {result.stderr}")
    lines = result.stderr.splitlines()
    check(len(lines) == 1 and len(lines[0]) > 15, f"{argv}: not one clear line: {lines}")
    return lines[0]


def unused_pid():
    highest = int(Path("/proc/sys/kernel/pid_max").read_text())
    return next(p for p in range(highest - 1, 1, -1) if not Path(f"/proc/{p}").exists())


def test_unknown_pid():
    pid = unused_pid()
    line = refused(3, "record", "-p", pid)
    check(str(pid) in line, f"the pid is not in {line!r}")


def test_unknown_name():
    refused(3, "record", "-n", "mt-no-such-name")


def test_unknown_cgroup():
    refused(3, "record", "-c", "/sys/fs/cgroup/mt-no-such-group")


def test_kernel_thread():
    if not Path("/proc/2/exe").is_symlink() or Path("/proc/2/cmdline").read_bytes():
        raise Skip("pid 2 is not a kernel thread here")
    line = refused(3, "record", "-p", "2")
    check("kernel thread" in line, f"not said that it is a kernel thread: {line!r}")


def usage(*argv):
    result = subprocess.run([TOOL, *argv], capture_output=True, text=True, timeout=PATIENCE_S,
                            cwd=scratch(), check=False)
    check(result.returncode == 2, f"{argv}: status {result.returncode}: {result.stderr}")
    check(result.stderr.strip() and not result.stdout, f"{argv}: {result.stderr!r}")


def test_usage():
    for argv in ((), ("no-such-command",), ("record",), ("record", "-p"), ("record", "-p", "x"),
                 ("record", "-p", "-1"), ("record", "-p", "1", "-n", "x"), ("record", "--"),
                 ("record", "-d", "soon", "-p", "1"), ("record", "--no-such-option", "-p", "1"),
                 ("report",), ("report", "a", "b")):
        usage(*argv)


def test_command_status():
    record("--", "sh", "-c", "exit 7", status=7)


def test_command_signal():
    record("--", "sh", "-c", "kill -9 $$", status=137)


def test_command_not_executable():
    file = scratch() / "plain"
    file.write_text("no program")
    refused(126, "record", "-q", "--", file)


def test_command_not_found():
    refused(127, "record", "-q", "--", "mt-no-such-command")


def test_output_exists():
    """An existing file is not overwritten without -f."""
    file = scratch() / "precious"
    file.write_text("precious")
    refused(125, "record", "-q", "-o", file, "--", "true")
    check(file.read_text() == "precious", "it was overwritten")
    record("--", "true", capture=file, options=("-f",))
    report(file)


def test_output_link():
    """Nor is a link followed."""
    folder = scratch()
    (folder / "link").symlink_to(folder / "elsewhere")
    refused(125, "record", "-q", "-o", folder / "link", "--", "true")
    check(not (folder / "elsewhere").exists(), "the link was followed")


def test_output_nowhere():
    line = refused(125, "record", "-q", "-o", scratch() / "missing" / "capture", "--", "true")
    check("missing/capture" in line, f"the file is not in {line!r}")


def test_capture_is_private():
    capture = record("--", "true").capture
    mode = capture.stat().st_mode & 0o777
    check(mode == 0o600, f"mode {mode:o}")
    left = sorted(p.name for p in capture.parent.iterdir())
    check(left == [capture.name], f"beside the capture: {left}")


def test_report_missing():
    refused(1, "report", scratch() / "nothing")


def test_report_onto_capture():
    """-f overwrites reports, not the capture that they are made from."""
    capture = record("--", program("leaf")).capture
    link, good = capture.parent / "link", capture.read_bytes()
    os.link(capture, link)
    other = record("--", program("leaf")).capture
    for out in (capture, link):
        refused(1, "report", capture, "-f", "-o", out)
        refused(1, "diff", other, capture, "-f", "-o", out)
        check(capture.read_bytes() == good, "the capture was changed")


def test_report_keeps_good():
    """A report that cannot be made does not cost the one that is there."""
    capture = record("--", program("leaf")).capture
    good, bad = scratch() / "good", scratch() / "bad"
    good.write_text("good")
    good.chmod(0o644)
    bad.write_text("not a capture")
    refused(1, "report", bad, "-f", "-o", good)
    refused(1, "report", capture, "-o", good)
    check(good.read_text() == "good", "it was overwritten")
    status, out, err = report_result(capture, "--json", "-f", "-o", good)
    check((status, out) == (0, ""), f"status {status}: {err}")
    check(json.loads(good.read_text()) == report(capture), "the report is another")
    check(good.stat().st_mode & 0o777 == 0o600, f"mode {good.stat().st_mode:o}")


def full_pipe():
    """A pipe that is full and that nobody reads: its two ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 4096):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    return reader, writer


def test_interrupt_report():
    """The second SIGINT ends it, though nobody reads its report; the capture is whole."""
    target = Program(program("midflight"), "2", "1000")
    target.await_line("ready")
    reader, writer = full_pipe()
    recording = Recording("-p", str(target.pid), stdout=writer)
    recording.await_attached()
    time.sleep(0.3)  # for 300 allocations
    recording.signal(signal.SIGINT)
    call = Path(f"/proc/{recording.pid}/syscall")
    until(lambda: call.read_text().startswith("1 0x1 "), "a write to its stdout")
    check(recording.alive(), "it ended without its report")
    recording.signal(signal.SIGINT)
    recording.process.wait(PATIENCE_S)
    check(recording.process.returncode, "it ended as if all were well")
    check(image(recording.report(), target.pid)["heap"]["alloc_count"] > 0, "nothing recorded")
    check(recording.report()["capture"]["finished"], "the capture is not finished")
    target.end()
    os.close(reader)
    os.close(writer)


def test_report_foreign():
    folder = scratch()
    (folder / "text").write_text("not a capture\n" * 1000)
    (folder / "empty").touch()
    database = sqlite3.connect(folder / "database")
    database.execute("create table process (id integer)")
    database.commit()
    database.close()
    for name in ("text", "empty", "database", "."):
        refused(1, "report", folder / name)
    refused(1, "report", TOOL)


# What of the report comes from a table of the capture; from those left out comes most of it. A
# finding comes from several.
STACKS = ["sites", "realloc.storms", "threads.spawn_sites", "maps.sites", "faults.sites", "findings",
          "stack_ends", "stacks_complete_pct"]
SOURCE_OF = {"sample": ["timeline", "findings"], "thread": ["threads.list", "findings"],
             "map_site": ["maps.sites"], "spawn": ["threads.spawn_sites", "findings"],
             "probe": ["capture.probes"], "lost": ["capture.lost", "heap.kind", "findings"],
             "gap": ["counted_time_pct", "phases"], "module": [], "stack": STACKS,
             "symbol": STACKS, "site": ["sites", "heap", "realloc", "findings"]}


def without(document, paths):
    """The report less these."""
    copy = json.loads(json.dumps(document))
    for path in paths:
        *way, last = path.split(".")
        for part in [copy] if way == ["capture"] else copy["processes"]:
            for name in way:
                part = part[name]
            part[last] = None
    return copy


def tables_of_pages(capture):
    """Page number, from 1, -> the table that is stored there."""
    with contextlib.closing(sqlite3.connect(capture)) as database:
        return dict(database.execute("select pageno, name from dbstat"))


def check_scribbled(got, good, tables):
    """What these tables have no part in is as it was."""
    if None in tables or "sqlite_schema" in tables:
        check(got == good, "a page that holds no rows changed the report")
    elif tables <= SOURCE_OF.keys():
        paths = [path for table in tables for path in SOURCE_OF[table]]
        check(without(got, paths) == without(good, paths), f"more than {paths} has changed")
    else:
        check(got.keys() == good.keys() and got["capture"].keys() == good["capture"].keys(),
              "another structure")
        for process in got["processes"]:
            check(process.keys() == good["processes"][0].keys(), "another structure of a process")
        if "process" not in tables:
            check([p["pid"] for p in got["processes"]] == [p["pid"] for p in good["processes"]],
                  "other processes")


def test_report_damaged():
    """Cut anywhere and scribbled over anywhere: refused, or right in all that was not hit."""
    rng = random.Random(seed())
    capture = record("--", program("family")).capture
    tables, document, good = tables_of_pages(capture), report(capture), capture.read_bytes()
    page, file, bad = int.from_bytes(good[16:18], "big"), scratch() / "damaged", 0
    for cut in (100, 4096, len(good) // 2, len(good) - 4096):
        file.write_bytes(good[:cut])
        refused(1, "report", file)
    for _ in range(30):
        data = bytearray(good)
        at = rng.randrange(0, len(data) - 512)
        data[at:at + 512] = rng.randbytes(512)
        file.write_bytes(data)
        status, out, err = report_result(file, "--json")
        check(status in (0, 1), f"scribbled at {at}: status {status}: {err}")
        check(status == 0 or len(err.splitlines()) == 1, f"not one clear line: {err!r}")
        bad += status
        if status == 0:
            hit = {tables.get(n) for n in (at // page + 1, (at + 511) // page + 1)}
            check_scribbled(json.loads(out), document, hit)
    print(f"{bad} of 30 scribbled captures were refused")


def test_full_disk():
    """Said once, and what was written before can be read or is told to be nothing."""
    folder = scratch()
    subprocess.run([need("mount"), "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], check=True)
    try:
        (folder / "ballast").write_bytes(b"x" * (100 << 10))
        result = subprocess.run([TOOL, "record", "-q", "-o", folder / "c", "--",
                                 program("children"), "60", program("leaf")],
                                env=dict(os.environ, MT_TRUTH="/dev/null"), capture_output=True,
                                text=True, timeout=PATIENCE_S, check=False)
        check(result.returncode == 125, f"status {result.returncode}: {result.stderr}")
        check("disk is full" in result.stderr and len(result.stderr.splitlines()) <= 2,
              f"not told clearly: {result.stderr!r}")
        status, _, err = report_result(folder / "c", "--json")
        check(status == 0 or (status == 1 and len(err.splitlines()) == 1), f"{status}: {err!r}")
    finally:
        subprocess.run(["umount", folder], check=True)


def test_no_btf():
    # In a chroot the root is no mount that could be made private; /sys is one everywhere.
    hide = ('mount --make-rprivate /sys && mount -t tmpfs none /sys/kernel/btf && '
            'exec "$@"')
    line = refused(4, "record", "-p", os.getpid(), "-d", "1",
                   prefix=(need("unshare"), "-m", "--propagation", "unchanged", "sh",
                           "-c", hide, "sh"))
    check("BTF" in line, f"BTF is not in {line!r}")


def test_pid_namespace():
    """BPF would look for processes by ids that are others' here, and find no call of theirs."""
    line = refused(4, "record", "-p", "1", "-d", "1",
                   prefix=(need("unshare"), "--pid", "--fork", "--mount-proc", "sh", "-c",
                           '"$@"; exit $?', "sh"))
    check("pid namespace" in line, f"it said {line!r}")


def open_to_others():
    """A folder that all may write, and memtide in it."""
    folder = scratch()
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & 1 and parent != folder:
            raise Skip(f"{parent} is closed to others")
    folder.chmod(0o777)
    shutil.copy(TOOL, folder / "memtide")
    return folder, folder / "memtide"


def test_no_privilege():
    setpriv = need("setpriv")
    folder, tool = open_to_others()
    nobody = (setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
    result = subprocess.run([*nobody, tool, "record", "-o", folder / "c", "-p", str(os.getpid())],
                            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    check(result.returncode == 4, f"status {result.returncode}: {result.stderr}")
    check(len(result.stderr.splitlines()) == 1 and
          ("root" in result.stderr or "CAP_" in result.stderr),
          f"not told what to do: {result.stderr!r}")


# What a recorder without root needs, and what is said without it: of a process of root.
CAPABILITIES = {"bpf": "without CAP_BPF:", "perfmon": "without CAP_PERFMON:",
                "sys_ptrace": "CAP_SYS_PTRACE"}


def test_least_privilege():
    """Not root: three capabilities will do, and each that is missing is named."""
    setpriv = need("setpriv")
    folder, tool = open_to_others()
    target = Program(program("attached"))
    target.await_line("ready")

    def run_with(names):
        granted = ",".join(f"+{name}" for name in names)
        return subprocess.run(
            [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups",
             f"--inh-caps=-all,{granted}", f"--ambient-caps=-all,{granted}", tool, "record",
             "--mode", "exact", "-q", "-d", "0.3", "-f", "-o", folder / "c", "-p", str(target.pid)],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    for missing, words in CAPABILITIES.items():
        result = run_with([name for name in CAPABILITIES if name != missing])
        check(result.returncode == 4, f"without {missing}: {result.returncode}: {result.stderr}")
        check(len(result.stderr.splitlines()) == 1 and words in result.stderr,
              f"without {missing}: {result.stderr!r}")
    result = run_with(CAPABILITIES)
    check(result.returncode == 0 and not result.stderr, f"{result.returncode}: {result.stderr}")
    check(stat.S_IMODE((folder / "c").stat().st_mode) == 0o600, "the capture is not 0600")
    status, out, err = report_result(folder / "c", "--json")
    check(status == 0, err)
    check(image(json.loads(out), target.pid)["allocators"], "no allocator was found")
    target.process.kill()
    target.process.wait()


def test_static_program():
    """No name of a function: its heap is said to be unknown, which is not empty."""
    binary = build("#include <stdlib.h>\nint main(void) { for (int i = 0; i < 50; i++) "
                   "{ void *volatile p = malloc(1000 + i); (void)p; } return 3; }",
                   "-static", "-s", "-fno-builtin")
    process = record("--", binary, status=3).report()["processes"][0]
    check((process["heap"], process["realloc"]) == (None, None), f"heap {process['heap']}")
    check((process["layer"], process["counted_time_pct"]) == ("kernel", 0),
          f"layer {process['layer']}, counted {process['counted_time_pct']}")
    check("without symbols" in process["heap_note"], f"heap_note {process['heap_note']}")
    check(process["peak"]["rss_bytes"] > 0, "no peak RSS")


def test_exits_while_attaching():
    """A target that ends at any moment of the attach: no hang, and a status that fits."""
    rng = random.Random(seed())
    sleep = need("sleep")
    seen = set()
    for _ in range(12):
        target = subprocess.Popen([sleep, f"{rng.uniform(0.05, 0.6):.3f}"])
        result = subprocess.run([TOOL, "record", "-q", "-p", str(target.pid), "-o",
                                 scratch() / "c"], capture_output=True, text=True,
                                timeout=PATIENCE_S, check=False)
        seen.add(result.returncode)
        check(result.returncode in (0, 3), f"status {result.returncode}: {result.stderr}")
        target.wait()
    print(f"statuses {seen}")


def test_gone_zombie():
    """A process that has ended and was not waited for."""
    target = subprocess.Popen(["true"])
    while Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.005)
    refused(3, "record", "-p", target.pid)
    target.wait()


def test_hostile_name():
    """A name from the target reaches neither the terminal nor the JSON unescaped."""
    folder = scratch() / "\x1b[31mred\n"
    folder.mkdir()
    copy = folder / "e\x1b]0;x\x07"
    shutil.copy(program("leaf"), copy)
    recording = record("--", copy)
    status, out, _ = report_result(recording.capture, "--text")
    check(status == 0 and "\x1b" not in out and "\x07" not in out, "escapes in the text report")
    check(image(recording.report())["exe"] == str(copy), "exe is not what it was")


def test_nothing_to_report():
    """A command that never allocates has an exact heap of nothing, which is not unknown."""
    target = Program(TOOL, "record", "-q", "-o", scratch() / "c", "--mode", "exact", "--",
                     program("signals"))
    target.await_line("ready")
    target.signal(10)
    target.wait(10)
    process = report(target.argv[4])["processes"][0]
    check(process["heap"]["alloc_count"] == 0, f"heap {process['heap']}")
    check(process["sites"] == [], "sites")


def test_report_options_that_contradict():
    capture = record("--", program("leaf")).capture
    for options in (("--min-age", "1"), ("--leaks", "--sort", "live"),
                    ("--top", "2", "--json")):
        refused(2, "report", capture, *options)
